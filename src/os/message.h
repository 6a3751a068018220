/* What C libraries declare differently or not yet: parts of struct msghdr (recvmsg(2), cmsg(3)),
 * and options of sockets. */
#ifndef NF_OS_MESSAGE_H
#define NF_OS_MESSAGE_H

#include <stddef.h>
#include <sys/socket.h>

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

/* Set a field whose type differs between C libraries. Every one of the types can hold the value. */
#define NF_SET_FIELD(field, value) ((field) = (__typeof__(field))(value))

/* CMSG_NXTHDR without the conversions that draw warnings in some C libraries. */
static inline struct cmsghdr *nf_next_control(const struct msghdr *message, struct cmsghdr *each)
{
    char *next = (char *)each + CMSG_SPACE(each->cmsg_len - CMSG_LEN(0));
    const char *end = (const char *)message->msg_control + message->msg_controllen;

    return next + sizeof *each <= end ? (struct cmsghdr *)(void *)next : NULL;
}

#endif

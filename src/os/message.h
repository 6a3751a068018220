/* The parts of a struct msghdr (recvmsg(2), cmsg(3)) that C libraries declare otherwise. */
#ifndef NF_OS_MESSAGE_H
#define NF_OS_MESSAGE_H

#include <stddef.h>
#include <sys/socket.h>

/* Set a field of a type that is not the same everywhere; the value fits all of them. */
#define NF_SET_FIELD(field, value) ((field) = (__typeof__(field))(value))

/* CMSG_NXTHDR, without the conversions in which some of its definitions indulge. */
static inline struct cmsghdr *nf_next_control(const struct msghdr *message, struct cmsghdr *each)
{
    char *next = (char *)each + CMSG_SPACE(each->cmsg_len - CMSG_LEN(0));
    const char *end = (const char *)message->msg_control + message->msg_controllen;

    return next + sizeof *each <= end ? (struct cmsghdr *)(void *)next : NULL;
}

#endif

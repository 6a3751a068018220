#include "wire.h"
#include "contest.h"
#include "parts.h"

#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>

enum { TRAIN_MAX = 65507 }; /* bytes: the most that one datagram can carry */

void wire_attach(struct msghdr *message, struct control *control, int level, int type,
                 const void *value, size_t length)
{
    struct cmsghdr *header = (struct cmsghdr *)(void *)control->room;

    *header =
        (struct cmsghdr){.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(length)};
    memcpy(CMSG_DATA(header), value, length);
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(length);
}

static void send_train(int fd, const struct sockaddr_in *to, char *data, size_t size, int count)
{
    struct control control;
    uint16_t segment = (uint16_t)size;
    struct iovec all = {.iov_base = data, .iov_len = size * (size_t)count};
    struct msghdr message = {.msg_name = (void *)(uintptr_t)to,
                             .msg_namelen = to != NULL ? sizeof *to : 0,
                             .msg_iov = &all,
                             .msg_iovlen = 1};

    wire_attach(&message, &control, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
    need(sendmsg(fd, &message, 0) == (ssize_t)all.iov_len, "UDP_SEGMENT");
}

void wire_send_trains(int fd, const struct sockaddr_in *to, char *data, size_t size, int count)
{
    int longest = (int)(TRAIN_MAX / size);

    for (int done = 0; done < count;) {
        int now = count - done < longest ? count - done : longest;

        send_train(fd, to, data + (size_t)done * size, size, now);
        done += now;
    }
}

void wire_send_singles(int fd, const struct sockaddr_in *to, char *data, size_t size, int count)
{
    struct mmsghdr packets[BURST];
    struct iovec iov[BURST];

    for (int i = 0; i < count; i++) {
        iov[i] = (struct iovec){.iov_base = data + (size_t)i * size, .iov_len = size};
        packets[i] = (struct mmsghdr){.msg_hdr = {.msg_name = (void *)(uintptr_t)to,
                                                  .msg_namelen = to != NULL ? sizeof *to : 0,
                                                  .msg_iov = &iov[i],
                                                  .msg_iovlen = 1}};
    }
    for (int done = 0; done < count;) {
        int sent = sendmmsg(fd, packets + done, (unsigned)(count - done), 0);

        need(sent > 0, "sendmmsg");
        done += sent;
    }
}

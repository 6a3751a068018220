/* send, recv and their kin, with the two decisions made everywhere alike: no SIGPIPE, and errno
 * becomes a code. */
#define _GNU_SOURCE
#include "os/transfer.h"
#include "os/cause.h"
#include "os/sockaddr.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

_Static_assert((int)NF_PEEK == (int)MSG_PEEK && (int)NF_LENGTH == (int)MSG_TRUNC &&
                   (int)NF_DONTWAIT == (int)MSG_DONTWAIT && (int)NF_WHOLE == (int)MSG_WAITALL,
               "this system numbers its flags as Linux does");

/* A signal counts as nothing moved: the caller looks at its deadline and comes again. */
static ssize_t failure(int error)
{
    if (error == EAGAIN || error == EINTR) {
        return NF_WOULD_BLOCK;
    }
    if (error == ENOBUFS || error == ENOMEM) {
        nf_fail_errno(error);
        return NF_CONGESTED;
    }
    if (error == EINVAL) { /* a blackhole route */
        return nf_fail_as(NET_UNREACHABLE, error);
    }
    if (error == ENOPROTOOPT) { /* ICMP: the other side has no such protocol */
        return nf_fail_as(NET_REFUSED, error);
    }
    return nf_fail_errno(error);
}

ssize_t nf_transfer_send(int fd, const void *data, size_t size, int how)
{
    ssize_t sent = send(fd, data, size, MSG_NOSIGNAL | how);

    return sent >= 0 ? sent : failure(errno);
}

ssize_t nf_transfer_recv(int fd, void *buffer, size_t size, int how)
{
    ssize_t got = recv(fd, buffer, size, how);

    return got >= 0 ? got : failure(errno);
}

/* The iovecs of what is left of `slices` after the first `skip` bytes; returns how many. */
static size_t gather(const net_slice *slices, int count, size_t skip, struct iovec *pieces)
{
    size_t n = 0;

    for (int i = 0; i < count; i++) {
        size_t past = skip < slices[i].size ? skip : slices[i].size;

        skip -= past;
        if (past < slices[i].size) {
            char *start = (char *)(uintptr_t)slices[i].data;

            pieces[n++] =
                (struct iovec){.iov_base = start + past, .iov_len = slices[i].size - past};
        }
    }
    return n;
}

ssize_t nf_transfer_send_slices(int fd, const net_slice *slices, int count, size_t skip, int how)
{
    struct iovec pieces[NF_SLICES_MAX];
    struct msghdr message = {.msg_iov = pieces};

    message.msg_iovlen = gather(slices, count, skip, pieces);
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | how);

    return sent >= 0 ? sent : failure(errno);
}

union control {
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
    struct cmsghdr align;
};

/* Ask for `from` as the source of a datagram (ip(7), ipv6(7)). */
static void set_source(struct msghdr *message, union control *control, const struct nf_addr *from)
{
    memset(control, 0, sizeof *control);
    message->msg_control = control->bytes;
    struct cmsghdr *header = &control->align;

    if (from->family == NF_IPV4) {
        struct in_pktinfo info = {0};

        memcpy(&info.ipi_spec_dst, from->ip, sizeof info.ipi_spec_dst);
        header->cmsg_level = IPPROTO_IP;
        header->cmsg_type = IP_PKTINFO;
        header->cmsg_len = CMSG_LEN(sizeof info);
        message->msg_controllen = CMSG_SPACE(sizeof info);
        memcpy(CMSG_DATA(header), &info, sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_ifindex = from->scope};

        memcpy(&info.ipi6_addr, from->ip, sizeof info.ipi6_addr);
        header->cmsg_level = IPPROTO_IPV6;
        header->cmsg_type = IPV6_PKTINFO;
        header->cmsg_len = CMSG_LEN(sizeof info);
        message->msg_controllen = CMSG_SPACE(sizeof info);
        memcpy(CMSG_DATA(header), &info, sizeof info);
    }
}

ssize_t nf_transfer_send_to(int fd, bool v6, const net_slice *slices, int count,
                            const struct nf_addr *to, const struct nf_addr *from)
{
    union nf_sockaddr name;
    union control control;
    struct iovec pieces[NF_SLICES_MAX];
    struct msghdr message = {.msg_name = &name, .msg_iov = pieces};

    message.msg_namelen = nf_to_sockaddr(to, v6, &name);
    message.msg_iovlen = gather(slices, count, 0, pieces);
    if (from != NULL) {
        set_source(&message, &control, from);
    }
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

    return sent >= 0 ? sent : failure(errno);
}

/* Where a datagram was sent to. A multicast group cannot answer, so it tells nothing. */
static void read_destination(struct msghdr *message, struct nf_addr *to)
{
    memset(to, 0, sizeof *to);
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(header), sizeof info);
            memset(to, 0, sizeof *to);
            to->family = NF_IPV4;
            memcpy(to->ip, &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
        } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO &&
                   to->family == NF_NOWHERE) {
            struct in6_pktinfo info;

            memcpy(&info, CMSG_DATA(header), sizeof info);
            if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) {
                nf_from_in6(&info.ipi6_addr, (uint32_t)info.ipi6_ifindex, to);
            }
        }
    }
}

ssize_t nf_transfer_recv_from(int fd, void *buffer, size_t size, struct nf_addr *from,
                              struct nf_addr *to)
{
    union nf_sockaddr name = {0};
    union control control;
    struct iovec piece = {.iov_base = buffer, .iov_len = size};
    struct msghdr message = {.msg_name = &name,
                             .msg_namelen = sizeof name,
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC);

    if (got < 0) {
        return failure(errno);
    }
    nf_from_sockaddr(&name, from);
    read_destination(&message, to);
    return got;
}

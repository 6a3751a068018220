/* The system calls that move data. None raises SIGPIPE, and each maps errno by
 * nf_transfer_failure. */
#define _GNU_SOURCE
#include "os/transfer.h"
#include "os/cause.h"
#include "os/message.h"
#include "os/rawopt.h"
#include "os/sockaddr.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

enum { QUEUED_ERRORS_MAX = 1024 }; /* more than a receive buffer of the usual size holds */

_Static_assert((int)NF_PEEK == (int)MSG_PEEK && (int)NF_LENGTH == (int)MSG_TRUNC &&
                   (int)NF_DONTWAIT == (int)MSG_DONTWAIT && (int)NF_WHOLE == (int)MSG_WAITALL,
               "this system numbers its flags as Linux does");

/* After a signal nothing has been moved, so it counts as not ready: the caller checks its deadline
 * and tries again. */
int nf_transfer_failure(void)
{
    int error = errno;

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
    if (error == EADDRNOTAVAIL || error == EAFNOSUPPORT) { /* no address of the peer's family */
        return nf_fail_as(NET_UNREACHABLE, error);
    }
    if (error == ENOENT) { /* the path of a unix socket is gone */
        return nf_fail_as(NET_REFUSED, error);
    }
    if (error == ENOPROTOOPT) { /* ICMP: the other side has no such protocol */
        return nf_fail_as(NET_REFUSED, error);
    }
    return nf_fail_errno(error);
}

/* The options are asked first: a unix socket has no such queue, and would receive a datagram. */
bool nf_transfer_discard_errors(int fd)
{
    struct msghdr error = {0};
    int left = QUEUED_ERRORS_MAX;

    if (nf_rawopt_get(fd, IPPROTO_IP, IP_RECVERR) <= 0 &&
        nf_rawopt_get(fd, IPPROTO_IPV6, IPV6_RECVERR) <= 0) {
        return false;
    }
    while (left > 0 && recvmsg(fd, &error, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
        left--;
    }
    return true;
}

ssize_t nf_transfer_send(int fd, const void *data, size_t size, int how)
{
    ssize_t sent = send(fd, data, size, MSG_NOSIGNAL | how);

    return sent >= 0 ? sent : nf_transfer_failure();
}

ssize_t nf_transfer_recv(int fd, void *buffer, size_t size, int how)
{
    ssize_t got = recv(fd, buffer, size, how);

    return got >= 0 ? got : nf_transfer_failure();
}

ssize_t nf_transfer_read(int fd, void *buffer, size_t size)
{
    ssize_t got = read(fd, buffer, size);

    if (got < 0 && errno == EIO && isatty(fd)) {
        return 0; /* this is how a terminal reports that its other side is gone */
    }
    return got >= 0 ? got : nf_transfer_failure();
}

/* RWF_NOWAIT does not work on a terminal or a named FIFO. There poll(2) asks first whether
 * something can be read; another process may take it before the read, which then waits if it
 * blocks. A read alone would take a FIFO that has had no writer yet for one at its end. preadv2(2)
 * is called directly, because musl has it only since 1.2.5. */
ssize_t nf_transfer_read_now(int fd, int again, void *buffer, size_t size)
{
    struct iovec piece = {.iov_base = buffer, .iov_len = size};
    struct pollfd poll_set = {.fd = fd, .events = POLLIN};
    ssize_t got = syscall(SYS_preadv2, fd, &piece, 1L, -1L, -1L, (long)RWF_NOWAIT);

    if (got >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && !nf_is_missing(errno))) {
        return got >= 0 ? got : nf_transfer_failure();
    }
    if (poll(&poll_set, 1, 0) <= 0) {
        return NF_WOULD_BLOCK;
    }
    return nf_transfer_read(again >= 0 ? again : fd, buffer, size);
}

/* The iovecs of what is left of `slices` after the first `skip` bytes, up to `most` bytes; returns
 * how many. */
static size_t gather(const net_slice *slices, int count, size_t skip, size_t most,
                     struct iovec *pieces)
{
    size_t n = 0;

    for (int i = 0; i < count && most > 0; i++) {
        size_t past = skip < slices[i].size ? skip : slices[i].size;
        size_t left = slices[i].size - past < most ? slices[i].size - past : most;

        skip -= past;
        most -= left;
        if (left > 0) {
            char *start = (char *)(uintptr_t)slices[i].data;

            pieces[n++] = (struct iovec){.iov_base = start + past, .iov_len = left};
        }
    }
    return n;
}

ssize_t nf_transfer_send_slices(int fd, const net_slice *slices, int count, size_t skip,
                                size_t most, int how)
{
    struct iovec pieces[NF_SLICES_MAX];
    struct msghdr message = {.msg_iov = pieces};

    count = count < NF_SLICES_MAX ? count : NF_SLICES_MAX;
    NF_SET_FIELD(message.msg_iovlen, gather(slices, count, skip, most, pieces));
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | how);

    return sent >= 0 ? sent : nf_transfer_failure();
}

struct control {
    _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
                                        CMSG_SPACE(sizeof(uint16_t))];
};

/* Append a control message to those of `message`. `control` must have room for it. */
static void add_control(struct msghdr *message, struct control *control, int level, int type,
                        const void *data, size_t size)
{
    struct cmsghdr *header = (struct cmsghdr *)(void *)(control->bytes + message->msg_controllen);

    memset(header, 0, CMSG_SPACE(size));
    header->cmsg_level = level;
    header->cmsg_type = type;
    NF_SET_FIELD(header->cmsg_len, CMSG_LEN(size));
    memcpy(CMSG_DATA(header), data, size);
    message->msg_control = control->bytes;
    NF_SET_FIELD(message->msg_controllen, message->msg_controllen + CMSG_SPACE(size));
}

/* Ask for `from` as the source of a datagram (ip(7), ipv6(7)). */
static void set_source(struct msghdr *message, struct control *control, const struct nf_addr *from)
{
    if (from->family == NF_IPV4) {
        struct in_pktinfo info = {0};

        memcpy(&info.ipi_spec_dst, from->ip, sizeof info.ipi_spec_dst);
        add_control(message, control, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_ifindex = from->scope};

        memcpy(&info.ipi6_addr, from->ip, sizeof info.ipi6_addr);
        add_control(message, control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
}

ssize_t nf_transfer_send_to(int fd, bool v6, const net_slice *slices, int count,
                            const struct nf_addr *to, const struct nf_addr *from)
{
    union nf_sockaddr name;
    struct control control;
    struct iovec pieces[NF_SLICES_MAX];
    struct msghdr message = {.msg_name = &name, .msg_iov = pieces};
    ssize_t sent = 0;

    message.msg_namelen = nf_to_sockaddr(to, v6, &name);
    if (count == 1 && from == NULL) {
        sent = sendto(fd, slices->data, slices->size, MSG_NOSIGNAL | MSG_DONTWAIT, &name.any,
                      message.msg_namelen);
    } else {
        NF_SET_FIELD(message.msg_iovlen, gather(slices, count, 0, SIZE_MAX, pieces));
        if (from != NULL) {
            set_source(&message, &control, from);
        }
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    return sent >= 0 ? sent : nf_transfer_failure();
}

/* The arguments of one sendmmsg(2), filled one train after another. */
struct send_batch {
    struct mmsghdr header[NF_TRAINS_MAX];
    union nf_sockaddr name[NF_TRAINS_MAX];
    struct control control[NF_TRAINS_MAX];
    struct iovec piece[NF_TRAIN_MESSAGES_MAX];
};

/* Whether the system refused a train because of its segment size or the interface. With a single
 * datagram the same errno is a real failure. */
static bool refuses_segments(int error)
{
    return error == EINVAL || error == EIO || error == EMSGSIZE || error == EOPNOTSUPP;
}

bool nf_transfer_knows_trains(int fd)
{
    enum { UNKNOWN, NO, YES };
    static _Atomic int answer = UNKNOWN;
    int known = atomic_load_explicit(&answer, memory_order_relaxed);

    if (known == UNKNOWN) {
        int segment = 0;
        socklen_t size = sizeof segment;

        known = getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, &size) == 0 ? YES : NO;
        atomic_store_explicit(&answer, known, memory_order_relaxed);
    }
    return known == YES;
}

static void fill_header(struct send_batch *batch, int i, bool v6, const struct nf_train *train,
                        size_t segment)
{
    struct msghdr *header = &batch->header[i].msg_hdr;

    if (train->to != NULL) {
        header->msg_name = &batch->name[i];
        header->msg_namelen = nf_to_sockaddr(train->to, v6, &batch->name[i]);
    }
    if (train->from != NULL) {
        set_source(header, &batch->control[i], train->from);
    }
    if (train->count > 1) {
        uint16_t size = (uint16_t)segment;

        add_control(header, &batch->control[i], IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size);
    }
}

/* Fill the iovecs of a train. Messages that are adjacent in memory share one. Returns how many. */
static size_t lay_out(const net_message *messages, int count, struct iovec *pieces)
{
    size_t n = 0;

    for (int i = 0; i < count; i++) {
        struct iovec *last = n > 0 ? &pieces[n - 1] : NULL;

        if (last != NULL && (char *)last->iov_base + last->iov_len == messages[i].data) {
            last->iov_len += messages[i].size;
        } else {
            pieces[n++] = (struct iovec){.iov_base = messages[i].data, .iov_len = messages[i].size};
        }
    }
    return n;
}

int nf_transfer_send_trains(int fd, bool v6, const net_message *messages,
                            const struct nf_train *trains, int count)
{
    struct send_batch batch;
    struct iovec *pieces = batch.piece;

    for (int i = 0; i < count; i++) {
        struct msghdr *header = &batch.header[i].msg_hdr;

        memset(header, 0, sizeof *header);
        header->msg_iov = pieces;
        NF_SET_FIELD(header->msg_iovlen, lay_out(messages, trains[i].count, pieces));
        fill_header(&batch, i, v6, &trains[i], messages->size);
        pieces += header->msg_iovlen;
        messages += trains[i].count;
    }
    int sent = sendmmsg(fd, batch.header, (unsigned)count, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && nf_is_missing(errno)) { /* send one train by the plain call */
        ssize_t size = sendmsg(fd, &batch.header[0].msg_hdr, MSG_NOSIGNAL | MSG_DONTWAIT);

        sent = size >= 0 ? 1 : -1;
    }
    if (sent >= 0) {
        return sent;
    }
    return trains->count > 1 && refuses_segments(errno) ? NF_NO_TRAIN : nf_transfer_failure();
}

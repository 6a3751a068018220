/* recvmmsg(2) with its arrays filled in beforehand. Each receive resets only the entries that the
 * last one used. */
#define _GNU_SOURCE
#include "os/batch.h"
#include "os/cause.h"
#include "os/message.h"
#include "os/sockaddr.h"
#include "os/transfer.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
    STAGGER = 192, /* the starts of datagrams then fall on different cache sets */
    ROOM = NF_HEAD_MAX + NF_DATAGRAM_MAX + STAGGER,
    FIRST_SIZE = 2, /* arrivals */
    GROWTH = 8,     /* a batch grows by this factor, and is underused when it uses at most 1/8 */
    UNDERUSED_MAX = 64, /* underused receives in a row, after which the batch shrinks */
    BYTES = 512 * 1024  /* a receive asks for about so many, estimated by the last mean size: memory
                           once touched stays resident */
};

/* Report the full length of a datagram that was cut; do not wait for a second datagram. */
enum { AT_ONCE = MSG_TRUNC | MSG_WAITFORONE };

enum {
    CONTROL = CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)) +
              CMSG_SPACE(sizeof(int))
};

struct slot {
    struct iovec piece[2]; /* the caller's buffer, and our own room */
    union nf_sockaddr name;
    _Alignas(struct cmsghdr) char control[CONTROL];
};

struct nf_batch {
    int size;      /* capacity in arrivals */
    int asked;     /* arrivals that the last receive asked for */
    int used;      /* arrivals that it got */
    int underused; /* underused receives in a row */
    size_t bytes;  /* bytes that it got */
    size_t mean;   /* mean bytes of an arrival in the last receive */
    size_t most;   /* most bytes that one receive got */
    enum nf_batch_kind kind;
    struct mmsghdr header[NF_BATCH_MAX];
    struct slot slot[NF_BATCH_MAX];
    unsigned char room[];
};

static void prepare(struct nf_batch *batch, int i)
{
    struct msghdr *header = &batch->header[i].msg_hdr;

    bool named = batch->kind == NF_BATCH_FROM_NAMES;

    header->msg_controllen = named ? 0 : CONTROL;
    if (named || batch->kind == NF_BATCH_FROM_ANYONE) {
        batch->slot[i].name.any.sa_family =
            named ? AF_UNIX : AF_UNSPEC; /* what an unnamed sender leaves in place */
        header->msg_name = &batch->slot[i].name;
        header->msg_namelen = sizeof batch->slot[i].name;
    }
}

struct nf_batch *nf_batch_new(int arrivals, enum nf_batch_kind kind)
{
    int rooms = kind == NF_BATCH_BESIDE_A_HEAD ? arrivals - 1 : arrivals;
    struct nf_batch *batch = malloc(sizeof *batch + (size_t)rooms * ROOM);

    if (batch == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    memset(batch, 0, offsetof(struct nf_batch, header));
    batch->size = arrivals;
    batch->kind = kind;
    for (int i = 0; i < arrivals; i++) {
        struct msghdr *header = &batch->header[i].msg_hdr;
        struct iovec *piece = &batch->slot[i].piece[1];

        memset(header, 0, sizeof *header);
        memset(piece, 0, sizeof *piece);
        header->msg_iov = piece;
        header->msg_iovlen = 1;
        header->msg_control = batch->slot[i].control;
        prepare(batch, i);
        /* The first arrival uses the last room, so a batch may be allocated without it. */
        size_t room = (size_t)(i > 0 ? i : arrivals) - 1;

        if (room < (size_t)rooms) {
            piece->iov_base = batch->room + room * ROOM + NF_HEAD_MAX;
            piece->iov_len = NF_DATAGRAM_MAX;
        }
    }
    return batch;
}

void nf_batch_free(struct nf_batch *batch)
{
    free(batch);
}

bool nf_batch_was_full(const struct nf_batch *batch)
{
    return batch->used == batch->asked;
}

size_t nf_batch_bytes(const struct nf_batch *batch)
{
    return batch->bytes;
}

struct nf_batch *nf_batch_renew(struct nf_batch *batch, enum nf_batch_kind kind)
{
    if (batch == NULL) {
        return nf_batch_new(FIRST_SIZE, kind);
    }
    int size = batch->size;

    if (batch->used == size && size < NF_BATCH_MAX) {
        size = size * GROWTH < NF_BATCH_MAX ? size * GROWTH : NF_BATCH_MAX;
    } else if (batch->underused >= UNDERUSED_MAX && size > FIRST_SIZE) {
        size = FIRST_SIZE;
    } else if (batch->most <= 2 * (size_t)BYTES) {
        return batch;
    }
    struct nf_batch *other = nf_batch_new(size, kind);

    if (other == NULL) {
        return batch;
    }
    other->mean = batch->mean;
    nf_batch_free(batch);
    return other;
}

/* Record the sizes of a receive: they decide how many arrivals the next one asks for. */
static void record_sizes(struct nf_batch *batch)
{
    size_t bytes = 0;

    for (int i = 0; i < batch->used; i++) {
        bytes += batch->header[i].msg_len;
    }
    batch->underused = batch->used * GROWTH <= batch->size ? batch->underused + 1 : 0;
    batch->bytes = bytes;
    batch->mean = bytes / (size_t)batch->used;
    batch->most = bytes > batch->most ? bytes : batch->most;
}

static int how_many(const struct nf_batch *batch)
{
    size_t count = batch->mean > 0 ? BYTES / batch->mean : NF_BATCH_MAX;

    return count < (size_t)batch->size ? (int)count : batch->size;
}

/* recvmsg(2), where recvmmsg(2) is missing or a filter refuses it. Returns 1 or -1. */
static int receive_one(struct mmsghdr *header, int fd, bool waits)
{
    ssize_t got = recvmsg(fd, &header->msg_hdr, waits ? MSG_TRUNC : MSG_TRUNC | MSG_DONTWAIT);

    header->msg_len = got >= 0 ? (unsigned)got : 0;
    return got >= 0 ? 1 : -1;
}

int nf_batch_recv(struct nf_batch *batch, int fd, void *head, size_t size, int how)
{
    struct msghdr *first = &batch->header[0].msg_hdr;
    struct slot *slot = &batch->slot[0];

    for (int i = 0; i < batch->used; i++) {
        prepare(batch, i);
    }
    batch->used = 0;
    if (head != NULL) {
        slot->piece[0] = (struct iovec){.iov_base = head, .iov_len = size};
        first->msg_iov = slot->piece;
        first->msg_iovlen = batch->kind == NF_BATCH_BESIDE_A_HEAD ? 1 : 2;
    }
    batch->asked = how_many(batch);
    /* The C libraries differ in the type of the flags; constants fit both. */
    int got =
        (how & MSG_DONTWAIT) != 0
            ? recvmmsg(fd, batch->header, (unsigned)batch->asked, AT_ONCE | MSG_DONTWAIT, NULL)
            : recvmmsg(fd, batch->header, (unsigned)batch->asked, AT_ONCE, NULL);

    if (got < 0 && nf_is_missing(errno)) {
        batch->asked = 1;
        got = receive_one(batch->header, fd, (how & MSG_DONTWAIT) == 0);
    }
    if (got < 0) {
        return nf_transfer_failure();
    }
    batch->used = got;
    if (got > 0) {
        record_sizes(batch);
    }
    return got;
}

void nf_batch_arrival(const struct nf_batch *batch, int i, struct nf_arrival *arrival)
{
    struct msghdr header = batch->header[i].msg_hdr;

    *arrival = (struct nf_arrival){.data = batch->slot[i].piece[1].iov_base,
                                   .size = batch->header[i].msg_len,
                                   .segment = batch->header[i].msg_len};
    if (arrival->size > NF_DATAGRAM_MAX) {
        arrival->size = NF_DATAGRAM_MAX;
        arrival->segment = NF_DATAGRAM_MAX;
        arrival->is_cut = true;
        return;
    }
    for (struct cmsghdr *each = CMSG_FIRSTHDR(&header); each != NULL;
         each = nf_next_control(&header, each)) {
        if (each->cmsg_level == IPPROTO_UDP && each->cmsg_type == UDP_GRO) {
            int segment;

            memcpy(&segment, CMSG_DATA(each), sizeof segment);
            arrival->segment = segment > 0 ? (size_t)segment : arrival->segment;
        }
    }
}

/* A dual-stack socket reports an IPv4 destination twice: in IP_PKTINFO, which is preferred, and as
 * a mapped address in IPV6_PKTINFO. A multicast group cannot be a source address, so `to` stays
 * NF_NOWHERE for it. */
void nf_batch_addresses(struct nf_batch *batch, int i, struct nf_addr *from, struct nf_addr *to)
{
    struct msghdr *header = &batch->header[i].msg_hdr;

    nf_from_sockaddr(&batch->slot[i].name, header->msg_namelen, from);
    memset(to, 0, sizeof *to);
    for (struct cmsghdr *each = CMSG_FIRSTHDR(header); each != NULL;
         each = nf_next_control(header, each)) {
        if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(each), sizeof info);
            memset(to, 0, sizeof *to);
            to->family = NF_IPV4;
            memcpy(to->ip, &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
        } else if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_PKTINFO &&
                   to->family == NF_NOWHERE) {
            struct in6_pktinfo info;

            memcpy(&info, CMSG_DATA(each), sizeof info);
            if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) {
                nf_from_in6(&info.ipi6_addr, (uint32_t)info.ipi6_ifindex, to);
            }
        }
    }
}

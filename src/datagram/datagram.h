/* What all datagram sockets share: batches, and datagrams that do not fit. */
#ifndef NF_DATAGRAM_DATAGRAM_H
#define NF_DATAGRAM_DATAGRAM_H

#include "socket/backend.h"
#include "os/transfer.h"

/* Send one datagram of at most NF_SLICES_MAX slices to the socket's peer. Its length or a code. */
typedef ssize_t nf_datagram_send_one(net_socket *socket, const net_slice *slices, int count,
                                     net_deadline deadline);

/* A failure that stopped a batch part way and that the system tells but once: it waits for the next
 * call. NULL for sockets whose failures come again by themselves. */
struct nf_deferred {
    _Atomic uint64_t failure; /* code and system error in one word; 0: none */
};

/* Record and return the failure that waits; 0: none. */
int nf_deferred_take_failure(struct nf_deferred *kept);

static inline bool nf_deferred_waits(struct nf_deferred *kept)
{
    return atomic_load(&kept->failure) != 0;
}

static inline int nf_deferred_take(struct nf_deferred *kept)
{
    return atomic_load_explicit(&kept->failure, memory_order_relaxed) != 0
               ? nf_deferred_take_failure(kept)
               : 0;
}

/* Refuse to receive datagrams otherwise than one by one, and one that was larger than the buffer.
 */
int nf_datagram_refuse_until(void);
int nf_datagram_refuse_large(ssize_t length, size_t size);

/* What a receive returns that took a datagram of `length`, or failed with that code. */
static inline ssize_t nf_datagram_received(ssize_t length, size_t size)
{
    return length > 0 && (size_t)length > size ? nf_datagram_refuse_large(length, size) : length;
}

/* Send one datagram of any number of slices, over a socket's own give. */
ssize_t nf_datagram_send_joined(net_socket *socket, const net_slice *slices, int count,
                                net_deadline deadline, nf_datagram_send_one *give);

static inline ssize_t nf_datagram_send(net_socket *socket, const net_slice *slices, int count,
                                       net_deadline deadline, nf_datagram_send_one *give)
{
    return count <= NF_SLICES_MAX ? give(socket, slices, count, deadline)
                                  : nf_datagram_send_joined(socket, slices, count, deadline, give);
}

/* A batch of which `i` messages are done stops for `code`: what the caller gets. `kept` may be
 * NULL. */
int nf_datagram_stop(int i, int code, struct nf_deferred *kept);

/* Where a message goes. */
struct nf_route {
    struct nf_addr to;
    struct nf_addr from;
    bool is_open; /* it needs `to`; else the descriptor has its peer */
    bool says_from;
};

/* Find the way to an endpoint: 0, or why there is none. */
typedef int nf_datagram_find_route(net_socket *socket, const net_endpoint *endpoint,
                                   struct nf_route *route);

/* Who sends batches. */
struct nf_datagram_sender {
    net_socket *socket;
    int fd;
    bool v6;
    bool is_adopted;                  /* others may have the descriptor: it is not dialed again */
    bool has_trains;                  /* it may, by its kind */
    _Atomic net_deadline *full_until; /* see nf_datagram_retry; may be NULL */
    nf_datagram_find_route *find_route;
    _Atomic int64_t *bytes;
    _Atomic int64_t *messages;
    struct nf_deferred *kept;  /* may be NULL */
    _Atomic uint64_t *refusal; /* the last peer whom no train reached, and of what size */
};

/* Send messages in order, runs of one size to one peer as trains. */
int nf_datagram_send_messages(const struct nf_datagram_sender *sender, const net_message *messages,
                              int count, net_deadline deadline);

/* A send moved nothing, and `code` says why: 0 when it may be tried again, having waited if need
 * be; or a code. `denied` starts as false. A shared descriptor whose peers have queues of their own
 * does not tell when one has room: then `full_until` is where the moment goes at which to look
 * again, else NULL. */
int nf_datagram_retry(net_socket *socket, int fd, ssize_t code, bool *denied,
                      _Atomic net_deadline *full_until, net_deadline deadline);

/* Whether an endpoint may be used on a socket that has one peer: 0 or NET_MISUSE. */
int nf_datagram_check_peer(net_socket *socket, const net_endpoint *endpoint);

#endif

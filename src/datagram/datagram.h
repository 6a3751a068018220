/* What all datagram sockets share: sending batches, failures in the middle of a batch, and
 * datagrams that do not fit. */
#ifndef NF_DATAGRAM_DATAGRAM_H
#define NF_DATAGRAM_DATAGRAM_H

#include "socket/backend.h"
#include "os/transfer.h"
#include "wait/pace.h"

/* Send one datagram of at most NF_SLICES_MAX slices to the socket's peer. Its length or a code. */
typedef ssize_t nf_datagram_send_one(net_socket *socket, const net_slice *slices, int count,
                                     net_deadline deadline);

/* A failure that stopped a batch after some of its messages, and that the system reports only once.
 * The call returns the number of messages; the next call returns the failure. Sockets whose
 * failures the system reports again have no nf_deferred (NULL). */
struct nf_deferred {
    _Atomic uint64_t failure; /* code and system error in one word; 0: none */
};

/* Record and return the deferred failure, and forget it; 0: there is none. */
int nf_deferred_take_failure(struct nf_deferred *deferred);

static inline bool nf_deferred_waits(struct nf_deferred *deferred)
{
    return atomic_load(&deferred->failure) != 0;
}

static inline int nf_deferred_take(struct nf_deferred *deferred)
{
    return atomic_load_explicit(&deferred->failure, memory_order_relaxed) != 0
               ? nf_deferred_take_failure(deferred)
               : 0;
}

/* Refuse a receive that wants other than one datagram (`until`), and report a datagram that was
 * larger than the buffer. */
int nf_datagram_refuse_until(void);
int nf_datagram_refuse_large(ssize_t length, size_t size);

/* Refuse a datagram that is longer than `size_max` (0: there is no limit): 0 or NET_TOOBIG. */
int nf_datagram_check_size(size_t size, size_t size_max);

/* What a receive returns after it took a datagram of `length`, or failed with the code `length`. */
static inline ssize_t nf_datagram_received(ssize_t length, size_t size)
{
    return length > 0 && (size_t)length > size ? nf_datagram_refuse_large(length, size) : length;
}

/* The pace of a call that moves datagrams one at a time. All zero at its start. */
struct nf_datagram_pace {
    struct nf_pace pace;
    size_t moved; /* bytes since the clock was last looked at */
};

enum { NF_DATAGRAM_LEAST = 1024 }; /* a smaller datagram costs as many bytes: each takes time */

/* What `count` datagrams of `bytes` in all cost, for nf_pace_goes_on. */
static inline size_t nf_datagram_cost(size_t bytes, int count)
{
    size_t least = (size_t)count * NF_DATAGRAM_LEAST;

    return bytes > least ? bytes : least;
}

/* A datagram of `size` bytes was moved, and another is to be: as nf_pace_goes_on, which it asks
 * after as many as one system call moves. */
static inline bool nf_datagram_goes_on(struct nf_datagram_pace *pace, size_t size,
                                       net_deadline deadline)
{
    size_t moved = pace->moved + nf_datagram_cost(size, 1);
    bool looks = moved >= (size_t)NF_TRAIN_MESSAGES_MAX * NF_DATAGRAM_LEAST;

    pace->moved = looks ? 0 : moved;
    return !looks || nf_pace_goes_on(&pace->pace, moved, deadline);
}

/* Send one datagram of any number of slices with `send_one`. More than NF_SLICES_MAX are first
 * copied into one. */
ssize_t nf_datagram_send_joined(net_socket *socket, const net_slice *slices, int count,
                                net_deadline deadline, nf_datagram_send_one *send_one);

static inline ssize_t nf_datagram_send(net_socket *socket, const net_slice *slices, int count,
                                       net_deadline deadline, nf_datagram_send_one *send_one)
{
    return count <= NF_SLICES_MAX
               ? send_one(socket, slices, count, deadline)
               : nf_datagram_send_joined(socket, slices, count, deadline, send_one);
}

/* What a call returns when a batch stops with `code` after `i` messages: `i`, and the code is
 * deferred; or the code if `i` is 0. `deferred` may be NULL. */
int nf_datagram_stop(int i, int code, struct nf_deferred *deferred);

/* The addresses that a message is sent with. */
struct nf_route {
    struct nf_addr to;
    struct nf_addr from;
    bool is_open; /* `to` must be named; otherwise the descriptor is connected to it */
    bool says_from;
};

/* Find the route to an endpoint: 0, or a code if there is none. */
typedef int nf_datagram_find_route(net_socket *socket, const net_endpoint *endpoint,
                                   struct nf_route *route);

/* In what the wires of the system's datagrams differ. */
struct nf_datagram_kind {
    size_t size_max;     /* bytes of the longest datagram; 0: the system refuses longer ones */
    bool checks_late;    /* the system may find a bad checksum only when it receives a datagram, and
                            then starts the timeout of the receive again: see NF_SO_FILTER */
    bool fits_batches;   /* a batch has room for its longest datagram, so some are received ahead */
    bool has_trains;     /* the system takes messages of one size together (UDP_SEGMENT) */
    bool redials;        /* a peer that closes disconnects us; another may have its name then */
    bool peer_has_queue; /* a send waits for room in the queue of its peer, which a descriptor that
                            several peers share does not show */
};

/* What nf_datagram_retry may do, and whether it has. */
struct nf_retry {
    bool redials;   /* dial the peer again, if it has disconnected us */
    bool is_shared; /* several peers share the descriptor: an error may be of another's datagram */
    bool is_used;   /* the one retry after a failure that may be over */
    int others;     /* errors of others' datagrams since the last success */
    bool pauses;    /* the descriptor does not show when there is room: ask again after a pause */
};

/* A socket that sends batches, as nf_datagram_send_messages needs to know it. */
struct nf_datagram_sender {
    net_socket *socket;
    int fd;
    bool v6;
    bool has_trains;
    size_t size_max; /* the longest datagram; 0: the system knows */
    struct nf_retry retry;
    nf_datagram_find_route *find_route;
    _Atomic int64_t *bytes;
    _Atomic int64_t *messages;
    struct nf_deferred *deferred; /* may be NULL */
    _Atomic uint64_t *refusal;    /* the last route that refused segments, with their size */
};

/* Send messages in order. Messages of one size to one peer go as a train, if the system can. How
 * many were sent, or a code. */
int nf_datagram_send_messages(const struct nf_datagram_sender *sender, const net_message *messages,
                              int count, net_deadline deadline);

/* A send failed with `code`. Returns 0 if it may be tried again, after a wait if need be; or a
 * code. */
int nf_datagram_retry(net_socket *socket, int fd, ssize_t code, struct nf_retry *retry,
                      net_deadline deadline);

/* Whether `endpoint` may be used on a socket with one peer: 0 or NET_MISUSE. */
int nf_datagram_check_peer(net_socket *socket, const net_endpoint *endpoint);

#endif

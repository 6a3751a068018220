/* A connection that has a descriptor to itself. This is what streams and connected datagram sockets
 * share: two lanes, in and out. A lane is one direction of a connection: the turn of the threads
 * that use it, the timeout that is set in the kernel, and the error that ends it (`end`), which
 * every later call returns.
 *
 * A system call may wait by itself only where the kernel counts its timeout once for the whole
 * call, whatever the peer does: a receive on a stream, or of datagrams that the kernel checks when
 * they arrive (datagram/connection.c), which SO_RCVTIMEO bounds; and a dial, which SO_SNDTIMEO
 * bounds. It may also wait where there is no deadline. Everything else is tried without waiting,
 * and then poll waits (nf_lane_wait).
 *
 * The timeout stays set between calls, and is set anew only if there is none or if it could end
 * after the deadline. Once it has expired, poll waits for the rest of the time. If less time is
 * left than the shortest timeout needs, poll does all the waiting.
 *
 * The descriptor of an adopted connection may be shared with other processes. There no call
 * blocks in the system call and no timeout is set, and a cancel posts a wake instead of breaking
 * the connection. */
#ifndef NF_SOCKET_CONNECTION_H
#define NF_SOCKET_CONNECTION_H

#include "socket/backend.h"
#include "socket/counter.h"
#include "os/process.h"
#include "os/sockopt.h"
#include "os/transfer.h"
#include "wait/turn.h"
#include "wait/wait.h"

struct nf_lane {
    struct nf_turn turn;
    _Atomic int8_t end; /* the code that every later call returns; 0: none yet */
    uint8_t timeout;    /* the timeout set is NF_TIMEOUT_LEAST << (timeout - 1); 0: none */
    uint8_t how;        /* flags of every call: 0; NF_DONTWAIT if adopted, or if the kernel does not
                           count a timeout once for the whole call (datagram/connection.c) */
};

/* The shortest timeout that is set: the kernel counts in ticks of a few milliseconds. */
#define NF_TIMEOUT_LEAST (16 * NF_MILLISECOND)

/* How long a call may really take with a timeout of NF_TIMEOUT_LEAST << doublings. The kernel's
 * timer wheel rounds up by at most an eighth, and the end of a tick may be a whole tick away. */
static inline int64_t nf_lane_longest_wait(int doublings)
{
    return (NF_TIMEOUT_LEAST / 8 * 9 << doublings) + NF_TICK;
}

struct nf_connection {
    net_socket head;
    int fd;
    struct nf_turn driver; /* of the dial: not taken once the dial is over */
    struct nf_lane in;
    struct nf_lane out;
    _Atomic int64_t bytes_in;
    _Atomic int64_t bytes_out;
    union {
        struct nf_dialing *dialing; /* until the dial is won */
        struct nf_ready *dial_set;  /* has_dial_set: a poller may still watch it */
        struct nf_wake *wake;       /* of an adopted one: posted by a cancel */
    };
    _Atomic uint16_t marks;    /* NF_RESETS and so on, below; may change during other calls */
    _Atomic bool has_dial_set; /* dial_set is in the union */
    bool has_source : 1;       /* the address has a source */
    bool has_source_port : 1;
    bool is_adopted : 1;    /* other processes may have the descriptor too */
    bool was_inherited : 1; /* an adopted descriptor came without close-on-exec */
    bool took_rights : 1;   /* peers of a unix socket could pass descriptors before it was ours */
    uint8_t family : 3;     /* of tcp: as the listener or the address had it */
    int backlog;            /* of tcp: as the listener or the address had it */
};

enum {
    NF_RESETS = 0x0fff,     /* nf_connection_process() of the process whose close resets; 0: none */
    NF_INLINE = 0x1000,     /* urgent bytes of a unix socket stay in the stream */
    NF_WAS_INLINE = 0x2000, /* they did before we set that option */
    NF_WAS_DELAYED = 0x4000,      /* an adopted tcp socket came without nodelay, our default */
    NF_DIAL_SET_REPLACED = 0x8000 /* a poller watches another descriptor than dial_set by now */
};

enum { NF_CONNECTION_PROCESSES = NF_RESETS }; /* different values of nf_connection_process */

_Static_assert(sizeof(struct nf_connection) <= 120,
               "a connection and what malloc adds are 128 bytes");

static inline unsigned nf_connection_mark(struct nf_connection *connection, unsigned mark)
{
    return atomic_load_explicit(&connection->marks, memory_order_relaxed) & mark;
}

/* Replace the marks `old` by `mark`. Two steps: a reader may see neither. */
static inline void nf_connection_set_mark(struct nf_connection *connection, unsigned old,
                                          unsigned mark)
{
    atomic_fetch_and(&connection->marks, (uint16_t)~old);
    atomic_fetch_or(&connection->marks, (uint16_t)mark);
}

/* Whether a call cannot go on, because of a cancel or an end. nf_lane_enter returns the reason. */
static inline bool nf_lane_is_shut(struct nf_connection *connection, struct nf_lane *lane)
{
    return nf_is_canceled(&connection->head) ||
           atomic_load_explicit(&lane->end, memory_order_relaxed) != 0;
}

/* The fast path of nf_lane_enter: take the turn if it is free and nothing stops a call. */
static inline bool nf_lane_is_clear(struct nf_connection *connection, struct nf_lane *lane)
{
    if (!nf_turn_try(&lane->turn)) {
        return false;
    }
    if (nf_lane_is_shut(connection, lane)) {
        nf_turn_leave(&lane->turn);
        return false;
    }
    return true;
}

/* This process as a number from 1 to 4095. Only a process and its ancestor 4095 generations above
 * have the same one. */
static inline unsigned nf_connection_process(void)
{
    return (unsigned)nf_process() % NF_CONNECTION_PROCESSES + 1;
}

/* Whether its close resets the connection, and was asked to by this process. */
static inline bool nf_connection_resets(struct nf_connection *connection)
{
    return nf_connection_mark(connection, NF_RESETS) == nf_connection_process();
}

/* Mark whether this process's close resets the connection. */
static inline void nf_connection_mark_reset(struct nf_connection *connection, bool resets)
{
    nf_connection_set_mark(connection, NF_RESETS, resets ? nf_connection_process() : 0);
}

/* Take the turn of a lane. Returns 0; or NET_CANCELED, the lane's end or NET_TIMEOUT, without
 * the turn. */
int nf_lane_enter(struct nf_connection *connection, struct nf_lane *lane, net_deadline deadline);

static inline void nf_lane_leave(struct nf_lane *lane)
{
    nf_turn_leave(&lane->turn);
}

/* Set the lane's timeout if needed, so that a system call on it waits no longer than `deadline`.
 * `option` is NF_SO_RCVTIMEO or NF_SO_SNDTIMEO. Returns the flags of the call: 0, or
 * NF_DONTWAIT, which nf_lane_wait has to follow. */
int nf_lane_set_timeout(int fd, struct nf_lane *lane, enum nf_sockopt option,
                        net_deadline deadline);

/* Whether a system call on the lane waits no longer than `deadline` with the timeout that is
 * set. */
bool nf_lane_timeout_fits(const struct nf_lane *lane, net_deadline deadline);

/* The wake of a connection that a cancel must not break; NULL: a cancel breaks it. */
static inline struct nf_wake *nf_connection_wake(const struct nf_connection *connection)
{
    return connection->is_adopted ? connection->wake : NULL;
}

/* Wait after a call that would block. Returns 0 once you may try again with NF_DONTWAIT, or
 * NET_CANCELED or NET_TIMEOUT, or a code of nf_wait. */
int nf_lane_wait(struct nf_connection *connection, unsigned want, net_deadline deadline);

/* Slots that all connections share. nf_connection_close is the last step of the slot. */
void nf_connection_cancel(net_socket *socket);
void nf_connection_close(struct nf_connection *connection);
void nf_connection_free_wake(struct nf_connection *connection);
void nf_connection_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

/* The properties that a descriptor answers: kernel options, addresses, port and bytes; and
 * NF_FD, NF_ABORT, NF_RELEASE. Others read as 0. */
int nf_connection_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                           bool write);

#endif

/* A line: a connection that has a descriptor to itself. What streams and connected datagram sockets
 * share: two lanes, in and out, each with the turn of its users, the patience that the kernel was
 * told, and the failure that stays.
 *
 * A blocking call on a line is one blocking system call. The kernel bounds its waiting by a timeout
 * that stays in force on the descriptor; that timeout is never longer than the time left, and
 * changed only when it would be. What is left when it ran out is waited for by poll.
 *
 * The descriptor of an adopted line may be shared with other processes: no call waits in the
 * system, nor is it told a timeout, and a cancel rings a bell instead of breaking the
 * connection. */
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
    _Atomic int8_t end; /* the code that every later call gets; 0 while there is none */
    uint8_t patience; /* the timeout in force is NF_PATIENCE doubled so often, less one; 0: none */
    uint8_t how;      /* NF_DONTWAIT of an adopted one, where no call waits in the system; else 0 */
};

/* The shortest timeout worth setting: the kernel counts in ticks of some milliseconds. */
#define NF_PATIENCE (16 * NF_MILLISECOND)

/* How long a call may really wait whose timeout is NF_PATIENCE doubled so often: the kernel's timer
 * wheel rounds up, by an eighth at most, and the end of a tick may be a whole one away. */
static inline int64_t nf_patience_of(int doublings)
{
    return (NF_PATIENCE / 8 * 9 << doublings) + NF_TICK;
}

struct nf_connection {
    net_socket head;
    int fd;
    struct nf_turn driver; /* of the dial: nobody keeps it afterwards */
    struct nf_lane in;
    struct nf_lane out;
    _Atomic int64_t bytes_in;
    _Atomic int64_t bytes_out;
    union {
        struct nf_dialing *dialing; /* until the dial is won */
        struct nf_ready *spent;     /* has_spent: what a poller watched until then; perhaps still */
        struct nf_wake *wake;       /* of an adopted one: a cancel */
    };
    _Atomic bool has_spent;
    _Atomic uint8_t marks; /* of those below: what changes while others read the rest */
    bool is_spent;         /* and a poller has since been told to watch something else */
    bool has_source : 1;   /* the address asked for a local address */
    bool has_source_port : 1;
    bool is_adopted : 1;    /* other processes may have the descriptor, too */
    bool was_inherited : 1; /* an adopted descriptor stayed open at an exec */
    uint8_t family : 3;     /* of tcp: as the listener or the address had it */
    int backlog;            /* of tcp: as the listener or the address had it */
};

enum {
    NF_RESETS = 0x1f,     /* whose close is to be a reset, as nf_connection_process; 0: nobody's */
    NF_INLINE = 0x20,     /* urgent bytes of a unix socket stay in their place, */
    NF_WAS_INLINE = 0x40, /* as they did before we asked for it */
    NF_WAS_DELAYED = 0x80 /* an adopted tcp socket came without the nodelay that is our default */
};

enum { NF_CONNECTION_PROCESSES = 31 }; /* that a line tells apart: as many as five bits can */

_Static_assert(sizeof(struct nf_connection) <= 120, "a line and what malloc adds are 128 bytes");

static inline unsigned nf_connection_mark(struct nf_connection *connection, unsigned mark)
{
    return atomic_load_explicit(&connection->marks, memory_order_relaxed) & mark;
}

/* Instead of the marks `old`, these. */
static inline void nf_connection_set_mark(struct nf_connection *connection, unsigned old,
                                          unsigned mark)
{
    atomic_fetch_and(&connection->marks, (uint8_t)~old);
    atomic_fetch_or(&connection->marks, (uint8_t)mark);
}

/* Whether something keeps a call from going on: the long way says what. */
static inline bool nf_lane_is_shut(struct nf_connection *connection, struct nf_lane *lane)
{
    return nf_is_canceled(&connection->head) ||
           atomic_load_explicit(&lane->end, memory_order_relaxed) != 0;
}

/* Whether the turn was free, and is ours now, and nothing keeps a call from going on: the short
 * way. */
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

/* This process as one of 31, and never 0. */
static inline uint8_t nf_connection_process(void)
{
    return (uint8_t)(nf_process() % NF_CONNECTION_PROCESSES + 1);
}

/* Whether its close is to be a reset, and it is for this process to make it one. */
static inline bool nf_connection_resets(struct nf_connection *connection)
{
    return nf_connection_mark(connection, NF_RESETS) == nf_connection_process();
}

/* The long way: 0 and the turn is ours, or NET_CANCELED, what the lane remembers, NET_TIMEOUT. */
int nf_lane_enter(struct nf_connection *connection, struct nf_lane *lane, net_deadline deadline);

static inline void nf_lane_leave(struct nf_lane *lane)
{
    nf_turn_leave(&lane->turn);
}

/* See to it that a system call on the lane (`option` is its NF_SO_RCVTIMEO or NF_SO_SNDTIMEO) waits
 * no longer than `deadline`. Returns how to call: 0, or NF_DONTWAIT, to be followed by
 * nf_lane_wait. */
int nf_lane_patience(int fd, struct nf_lane *lane, enum nf_sockopt option, net_deadline deadline);

/* Whether a system call on the lane does so as things are. */
bool nf_lane_has_patience(const struct nf_lane *lane, net_deadline deadline);

/* What wakes the calls of a line that must not be broken; NULL: it may. */
static inline struct nf_wake *nf_connection_wake(const struct nf_connection *connection)
{
    return connection->is_adopted ? connection->wake : NULL;
}

/* A call found nothing: why? 0 once it may be tried again with NF_DONTWAIT; NET_CANCELED;
 * NET_TIMEOUT. */
int nf_lane_wait(struct nf_connection *connection, unsigned want, net_deadline deadline);

/* Slots that all lines share; of a close the last step. */
void nf_connection_cancel(net_socket *socket);
void nf_connection_close(struct nf_connection *connection);
void nf_connection_free_wake(struct nf_connection *connection);
void nf_connection_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

/* The properties that a descriptor answers: kernel options, addresses, port, bytes; of others 0. */
int nf_connection_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                           bool write);

#endif

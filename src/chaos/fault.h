/* A socket with faults, and what its calls share: the limit of bytes and waiting. */
#ifndef NF_CHAOS_FAULT_H
#define NF_CHAOS_FAULT_H

#include "chaos/delay.h"
#include "chaos/dice.h"
#include "chaos/queue.h"
#include "datagram/datagram.h"
#include "wait/deadline.h"
#include "wait/turn.h"

enum { NF_FAULTS = NF_ACCEPT_FAIL - NF_SEED + 1 };

struct nf_chaos {
    struct nf_layer layer;
    bool sends_plainly;       /* no fault concerns sending */
    bool receives_plainly;    /* the same for receiving */
    bool breaks;              /* at the limit it is reset; else it stalls */
    int64_t limit;            /* bytes that pass, both directions together; 0: no limit */
    _Atomic int64_t moved;    /* bytes that have passed, if there is a limit */
    int64_t fault[NF_FAULTS]; /* the options of the address */
    const struct nf_backend *accepted_kind; /* table of what a listener accepts; else NULL */
    _Atomic(net_socket *) pending;   /* a connection whose accept failed: for the next accept */
    _Atomic uint64_t accepted_count; /* connections that a listener has accepted */
    _Atomic uint32_t futex;          /* nf_chaos_sleep sleeps on it; a cancel wakes it */
    struct nf_dice dice_in;
    struct nf_dice dice_out;
    struct nf_dice dice_accept;
    int64_t cut_in; /* bytes up to the next cut of the stream (stream.c); 0: to be rolled */
    int64_t cut_out;
    struct nf_delay *delay;         /* for a stream with a delay, else NULL */
    struct nf_late_queue *queue;    /* for received datagrams that faults concern, else NULL */
    void *packet;                   /* buffer of NF_CHAOS_PACKET_MAX bytes to receive one in */
    struct nf_deferred deferred_in; /* a failure that the socket below reports only once */
    struct nf_deferred deferred_out;
    _Atomic int64_t bytes_in; /* returned to the caller, unless it receives plainly */
    _Atomic int64_t messages_in;
    _Atomic int64_t truncated;
    _Atomic int64_t bytes_lost; /* sent by the caller, and lost here */
    _Atomic int64_t messages_lost;
};

/* In bytes: four times the largest datagram of IP, and more than a unix socket sends by default. */
enum { NF_CHAOS_PACKET_MAX = 256 * 1024 };

static inline int64_t nf_chaos_fault(const struct nf_chaos *self, enum nf_property property)
{
    return self->fault[property - NF_SEED];
}

/* How many bytes may still pass; 0: the connection is reset, or stalled. */
static inline int64_t nf_chaos_room(struct nf_chaos *self)
{
    int64_t left = self->limit - atomic_load(&self->moved);

    return self->limit == 0 ? INT64_MAX : left > 0 ? left : 0;
}

/* Count bytes that have passed below. Returns how many of them are within the limit. The call that
 * reaches the limit resets the connection, if reset-after asks for that. */
int64_t nf_chaos_move(struct nf_chaos *self, int64_t bytes);

/* The result of a call at the limit: NET_RESET at once, or when stalled NET_TIMEOUT or NET_CANCELED
 * after waiting. */
int nf_chaos_over_limit(struct nf_chaos *self, net_deadline deadline);

/* A call of the socket below has failed with `code`. Returns the code for the caller, which is
 * NET_RESET after the limit has broken the connection. */
int nf_chaos_failed(struct nf_chaos *self, int code);

/* Sleep until `moment` (NET_TIMEOUT) or a cancel (NET_CANCELED). */
int nf_chaos_sleep(struct nf_chaos *self, net_deadline moment);

#endif

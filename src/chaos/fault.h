/* A socket with faults, and what its calls share: how much may still go through, waiting, turns. */
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
    bool sends_plainly; /* no fault is asked for in that direction */
    bool receives_plainly;
    bool breaks;                    /* at the limit, else it stalls */
    int64_t limit;                  /* bytes that go through, in both directions; 0: no limit */
    _Atomic int64_t moved;          /* of these */
    int64_t fault[NF_FAULTS];       /* as the address has them */
    const struct nf_backend *calls; /* of a listener: the table of what it picks up */
    _Atomic(net_socket *) waiting;  /* and one it has picked up that nobody was given yet */
    _Atomic uint64_t picked_up;     /* and how many */
    _Atomic uint32_t futex;         /* rung by a cancel for those who sleep on it */
    struct nf_turn in;              /* the fields of a direction are its user's */
    struct nf_turn out;
    struct nf_dice dice_in;
    struct nf_dice dice_out;
    struct nf_dice dice_accept;
    int64_t cut_in; /* bytes left to the next cut of the stream; 0: to be rolled */
    int64_t cut_out;
    struct nf_delay *delay;         /* of a stream with delay, else NULL */
    struct nf_late_queue *queue;    /* of datagrams that are not received plainly, else NULL */
    void *packet;                   /* where they are received: NF_CHAOS_PACKET_MAX bytes */
    struct nf_deferred deferred_in; /* failures of the socket below, told once */
    struct nf_deferred deferred_out;
    _Atomic int64_t bytes_in; /* handed out, of what is not received plainly */
    _Atomic int64_t messages_in;
    _Atomic int64_t truncated;
    _Atomic int64_t bytes_lost; /* sent, and lost on their way */
    _Atomic int64_t messages_lost;
};

/* No datagram of IP is larger than a quarter of it, and what unix sockets send by default fits. */
enum { NF_CHAOS_PACKET_MAX = 256 * 1024 };

static inline int64_t nf_chaos_fault(const struct nf_chaos *self, enum nf_property property)
{
    return self->fault[property - NF_SEED];
}

/* How many bytes may still go through; 0: the connection is broken, or stalled. */
static inline int64_t nf_chaos_room(struct nf_chaos *self)
{
    int64_t left = self->limit - atomic_load(&self->moved);

    return self->limit == 0 ? INT64_MAX : left > 0 ? left : 0;
}

/* So many have gone: how many of them before the limit. What lies beyond it breaks or stalls. */
int64_t nf_chaos_move(struct nf_chaos *self, int64_t bytes);

/* A call beyond the limit: NET_RESET at once, or it waits: NET_TIMEOUT, NET_CANCELED. */
int nf_chaos_beyond(struct nf_chaos *self, net_deadline deadline);

/* A call of the socket below has failed with `code`: the code for the caller. */
int nf_chaos_failed(struct nf_chaos *self, int code);

/* Wait until `moment`, or a cancel: NET_TIMEOUT, NET_CANCELED. */
int nf_chaos_sleep(struct nf_chaos *self, net_deadline moment);

/* Take a turn: 0, NET_TIMEOUT, NET_CANCELED. */
int nf_chaos_enter(struct nf_chaos *self, struct nf_turn *turn, net_deadline deadline);

#endif

/* chaos+SCHEME:// - a layer with faults on order, named in the address, so that programs can be
 * tested against the network's worst days. Where no fault is asked for, each call goes straight to
 * the socket below.
 *
 *   chaos.c            the sockets: opening, picking up, closing, properties, readiness
 *   chaos_tables.c     the schemes
 *   chaos_stream.c     bytes: chunk, and with chaos_delay.c delay
 *   chaos_datagram.c   datagrams: loss, duplicate, and with chaos_queue.c delay and reorder
 *   chaos_dice.c       chance by the seed */
#ifndef NF_CHAOS_CHAOS_H
#define NF_CHAOS_CHAOS_H

#include "chaos/delay.h"
#include "chaos/dice.h"
#include "chaos/queue.h"
#include "datagram/datagram.h"
#include "socket/layer.h"
#include "wait/deadline.h"

/* For the registry. */
extern const struct nf_backend nf_chaos_tcp;
extern const struct nf_backend nf_chaos_udp;
extern const struct nf_backend nf_chaos_unix;
extern const struct nf_backend nf_chaos_unixgram;
extern const struct nf_backend nf_chaos_mem;
extern const struct nf_backend nf_chaos_memgram;

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
    _Atomic uint32_t bell;          /* rung by a cancel for those who sleep on it */
    struct nf_turn in;              /* the fields of a direction are its user's */
    struct nf_turn out;
    struct nf_dice dice_in;
    struct nf_dice dice_out;
    struct nf_dice dice_accept;
    int64_t cut_in; /* bytes left to the next cut of the stream; 0: to be rolled */
    int64_t cut_out;
    struct nf_delay *delay;          /* of a stream with delay, else NULL */
    struct nf_queue *queue;          /* of datagrams that are not received plainly, else NULL */
    void *letter;                    /* where they are received: NF_CHAOS_LETTER bytes */
    struct nf_datagram_kept kept_in; /* failures of the socket below, told once */
    struct nf_datagram_kept kept_out;
    _Atomic int64_t bytes_in; /* handed out, of what is not received plainly */
    _Atomic int64_t messages_in;
    _Atomic int64_t truncated;
    _Atomic int64_t bytes_lost; /* sent, and lost on their way */
    _Atomic int64_t messages_lost;
};

/* No datagram of IP is larger than a quarter of it, and what unix sockets send by default fits. */
enum { NF_CHAOS_LETTER = 256 * 1024 };

static inline int64_t nf_chaos_fault(const struct nf_chaos *self, enum nf_word word)
{
    return self->fault[word - NF_SEED];
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

/* Slots of all of them. */
int nf_chaos_connect(net_socket *socket, const struct nf_target *target, net_deadline deadline);
int nf_chaos_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline);
net_socket *nf_chaos_accept(net_socket *socket, net_deadline deadline);
int nf_chaos_shutdown(net_socket *socket);
void nf_chaos_cancel(net_socket *socket);
int nf_chaos_close(net_socket *socket, net_deadline deadline);
int nf_chaos_property(net_socket *socket, enum nf_word word, struct nf_value *value, bool write);
void nf_chaos_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

/* Slots of streams. */
ssize_t nf_chaos_stream_send(net_socket *socket, const net_slice *slices, int count,
                             net_deadline deadline);
ssize_t nf_chaos_stream_recv(net_socket *socket, void *buffer, size_t size, int until,
                             net_deadline deadline);

/* Slots of datagram sockets, and of their listeners. */
ssize_t nf_chaos_datagram_send(net_socket *socket, const net_slice *slices, int count,
                               net_deadline deadline);
ssize_t nf_chaos_datagram_recv(net_socket *socket, void *buffer, size_t size, int until,
                               net_deadline deadline);
int nf_chaos_send_messages(net_socket *socket, const net_message *messages, int count,
                           net_deadline deadline);
int nf_chaos_recv_messages(net_socket *socket, net_message *messages, int count,
                           net_deadline deadline);

/* With the turn `in`, as its holder or nobody else can be: take what is there below, without
 * waiting. Whether there is something to hand out. */
bool nf_chaos_stream_pull(struct nf_chaos *self);
bool nf_chaos_datagram_pull(struct nf_chaos *self);

#endif

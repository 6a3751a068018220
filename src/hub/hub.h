/* A hub: what a listener of datagrams and the peers it accepted share. Most hubs have one
 * descriptor for all of them; the hub of memgram:// (wires/memgram.c) has none. A hub knows nothing
 * of streams.
 *
 * Any call that reads the descriptor may receive a datagram for another socket, so each sender has
 * a queue of its own:
 *
 *     kernel --batch--> the reader --sort--> queue of B ----> B's call
 *                             |              queue of C ----> C's call
 *                             |              queue of a stranger: the listener's calls
 *                             '--direct--> the buffers of the call that reads
 *
 * A stranger is a remote address that is not accepted; an accepted one is a peer. A member is a
 * socket of the hub: the listener, or the socket of a peer.
 *
 * The lock: a hub has one lock. No function takes another lock while it holds this one, and no
 * thread waits for the network with it.
 *
 * The reader: a call that finds its queue empty becomes the reader, and reads a batch for all
 * members. There is at most one at a time (`reading`). It reads with the lock released, takes the
 * lock, and sorts the batch into the queues. The other calls sleep, each on the futex word of its
 * member. A call that returns while nobody reads wakes one of the sleepers, which reads next. A
 * poller reads when its wait finds the descriptor readable. If a call is the reader and only waits,
 * the poller reads in its place, with the lock held: the system may not run that thread for long.
 *
 * The packets: those of the last batch are borrowed (packet.h): their bytes stay in the batch. What
 * is still queued is spilled (copied) before the next batch is read. A datagram that is received in
 * time is therefore copied once.
 *
 *   hub.c          creating and freeing a hub, forks, waiting
 *   deliver.c      putting a packet into its sender's queue, spilling the batch
 *   accept.c       strangers become peers; peers expire
 *   member.c       what the listener and the peers share; listener.c, peer.c: where they differ
 *   descriptor.c   a hub on a descriptor: opening, sending, readiness; reader.c: reading; share.c:
 *                  what one member may use of the send buffer */
#ifndef NF_HUB_HUB_H
#define NF_HUB_HUB_H

#include "datagram/datagram.h"
#include "hub/packet.h"
#include "hub/share.h"
#include "name/table.h"
#include "os/mutex.h"
#include "os/wake.h"
#include "socket/counter.h"

/* The options and properties that all sockets of a hub have. */
#define NF_HUB_OPTIONS                                                                             \
    (NF_OPTION(NF_PEERS) | NF_OPTION(NF_QUEUE) | NF_OPTION(NF_TOTAL) | NF_OPTION(NF_STRANGERS) |   \
     NF_OPTION(NF_IDLE))
#define NF_HUB_PROPERTIES                                                                          \
    (NF_PROPERTY(NF_ADMIT) | NF_PROPERTY(NF_MESSAGES_SENT) | NF_PROPERTY(NF_MESSAGES_RECEIVED) |   \
     NF_PROPERTY(NF_DROPPED_QUEUE) | NF_PROPERTY(NF_DROPPED_STRANGERS) |                           \
     NF_PROPERTY(NF_TRUNCATED))

/* A remote address in the table, with its queue: a stranger or an accepted peer. */
struct nf_remote {
    struct nf_entry entry;
    struct nf_queue queue;
};

/* A remote that is not accepted: it has sent a datagram, or it is admitted. */
struct nf_stranger {
    struct nf_remote remote;
    struct nf_addr addr;
    bool is_admitted; /* the next accepts take it before all others, even with an empty queue */
    struct nf_stranger *next_admitted;
};

/* The stranger that has this queue. */
static inline struct nf_stranger *nf_stranger_of(struct nf_queue *queue)
{
    return (struct nf_stranger *)(void *)((char *)queue - offsetof(struct nf_remote, queue));
}

/* A socket of a hub: the listener or an accepted peer. The counters are written with the lock held
 * or atomically. */
struct nf_member {
    net_socket head;
    struct nf_hub *hub;
    _Atomic uint32_t changes; /* a futex word: it changes with each event that ends a sleep */
    uint32_t sleepers;
    _Atomic int64_t bytes_in;
    _Atomic int64_t bytes_out;
    _Atomic int64_t messages_in;
    _Atomic int64_t messages_out;
    _Atomic int64_t truncated;
};

/* The socket of an accepted peer. After `idle` ms without a datagram from the peer, the hub clears
 * `accepted` in its entry. */
struct nf_peer {
    struct nf_member member;
    struct nf_remote remote; /* its address is the name of the head */
    struct nf_link heard;    /* in the hub's list of peers, by the time of their last datagram */
    net_deadline heard_at;
    struct nf_addr local; /* our address that its last datagram was sent to */
};

_Static_assert(sizeof(void *) > 8 || sizeof(struct nf_peer) <= 232,
               "a peer and what malloc adds are 240 bytes");

/* The sender of a datagram, and a buffer for its name if it has one. */
struct nf_source {
    struct nf_addr addr;
    char room[NF_ADDR_NAME_MAX];
};

/* A thread that sleeps until the futex word of a member changes. */
struct nf_sleeper {
    struct nf_link link;
    struct nf_member *member;
};

/* The buffers of a call that receives strangers' datagrams. The reader fills them directly, without
 * a queue, while no other call waits for such datagrams and none are queued. */
struct nf_direct {
    struct nf_member *listener;
    net_message *messages;
    int count;
    int filled;
};

/* Whether what a call of this member waits for is there. The lock is held. */
typedef bool nf_condition(const struct nf_member *member);

/* A call in nf_hub_wait. */
struct nf_pending {
    struct nf_member *member;
    nf_condition *is_met;
    struct nf_direct *direct;
    net_deadline deadline;
    struct nf_pace pace; /* of what it has read for all since its deadline */
};

/* Whether the call can return. */
static inline bool nf_pending_is_done(const struct nf_pending *call)
{
    return call->is_met(call->member) || (call->direct != NULL && call->direct->filled > 0);
}

/* How a hub sends, waits and ends: over a descriptor (descriptor.h), or in the memory of this
 * process (wires/memgram.c). */
struct nf_hub_ops {
    /* Send one datagram, or many, from a member. The length, or the number of messages; or a code.
     */
    ssize_t (*send)(struct nf_member *member, const net_slice *slices, int count,
                    const struct nf_route *route, net_deadline deadline);
    int (*send_messages)(struct nf_member *member, nf_datagram_find_route *find_route,
                         const net_message *messages, int count, net_deadline deadline);

    /* The lock held: one step towards what a call waits for, which may release the lock. 0: look
     * again; or a code. */
    int (*step)(struct nf_pending *call);

    /* The lock held: a call returns. If it read for the others, one of them has to go on. */
    void (*leave)(struct nf_hub *hub);

    /* Fill in, for a member and `interest`: NF_OUT, where more datagrams come from, and when to ask
     * again. Called without the lock. */
    void (*ready)(struct nf_member *member, unsigned interest, struct nf_readiness *out);

    /* The last member has closed: free what the functions of this table hold. */
    void (*close)(struct nf_hub *hub);
};

struct nf_hub {
    struct nf_common common; /* for pollers; must be first */
    struct nf_mutex lock;
    _Atomic int process; /* the process that created the hub, or that waited on it last */
    const struct nf_hub_ops *ops;
    int fd;                              /* -1: none */
    const struct nf_datagram_kind *kind; /* of the descriptor */
    void *ops_data;                      /* data of the functions in `ops` */
    struct nf_addr name;
    const struct nf_backend *peer_table;
    struct nf_addr group_source; /* as the address gave it */
    struct nf_share share;
    struct nf_standing standing; /* of the listener */
    _Atomic uint64_t refusal;    /* see nf_datagram_sender */
    struct nf_wake wake;         /* wakes the reader */
    bool v6;
    bool wildcard; /* bound to a wildcard or a group: an answer must name its source address */
    bool reading;  /* a thread reads, or waits to read: the reader */
    _Atomic bool reader_waits;     /* it waits, and does not touch the batch meanwhile */
    bool drained;                  /* the last read left nothing in the kernel */
    _Atomic bool is_lock_orphaned; /* in a forked child: a thread of the parent holds it */
    /* An accept has failed because `peers` are taken: see is_readable in listener.c. */
    _Atomic bool lacks_place;
    _Atomic uint32_t reads; /* a futex word: it changes when the reader has read */
    int pollers_wait;       /* pollers that sleep on it */
    int overdue;            /* arrivals read since the longest silent peer should have expired */
    _Atomic int members;    /* the sockets that are not closed yet */
    struct nf_member *listener; /* NULL once closed */
    struct nf_list asleep;
    struct nf_table table;     /* strangers and accepted peers */
    struct nf_list heard;      /* accepted peers, the longest silent first */
    int64_t option[NF_IP_END]; /* of the address; the bounds are among them */
    int64_t accepted;
    struct nf_stranger *first_admitted;
    struct nf_stranger *last_admitted;
    int64_t admitted;
    const struct nf_member *sorts_for; /* the member that read the batch, while it is sorted */
    struct nf_direct *direct;          /* and the buffers of its call, or NULL */
    struct nf_pool peers;              /* what is queued for accepted peers */
    struct nf_pool strangers;
    int64_t too_long;           /* datagrams dropped: a batch has no room for them */
    struct nf_batch *batch;     /* allocated by the first read */
    struct nf_packet *borrowed; /* the packets of the last batch */
    int borrowed_count;         /* how many */
};

static inline struct nf_hub *nf_hub_of(net_socket *socket)
{
    return ((struct nf_member *)socket)->hub;
}

/* ---- hub.c ---- */

/* Create a listener's hub. It owns the name. The sockets that it accepts get `peer_table`. On
 * failure NULL; the cause is recorded and the name dropped. */
struct nf_hub *nf_hub_new(net_socket *listener, const struct nf_target *target,
                          const struct nf_addr *name, const struct nf_hub_ops *ops,
                          const struct nf_backend *peer_table);

/* Free the hub, but not its members and their queues. Call `close` of its operations before. */
void nf_hub_free(struct nf_hub *hub);

/* Lock a hub to close a member. False in a forked child if a thread of the parent held the lock at
 * the fork: then the memory of the member stays as it is. */
bool nf_hub_lock_to_close(struct nf_hub *hub);

/* The lock held: make this process the hub's owner. After a fork the reader and the sleepers are
 * threads of the other process, and are forgotten here. */
void nf_hub_own(struct nf_hub *hub);

/* Change the member's futex word, wake up to `count` of its sleepers, and notify its pollers. */
void nf_hub_wake(struct nf_member *member, int count);

/* The lock held, released meanwhile: sleep until the member is woken, or until `until`. */
void nf_hub_sleep(struct nf_member *member, net_deadline until);

/* The lock held: wait until `is_met`, or until `direct` (may be NULL) has a message. 0,
 * NET_CANCELED, NET_TIMEOUT or a code. */
int nf_hub_wait(struct nf_member *member, nf_condition *is_met, struct nf_direct *direct,
                net_deadline deadline);

/* The same for a call that waits more than once: its pace goes on. */
int nf_hub_wait_again(struct nf_pending *call);

/* The lock held: count a datagram of `length` bytes, received into a buffer of `size`. */
static inline void nf_member_count(struct nf_member *member, size_t length, size_t size)
{
    nf_count(&member->bytes_in, (int64_t)length);
    nf_count(&member->messages_in, 1);
    if (length > size) {
        nf_count(&member->truncated, 1);
    }
}

/* ---- accept.c ---- */

/* Add a stranger with an address that is not in the table yet. NULL: no memory. */
struct nf_stranger *nf_hub_add_stranger(struct nf_hub *hub, const struct nf_addr *from);

/* Remove and free a stranger, unless it is admitted or has datagrams queued. */
void nf_hub_forget(struct nf_hub *hub, struct nf_stranger *stranger);

/* Accept this address before all strangers that are not admitted. 0, also when it is accepted
 * already; or NET_LIMIT. */
int nf_hub_admit(struct nf_hub *hub, const struct nf_addr *remote);

/* Whether there is a stranger to accept. */
static inline bool nf_hub_has_candidate(const struct nf_hub *hub)
{
    return hub->first_admitted != NULL || hub->strangers.packets.first != NULL;
}

/* Make `peer`, a new socket, the socket of the stranger that was admitted first or, if none is
 * admitted, of the one whose datagram is the oldest. There must be a stranger. The peer gets the
 * stranger's queued datagrams. */
void nf_hub_accept(struct nf_hub *hub, struct nf_peer *peer, net_deadline now);

/* Expire the peers that were silent for `idle` at the moment `now`. Everything that had arrived by
 * then must be sorted.
 *
 * nf_hub_next_expiry: the moment at which the next one will have been silent so long, or
 * NET_FOREVER. */
void nf_hub_expire(struct nf_hub *hub, net_deadline now);
net_deadline nf_hub_next_expiry(const struct nf_hub *hub);

/* Take a peer, or all strangers, out of the hub and free what is queued of them. */
void nf_hub_remove_peer(struct nf_peer *peer);
void nf_hub_remove_strangers(struct nf_hub *hub);

/* ---- deliver.c ---- */

/* Put a packet into its sender's queue, and take ownership of it. Datagrams for which the bounds
 * leave no room are dropped and counted. The bounds do not apply to datagrams for the member whose
 * call read the batch: the call waits for one of them, and the bytes of the others are borrowed, so
 * they cost no memory yet. nf_hub_spill applies the bounds to what is still queued of them. `hash`
 * is the hash of `from`. */
void nf_hub_deliver(struct nf_hub *hub, const struct nf_addr *from, uint32_t hash,
                    struct nf_packet *packet, net_deadline now);

/* Free the batch for the next read: spill what is still queued of it, as far as the bounds allow;
 * drop and count the rest. 0, or NET_LIMIT if there is no memory, and some of it stays. */
int nf_hub_spill(struct nf_hub *hub);

/* Take the oldest datagram of all strangers; there must be one. Like nf_queue_take. */
size_t nf_hub_take_stranger(struct nf_hub *hub, void *buffer, size_t size, struct nf_source *from,
                            struct nf_addr *local);

/* A message has received a datagram of `length` bytes: set its size and endpoint, and count it. */
void nf_hub_fill(struct nf_member *member, net_message *message, size_t length,
                 const struct nf_addr *from, const struct nf_addr *local);

#endif

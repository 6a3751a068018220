/* One descriptor, many peers: what a listener of datagrams and the sockets it accepted share. A
 * datagram for B may be read by a call of A:
 *
 *     kernel --batch--> whoever reads --sort--> queue of B ----> B's call
 *                            |                  queue of C ----> C's call
 *                            |                  queue of a stranger: the listener's calls
 *                            '--direct--> the caller's own buffers
 *
 * The lock: there is one, and nothing is called while it is held that takes another. Whoever holds
 * it never waits for the network.
 *
 * The reader: a thread that wants a datagram and finds its queue empty reads the descriptor for
 * all. There is one at a time (`reading`); it reads with the lock released, then takes it and sorts
 * what it got. The others sleep, each on the futex word of the socket it waits for. Whoever leaves
 * while nobody reads and others sleep wakes one of them to read.
 *
 * The packets: those of the last batch are borrowed (packet.h). They are spilled before the next
 * batch is read, so what its owner takes in time is copied once.
 *
 *   hub.c          the hub's life, and waiting
 *   deliver.c      a packet to its sender's queue, and out of the batch
 *   accept.c       from stranger to peer, and away
 *   member.c       what listener and peers do alike; listener.c and peer.c what they do differently
 *   descriptor.c   a hub on a descriptor: opening, sending, readiness; reader.c: reading
 *
 * A hub without a descriptor stands on the memory of this process: wires/memgram.c. */
#ifndef NF_HUB_HUB_H
#define NF_HUB_HUB_H

#include "datagram/datagram.h"
#include "hub/packet.h"
#include "hub/table.h"
#include "os/mutex.h"
#include "os/wake.h"
#include "socket/counter.h"

/* Of all sockets of hubs. */
#define NF_HUB_OPTIONS                                                                             \
    (NF_OPTION(NF_PEERS) | NF_OPTION(NF_QUEUE) | NF_OPTION(NF_TOTAL) | NF_OPTION(NF_STRANGERS) |   \
     NF_OPTION(NF_IDLE))
#define NF_HUB_PROPERTIES                                                                          \
    (NF_PROPERTY(NF_ADMIT) | NF_PROPERTY(NF_MESSAGES_SENT) | NF_PROPERTY(NF_MESSAGES_RECEIVED) |   \
     NF_PROPERTY(NF_DROPPED_QUEUE) | NF_PROPERTY(NF_DROPPED_STRANGERS) |                           \
     NF_PROPERTY(NF_TRUNCATED))

/* Whoever writes to us, as the table knows it: a stranger or an accepted peer. */
struct nf_remote {
    struct nf_entry entry;
    struct nf_queue queue;
};

/* It wrote, and nobody accepted it. */
struct nf_stranger {
    struct nf_remote remote;
    struct nf_addr addr;
    bool is_admitted; /* the next accepts take it, first of all, with or without packets */
    struct nf_stranger *next_admitted;
};

/* A socket on a hub: the listener or an accepted peer. */
struct nf_member {
    net_socket head;
    struct nf_hub *hub;
    _Atomic uint32_t changes; /* a futex word: it changes with whatever its sleepers should know */
    uint32_t sleepers;
    _Atomic int64_t bytes_in;
    _Atomic int64_t bytes_out;
    _Atomic int64_t messages_in;
    _Atomic int64_t messages_out;
    _Atomic int64_t truncated;
};

/* An accepted socket. Once its peer was silent for `idle`, its entry is accepted no more. */
struct nf_peer {
    struct nf_member member;
    struct nf_remote remote; /* whose address is the name of the head */
    struct nf_link heard;    /* among the hub's peers, by when they were heard */
    net_deadline heard_at;
    struct nf_addr local; /* where its last datagram was sent to */
};

/* Who sent a datagram, and room for its name where it has one. */
struct nf_source {
    struct nf_addr addr;
    char room[NF_ADDR_NAME_MAX];
};

/* A thread that sleeps until the futex word of a member changes. */
struct nf_sleeper {
    struct nf_link link;
    struct nf_member *member;
};

/* Where whoever reads for strangers' datagrams takes them at once, when nobody else waits for them
 * and none wait: they need no place in the hub then. */
struct nf_direct {
    struct nf_member *listener;
    net_message *messages;
    int count;
    int filled;
};

/* Whether a member has what it waits for. */
typedef bool nf_condition(const struct nf_member *member);

/* A call that waits. */
struct nf_pending {
    struct nf_member *member;
    nf_condition *is_met;
    struct nf_direct *direct;
    net_deadline deadline;
    int arrivals; /* it has read */
};

/* Whether it need not wait any more. */
static inline bool nf_pending_is_done(const struct nf_pending *call)
{
    return call->is_met(call->member) || (call->direct != NULL && call->direct->filled > 0);
}

/* What a hub stands on: a descriptor (descriptor.h), or the memory of this process. */
struct nf_ground {
    /* Send one datagram, or many, from a member. Its length, or how many; or a code. */
    ssize_t (*send)(struct nf_member *member, const net_slice *slices, int count,
                    const struct nf_route *route, net_deadline deadline);
    int (*send_messages)(struct nf_member *member, nf_datagram_find_route *find_route,
                         const net_message *messages, int count, net_deadline deadline);

    /* The lock held: one step towards what a call waits for. 0 to look again, or why not. */
    int (*step)(struct nf_pending *call);

    /* The lock held, a call leaves: somebody else may have to go on with what it did for all. */
    void (*leave)(struct nf_hub *hub);

    /* Of the readiness of a member for `interest` what is the ground's: NF_OUT, where more comes
     * from, and when to ask again. Without the lock. */
    void (*ready)(struct nf_hub *hub, unsigned interest, struct nf_readiness *out);

    /* The last member has gone: give back what is the ground's. */
    void (*close)(struct nf_hub *hub);
};

struct nf_hub {
    struct nf_common common; /* for pollers; its descriptor is ours */
    struct nf_mutex lock;
    _Atomic int process; /* whose it is: that made it, or waited for its datagrams last */
    const struct nf_ground *ground;
    int fd;      /* -1: the ground has none */
    void *place; /* the ground's own */
    bool v6;
    bool wildcard; /* answers must say where they come from: of a wildcard, and of a group */
    struct nf_addr name;
    const struct nf_backend *peer_table;
    struct nf_addr group_source;     /* as the address had it */
    _Atomic net_deadline full_until; /* a named peer's queue is taken to be full until then */
    _Atomic uint64_t refusal;        /* see nf_datagram_sender */
    struct nf_wake wake;             /* for whoever reads */
    bool reading;                    /* somebody does */
    _Atomic bool is_full;            /* an accept was told so: waiting strangers are no news */
    int overdue;                     /* arrivals since the oldest peer should have ended */
    _Atomic bool is_lock_orphaned;   /* a forked child's: nobody will give the lock back */
    _Atomic int members;             /* sockets not closed yet */
    struct nf_member *listener;      /* NULL once closed */
    struct nf_list asleep;
    struct nf_table table;    /* strangers and accepted peers */
    struct nf_list heard;     /* accepted peers, the longest silent first */
    int64_t bound[NF_BOUNDS]; /* peers, queue, total, strangers, idle */
    int64_t accepted;
    struct nf_stranger *first_admitted;
    struct nf_stranger *last_admitted;
    int64_t admitted;
    const struct nf_member *reader; /* for whom the batch was read, while it is sorted */
    struct nf_direct *direct;       /* and where its own goes, or NULL */
    struct nf_pool peers;           /* what waits for accepted peers */
    struct nf_pool strangers;
    int64_t too_long;           /* datagrams dropped that no batch has room for */
    struct nf_batch *batch;     /* from the first need on */
    struct nf_packet *borrowed; /* the packets of the last batch, */
    int borrowings;             /* so many */
    bool drained;               /* the last read took all that the kernel had */
};

static inline struct nf_hub *nf_hub_of(net_socket *socket)
{
    return ((struct nf_member *)socket)->hub;
}

/* ---- hub.c ---- */

/* A listener's hub, with its name, which the hub keeps; the sockets that it accepts get that table.
 * NULL, and the cause is recorded and the name dropped. */
struct nf_hub *nf_hub_new(net_socket *listener, const struct nf_target *target,
                          const struct nf_addr *name, const struct nf_ground *ground,
                          const struct nf_backend *peer_table);

/* Free all that a hub holds but its members and their queues; its ground is closed before. */
void nf_hub_free(struct nf_hub *hub);

/* Lock a hub to close a member. False in a forked child whose parent held the lock at that moment:
 * then the member's memory is left as it is. */
bool nf_hub_lock_to_close(struct nf_hub *hub);

/* The lock held, in the process that uses the hub now: after a fork its reader and its sleepers are
 * threads that only the other process has. */
void nf_hub_own(struct nf_hub *hub);

/* Tell whoever waits for the member; `count` of those who sleep wake. */
void nf_hub_wake(struct nf_member *member, int count);

/* The lock held: sleep until the member is told something, or `until`. */
void nf_hub_sleep(struct nf_member *member, net_deadline until);

/* The lock held: wait until the condition is met. 0, NET_CANCELED, NET_TIMEOUT or a code. `direct`
 * may be NULL; something in it is a condition met. */
int nf_hub_wait(struct nf_member *member, nf_condition *is_met, struct nf_direct *direct,
                net_deadline deadline);

/* The lock held: a datagram of `length` bytes went into a buffer of `size`. */
static inline void nf_member_count(struct nf_member *member, size_t length, size_t size)
{
    nf_count(&member->bytes_in, (int64_t)length);
    nf_count(&member->messages_in, 1);
    if (length > size) {
        nf_count(&member->truncated, 1);
    }
}

/* ---- accept.c ---- */

/* The stranger of an address that is in no table yet; NULL: no memory. */
struct nf_stranger *nf_hub_meet(struct nf_hub *hub, const struct nf_addr *from);

/* Forget a stranger of whom nothing waits any more. */
void nf_hub_forget(struct nf_hub *hub, struct nf_stranger *stranger);

/* Let a stranger be accepted before all who are not admitted: 0, also when it is accepted already;
 * NET_LIMIT. */
int nf_hub_admit(struct nf_hub *hub, const struct nf_addr *remote);

/* Whether somebody could be accepted. */
static inline bool nf_hub_has_callers(const struct nf_hub *hub)
{
    return hub->first_admitted != NULL || hub->strangers.packets.first != NULL;
}

/* Make `peer`, fresh, the socket of the stranger that was admitted first, or else of the one that
 * wrote first of all. What waits of it becomes the peer's. */
void nf_hub_accept(struct nf_hub *hub, struct nf_peer *peer, net_deadline now);

/* End the peers that were silent for `idle` at the moment `now`, up to which all that had come was
 * sorted; and when the next of them will have been. */
void nf_hub_expire(struct nf_hub *hub, net_deadline now);
net_deadline nf_hub_next_end(const struct nf_hub *hub);

/* Take a peer, or all strangers, out of the hub and free what waits. */
void nf_hub_remove_peer(struct nf_peer *peer);
void nf_hub_remove_strangers(struct nf_hub *hub);

/* ---- deliver.c ---- */

/* Put a packet, which is the hub's from now on, into its sender's queue; what there is no room for
 * is dropped and counted. What whoever reads is to have itself always has room, for it is there to
 * take it, and costs nothing as long as it is borrowed. `hash` is that of the sender in the table.
 */
void nf_hub_deliver(struct nf_hub *hub, const struct nf_addr *from, uint32_t hash,
                    struct nf_packet *packet, net_deadline now);

/* Deliver the `arrivals` of the batch, read for `reader`; both it and `direct` may be NULL. */
void nf_hub_sort(struct nf_hub *hub, const struct nf_member *reader, int arrivals,
                 struct nf_direct *direct, net_deadline now);

/* Make the batch free for the next one: what still waits in it is spilled, as far as the bounds let
 * it; the rest is dropped and counted. 0, or NET_LIMIT and some of it stays. */
int nf_hub_spill(struct nf_hub *hub);

/* Take the oldest datagram of all strangers; there is one. As nf_queue_take. */
size_t nf_hub_take_stranger(struct nf_hub *hub, void *buffer, size_t size, struct nf_source *from,
                            struct nf_addr *local);

/* A datagram of `length` bytes was put into a message. */
void nf_hub_fill(struct nf_member *member, net_message *message, size_t length,
                 const struct nf_addr *from, const struct nf_addr *local);

#endif

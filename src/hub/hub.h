/* One descriptor, many peers: what a udp listener and the sockets it accepted share.
 *
 * Lock order: the hub's lock is the only one, and nothing is called while it is held that takes
 * another. Whoever holds it never waits for the network.
 *
 * The postman: a thread that wants a datagram and finds its queue empty reads the descriptor for
 * all. There is one at a time (`postman`); he reads with the lock released, then takes it and sorts
 * what he got. The others sleep on the bell of the socket they wait for. Whoever leaves with the
 * chair empty while others sleep wakes one of them to take it. */
#ifndef NF_HUB_HUB_H
#define NF_HUB_HUB_H

#include "socket/backend.h"
#include "hub/packet.h"
#include "hub/table.h"
#include "os/batch.h"
#include "os/mutex.h"
#include "os/wake.h"

/* The words of a hub's sockets, whatever their addresses. */
#define NF_HUB_WORDS                                                                               \
    (NF_WORD(NF_PEERS) | NF_WORD(NF_QUEUE) | NF_WORD(NF_TOTAL) | NF_WORD(NF_STRANGERS) |           \
     NF_WORD(NF_IDLE) | NF_WORD(NF_ADMIT) | NF_WORD(NF_MESSAGES_SENT) |                            \
     NF_WORD(NF_MESSAGES_RECEIVED) | NF_WORD(NF_DROPPED_QUEUE) | NF_WORD(NF_DROPPED_STRANGERS) |   \
     NF_WORD(NF_TRUNCATED))

/* Somebody who wrote, and whom nobody accepted. */
struct nf_stranger {
    struct nf_entry entry;
    struct nf_mailbox mail;
    struct nf_addr remote;
    bool is_admitted; /* whom the next accepts take, first of all, mail or no mail */
    struct nf_stranger *next_admitted;
};

/* A socket on a hub: the listener or an accepted peer. */
struct nf_member {
    net_socket head;
    struct nf_hub *hub;
    _Atomic uint32_t bell; /* changes with whatever its sleepers should know */
    uint32_t sleepers;
    _Atomic int64_t bytes_in;
    _Atomic int64_t bytes_out;
    _Atomic int64_t messages_in;
    _Atomic int64_t messages_out;
    _Atomic int64_t truncated;
};

/* Who sent a datagram, and room for his name where he has one. */
struct nf_sender {
    struct nf_addr addr;
    char room[NF_ADDR_NAME_MAX];
};

/* Somebody who was accepted; once he was silent for `idle`, his entry is so no more. */
struct nf_peer {
    struct nf_member member;
    struct nf_entry entry; /* its remote is the name of the head */
    struct nf_mailbox mail;
    net_deadline heard; /* when his last datagram came */
    struct nf_peer *newer;
    struct nf_peer *older;
    struct nf_addr local; /* where it was sent to */
    int64_t dropped;
};

/* Somebody who sleeps until the bell of a member changes. */
struct nf_sleeper {
    struct nf_member *member;
    struct nf_sleeper *next;
    struct nf_sleeper *previous;
};

/* Where a postman who reads for strangers' datagrams takes them at once, when nobody else waits for
 * them and none wait: they need no place in the hub then. */
struct nf_sink {
    struct nf_member *listener;
    net_message *messages;
    int count;
    int filled;
};

/* How a hub without a descriptor sends: it delivers to the hubs of others by itself. */
struct nf_hub_post {
    ssize_t (*send)(struct nf_hub *from, const struct nf_addr *to, const net_slice *slices,
                    int count);
    void (*close)(struct nf_hub *hub); /* nobody will deliver to it any more */
};

struct nf_hub {
    struct nf_common common; /* for pollers; its descriptor is ours */
    struct nf_mutex lock;
    _Atomic int process; /* whose it is: that made it, or waited for its datagrams last */
    int fd;              /* or -1, and then there is `post` */
    const struct nf_hub_post *post;
    void *place; /* of the post's */
    bool v6;
    bool wildcard; /* answers must say where they come from: of a wildcard, and of a group */
    struct nf_addr name;
    const struct nf_backend *peers; /* the table of those it accepts */
    _Atomic net_deadline crowded;   /* until when a named peer's queue is taken to be full */
    struct nf_addr group_source;    /* as the address had it */
    struct nf_wake wake;            /* for the postman */
    bool postman;
    _Atomic bool is_full; /* an accept was told so: the strangers who wait are no news */
    int overdue;          /* arrivals since the oldest peer should have ended */
    _Atomic bool haunted; /* a forked child's: the lock is held by nobody who will give it back */
    _Atomic int members;  /* sockets not closed yet */
    struct nf_member *listener; /* NULL once closed */
    struct nf_sleeper *asleep;
    struct nf_table table;  /* strangers and accepted peers */
    struct nf_peer *oldest; /* accepted peers by when they were heard */
    struct nf_peer *newest;
    int64_t bound[NF_BOUNDS]; /* peers, queue, total, strangers, idle */
    int64_t accepted;
    struct nf_stranger *first_admitted;
    struct nf_stranger *last_admitted;
    int64_t admitted;
    const struct nf_member *reader; /* for whom the postman reads, while he sorts */
    struct nf_sink *sink;           /* and his, or NULL */
    struct nf_load queued;          /* what waits for all accepted peers together */
    struct nf_mailbox strangers;    /* all their letters, in order of arrival by `newer` */
    int64_t dropped_queue;
    int64_t dropped_strangers;
    int64_t too_long;         /* datagrams dropped that no batch has room for */
    struct nf_batch *batch;   /* the postman's, from the first need on */
    struct nf_letter *tray;   /* the letters of what lies in it */
    int in_tray;              /* so many of them, or fewer by now */
    bool drained;             /* the last read took all that the kernel had */
    _Atomic uint64_t refusal; /* see nf_datagram_sender */
};

/* Lock a hub to close a member. False in a forked child whose parent held the lock at that moment:
 * then the member's memory is left as it is. */
bool nf_hub_lock_to_close(struct nf_hub *hub);

/* Sort a letter, which is the hub's from now on: to its sender's box, or to the strangers'; what
 * there is no room for is dropped and counted. What the reader himself is to have always has room,
 * for he is there to take it, and in the tray it costs nothing. `hash` is that of the sender in the
 * table. */
void nf_hub_deliver(struct nf_hub *hub, const struct nf_addr *from, uint32_t hash,
                    struct nf_letter *letter, net_deadline now);

/* Make the tray free for the next batch: what still waits in it moves out, as far as there is room
 * for it; the rest is dropped and counted. 0, or NET_LIMIT and some of it stays. */
int nf_hub_clear_tray(struct nf_hub *hub);

/* End the peers that were silent for `idle` at the moment `now`, up to which all that had come was
 * sorted; and when the next of them will have been. */
void nf_hub_expire(struct nf_hub *hub, net_deadline now);
net_deadline nf_hub_next_end(const struct nf_hub *hub);

/* Take the oldest datagram of a peer, or of all strangers, which must have one: copy as much of it
 * as fits, return its length. */
size_t nf_hub_take_from(struct nf_peer *peer, void *buffer, size_t size, struct nf_addr *local);
size_t nf_hub_take_stranger(struct nf_hub *hub, void *buffer, size_t size, struct nf_sender *from,
                            struct nf_addr *local);

/* Let a stranger be accepted before all who are not admitted: 0, also when he is accepted already;
 * NET_LIMIT. */
int nf_hub_admit(struct nf_hub *hub, const struct nf_addr *remote);

/* Whether somebody could be accepted. */
static inline bool nf_hub_has_callers(const struct nf_hub *hub)
{
    return hub->first_admitted != NULL || hub->strangers.first != NULL;
}

/* Make `peer`, fresh, the socket of the stranger who was admitted first, or else of him who wrote
 * first of all: his letters become its mail. */
void nf_hub_accept(struct nf_hub *hub, struct nf_peer *peer, net_deadline now);

/* Take a peer, or all strangers, out of the hub and free what waits. */
void nf_hub_remove_peer(struct nf_peer *peer);
void nf_hub_remove_strangers(struct nf_hub *hub);

/* udp_member.c: put a letter's datagrams into the sink, as many as it takes. */
void nf_hub_pour(struct nf_sink *sink, const struct nf_addr *from, struct nf_letter *letter);

/* Tell whoever waits for the member; `count` of those who sleep wake. */
void nf_hub_ring(struct nf_member *member, int count);

/* Whether a member has what it waits for. */
typedef bool nf_errand(const struct nf_member *member);

/* udp_postman.c, the lock held: wait until the errand is done. 0, NET_CANCELED, NET_TIMEOUT or a
 * code. `sink` may be NULL; something in it is an errand done. */
int nf_hub_wait(struct nf_member *member, nf_errand *is_done, struct nf_sink *sink,
                net_deadline deadline);

/* The lock held, in the process that uses the hub now: after a fork its postman and its sleepers
 * are threads that only the other process has. */
void nf_hub_own(struct nf_hub *hub);

/* udp_postman.c: read a batch for all, unless somebody is about to; end whom it is time for. The
 * moment at which to do so again at the latest. */
net_deadline nf_hub_pump(struct nf_common *common);

#endif

/* One descriptor, many peers: what a udp listener and the sockets it accepted share.
 *
 * Lock order: the hub's lock is the only one, and nothing is called back while it is held but
 * nf_notice.ring. Whoever holds it never waits for the network.
 *
 * The postman: a thread that wants a datagram and finds its queue empty reads the descriptor for
 * all. There is one at a time (`postman`); he reads with the lock released, then takes it and sorts
 * what he got. The others sleep on the bell of the socket they wait for. Whoever leaves with the
 * chair empty while others sleep wakes one of them to take it. */
#ifndef NF_BACKENDS_UDP_HUB_H
#define NF_BACKENDS_UDP_HUB_H

#include "backends/backend.h"
#include "backends/udp_table.h"
#include "os/mutex.h"
#include "os/wake.h"

/* A datagram that waits. */
struct nf_letter {
    struct nf_letter *next;     /* of the same sender */
    struct nf_letter *newer;    /* of all strangers' */
    struct nf_letter *older;    /* of all strangers' */
    struct nf_stranger *sender; /* NULL once the sender is accepted */
    struct nf_addr local;       /* the address of ours it was sent to; NF_NOWHERE: unknown */
    size_t size;
    unsigned char data[];
};

struct nf_mailbox {
    struct nf_letter *first;
    struct nf_letter *last;
    int64_t bytes;
    int64_t letters;
};

/* Somebody who wrote, and whom nobody accepted. */
struct nf_stranger {
    struct nf_entry entry;
    struct nf_mailbox mail;
};

/* A socket on a hub: the listener or an accepted peer. */
struct nf_member {
    net_socket head;
    struct nf_hub *hub;
    _Atomic uint32_t bell; /* changes with whatever its sleepers should know */
    uint32_t sleepers;
    struct nf_member *next_asleep;
    struct nf_member *previous_asleep;
    struct nf_notice *notice;
    _Atomic int64_t bytes_in;
    _Atomic int64_t bytes_out;
    _Atomic int64_t messages_in;
    _Atomic int64_t messages_out;
    _Atomic int64_t truncated;
};

struct nf_peer {
    struct nf_member member;
    struct nf_entry entry;
    struct nf_mailbox mail;
    struct nf_addr local; /* where his last datagram was sent to */
    net_deadline heard;   /* when it came */
    struct nf_peer *newer;
    struct nf_peer *older;
    bool ended; /* silent for `idle`: no longer in the table */
    int64_t dropped;
};

struct nf_hub {
    struct nf_mutex lock;
    _Atomic int process; /* whose it is: that made it, or waited for its datagrams last */
    int fd;
    bool v6;
    bool wildcard; /* answers must say where they come from: of a wildcard, and of a group */
    struct nf_addr name;
    struct nf_addr group_source; /* as the address had it */
    struct nf_wake wake;         /* for the postman */
    bool postman;
    int overdue;          /* datagrams read since the oldest peer should have ended */
    _Atomic bool haunted; /* a forked child's: the lock is held by nobody who will give it back */
    _Atomic int members;  /* sockets not closed yet */
    struct nf_member *listener; /* NULL once closed */
    struct nf_member *asleep;   /* the sockets that somebody sleeps for */
    struct nf_table table;      /* strangers and accepted peers */
    struct nf_peer *oldest;     /* accepted peers by when they were heard */
    struct nf_peer *newest;
    int64_t bound[NF_OPTIONS]; /* peers, queue, total, strangers, idle */
    int64_t accepted;
    int64_t queued_bytes; /* of all accepted peers */
    int64_t queued_letters;
    struct nf_mailbox strangers; /* all their letters, in order of arrival by `newer` */
    int64_t dropped_queue;
    int64_t dropped_strangers;
    unsigned char *scratch; /* the postman's; a datagram at a time */
};

enum { NF_DATAGRAM_MAX = 65536 }; /* more than UDP can carry */

/* Lock a hub to close a member. False in a forked child whose parent held the lock at that moment:
 * then the member's memory is left as it is. */
bool nf_hub_lock_to_close(struct nf_hub *hub);

/* Sort one datagram: to its peer, or to the strangers; or drop and count it. */
void nf_hub_deliver(struct nf_hub *hub, const struct nf_addr *from, const struct nf_addr *local,
                    const void *data, size_t size, net_deadline now);

/* End the peers that were silent for `idle` at the moment `now`, up to which all that had come was
 * sorted; and when the next of them will have been. */
void nf_hub_expire(struct nf_hub *hub, net_deadline now);
net_deadline nf_hub_next_end(const struct nf_hub *hub);

/* Take the oldest letter of a peer, or of all strangers; NULL: none. The caller frees it. */
struct nf_letter *nf_hub_take_from(struct nf_peer *peer);
struct nf_letter *nf_hub_take_stranger(struct nf_hub *hub, struct nf_addr *from);

/* Make `peer`, fresh, the socket of the stranger who wrote first of all: his letters become its
 * mail. */
void nf_hub_accept(struct nf_hub *hub, struct nf_peer *peer, net_deadline now);

/* Take a peer, or all strangers, out of the hub and free what waits. */
void nf_hub_remove_peer(struct nf_peer *peer);
void nf_hub_remove_strangers(struct nf_hub *hub);

/* Tell whoever waits for the member; `count` of those who sleep wake. */
void nf_hub_ring(struct nf_member *member, int count);

/* Whether a member has what it waits for. */
typedef bool nf_errand(const struct nf_member *member);

/* udp_postman.c, the lock held: wait until the errand is done. 0, NET_CANCELED, NET_TIMEOUT or a
 * code. */
int nf_hub_wait(struct nf_member *member, nf_errand *is_done, net_deadline deadline);

/* udp_postman.c, the lock held: sort what the kernel has, within reason; nothing while another is
 * postman. */
void nf_hub_fetch(struct nf_hub *hub);

#endif

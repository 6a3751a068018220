/* What a poller records for each socket that it watches, and for each descriptor that several of
 * them have in common (struct nf_common). Hold the poller's lock for every access and every
 * function here, except where a comment says otherwise.
 *
 * A watch is in one list at a time:
 *
 *   posted   on the ready list: another thread has posted its notice
 *   pending  it has events that no wait has returned yet
 *   hot      it was ready in user space when last looked at: the next wait looks again
 *   free     it is not in use
 *   retired  it is closed, but an answer of the system may still point to it
 *
 * A watch that is closed while it is posted, pending or hot stays in its list until it is taken
 * out. */
#ifndef NF_API_WATCH_H
#define NF_API_WATCH_H

#include "socket/backend.h"
#include "os/ready.h"
#include "wait/timers.h"
#include "wait/turn.h"

enum nf_watch_role {
    NF_NO_WATCH, /* free, or closed and still in a list */
    NF_SOCKET_WATCH,
    NF_COMMON_WATCH /* of a descriptor that sockets have in common: pumped for all of them */
};

struct nf_watch {
    struct nf_notice notice; /* links the watch into its list */
    union {
        net_socket *socket;
        struct nf_common *common;
    } of;
    union {
        void *user;
        size_t watches; /* of a common watch: how many socket watches use it */
    } as;
    net_deadline deadline; /* of a common watch: NET_FOREVER */
    struct nf_timer timer;
    int fd;            /* the descriptor that is armed, or the common one */
    uint8_t interest;  /* of NET_READABLE, NET_WRITABLE */
    uint8_t plain;     /* the part of `interest` for which the descriptor alone is the answer */
    uint8_t ready;     /* events not returned yet, also NET_EXPIRED */
    uint8_t role : 2;  /* enum nf_watch_role */
    uint8_t armed : 2; /* of NF_IN, NF_OUT: what the system watches `fd` for */
    uint8_t uses_common : 1;
    uint8_t is_timed : 1; /* `timer` has room reserved among the timers */
    uint8_t is_hot : 1;   /* to be looked at by the next wait: see above */
};

/* First in, first out. */
struct nf_watches {
    struct nf_watch *first;
    struct nf_watch *last;
};

struct nf_watch_slab;

struct nf_common_slot {
    struct nf_watch *watch; /* or NULL */
};

struct net_poller {
    struct nf_ready_list ready_list; /* of all watches' notices */
    struct nf_turn turn;             /* held by the thread in net_poller_wait */
    struct nf_turn lock;
    int process;           /* that opened it (nf_process) */
    _Atomic int wakers;    /* threads in net_poller_wake */
    _Atomic bool is_woken; /* by one of them, and no wait has reported it yet */
    bool reported_wake;    /* the last wait reported one */
    bool is_nested;        /* a foreign loop watches net_poller_fd (poller.c) */
    bool is_waiting;       /* a thread is in the body's wait, with the lock released */
    net_deadline until;    /* and that wait ends then at the latest */
    const struct nf_ready_body *body;
    struct nf_ready *ready;
    struct nf_timers timers;
    struct nf_watches pending;
    struct nf_watches hot;
    struct nf_watch *free;
    struct nf_watch *retired; /* free when the wait in progress is over */
    int retired_count;
    struct nf_watch_slab *slabs;
    struct nf_common_slot *commons; /* by descriptor */
    int commons_room;
};

/* Check that this process opened the poller. Returns 0 or NET_MISUSE. Needs no lock. */
int nf_watch_check_owner(const struct net_poller *poller);

/* Append a watch to a list, unless it is in a list already. */
void nf_watch_list(struct nf_watches *list, struct nf_watch *watch);

/* Take the first watch out of a list that is not empty. `was_posted` (may be NULL) returns whether
 * its notice was posted since it was listed. */
struct nf_watch *nf_watch_next(struct nf_watches *list, bool *was_posted);

/* Reserve room for the watch's timer, so that setting it cannot fail. Returns 0 or NET_LIMIT. */
int nf_watch_reserve_timer(struct net_poller *poller, struct nf_watch *watch);

/* Ask the socket how ready it is, and watch the descriptor that it names. The watch becomes
 * pending if it has events, or else hot if the next wait must look again. Returns 0, or a code if
 * the descriptor cannot be watched: then the socket is looked at again after 10 ms. */
int nf_watch_look(struct net_poller *poller, struct nf_watch *watch);

/* Pump the common descriptor of a common watch, and set its timer to the moment that the pump
 * returns, or to `earliest` if that is later. */
void nf_watch_pump(struct net_poller *poller, struct nf_watch *watch, net_deadline earliest);

/* Begin to watch a socket. NULL: NET_LIMIT, or NET_MISUSE if another poller has the socket. */
struct nf_watch *nf_watch_new(struct net_poller *poller, net_socket *socket);

/* End a watch. Its pending events are dropped. */
void nf_watch_end(struct net_poller *poller, struct nf_watch *watch);

/* Fill at most `count` events with the watched sockets and their interest. Returns how many sockets
 * are watched, which may be more than `count`. */
int nf_watch_list_all(struct net_poller *poller, net_event *events, int count);

/* Free a watch that is in no list: retire it if a wait is in progress. */
void nf_watch_free(struct net_poller *poller, struct nf_watch *watch);

/* Free all retired watches, after the answers of the last wait have been handled. */
void nf_watch_reclaim(struct net_poller *poller);

/* Free all memory. The sockets stay open, without a notice. */
void nf_watch_free_all(struct net_poller *poller);

#endif

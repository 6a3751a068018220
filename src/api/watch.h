/* What a poller keeps of the sockets it watches, and of the descriptors that many of them share.
 * All of it with the poller's lock held, except where said otherwise. */
#ifndef NF_API_WATCH_H
#define NF_API_WATCH_H

#include "socket/backend.h"
#include "os/ready.h"
#include "wait/timers.h"
#include "wait/turn.h"

enum nf_watch_role {
    NF_NO_WATCH, /* free; or closed, and still in a list */
    NF_SOCKET_WATCH,
    NF_TAP /* on a descriptor that sockets have in common: pumped for all of them */
};

struct nf_watch {
    struct nf_notice notice; /* in one list at a time: rung, hot, pending, free or buried */
    union {
        net_socket *socket;
        struct nf_common *common;
    } of;
    union {
        void *user;
        size_t watches; /* of a tap: that need it */
    } as;
    net_deadline deadline; /* of a tap: none */
    struct nf_timer timer;
    int fd;           /* of what is armed, or of what it shares */
    uint8_t interest; /* of NET_READABLE, NET_WRITABLE */
    uint8_t plain;    /* of these, what the descriptor says is the answer for */
    uint8_t ready;    /* seen, and not handed out: also NET_EXPIRED */
    uint8_t role : 2; /* enum nf_watch_role */
    uint8_t armed : 2;
    uint8_t is_tapped : 1;
    uint8_t is_timed : 1; /* the timers have promised room for it */
    uint8_t is_hot : 1;   /* ready in user space when last looked at: to be looked at again */
};

/* First in, first out. */
struct nf_watches {
    struct nf_watch *first;
    struct nf_watch *last;
};

struct nf_watch_slab;

struct nf_tap_slot {
    struct nf_watch *tap; /* or NULL */
};

struct net_poller {
    struct nf_ready_list ready_list; /* of the notices of all watches */
    struct nf_turn turn;             /* of those who wait */
    struct nf_turn lock;
    int process;           /* whose it is */
    _Atomic int wakers;    /* threads inside net_poller_wake */
    _Atomic bool is_woken; /* by one of them, and no wait has told so yet */
    bool told_of_wake;     /* the last wait did */
    bool is_nested;        /* somebody watches our descriptor */
    bool is_waiting;       /* a thread is in `wait` of the body, with the lock released */
    net_deadline until;    /* and sleeps until then */
    const struct nf_ready_body *body;
    struct nf_ready *ready;
    struct nf_timers timers;
    struct nf_watches pending; /* to be handed out */
    struct nf_watches hot;     /* to be looked at */
    struct nf_watch *free;
    struct nf_watch *buried; /* free once an answer can name them no more */
    int graves;
    struct nf_watch_slab *slabs;
    struct nf_tap_slot *taps; /* by descriptor */
    int taps_room;
};

/* Whether this process opened the poller: 0, or NET_MISUSE. Without the lock. */
int nf_watch_check_owner(const struct net_poller *poller);

/* Put into a list, if it is in none. */
void nf_watch_list(struct nf_watches *list, struct nf_watch *watch);

/* Take the first out of a list that has one. `rung` (may be NULL): whether it was meanwhile. */
struct nf_watch *nf_watch_next(struct nf_watches *list, bool *rung);

/* Have a place among the timers. 0 or NET_LIMIT. */
int nf_watch_time(struct net_poller *poller, struct nf_watch *watch);

/* Ask the socket how ready it is, and watch what it names. With something to tell, the watch
 * becomes pending. 0, or a code and it is to be looked at again soon. */
int nf_watch_look(struct net_poller *poller, struct nf_watch *watch);

/* Pump what a tap is on, and again at its moment, but not before `earliest`. */
void nf_watch_pump(struct net_poller *poller, struct nf_watch *tap, net_deadline earliest);

/* Begin to watch a socket that no poller has; NULL: NET_LIMIT, NET_MISUSE. */
struct nf_watch *nf_watch_new(struct net_poller *poller, net_socket *socket);

/* End it, with all that was to be told of it. */
void nf_watch_end(struct net_poller *poller, struct nf_watch *watch);

/* Fill at most `count` events with the sockets that are watched, and their interest; returns how
 * many there are. */
int nf_watch_list_all(struct net_poller *poller, net_event *events, int count);

/* It has left its last list, or was in none. */
void nf_watch_free(struct net_poller *poller, struct nf_watch *watch);

/* No answer names what was buried any more. */
void nf_watch_exhume(struct net_poller *poller);

/* Give back all memory; the sockets are left alone. */
void nf_watch_free_all(struct net_poller *poller);

#endif

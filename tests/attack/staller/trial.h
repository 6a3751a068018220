/* One row of the staller: a verb, made again and again on a socket of a wire while somebody attacks
 * it, and what it took. */
#ifndef TRIAL_H
#define TRIAL_H

#include "attacked.h"
#include "rows.h"
#include "support.h"

/* Which socket makes the calls. */
enum role {
    ACCEPTED, /* by a listener; the attacker dialed it */
    DIALED,   /* datagrams: dialed to the attacker */
    ADOPTED,  /* from fd://; the attacker is at the other end */
    LISTENER, /* the attacker dials it, or is a peer that it accepted */
    DIALING,  /* to a listener whose queue is full */
    ROLES
};

enum kind {
    SILENCE,     /* the peer neither reads nor sends */
    TRICKLE,     /* it sends one byte or datagram, or dials and breaks off, each few ms */
    FLOOD,       /* it sends, or reads, as fast as it can */
    SLOW_READER, /* it reads 64 KiB each 50 ms */
    BAD_SUMS,    /* datagrams with a wrong checksum come */
    PASSED,      /* descriptors come whose close waits */
    URGENT,      /* urgent bytes come */
    SIGNALS,     /* a signal comes each ms */
    TABLE_FULL,  /* no descriptor is left */
    NO_TABLE,    /* RLIMIT_NOFILE is 0 */
    FILTERED,    /* a seccomp filter refuses a system call */
    KINDS
};

#define BIT(number) (1u << (number))

struct attack {
    const char *name;
    enum kind kind;
    int calls[2]; /* FILTERED: the refused system calls; 0: none */
    int error;
};

struct trial;
/* Makes one call. Returns its result, a negative code for a NULL. */
typedef long long trial_call(struct trial *trial, net_deadline deadline);

struct verb {
    const char *name;
    trial_call *call;
    trial_call *later;  /* the call by poller and for a cancel, if it is another one */
    unsigned interest;  /* for the poller; 0: there is no such way */
    unsigned streams;   /* the roles on a stream */
    unsigned datagrams; /* the roles on datagrams */
    unsigned framed;    /* the roles on messages over a stream */
    unsigned attacks;   /* the kinds of attack */
    bool sends;
};

struct trial {
    const char *wire;
    const struct verb *verb;
    const struct attack *attack;
    enum role role;
    bool by_poller;
    struct row *row;

    net_socket *listener;
    net_socket *mine;  /* that makes the calls */
    net_socket *other; /* the attacker, where it has no descriptor */
    int fd;            /* the attacker's descriptor; -1: none */
    char address[ADDRESS_MAX];
    net_poller *poller;
    char *room; /* to receive into */

    pthread_t thread;
    _Atomic bool ready_for_cancel;
    double ready_since;
    _Atomic bool canceled;
    _Atomic double canceled_at;
    _Atomic bool over;
    double next_step; /* ms: when the attacker acts again */
};

/* ---- Opening the sockets: stage.c ---- */

/* Opens both ends. Asserts. */
void stage_open(struct trial *trial);
bool is_pipe(const char *wire);

/* ---- The verbs: verbs.c ---- */

extern const struct verb verbs[];
extern const size_t verb_count;

/* Allocates what the verbs send. */
void verbs_begin(bool much);
bool waits_for_poller(const struct verb *verb);

/* ---- What the attacker does: attacks.c, ground.c ---- */

/* Does what is due, without waiting. */
void attack_step(struct trial *trial, double now);
/* A flood has a thread of its own, until the trial is over. */
void *attack_flood(void *trial);
/* Takes descriptors or system calls from this process. */
void attack_ground(const struct attack *attack);
/* Whether it can be tried here; if not, why. */
const char *attack_is_missing(const struct attack *attack);

/* ---- measure.c ---- */

/* The body of a trial's thread: fills the row. */
void *measure(void *trial);

#endif

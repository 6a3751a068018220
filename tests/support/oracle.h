/* Two pollers on different system calls that run the same program, and a model that knows what both
 * must report. Each poller has a world of its own: sockets at the same places, treated alike. */
#ifndef ORACLE_H
#define ORACLE_H

#include "support.h"

enum { WORLDS = 2, PAIRS = 12 };
enum wire { TCP, UDP, WIRES };
enum side { DIALED, ACCEPTED, SIDES };

/* A place in each world for a socket, and what the model knows of it. It holds in all worlds,
 * unless said otherwise. */
struct item {
    net_socket *socket[WORLDS]; /* NULL in every world: the place is empty */
    bool is_watched;
    unsigned interest;
    void *user;
    bool expires;             /* the deadline of its watch has passed */
    bool has_expired[WORLDS]; /* the event has been reported */
    unsigned told[WORLDS];    /* reported in the current sweep */
    unsigned was[WORLDS];     /* every readiness since the last comparison */
    bool is_canceled;
    bool is_dead;    /* reset or refused */
    bool is_unclear; /* only the kernel knows the state of the connection */
    /* Of one end of a pair: */
    bool is_full;  /* more was sent than it takes: only the kernel knows whether there is room */
    bool has_shut; /* this end has finished its own direction */
    bool has_end;  /* the other end has finished */
    int units;     /* about how many sends wait for it */
    size_t waiting[WORLDS];  /* what waits for it: bytes, or datagrams */
    size_t old[WORLDS];      /* bytes of them that were reported and are not a whole line */
    size_t received[WORLDS]; /* how many of them */
};

struct pair_of_ends {
    enum wire wire;
    bool is_used;
    bool is_in_backlog;    /* of the listener; tcp */
    bool is_orphan;        /* accepted by a listener that is closed; udp */
    bool is_hopeless;      /* a dial that no listener answers */
    unsigned port[WORLDS]; /* of the dialed end; 0: not known yet */
    struct item end[SIDES];
};

struct oracle {
    net_poller *poller[WORLDS];
    bool is_woken[WORLDS];
    struct item listener[WIRES];
    struct pair_of_ends pair[PAIRS];
    unsigned seed;
    int step;
    uintptr_t users; /* how many have been given out */
};

extern struct oracle oracle;

void oracle_open(unsigned seed);
void oracle_close(void);

/* Another listener takes the place of this one. */
void listen_anew(enum wire wire);

unsigned dice(unsigned sides);

/* Prints the current step of the program, and fails. */
#define oracle_fails(...) oracle_failed(__FILE__, __LINE__, __VA_ARGS__)
void oracle_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define holds(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            oracle_fails("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

/* Records what the program does, for the reader of a failure. The last records are kept. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

const char *name_of(const struct pair_of_ends *pair, enum side side);
/* A random end, or false. */
bool some_end(struct pair_of_ends **pair, enum side *side);
/* A random interest, and a random deadline: one that never passes, or one that has passed. */
void watch_at_random(struct item *item);

/* Whether the model has something for the listener to accept. */
bool listener_has_news(enum wire wire);

/* Records how ready all sockets are now: what was true between two comparisons may be reported
 * later. */
void remember(void);

/* Waits once in each world. Each reported socket is watched, reported once, and was ready. */
void wait_once(int count);

/* Waits until both pollers report exactly what the model expects, or until it is clear that they
 * never will. */
void compare(void);

#endif

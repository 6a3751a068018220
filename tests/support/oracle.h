/* Two pollers of different bodies that are led through the same program, and a model that knows
 * what both must tell. Each poller has a world of its own: sockets that stand in the same places
 * and are treated alike. */
#ifndef ORACLE_H
#define ORACLE_H

#include "support.h"

enum { WORLDS = 2, PAIRS = 12 };
enum wire { TCP, UDP, WIRES };
enum side { DIALED, ACCEPTED, SIDES };

/* A place in each world for a socket, and what the model knows of it, which holds in all worlds but
 * where it says otherwise. */
struct item {
    net_socket *socket[WORLDS]; /* NULL: none, in no world */
    bool is_watched;
    unsigned interest;
    void *user;
    bool expires;             /* the deadline of its watch has passed */
    bool has_expired[WORLDS]; /* which was told */
    unsigned told[WORLDS];    /* in the sweep that is going on */
    unsigned was[WORLDS];     /* how ready it was at some moment since the last comparison */
    bool is_canceled;
    bool is_dead;    /* reset or refused */
    bool is_unclear; /* only the kernel knows how the connection is */
    /* Of one end of a pair: */
    bool is_full;  /* more than it took was sent: only the kernel knows whether there is room */
    bool has_shut; /* itself, its own direction */
    bool has_end;  /* the other end has finished */
    int units;     /* sends that wait for it, about */
    size_t waiting[WORLDS];  /* for it: bytes, or datagrams */
    size_t old[WORLDS];      /* bytes of them that were told of, and are no whole line */
    size_t received[WORLDS]; /* of them */
};

struct pair_of_ends {
    enum wire wire;
    bool is_used;
    bool is_in_backlog;    /* of the listener; tcp */
    bool is_orphan;        /* accepted by a listener that is closed; udp */
    bool is_hopeless;      /* a dial that nobody answers */
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
    uintptr_t users; /* so many have been given out */
};

extern struct oracle oracle;

void oracle_open(unsigned seed);
void oracle_close(void);

/* Another listener takes the place of this. */
void listen_anew(enum wire wire);

unsigned dice(unsigned sides);

/* Prints where the program is, and fails. */
#define oracle_fails(...) oracle_failed(__FILE__, __LINE__, __VA_ARGS__)
void oracle_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define holds(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            oracle_fails("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

/* Says what the program does, for whoever reads of a failure; the last of them are kept. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

const char *name_of(const struct pair_of_ends *pair, enum side side);
/* An end at random, or false. */
bool some_end(struct pair_of_ends **pair, enum side *side);
/* For whatever interest, until whatever deadline: one so far away that it never passes, or one that
 * has. */
void watch_at_random(struct item *item);

/* Whether the model has something for the listener to accept. */
bool listener_has_news(enum wire wire);

/* Notes how ready all are now: between two comparisons what was so once may be told later. */
void remember(void);

/* Waits once in each world: whatever is told is of something watched, told once, and was so. */
void wait_once(int count);

/* Until both pollers tell what the model expects, no more and no less, or for so long that they
 * never will. */
void compare(void);

#endif

/* One row of the neighbour: a server with many good peers and one hostile peer, on a wire. */
#ifndef CONTEST_H
#define CONTEST_H

#include "attacked.h"
#include "rows.h"
#include "support.h"

enum { GOOD_MOST = 50, QUESTION = 16 /* bytes of a question and of its answer */ };

struct contest;

/* How the server serves. */
enum way {
    BY_THREADS,  /* a thread for each peer that it accepts */
    BY_POLLER,   /* one thread for all that it accepts */
    BY_MESSAGES, /* one thread, and it accepts nobody: datagrams */
    WAYS
};

struct hostile {
    const char *name;
    void (*step)(struct contest *contest); /* does one thing without waiting */
    int pause;                             /* ms between steps; 0: as fast as it can */
    bool (*suits)(const char *wire);
    bool lets_lie; /* it does not receive its answers */
};

struct contest {
    const char *wire;
    const struct hostile *hostile;
    enum way way;
    struct row *row;

    net_socket *listener;
    char address[ADDRESS_MAX];
    net_socket *good[GOOD_MOST];
    int good_count;
    int fd;            /* the hostile peer's descriptor; -1: the wire has none */
    net_socket *other; /* the hostile peer then */
    int steps;
    _Atomic int taken; /* what the system took of the hostile peer: a send, a dial */
    pthread_t server;
    pthread_t attacker;
};

/* ---- server.c: it says back what each peer says ---- */

/* It runs until its process ends. */
void server_start(struct contest *contest);

/* ---- hostile.c ---- */

extern const struct hostile hostiles[];
extern const size_t hostile_count;

bool is_adopted(const char *wire);
/* A udp listener that is adopted with IP_RECVERR set. */
#define RECVERR_WIRE "fd:// udp, IP_RECVERR"

void hostile_open(struct contest *contest);
void hostile_start(struct contest *contest);

/* ---- good.c ---- */

/* The good peers dial and are answered. Asserts. */
void good_open(struct contest *contest);
/* They ask until the time is over. Fills the row. */
void good_ask(struct contest *contest);

#endif

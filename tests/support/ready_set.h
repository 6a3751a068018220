/* A set of one of the implementations of os/ready.h, and things to watch. Its tests share this. */
#ifndef READY_SET_H
#define READY_SET_H

#include "os/ready.h"

enum { THINGS = 3 * NF_READY_MAX + 8, TURNS = 4 /* this many waits report all THINGS */ };

extern const char *const ready_bodies[]; /* the names to run tests over: "epoll", "poll" */

extern const struct nf_ready_body *body;
extern struct nf_ready *ready;
extern struct nf_readied answers[NF_READY_MAX];

void ready_set_choose(const char *name);
/* Chooses the implementation of this name, and opens a set of it. */
void ready_set_open(const char *name);

/* A descriptor that you can make readable and unreadable. It is always writable, and it is the
 * `user` of its own answers. */
struct thing {
    int fd;
    unsigned watched;
    int told; /* how many times */
};

void thing_open(struct thing *thing);
void thing_make_readable(const struct thing *thing);
void thing_make_unreadable(const struct thing *thing);
/* Watch it for `want` instead of what it was watched for. Returns the code. */
int thing_watch(struct thing *thing, unsigned want);
void thing_close(struct thing *thing);

/* What one wait with NET_NOW reports of `user`; 0: nothing. */
unsigned told_of(const void *user);

/* One wait for THINGS readable things. Each is reported at most once. */
void things_wait(struct thing *things);

#endif

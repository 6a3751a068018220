/* A set of one of the bodies of os/ready.h, and things to watch: what its tests share. */
#ifndef READY_SET_H
#define READY_SET_H

#include "os/ready.h"

enum { CROWD = 3 * NF_READY_MAX + 8, TURNS = 4 /* waits that tell all of a crowd */ };

extern const char *const ready_bodies[]; /* to run tests over: "epoll", "poll" */

extern const struct nf_ready_body *body;
extern struct nf_ready *ready;
extern struct nf_readied answers[NF_READY_MAX];

void ready_set_choose(const char *name);
/* Chooses the body of this name, and opens a set of it. */
void ready_set_open(const char *name);

/* A descriptor that can be made readable and not, is always writable, and is what its answers name.
 */
struct thing {
    int fd;
    unsigned watched;
    int told; /* so many times */
};

void thing_open(struct thing *thing);
void thing_make_readable(const struct thing *thing);
void thing_make_unreadable(const struct thing *thing);
/* Watch it for `want` instead of what it was watched for; the code. */
int thing_watch(struct thing *thing, unsigned want);
void thing_close(struct thing *thing);

/* What one wait with NET_NOW tells of whatever `user` names; 0: nothing. */
unsigned told_of(const void *user);

/* One wait for a crowd of readable things: each is told at most once. */
void crowd_wait(struct thing *crowd);

#endif

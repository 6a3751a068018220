/* The steps of random programs for the two pollers of oracle.h. */
#ifndef ORACLE_STEPS_H
#define ORACLE_STEPS_H

#include "oracle.h"

/* Open and close what dials go to that nobody answers. */
void steps_begin(void);
void steps_end(void);

enum side other_side(enum side side);
/* Whether it can still talk, and is known to. */
bool can_talk(const struct pair_of_ends *pair, enum side side);
/* Decides the dial: its port tells it from others. */
void settle(struct pair_of_ends *pair);
/* Receives so many bytes or datagrams, SIZE_MAX: all that wait; it is what was sent. */
void hear(struct pair_of_ends *pair, enum side side, size_t size);

/* Each does one thing with what is there, or nothing where that does not fit. */
void step_dial(void); /* also of slow.example, which is 127.0.0.1 */
void step_accept(void);
void step_send(void);
void step_fill(void); /* send until no more is taken */
void step_recv(void);
void step_recv_line(void);
void step_shutdown(void);
void step_cancel(void);
void step_close(void); /* or reset */
void step_renew_listener(void);
void step_wait(void);

#endif

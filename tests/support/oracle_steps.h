/* The steps of random programs for the two pollers of oracle.h. */
#ifndef ORACLE_STEPS_H
#define ORACLE_STEPS_H

#include "oracle.h"

/* Open and close the targets that dials without an answer go to. */
void steps_begin(void);
void steps_end(void);

enum side other_side(enum side side);
/* Whether it can still send, as far as the model knows. */
bool can_talk(const struct pair_of_ends *pair, enum side side);
/* Decides the dial. It is told from other dials by its port. */
void settle(struct pair_of_ends *pair);
/* Receives this many bytes or datagrams, SIZE_MAX: all that wait. They must be what was sent. */
void hear(struct pair_of_ends *pair, enum side side, size_t size);

/* Each step does one thing with what is there, or nothing if that does not fit. */
void step_dial(void); /* also of slow.example, which is 127.0.0.1 */
void step_accept(void);
void step_send(void);
void step_fill(void); /* send until the system takes no more */
void step_recv(void);
void step_recv_line(void);
void step_shutdown(void);
void step_cancel(void);
void step_close(void); /* or reset */
void step_renew_listener(void);
void step_wait(void);

#endif

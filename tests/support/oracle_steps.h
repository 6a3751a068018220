/* The steps of random programs for the two pollers of oracle.h. */
#ifndef ORACLE_STEPS_H
#define ORACLE_STEPS_H

#include "oracle.h"

/* Open and close what dials go to that nobody answers. */
void steps_begin(void);
void steps_end(void);

/* Each does one thing with what is there, or nothing where that does not fit. */
void step_dial(void);
void step_accept(void);
void step_send(void);
void step_fill(void); /* send until no more is taken */
void step_recv(void);
void step_shutdown(void);
void step_cancel(void);
void step_close(void); /* or reset */
void step_wait(void);

#endif

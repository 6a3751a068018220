/* A word of memory to sleep on and to wake by: four bytes, and a wake from any signal handler.
 * futex(2) */
#ifndef NF_OS_FUTEX_H
#define NF_OS_FUTEX_H

#include "netfacade.h"

#include <stdatomic.h>
#include <stdint.h>

/* Sleep while *word is `seen`, until a wake, `deadline` or, now and then, for no reason. */
void nf_futex_wait(_Atomic uint32_t *word, uint32_t seen, net_deadline deadline);

/* Wake at most `count` sleepers. Safe in a signal handler; keeps errno. */
void nf_futex_wake(_Atomic uint32_t *word, int count);

#endif

/* A futex word: four bytes of memory that threads sleep on. A wake is safe in a signal handler.
 * futex(2) */
#ifndef NF_OS_FUTEX_H
#define NF_OS_FUTEX_H

#include "netfacade.h"

#include <stdatomic.h>
#include <stdint.h>

/* Sleep while *word equals `seen`, until a wake or `deadline`. It may also return without a reason,
 * so check again. */
void nf_futex_wait(_Atomic uint32_t *word, uint32_t seen, net_deadline deadline);

/* Wake at most `count` sleepers. Safe in a signal handler; keeps errno. */
void nf_futex_wake(_Atomic uint32_t *word, int count);

#endif

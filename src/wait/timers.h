/* Many moments, the earliest first: a heap. To put one off costs nothing until the moment comes
 * that it was set to before. */
#ifndef NF_WAIT_TIMERS_H
#define NF_WAIT_TIMERS_H

#include "netfacade.h"

#include <stdint.h>

/* Part of whatever waits for a moment; zero: it does not. */
struct nf_timer {
    uint32_t place; /* in the heap, from 1 */
};

struct nf_timers {
    struct nf_timer_slot *slots;
    uint32_t count;
    uint32_t promised;
    uint32_t room;
};

/* Have room for one timer more, for good or until it is given back. 0 or NET_LIMIT. */
int nf_timers_promise(struct nf_timers *timers);
void nf_timers_release(struct nf_timers *timers);

/* Let a timer, for which room was promised, be due at `at` or, where it was set to an earlier
 * moment before, then: whoever finds it due knows what it is for, and sets it again. NET_FOREVER
 * takes it out. */
void nf_timer_set(struct nf_timers *timers, struct nf_timer *timer, net_deadline at);

/* No timer is due before this moment. */
net_deadline nf_timers_next(const struct nf_timers *timers);

/* Take out the next that is due at `now`; NULL: none is. */
struct nf_timer *nf_timers_due(struct nf_timers *timers, net_deadline now);

void nf_timers_free(struct nf_timers *timers);

#endif

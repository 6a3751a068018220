/* Timers: a heap of many moments, the earliest first. Moving a timer to a later moment does not
 * touch the heap: the timer comes due at its old moment, and the caller sets it again. */
#ifndef NF_WAIT_TIMERS_H
#define NF_WAIT_TIMERS_H

#include "netfacade.h"

#include <stdint.h>

/* A member of the object that waits. All zero: the timer is not set. */
struct nf_timer {
    uint32_t place; /* in the heap, from 1; 0: not in it */
};

struct nf_timers {
    struct nf_timer_slot *slots;
    uint32_t count;
    uint32_t reserved;
    uint32_t room;
};

/* Reserve room for one more timer, until nf_timers_release. With it nf_timer_set cannot fail. 0 or
 * NET_LIMIT. */
int nf_timers_reserve(struct nf_timers *timers);
void nf_timers_release(struct nf_timers *timers);

/* Set a timer to `at`. You must have reserved room for it. If it is set already, and to an earlier
 * moment, it still comes due then: check what it is for, and set it again. NET_FOREVER removes
 * it. */
void nf_timer_set(struct nf_timers *timers, struct nf_timer *timer, net_deadline at);

/* The earliest moment in the heap, or NET_FOREVER: no timer is due before it. */
net_deadline nf_timers_next(const struct nf_timers *timers);

/* Remove the earliest timer that is due at `now` and return it; NULL: none is due. */
struct nf_timer *nf_timers_due(struct nf_timers *timers, net_deadline now);

void nf_timers_free(struct nf_timers *timers);

#endif

/* Moments: what a deadline may be, and how much of it is left. */
#ifndef NF_WAIT_DEADLINE_H
#define NF_WAIT_DEADLINE_H

#include "netfacade.h"
#include "os/clock.h"

#include <stdbool.h>

#define NF_MILLISECOND ((int64_t)1000000)

/* Whether net_after made it, or it is one of the two that need no making. */
static inline bool nf_deadline_is_valid(net_deadline deadline)
{
    return deadline == NET_NOW || deadline >= NF_EPOCH;
}

/* Whether it has passed; reads the clock only for a moment. */
static inline bool nf_deadline_passed(net_deadline deadline)
{
    return deadline != NET_FOREVER && (deadline == NET_NOW || deadline <= nf_now());
}

static inline net_deadline nf_earlier(net_deadline a, net_deadline b)
{
    return a < b ? a : b;
}

/* The moment `milliseconds` after `now`; never overflows, never before NF_EPOCH. */
net_deadline nf_deadline_after(net_deadline now, int64_t milliseconds);

#endif

/* Deadlines: which values are valid, and whether one has passed. A deadline is an absolute moment
 * in nanoseconds. Nothing here waits. */
#ifndef NF_WAIT_DEADLINE_H
#define NF_WAIT_DEADLINE_H

#include "netfacade.h"
#include "os/clock.h"

#include <stdbool.h>

#define NF_MILLISECOND ((int64_t)1000000)

/* Whether it is NET_NOW, NET_FOREVER or a value that net_after can return. */
static inline bool nf_deadline_is_valid(net_deadline deadline)
{
    return deadline == NET_NOW || deadline >= NF_EPOCH;
}

/* Whether it has passed. Reads the clock only where the deadline is neither NET_NOW nor
 * NET_FOREVER. */
static inline bool nf_deadline_passed(net_deadline deadline)
{
    return deadline != NET_FOREVER && (deadline == NET_NOW || deadline <= nf_now());
}

static inline net_deadline nf_earlier(net_deadline a, net_deadline b)
{
    return a < b ? a : b;
}

/* The moment `milliseconds` after `now`. Never overflows: the result is at least NF_EPOCH and at
 * most NET_FOREVER. */
net_deadline nf_deadline_after(net_deadline now, int64_t milliseconds);

#endif

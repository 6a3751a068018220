/* What time it is. */
#ifndef NF_OS_CLOCK_H
#define NF_OS_CLOCK_H

#include "netfacade.h"

/* Added to the monotonic clock, so that no plain number, a duration or a time of day, passes for a
 * moment. */
#define NF_EPOCH ((net_deadline)1 << 61)

/* Now, on the scale of net_deadline: nanoseconds of CLOCK_MONOTONIC after NF_EPOCH. */
net_deadline nf_now(void);

/* Now, or up to NF_TICK earlier, for a fraction of the cost. */
net_deadline nf_now_roughly(void);

/* What is left until `deadline`, in whole milliseconds and never too short; -1: without limit. As
 * poll(2) and its like count. */
int nf_milliseconds_until(net_deadline deadline);

#define NF_TICK ((net_deadline)10000000) /* nanoseconds of the kernel's longest tick, at 100 Hz */

#endif

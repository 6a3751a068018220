/* What time it is. */
#ifndef NF_OS_CLOCK_H
#define NF_OS_CLOCK_H

#include "netfacade.h"

/* Added to the monotonic clock, so that no plain number, a duration or a time of day, passes for a
 * moment. */
#define NF_EPOCH ((net_deadline)1 << 61)

/* Now, on the scale of net_deadline: nanoseconds of CLOCK_MONOTONIC after NF_EPOCH. */
net_deadline nf_now(void);

#endif

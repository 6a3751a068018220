/* Reads the monotonic clock on the scale of net_deadline. */
#ifndef NF_OS_CLOCK_H
#define NF_OS_CLOCK_H

#include "netfacade.h"

/* Added to the monotonic clock, so that a plain duration or a time of day is never mistaken for a
 * deadline. */
#define NF_EPOCH ((net_deadline)1 << 61)

/* The current time: nanoseconds of CLOCK_MONOTONIC after NF_EPOCH. */
net_deadline nf_now(void);

/* The current time or up to NF_TICK earlier, for a fraction of the cost. */
net_deadline nf_now_roughly(void);

/* The time left until `deadline` in whole milliseconds, rounded up, as poll(2) and epoll_wait(2)
 * take it; -1: no limit. */
int nf_milliseconds_until(net_deadline deadline);

#define NF_TICK ((net_deadline)10000000) /* nanoseconds: the kernel's longest tick, at 100 Hz */

#endif

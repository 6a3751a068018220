/* The monotonic clock; the wall clock plays no part here. */
#define _GNU_SOURCE
#include "os/clock.h"

#include <time.h>

static net_deadline read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return NF_EPOCH + (net_deadline)now.tv_sec * 1000000000 + now.tv_nsec;
}

net_deadline nf_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

net_deadline nf_now_roughly(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

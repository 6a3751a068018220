/* The monotonic clock. The wall clock is not used. */
#define _GNU_SOURCE
#include "os/clock.h"

#include <limits.h>
#include <time.h>

enum { MILLISECOND = 1000000 };

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

int nf_milliseconds_until(net_deadline deadline)
{
    if (deadline == NET_NOW) {
        return 0;
    }
    if (deadline == NET_FOREVER) {
        return -1;
    }
    int64_t left = deadline - nf_now();
    int64_t milliseconds = left > 0 ? (left - 1) / MILLISECOND + 1 : 0;

    return milliseconds < INT_MAX ? (int)milliseconds : INT_MAX;
}

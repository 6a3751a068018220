/* The monotonic clock; the wall clock plays no part here. */
#define _GNU_SOURCE
#include "os/clock.h"

#include <time.h>

net_deadline nf_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return NF_EPOCH + (net_deadline)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* nf_poll, by poll(2) and ppoll(2). Waits for large sets are in ready_epoll.c and ready_poll.c. */
#define _GNU_SOURCE
#include "os/poll.h"
#include "os/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

enum { MILLISECOND = 1000000 }; /* in nanoseconds */

static short to_events(unsigned want)
{
    return (short)(((want & NF_IN) != 0 ? POLLIN : 0) | ((want & NF_OUT) != 0 ? POLLOUT : 0));
}

/* An error or a hang-up makes the descriptor ready for all that was wanted; the next call on it
 * returns the error. */
static unsigned from_events(short got, unsigned want)
{
    if ((got & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
        return want;
    }
    return ((got & POLLIN) != 0 ? (unsigned)NF_IN : 0) |
           ((got & POLLOUT) != 0 ? (unsigned)NF_OUT : 0);
}

/* Whole milliseconds are waited by poll(2): when the process is stopped and continued, poll goes on
 * with the time that is left, but ppoll(2) starts again with the full time. ppoll waits for the
 * last fraction of a millisecond. */
static int wait_until(struct pollfd *set, nfds_t count, net_deadline deadline)
{
    int64_t left = deadline == NET_NOW ? 0 : deadline - nf_now();
    struct timespec rest = {.tv_nsec = left > 0 ? (long)(left % MILLISECOND) : 0};

    if (deadline == NET_FOREVER) {
        return poll(set, count, -1);
    }
    if (left >= MILLISECOND) {
        return poll(set, count, left / MILLISECOND < INT_MAX ? (int)(left / MILLISECOND) : INT_MAX);
    }
    return ppoll(set, count, &rest, NULL);
}

void nf_poll_pause(net_deadline deadline)
{
    const struct timespec pause = {.tv_nsec = MILLISECOND};

    if (deadline != NET_NOW) {
        nanosleep(&pause, NULL);
    }
}

/* Any of them may be ready, so the caller checks again. */
static int refused(struct nf_poll *polls, int count, net_deadline deadline)
{
    nf_poll_pause(deadline);
    for (int i = 0; i < count; i++) {
        polls[i].got = polls[i].want;
    }
    return count;
}

int nf_poll(struct nf_poll *polls, int count, net_deadline deadline)
{
    struct pollfd set[NF_POLL_MAX];

    for (int i = 0; i < count; i++) {
        set[i] = (struct pollfd){.fd = polls[i].fd, .events = to_events(polls[i].want)};
        polls[i].got = 0;
    }
    int ready = wait_until(set, (nfds_t)count, deadline);

    if (ready < 0 && errno != EINTR) {
        return refused(polls, count, deadline);
    }
    for (int i = 0; i < count && ready > 0; i++) {
        polls[i].got = from_events(set[i].revents, polls[i].want);
    }
    return ready > 0 ? ready : 0;
}

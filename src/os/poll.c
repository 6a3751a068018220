/* poll(2): the one place where a thread sleeps on descriptors. */
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

/* An error or a hang-up is ready for whatever was wanted: the call itself tells what it is. */
static unsigned from_events(short got, unsigned want)
{
    if ((got & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
        return want | ((got & POLLHUP) != 0 ? (unsigned)NF_GONE : 0);
    }
    return ((got & POLLIN) != 0 ? (unsigned)NF_IN : 0) |
           ((got & POLLOUT) != 0 ? (unsigned)NF_OUT : 0);
}

/* Whole milliseconds by poll(2): a process that was stopped meanwhile goes on with the rest of
 * them, where ppoll(2) begins anew with all. What is left after those, a fraction of one, by ppoll.
 */
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

/* The system refused to wait, as it does where RLIMIT_NOFILE is less than the number of
 * descriptors: the caller looks again, but not without end. */
static void sleep_briefly(void)
{
    const struct timespec pause = {.tv_nsec = MILLISECOND};

    nanosleep(&pause, NULL);
}

int nf_poll(struct nf_poll *polls, int count, net_deadline deadline)
{
    struct pollfd set[NF_POLL_MAX];

    for (int i = 0; i < count; i++) {
        set[i] = (struct pollfd){.fd = polls[i].fd, .events = to_events(polls[i].want)};
        polls[i].got = 0;
    }
    int ready = wait_until(set, (nfds_t)count, deadline);

    if (ready < 0 && errno != EINTR && deadline != NET_NOW) {
        sleep_briefly();
    }
    for (int i = 0; i < count && ready > 0; i++) {
        polls[i].got = from_events(set[i].revents, polls[i].want);
    }
    return ready > 0 ? ready : 0;
}

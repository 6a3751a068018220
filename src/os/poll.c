/* ppoll(2): the one place where a thread sleeps on descriptors. */
#define _GNU_SOURCE
#include "os/poll.h"
#include "os/clock.h"

#include <poll.h>
#include <time.h>

enum { NANOSECONDS = 1000000000 };

static short asked(unsigned want)
{
    return (short)(((want & NF_IN) != 0 ? POLLIN : 0) | ((want & NF_OUT) != 0 ? POLLOUT : 0) |
                   ((want & NF_ENDING) != 0 ? POLLRDHUP : 0));
}

/* An error or a hang-up is ready for whatever was wanted: the call itself tells what it is. */
static unsigned answered(short got, unsigned want)
{
    if ((got & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
        return want | ((got & POLLHUP) != 0 ? (unsigned)NF_GONE : 0);
    }
    return ((got & POLLIN) != 0 ? (unsigned)NF_IN : 0) |
           ((got & POLLOUT) != 0 ? (unsigned)NF_OUT : 0) |
           ((got & POLLRDHUP) != 0 ? (unsigned)NF_ENDING : 0);
}

int nf_poll(struct nf_poll *polls, int count, net_deadline deadline)
{
    struct pollfd set[NF_POLL_MAX];
    struct timespec left = {0, 0};

    for (int i = 0; i < count; i++) {
        set[i] = (struct pollfd){.fd = polls[i].fd, .events = asked(polls[i].want)};
        polls[i].got = 0;
    }
    if (deadline != NET_NOW && deadline != NET_FOREVER) {
        net_deadline duration = deadline - nf_now();

        if (duration > 0) {
            left.tv_sec = (time_t)(duration / NANOSECONDS);
            left.tv_nsec = (long)(duration % NANOSECONDS);
        }
    }
    int ready = ppoll(set, (nfds_t)count, deadline == NET_FOREVER ? NULL : &left, NULL);

    for (int i = 0; i < count && ready > 0; i++) {
        polls[i].got = answered(set[i].revents, polls[i].want);
    }
    return ready > 0 ? ready : 0;
}

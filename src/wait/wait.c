/* Polls one descriptor, and a wake if there is one, until a deadline. */
#include "wait/wait.h"
#include "os/cause.h"

int nf_wait(int fd, unsigned want, struct nf_wake *wake, net_deadline deadline)
{
    struct nf_poll polls[2] = {{.fd = fd, .want = want}, {.fd = -1, .want = NF_IN}};
    int count = 1;

    if (nf_deadline_passed(deadline)) {
        return nf_fail(NET_TIMEOUT);
    }
    if (wake != NULL) {
        polls[1].fd = nf_wake_fd(wake);
        if (polls[1].fd < 0) {
            return polls[1].fd;
        }
        count = 2;
    }
    nf_poll(polls, count, deadline);
    return (int)polls[0].got;
}

/* A forked child at the descriptor limit cannot make its own wake. It then pauses without one: a
 * pause is short. */
int nf_pause(struct nf_wake *wake, int64_t milliseconds, net_deadline deadline)
{
    net_deadline end = nf_deadline_after(nf_now(), milliseconds);
    bool has_wake = wake != NULL && nf_wake_fd(wake) >= 0;
    int code = nf_wait(-1, 0, has_wake ? wake : NULL, nf_earlier(end, deadline));

    return code < 0 && deadline > end ? 0 : code;
}

/* The epoll(7) body of ready.h, level-triggered. */
#define _GNU_SOURCE
#include "os/cause.h"
#include "os/clock.h"
#include "os/ready.h"
#include "os/socket.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { SECOND = 1000000000 }; /* in nanoseconds */

struct nf_ready {
    int fd;
    int alarm;   /* a timerfd, or -1 */
    bool is_set; /* the timer runs or has expired */
};

static struct nf_ready *epoll_open(void)
{
    struct nf_ready *ready = malloc(sizeof *ready);

    if (ready == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    ready->fd = nf_fd_above(epoll_create1(EPOLL_CLOEXEC));
    ready->alarm = -1;
    ready->is_set = false;
    if (ready->fd < 0) {
        nf_fail_errno(errno);
        free(ready);
        return NULL;
    }
    return ready;
}

static int epoll_set(struct nf_ready *ready, int fd, unsigned wanted, unsigned want, void *user)
{
    struct epoll_event event = {.data.ptr = user,
                                .events = ((want & NF_IN) != 0 ? (uint32_t)EPOLLIN : 0) |
                                          ((want & NF_OUT) != 0 ? (uint32_t)EPOLLOUT : 0)};
    int how = EPOLL_CTL_MOD;

    if (want == 0) {
        /* Fails if it is not watched, which is fine. */
        epoll_ctl(ready->fd, EPOLL_CTL_DEL, fd, &event);
        return 0;
    }
    if (wanted == 0) {
        how = EPOLL_CTL_ADD;
    }
    return epoll_ctl(ready->fd, how, fd, &event) == 0 ? 0 : nf_fail_errno(errno);
}

static unsigned translate(uint32_t got)
{
    if ((got & (EPOLLERR | EPOLLHUP)) != 0) {
        return NF_IN | NF_OUT;
    }
    return ((got & EPOLLIN) != 0 ? (unsigned)NF_IN : 0) |
           ((got & EPOLLOUT) != 0 ? (unsigned)NF_OUT : 0);
}

static int epoll_answers(struct nf_ready *ready, struct nf_readied *answers, net_deadline deadline)
{
    struct epoll_event events[NF_READY_MAX];
    int n = epoll_wait(ready->fd, events, NF_READY_MAX, nf_milliseconds_until(deadline));

    if (n < 0 && errno != EINTR) { /* nobody knows what is ready: the set is in the system */
        nf_poll_pause(deadline);
    }
    for (int i = 0; i < n; i++) {
        uint32_t got = events[i].events;

        answers[i].user = events[i].data.ptr;
        answers[i].got = got == EPOLLIN ? (unsigned)NF_IN : translate(got);
    }
    return n > 0 ? n : 0;
}

static int epoll_fd(struct nf_ready *ready)
{
    return ready->fd;
}

static int make_alarm(struct nf_ready *ready)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int alarm = nf_fd_above(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));

    if (alarm < 0) {
        return nf_is_missing(errno)
                   ? nf_fail_because(NET_UNSUPPORTED, "a set to nest needs a timerfd")
                   : nf_fail_errno(errno);
    }
    if (epoll_ctl(ready->fd, EPOLL_CTL_ADD, alarm, &event) != 0) {
        int code = nf_fail_errno(errno);

        close(alarm);
        return code;
    }
    ready->alarm = alarm;
    return 0;
}

static int epoll_alarm(struct nf_ready *ready, net_deadline at)
{
    int64_t moment = at > NF_EPOCH ? at - NF_EPOCH : 1; /* a value of 0 would disarm the timer */
    struct itimerspec timer = {.it_value = {(time_t)(moment / SECOND), (long)(moment % SECOND)}};
    int code = ready->alarm < 0 ? make_alarm(ready) : 0;

    if (code < 0 || (at == NET_FOREVER && !ready->is_set)) {
        return code;
    }
    ready->is_set = at != NET_FOREVER;
    if (!ready->is_set) {
        timer.it_value = (struct timespec){0};
    }
    timerfd_settime(ready->alarm, TFD_TIMER_ABSTIME, &timer, NULL);
    return 0;
}

static void epoll_close(struct nf_ready *ready)
{
    if (ready->alarm >= 0) {
        close(ready->alarm);
    }
    close(ready->fd);
    free(ready);
}

static const struct nf_ready_body epoll_body = {
    .open = epoll_open,
    .set = epoll_set,
    .wait = epoll_answers,
    .fd = epoll_fd,
    .alarm = epoll_alarm,
    .close = epoll_close,
    .set_needs_wake = false,
};

static const struct nf_ready_body *try_epoll(void)
{
    int fd = nf_fd_above(epoll_create1(EPOLL_CLOEXEC));
    bool is_missing = fd < 0 && nf_is_missing(errno);

    if (fd >= 0) {
        close(fd);
    }
    return is_missing ? &nf_ready_poll : &epoll_body;
}

const struct nf_ready_body *nf_ready_best(void)
{
    static const struct nf_ready_body *_Atomic best;
    const struct nf_ready_body *known = atomic_load_explicit(&best, memory_order_relaxed);

    if (known == NULL) {
        const struct nf_ready_body *tried = try_epoll();

        known = atomic_compare_exchange_strong(&best, &known, tried) ? tried : known;
    }
    return known;
}

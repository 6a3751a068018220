/* wrap: epoll_create1 epoll_ctl timerfd_create malloc calloc realloc */
/* Waiting for many descriptors without descriptors or memory: nothing is lost, and nothing is half
 * done. */
#include "os/cause.h"
#include "ready_set.h"
#include "allocations.h"
#include "support.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>

/* ---- Calls that fail ---- */

int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_epoll_ctl(int set, int how, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int set, int how, int fd, struct epoll_event *event);
int __real_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags);

static int calls_left = -1; /* number of calls that succeed; -1: all */

static bool strikes(int error)
{
    if (calls_left == 0) {
        errno = error;
        return true;
    }
    calls_left -= calls_left > 0 ? 1 : 0;
    return false;
}

int __wrap_epoll_create1(int flags)
{
    return strikes(EMFILE) ? -1 : __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int set, int how, int fd, struct epoll_event *event)
{
    return how != EPOLL_CTL_DEL && strikes(ENOSPC) ? -1 : __real_epoll_ctl(set, how, fd, event);
}

int __wrap_timerfd_create(int clock, int flags)
{
    return strikes(EMFILE) ? -1 : __real_timerfd_create(clock, flags);
}

void *__wrap_malloc(size_t size)
{
    return strikes(ENOMEM) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return strikes(ENOMEM) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return strikes(ENOMEM) ? NULL : __real_realloc(memory, size);
}

/* ---- Without descriptors or memory ---- */

static void a_set_that_cannot_be_opened_is_a_limit(void **state)
{
    int before = open_descriptors();
    int means = 0;

    ready_set_choose(template_of(state));
    for (;;) {
        calls_left = means++;
        ready = body->open();
        calls_left = -1;
        if (ready != NULL) {
            break;
        }
        assert_int_equal(nf_cause_pending()->code, NET_LIMIT);
        assert_int_equal(open_descriptors(), before);
    }
    assert_true(means > 1);
    body->close(ready);
}

/* A change that fails leaves the set as it was. A removal needs no memory. */
static void a_change_that_fails_changes_nothing(void **state)
{
    static struct thing things[THINGS];

    ready_set_open(template_of(state));
    for (int i = 0; i < THINGS; i++) {
        int code = NET_LIMIT;

        thing_open(&things[i]);
        thing_make_readable(&things[i]);
        for (int means = 0; code != 0; means++) {
            assert_in_range(means, 0, 4);
            calls_left = means;
            code = thing_watch(&things[i], NF_IN);
            calls_left = -1;
            assert_true(code == 0 || code == NET_LIMIT);
        }
        calls_left = 0;
        code = thing_watch(&things[i], NF_OUT); /* the poll implementation needs nothing for this */
        calls_left = -1;
        assert_true(code == 0 || code == NET_LIMIT);
        assert_int_equal(thing_watch(&things[i], NF_IN), 0);
    }
    for (int turn = 0; turn < 2 * TURNS; turn++) {
        things_wait(things);
    }
    for (int i = 0; i < THINGS; i++) {
        assert_true(things[i].told > 0);
        calls_left = 0;
        thing_close(&things[i]);
        calls_left = -1;
    }
    assert_int_equal(body->wait(ready, answers, NET_NOW), 0);
    body->close(ready);
}

/* A wait without memory fails or returns nothing, at once, and the next wait returns everything. */
static void a_wait_without_memory_does_not_sleep(void **state)
{
    struct thing thing;
    enum { WAIT = 2000 }; /* ms */

    ready_set_open(template_of(state));
    thing_open(&thing);
    thing_make_readable(&thing);
    assert_int_equal(thing_watch(&thing, NF_IN), 0);
    calls_left = 0;
    net_deadline deadline = net_after(WAIT);
    int n = body->wait(ready, answers, deadline);

    calls_left = -1;
    in_time(net_after(0) < deadline);
    assert_true(n == 1 || n == 0 || n == NET_LIMIT);
    assert_int_equal(told_of(&thing), NF_IN);
    thing_close(&thing);
    body->close(ready);
}

/* A wait that poll(2) refuses tells that all may be ready, since nothing would be told else. */
static void a_wait_that_is_refused_tells_of_all(void **state)
{
    struct rlimit before;
    struct thing thing;

    ready_set_open(template_of(state));
    thing_open(&thing);
    assert_int_equal(thing_watch(&thing, NF_IN), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};

    struct pollfd nobody = {.fd = -1};

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    bool refuses = poll(&nobody, 1, 0) < 0; /* valgrind keeps the limit to itself */
    unsigned told = told_of(&thing);

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(told, refuses ? NF_IN : 0);
    assert_int_equal(told_of(&thing), 0);
    thing_close(&thing);
    body->close(ready);
}

static bool is_readable(int fd, net_deadline deadline)
{
    struct nf_poll poll = {.fd = fd, .want = NF_IN};

    return nf_poll(&poll, 1, deadline) == 1;
}

static void an_alarm_that_cannot_be_made_is_a_limit(void **state)
{
    int code = NET_LIMIT;

    ready_set_open(template_of(state));
    int before = open_descriptors();

    for (int means = 0; code != 0; means++) {
        assert_in_range(means, 0, 2);
        calls_left = means;
        code = body->alarm(ready, net_after(0));
        calls_left = -1;
        assert_true(code == 0 || code == NET_LIMIT);
        assert_int_equal(open_descriptors(), before + (code == 0 ? 1 : 0));
    }
    assert_true(is_readable(body->fd(ready), soon()));
    body->close(ready);
}

int main(void)
{
    static const char *const epoll[] = {"epoll", NULL};
    static const char *const poll[] = {"poll", NULL};
    const struct test both[] = {
        TEST(a_set_that_cannot_be_opened_is_a_limit),
        TEST(a_change_that_fails_changes_nothing),
        TEST(a_wait_without_memory_does_not_sleep),
    };
    const struct test epolls[] = {
        TEST(an_alarm_that_cannot_be_made_is_a_limit),
    };

    const struct test polls[] = {
        TEST(a_wait_that_is_refused_tells_of_all),
    };

    return run_over(ready_bodies, both) + run_over(epoll, epolls) + run_over(poll, polls);
}

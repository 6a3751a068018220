/* wrap: epoll_ctl epoll_create1 eventfd timerfd_create malloc calloc realloc free */
/* A conversation through a poller, while the calls that make pollers and watches fail, one by one,
 * once or for ever. Nothing crashes, hangs or is left behind. A call that failed once can be
 * repeated, and nothing is lost. */
#include "allocations.h"
#include "support.h"
#include "torture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

enum { CTL, CREATE, EVENT, TIMER, MEMORY };

static const struct victim calls[] = {{"epoll_ctl", CTL, {ENOMEM, ENOSPC}},
                                      {"epoll_create1", CREATE, {EMFILE, ENFILE, ENOMEM}},
                                      {"eventfd", EVENT, {EMFILE, ENOMEM}},
                                      {"timerfd_create", TIMER, {EMFILE, ENOMEM}}};
static const struct victim allocations[] = {{"an allocation", MEMORY, {ENOMEM}}};

TORTURE_WRAP(CREATE, int, epoll_create1, (int flags), (flags))
TORTURE_WRAP(EVENT, int, eventfd, (unsigned count, int flags), (count, flags))
TORTURE_WRAP(TIMER, int, timerfd_create, (int clock, int flags), (clock, flags))

int __real_epoll_ctl(int set, int how, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int set, int how, int fd, struct epoll_event *event);

/* Removing a watch needs nothing, and cannot fail. */
int __wrap_epoll_ctl(int set, int how, int fd, struct epoll_event *event)
{
    return how != EPOLL_CTL_DEL && torture_strikes(CTL) ? -1
                                                        : __real_epoll_ctl(set, how, fd, event);
}

void *__wrap_malloc(size_t size)
{
    return torture_strikes(MEMORY) ? NULL : count_in(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return torture_strikes(MEMORY) ? NULL : count_in(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (torture_strikes(MEMORY)) {
        return NULL;
    }
    return memory != NULL ? __real_realloc(memory, size) : count_in(__real_realloc(memory, size));
}

void __wrap_free(void *memory)
{
    __real_free(count_out(memory));
}

/* ---- The conversation ---- */

enum {
    WAIT = 15,  /* ms, to wait for what may never come */
    TIMES = 3,  /* how often a failing call is made */
    MANY = 2000 /* the most events in a row that are not the awaited one */
};

static bool fails_once; /* then everything must work when it is repeated */

static struct {
    net_poller *poller;
    net_socket *listener;
    net_socket *client;
    net_socket *server;
    bool works;
} talk;

static net_deadline next(void)
{
    return fails_once ? soon() : net_after(WAIT * slowness());
}

/* Whether to repeat the call because it failed. */
static bool fails(long long got, int *times)
{
    if (got >= 0) {
        return false;
    }
    assert_true(got <= NET_EOF && got >= NET_SYSTEM);
    assert_int_equal(net_error(), got);
    assert_string_not_equal(net_error_text(), "");
    talk.works = talk.works && ++*times < TIMES;
    return talk.works;
}

static bool has_failed(const void *made, int *times)
{
    return made == NULL && fails(net_error(), times);
}

static void watch(net_socket *socket, unsigned interest, net_deadline deadline)
{
    int times = 0;

    while (talk.works &&
           fails(net_poller_watch(talk.poller, socket, interest, socket, deadline), &times)) {
    }
}

/* Waits until this readiness of the socket is reported. The others may be ready in any way. */
static void await(net_socket *socket, unsigned ready)
{
    net_deadline deadline = next();
    net_event event = {0};
    bool told = false;
    int times = 0;

    for (int i = 0; i < MANY && talk.works && !told; i++) {
        int n = net_poller_wait(talk.poller, &event, 1, deadline);

        if (!fails(n, &times) && n >= 0) {
            told =
                n == 0 ? socket == NULL : event.socket == socket && (event.ready & ready) == ready;
        }
    }
    talk.works = talk.works && told;
}

static void open_all(const char *address, bool dialing)
{
    char target[ADDRESS_MAX] = "";
    char port[16] = "";
    int times = 0;

    do {
        talk.poller = net_poller_open();
    } while (has_failed(talk.poller, &times));
    do {
        talk.listener = net_listen(address);
    } while (has_failed(talk.listener, &times));
    if (talk.works) {
        net_get(talk.listener, "port", port, sizeof port);
        snprintf(target, sizeof target, "%.3s://127.0.0.1:%s", address, port);
        watch(talk.listener, NET_READABLE, NET_FOREVER);
    }
    while (talk.works && talk.client == NULL) {
        talk.client = net_connect(target, dialing ? NET_NOW : next());
        has_failed(talk.client, &times);
    }
}

static void pass_word(net_socket *from, net_socket *to)
{
    char word[8];

    talk.works = talk.works && net_send(from, "word", 4, next()) == 4;
    if (talk.works) {
        await(to, NET_READABLE);
    }
    talk.works = talk.works && net_recv(to, word, sizeof word, NET_NOW) == 4;
}

static void dial_and_accept(void)
{
    int times = 0;

    if (talk.works) {
        watch(talk.client, NET_WRITABLE, NET_FOREVER);
        await(talk.client, NET_WRITABLE);
    }
    talk.works = talk.works && net_send(talk.client, "hi", 2, next()) == 2;
    if (talk.works) {
        await(talk.listener, NET_READABLE);
    }
    while (talk.works && talk.server == NULL) {
        talk.server = net_accept(talk.listener, NET_NOW);
        has_failed(talk.server, &times);
    }
}

static void talk_by_events(void)
{
    char word[8];

    if (talk.works) {
        watch(talk.server, NET_READABLE, next());
        await(talk.server, NET_READABLE);
    }
    talk.works = talk.works && net_recv(talk.server, word, sizeof word, NET_NOW) == 2;
    if (talk.works) {
        watch(talk.client, NET_READABLE, NET_FOREVER);
        pass_word(talk.server, talk.client);
        pass_word(talk.client, talk.server);
    }
    if (talk.works) {
        watch(talk.server, 0, net_after(1));
        await(talk.server, NET_EXPIRED);
    }
    if (talk.works) {
        net_poller_wake(talk.poller);
        await(NULL, 0);
    }
}

static void nest_and_cancel(void)
{
    int times = 0;

    while (talk.works && fails(net_poller_fd(talk.poller), &times)) {
    }
    if (talk.works) {
        watch(talk.client, NET_READABLE | NET_WRITABLE, next());
        pass_word(talk.server, talk.client);
        net_cancel(talk.client);
        await(talk.client, NET_READABLE | NET_WRITABLE);
    }
    if (talk.works) {
        watch(talk.client, 0, NET_FOREVER);
        watch(talk.client, NET_READABLE, NET_FOREVER);
        await(talk.client, NET_READABLE);
    }
}

/* The whole conversation through a poller. The sockets are closed in any order. */
static bool converse_by_events(const char *address, bool dialing)
{
    double since = now_ms();

    talk.poller = NULL;
    talk.listener = talk.client = talk.server = NULL;
    talk.works = true;
    open_all(address, dialing);
    dial_and_accept();
    talk_by_events();
    nest_and_cancel();
    if (dialing) {
        net_poller_close(talk.poller);
    }
    net_close(talk.client, NET_NOW);
    net_close(talk.server, NET_NOW);
    net_close(talk.listener, NET_NOW);
    if (!dialing) {
        net_poller_close(talk.poller);
    }
    assert_took(elapsed_ms(since), 0, 3000);
    return talk.works;
}

static bool must_work(const char *address, bool dialing)
{
    if (!converse_by_events(address, dialing)) {
        print_error("one failure ended it over %s: %s\n", address, net_error_text());
        _fail(__FILE__, __LINE__);
    }
    return true;
}

static int alive_before;

static bool nothing_is_lost(void)
{
    if (alive != alive_before) {
        print_error("%d allocations before, %d after\n", alive_before, (int)alive);
    }
    return alive == alive_before;
}

static void each_call_fails_once_and_is_made_again(void **state)
{
    (void)state;
    alive_before = alive;
    fails_once = true;
    torture_run(must_work);
    torture_all(calls, COUNT(calls), false, true, nothing_is_lost);
}

static void each_call_fails_from_some_moment_on(void **state)
{
    (void)state;
    alive_before = alive;
    fails_once = false;
    torture_run(converse_by_events);
    torture_all(calls, COUNT(calls), true, true, nothing_is_lost);
}

static void each_allocation_fails(void **state)
{
    (void)state;
    alive_before = alive;
    fails_once = false;
    torture_run(converse_by_events);
    torture_all(allocations, COUNT(allocations), false, true, nothing_is_lost);
    torture_all(allocations, COUNT(allocations), true, true, nothing_is_lost);
}

int main(void)
{
    const struct test tests[] = {
        TEST(each_call_fails_once_and_is_made_again),
        TEST(each_call_fails_from_some_moment_on),
        TEST(each_allocation_fails),
    };

    return run_once(tests);
}

/* A wake ends a wait, from any thread and any signal handler, and none is lost. While one thread
 * waits, others may change what it waits for. */
#include "watching.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

static char in[64];

static void a_wake_before_the_wait_is_remembered_and_several_are_one(void **state)
{
    net_poller *poller = open_poller();
    net_event event;

    (void)state;
    for (int wakes = 1; wakes <= 3; wakes++) {
        for (int i = 0; i < wakes; i++) {
            net_poller_wake(poller);
        }
        assert_count(net_poller_wait(poller, &event, 1, wakes == 1 ? NET_NOW : NET_FOREVER), 0);
        assert_code(net_poller_wait(poller, &event, 1, net_after(5)), NET_TIMEOUT);
    }
    net_poller_close(poller);
}

/* Both are told, whichever is first. A busy poller tells its wakes, and one that is woken all
 * the time tells its sockets. */
static void a_wake_and_an_event_are_both_told(void **state)
{
    struct pair pair;
    net_event event;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.client, NET_WRITABLE);
    for (int i = 0; i < 10; i++) {
        int wakes = 0;
        int events = 0;

        net_poller_wake(poller);
        for (int j = 0; j < 6; j++) {
            long long n = assert_ok(net_poller_wait(poller, &event, 1, soon()));

            wakes += n == 0;
            events += n == 1;
            if (events > 0 && n == 0) {
                net_poller_wake(poller); /* even one that is woken all the time tells sockets */
                wakes--;
            }
        }
        assert_true(wakes <= 6 && events > 0);
        assert_ok(net_poller_wait(poller, &event, 1, soon()));
        while (net_poller_wait(poller, &event, 1, NET_NOW) == 0) {
        }
    }
    net_poller_close(poller);
    close_pair(&pair);
}

/* ---- Threads that wake ---- */

enum { WAKERS = 4 };

struct waker {
    net_poller *poller;
    int times;
    _Atomic int *posted;
    pthread_t thread;
};

static void *post_and_wake(void *argument)
{
    struct waker *waker = argument;

    for (int i = 0; i < waker->times; i++) {
        (*waker->posted)++;
        net_poller_wake(waker->poller);
    }
    return NULL;
}

/* What was posted before a wake is seen after the wait that it ended. */
static void a_million_wakes_of_several_threads_lose_no_post(void **state)
{
    const int each = 1000000 / WAKERS / slowness();
    net_poller *poller = open_poller();
    struct waker wakers[WAKERS];
    _Atomic int posted = 0;
    int seen = 0;

    (void)state;
    for (int i = 0; i < WAKERS; i++) {
        wakers[i] = (struct waker){.poller = poller, .times = each, .posted = &posted};
        assert_int_equal(pthread_create(&wakers[i].thread, NULL, post_and_wake, &wakers[i]), 0);
    }
    while (seen < each * WAKERS) {
        net_event event;

        assert_count(net_poller_wait(poller, &event, 1, soon()), 0);
        seen = posted;
    }
    for (int i = 0; i < WAKERS; i++) {
        pthread_join(wakers[i].thread, NULL);
    }
    net_poller_close(poller);
}

/* Each wait ends by one wake: nothing else could end it. */
static void each_of_many_single_wakes_is_heard(void **state)
{
    const int rounds = 20000 / slowness();
    net_poller *poller = open_poller();
    net_poller *answers = open_poller();
    struct watcher watcher;
    net_event event;

    (void)state;
    watcher_start(&watcher, poller);
    for (int i = 0; i < rounds; i++) {
        int before = watcher.wakes;

        net_poller_wake(poller);
        double since = now_ms();

        while (watcher.wakes == before && elapsed_ms(since) < 20000.0 * slowness()) {
            net_poller_wait(answers, &event, 1, NET_NOW);
        }
        assert_int_equal(watcher.wakes, before + 1);
    }
    watcher_stop(&watcher);
    net_poller_close(answers);
    net_poller_close(poller);
}

/* ---- Signal handlers that wake ---- */

static net_poller *to_wake;
static _Atomic int handled;
static _Atomic int errno_after;

static void wake_it(int number)
{
    int kept = errno;

    (void)number;
    errno = 4711;
    net_poller_wake(to_wake);
    errno_after = errno;
    handled++;
    errno = kept;
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};

    assert_int_equal(sigaction(number, &action, NULL), 0);
}

static void a_signal_handler_may_wake(void **state)
{
    enum { ROUNDS = 100 };
    net_poller *poller = open_poller();
    struct watcher watcher;

    (void)state;
    to_wake = poller;
    handle(SIGUSR2, wake_it);
    watcher_start(&watcher, poller);
    for (int i = 0; i < ROUNDS; i++) {
        int before = watcher.wakes;
        double since = now_ms();

        pthread_kill(i % 2 == 0 ? watcher.thread : pthread_self(), SIGUSR2);
        while (watcher.wakes == before && elapsed_ms(since) < 20000.0 * slowness()) {
            nap(0);
        }
        assert_int_equal(watcher.wakes, before + 1);
    }
    assert_int_equal(handled, ROUNDS);
    assert_int_equal(errno_after, 4711);
    handled = 0;
    watcher_stop(&watcher);
    net_poller_close(poller);
}

/* The handler may run while a lock of the poller is held: by a watch, a wait or a close. */
static void a_handler_may_interrupt_the_poller_itself(void **state)
{
    const struct itimerval often = {.it_interval = {.tv_usec = 200}, .it_value = {.tv_usec = 200}};
    const struct itimerval never = {0};
    struct pair pair;
    net_poller *poller = open_poller();
    double since = now_ms();
    int wakes = 0;

    dial_pair(template_of(state), &pair);
    to_wake = poller;
    handled = 0;
    handle(SIGALRM, wake_it);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    while ((handled < 50 || wakes < 10) && elapsed_ms(since) < 20000.0 * slowness()) {
        net_event event;

        net_poller_watch(poller, pair.server, NET_READABLE, NULL, soon());
        net_poller_watch(poller, pair.client, NET_WRITABLE, NULL, soon());
        wakes += net_poller_wait(poller, &event, 1, NET_NOW) == 0;
        net_poller_watch(poller, pair.client, 0, NULL, NET_FOREVER);
        wakes += net_poller_wait(poller, &event, 1, net_after(1)) == 0;
    }
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    handle(SIGALRM, SIG_IGN); /* one signal may still be pending */
    assert_true(handled >= 50);
    assert_true(wakes >= 10);
    handled = 0;
    net_poller_close(poller);
    close_pair(&pair);
}

/* A signal comes each millisecond. A wait ends neither early nor late, and tells what comes. */
static void a_wait_goes_on_after_signals(void **state)
{
    struct pair pair;
    struct storm storm;
    net_event event;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    storm_start(&storm, pthread_self());
    double since = now_ms();

    assert_code(net_poller_wait(poller, &event, 1, net_after(60)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), 60, 1000);
    since = now_ms();
    assert_count(net_poller_watch(poller, pair.server, NET_READABLE, pair.server, net_after(40)),
                 0);
    expect_event(poller, pair.server, NET_EXPIRED);
    assert_took(elapsed_ms(since), 40, 1000);
    for (int i = 0; i < 50; i++) {
        assert_count(net_send(pair.client, "x", 1, soon()), 1);
        expect_event(poller, pair.server, NET_READABLE);
        assert_count(net_recv(pair.server, in, 1, NET_NOW), 1);
    }
    storm_stop(&storm);
    in_time(storm.sent > 5); /* else its thread began late */
    net_poller_close(poller);
    close_pair(&pair);
}

/* ---- Changes while one waits ---- */

static void a_change_by_another_thread_takes_effect(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();
    struct watcher watcher;

    dial_pair(template_of(state), &pair);
    watcher_start(&watcher, poller);
    for (int round = 0; round < 20; round++) {
        int before = watcher.events;

        nap(round % 3); /* the watcher sleeps or is about to */
        watch(poller, pair.server, NET_READABLE);
        watch(poller, pair.server, NET_WRITABLE);
        watcher_await(&watcher, before + 1);
        assert_int_equal(watcher.event.ready, NET_WRITABLE);
        assert_count(net_send(pair.client, "x", 1, soon()), 1);
        watch(poller, pair.server, NET_READABLE);
        watcher_await(&watcher, before + 2);
        assert_int_equal(watcher.event.ready, NET_READABLE);
        assert_count(net_recv(pair.server, in, sizeof in, soon()), 1);
        net_deadline deadline = net_after(10);

        assert_count(net_poller_watch(poller, pair.server, NET_READABLE, NULL, soon()), 0);
        assert_count(net_poller_watch(poller, pair.server, NET_READABLE, NULL, deadline), 0);
        watcher_await(&watcher, before + 3);
        assert_int_equal(watcher.event.ready, NET_EXPIRED);
        assert_true(deadline <= net_after(0));
    }
    watcher_stop(&watcher);
    assert_int_equal(watcher.wakes, 1);
    net_poller_close(poller);
    close_pair(&pair);
}

static void a_close_by_another_thread_takes_it_out(void **state)
{
    net_poller *poller = open_poller();
    struct watcher watcher;

    watcher_start(&watcher, poller);
    for (int round = 0; round < 30; round++) {
        struct pair pair;

        dial_pair(template_of(state), &pair);
        watch(poller, pair.server, NET_READABLE);
        watch(poller, pair.listener, NET_READABLE);
        nap(round % 3);
        net_close(pair.server, NET_NOW);
        pair.server = NULL;
        close_pair(&pair);
        assert_int_equal(watcher.events, 0);
    }
    watcher_stop(&watcher);
    net_poller_close(poller);
}

static long long wait_for_an_event(struct caller *caller)
{
    net_event event;

    return net_poller_wait((net_poller *)(uintptr_t)caller->address, &event, 1, caller->deadline);
}

/* Only one thread waits at a time. The others wait for their turn, until their own deadlines. */
static void several_threads_may_wait_in_turn(void **state)
{
    struct pair pair;
    struct caller callers[3];
    net_poller *poller = open_poller();
    int told = 0;

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    for (size_t i = 0; i < COUNT(callers); i++) {
        callers[i].address = (const char *)poller;
        caller_start(&callers[i], wait_for_an_event, NULL, i == 2 ? net_after(50) : soon());
    }
    caller_join(&callers[2]);
    assert_int_equal(callers[2].result, NET_TIMEOUT);
    assert_int_equal(callers[2].code, NET_TIMEOUT);
    assert_true(callers[2].ended >= callers[2].deadline);
    in_time(callers[2].ms < 2000);
    assert_count(net_send(pair.client, "x", 1, soon()), 1);
    for (int i = 0; i < 2; i++) {
        caller_join(&callers[i]);
        told += callers[i].result == 1;
    }
    assert_int_equal(told, 2); /* level-triggered: each gets it in its turn */
    net_poller_close(poller);
    close_pair(&pair);
}

int main(void)
{
    static const struct test once[] = {
        TEST(a_wake_before_the_wait_is_remembered_and_several_are_one),
        TEST(a_million_wakes_of_several_threads_lose_no_post),
        TEST(each_of_many_single_wakes_is_heard),
        TEST(a_signal_handler_may_wake),
    };
    static const struct test any[] = {
        TEST(a_wake_and_an_event_are_both_told),
        TEST(a_handler_may_interrupt_the_poller_itself),
        TEST(a_wait_goes_on_after_signals),
        TEST(a_change_by_another_thread_takes_effect),
        TEST(a_close_by_another_thread_takes_it_out),
        TEST(several_threads_may_wait_in_turn),
    };

    return run_once(once) + run_over(all_templates, any);
}

/* A call that net_cancel or net_poller_wake wakes may return before net_cancel does. When its
 * caller closed at once, it freed memory that the other thread, perhaps in a signal handler, still
 * used. */
#include "watching.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <unistd.h>

enum { ROUNDS = 100 };

/* A thread that cancels or wakes what it is given, one after the other. NULL ends it. */
static struct {
    pthread_t thread;
    sem_t given;
    net_socket *socket;
    net_poller *poller;
} other;

static void await_given(void)
{
    while (sem_wait(&other.given) != 0) {
    }
}

static void *cancel_or_wake(void *argument)
{
    (void)argument;
    for (;;) {
        await_given();
        net_socket *socket = other.socket;
        net_poller *poller = other.poller;

        if (socket == NULL && poller == NULL) {
            return NULL;
        }
        net_cancel(socket);
        net_poller_wake(poller);
    }
}

static void give(net_socket *socket, net_poller *poller)
{
    other.socket = socket;
    other.poller = poller;
    sem_post(&other.given);
}

static void start_other(void)
{
    assert_int_equal(sem_init(&other.given, 0, 0), 0);
    assert_int_equal(pthread_create(&other.thread, NULL, cancel_or_wake, NULL), 0);
}

static void stop_other(void)
{
    give(NULL, NULL);
    pthread_join(other.thread, NULL);
    sem_destroy(&other.given);
}

static void a_canceled_accept(void **state)
{
    start_other();
    for (int i = 0; i < ROUNDS; i++) {
        net_socket *listener = assert_socket(net_listen(template_of(state)));

        give(listener, NULL);
        assert_no_socket(net_accept(listener, soon()), NET_CANCELED);
        net_close(listener, NET_NOW);
    }
    stop_other();
}

static void a_canceled_receive(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char byte;

    start_other();
    for (int i = 0; i < ROUNDS; i++) {
        net_socket *client;
        net_socket *server;

        dial_again(listener, &client, &server);
        net_socket *first = i % 2 == 0 ? client : server;

        give(first, NULL);
        assert_code(net_recv(first, &byte, 1, soon()), NET_CANCELED);
        net_close(first, NET_NOW);
        net_close(first == client ? server : client, NET_NOW);
    }
    net_close(listener, NET_NOW);
    stop_other();
}

static void a_cancel_that_a_poller_tells_of(void **state)
{
    net_poller *poller = open_poller();

    start_other();
    for (int i = 0; i < ROUNDS; i++) {
        net_socket *listener = assert_socket(net_listen(template_of(state)));

        watch(poller, listener, NET_READABLE);
        give(listener, NULL);
        expect_event(poller, listener, NET_READABLE);
        net_close(listener, NET_NOW);
    }
    net_poller_close(poller);
    stop_other();
}

static void a_woken_poller(void **state)
{
    net_event event;

    (void)state;
    start_other();
    for (int i = 0; i < ROUNDS; i++) {
        net_poller *poller = open_poller();

        give(NULL, poller);
        assert_count(net_poller_wait(poller, &event, 1, soon()), 0);
        net_poller_close(poller);
    }
    stop_other();
}

/* ---- A close that runs before the cancel that woke it may go on ---- */

static double close_ms;

/* Moves this thread to the first processor, ahead of threads of lower priority. False: not allowed.
 */
static bool run_first(int priority)
{
    struct sched_param parameter = {.sched_priority = priority};
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(0, &one);
    return pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0 &&
           pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameter) == 0;
}

static void *accept_first(void *listener)
{
    bool first = run_first(2);

    sem_post(&other.given);
    if (first && net_accept(listener, soon()) == NULL && net_error() == NET_CANCELED) {
        double since = now_ms();

        net_close(listener, NET_NOW);
        close_ms = elapsed_ms(since);
    }
    return NULL;
}

static void *cancel_second(void *listener)
{
    if (run_first(1)) {
        net_cancel(listener);
    }
    return NULL;
}

static void a_close_of_higher_priority(void **state)
{
    enum { HANGS = 30 }; /* s */

    if (slowness() > 1) {
        skip(); /* the locks of sanitizers spin, and would spin for ever */
    }
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    pthread_t threads[2];

    close_ms = -1;
    assert_int_equal(sem_init(&other.given, 0, 0), 0);
    alarm(HANGS);
    assert_int_equal(pthread_create(&threads[0], NULL, accept_first, listener), 0);
    await_given();
    assert_int_equal(pthread_create(&threads[1], NULL, cancel_second, listener), 0);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    alarm(0);
    sem_destroy(&other.given);
    if (close_ms < 0) {
        net_close(listener, NET_NOW);
        skip(); /* it takes CAP_SYS_NICE */
    }
    assert_took(close_ms, 0, 100);
}

int main(void)
{
    static const struct test over_wires[] = {
        TEST(a_canceled_accept),
        TEST(a_canceled_receive),
        TEST(a_cancel_that_a_poller_tells_of),
        TEST(a_close_of_higher_priority),
    };
    static const struct test alone[] = {TEST(a_woken_poller)};

    return run_over(all_templates, over_wires) + run_once(alone);
}

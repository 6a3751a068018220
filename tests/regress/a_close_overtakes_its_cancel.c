/* A call that net_cancel or net_poller_wake has woken may return before that call does. Who closed
 * at once then freed what the other, perhaps a signal handler on another thread, still used. */
#include "watching.h"

#include <pthread.h>
#include <semaphore.h>

enum { ROUNDS = 100 };

/* A thread that cancels or wakes what it is given, one after the other; of nothing, it ends. */
static struct {
    pthread_t thread;
    sem_t given;
    net_socket *socket;
    net_poller *poller;
} other;

static void *cancel_or_wake(void *argument)
{
    (void)argument;
    for (;;) {
        while (sem_wait(&other.given) != 0) {
        }
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

int main(void)
{
    static const struct test over_wires[] = {
        TEST(a_canceled_accept),
        TEST(a_canceled_receive),
        TEST(a_cancel_that_a_poller_tells_of),
    };
    static const struct test alone[] = {TEST(a_woken_poller)};

    return run_over(all_templates, over_wires) + run_once(alone);
}

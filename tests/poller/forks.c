/* A poller belongs to one process. Whatever a forked child closes, sockets or the poller,
 * the parent's watches stay as they are. A child may have pollers of its own. */
#include "watching.h"

#include <string.h>

static char in[64];

struct shared {
    net_poller *poller;
    struct pair pair;
};

static int close_sockets(void *argument)
{
    struct shared *shared = argument;

    return net_close(shared->pair.server, NET_NOW) != 0 ||
           net_close(shared->pair.client, NET_NOW) != 0 ||
           net_close(shared->pair.listener, NET_NOW) != 0;
}

static int close_poller(void *argument)
{
    struct shared *shared = argument;

    net_poller_close(shared->poller);
    return 0;
}

static int close_poller_and_sockets(void *argument)
{
    return close_poller(argument) + close_sockets(argument);
}

static int close_sockets_and_poller(void *argument)
{
    return close_sockets(argument) + close_poller(argument);
}

/* The child has a poller of its own, beside sockets that belong to the parent. */
static int watch_in_a_poller_of_its_own(void *argument)
{
    struct shared *shared = argument;
    net_event event;

    net_poller_close(shared->poller);
    net_poller *own = net_poller_open();
    net_socket *listener = net_listen("tcp://127.0.0.1:0");

    if (own == NULL || listener == NULL ||
        net_poller_watch(own, listener, NET_READABLE, listener, net_after(5)) != 0) {
        return 1;
    }
    if (net_poller_wait(own, &event, 1, soon()) != 1 || event.ready != NET_EXPIRED) {
        return 2;
    }
    net_poller_wake(own);
    if (net_poller_wait(own, &event, 1, soon()) != 0) {
        return 3;
    }
    net_close(listener, NET_NOW);
    net_poller_close(own);
    return 0;
}

static int (*const bodies[])(void *) = {close_sockets, close_poller, close_poller_and_sockets,
                                        close_sockets_and_poller, watch_in_a_poller_of_its_own};

/* Each watch of the parent tells what it told before, and no more. */
static void expect_unharmed(struct shared *shared)
{
    struct pair *pair = &shared->pair;

    expect_quiet(shared->poller, 5);
    assert_count(net_send(pair->client, "x", 1, soon()), 1);
    expect_event(shared->poller, pair->server, NET_READABLE);
    assert_count(net_recv(pair->server, in, sizeof in, soon()), 1);
    assert_count(net_send(pair->server, "y", 1, soon()), 1);
    expect_event(shared->poller, pair->client, NET_READABLE);
    assert_count(net_recv(pair->client, in, sizeof in, soon()), 1);
    net_poller_wake(shared->poller);
    net_event event;

    assert_count(net_poller_wait(shared->poller, &event, 1, soon()), 0);
    assert_count(
        net_poller_watch(shared->poller, pair->server, NET_READABLE, pair->server, net_after(5)),
        0);
    expect_event(shared->poller, pair->server, NET_EXPIRED);
    expect_quiet(shared->poller, 5);
}

static void watch_all(struct shared *shared)
{
    watch(shared->poller, shared->pair.listener, NET_READABLE);
    watch(shared->poller, shared->pair.client, NET_READABLE);
    watch(shared->poller, shared->pair.server, NET_READABLE);
}

static void a_child_that_closes_leaves_the_watches_alone(void **state)
{
    struct shared shared = {.poller = open_poller()};

    dial_pair(template_of(state), &shared.pair);
    watch_all(&shared);
    for (size_t i = 0; i < COUNT(bodies); i++) {
        assert_int_equal(in_child(bodies[i], &shared), 0);
        expect_unharmed(&shared);
    }
    close_pair(&shared.pair);
    net_poller_close(shared.poller);
}

/* Events are collected or returned before the fork. The parent is told them again after it. */
static void a_child_takes_no_event(void **state)
{
    struct shared shared = {.poller = open_poller()};

    dial_pair(template_of(state), &shared.pair);
    watch_all(&shared);
    assert_count(net_send(shared.pair.client, "x", 1, soon()), 1);
    assert_count(net_send(shared.pair.server, "y", 1, soon()), 1);
    expect_all(shared.poller, (net_socket *[]){shared.pair.client, shared.pair.server}, 2,
               NET_READABLE);
    for (size_t i = 0; i < COUNT(bodies); i++) {
        assert_int_equal(in_child(bodies[i], &shared), 0);
        expect_all(shared.poller, (net_socket *[]){shared.pair.client, shared.pair.server}, 2,
                   NET_READABLE);
    }
    close_pair(&shared.pair);
    net_poller_close(shared.poller);
}

/* The fork comes while a thread of the parent waits or watches. */
static void a_fork_beside_a_wait_does_not_hang(void **state)
{
    struct shared shared = {.poller = open_poller()};
    struct watcher watcher;

    dial_pair(template_of(state), &shared.pair);
    watch(shared.poller, shared.pair.server, NET_READABLE);
    watcher_start(&watcher, shared.poller);
    for (size_t i = 0; i < 20 / (size_t)slowness() + COUNT(bodies); i++) {
        net_poller_wake(shared.poller);
        assert_int_equal(in_child(bodies[i % (COUNT(bodies) - 1)], &shared), 0);
    }
    assert_int_equal(watcher.events, 0);
    assert_count(net_send(shared.pair.client, "x", 1, soon()), 1);
    watcher_await(&watcher, 1);
    assert_ptr_equal(watcher.event.socket, shared.pair.server);
    watcher_stop(&watcher);
    close_pair(&shared.pair);
    net_poller_close(shared.poller);
}

/* The parent closes its copy, and the child goes on. */
static int go_on(void *argument)
{
    struct shared *shared = argument;
    net_event event;

    net_poller_close(shared->poller);
    net_poller *own = net_poller_open();

    if (own == NULL ||
        net_poller_watch(own, shared->pair.server, NET_READABLE, shared, net_after(60000)) != 0) {
        return 1;
    }
    if (net_poller_wait(own, &event, 1, soon()) != 1 || event.ready != NET_READABLE) {
        return 2;
    }
    if (net_recv(shared->pair.server, in, sizeof in, NET_NOW) != 4) {
        return 3;
    }
    net_close(shared->pair.server, NET_NOW);
    net_poller_close(own);
    return 0;
}

static void a_child_may_watch_the_connection_it_was_left(void **state)
{
    struct shared shared = {.poller = open_poller()};

    dial_pair(template_of(state), &shared.pair);
    watch_all(&shared);
    assert_count(net_send(shared.pair.client, "work", 4, soon()), 4);
    assert_int_equal(in_child(go_on, &shared), 0);
    expect_quiet(shared.poller, 10);
    close_pair(&shared.pair);
    net_poller_close(shared.poller);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_child_that_closes_leaves_the_watches_alone),
        TEST(a_child_takes_no_event),
        TEST(a_fork_beside_a_wait_does_not_hang),
    };
    static const struct test streams[] = {TEST(a_child_may_watch_the_connection_it_was_left)};

    return run_over(all_templates, any) + run_over(kernel_streams, streams);
}

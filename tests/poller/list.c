/* net_poller_list: every watched socket, once, with its user pointer and interest. A thread may
 * list while another waits. */
#include "watching.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 300, BOTH = NET_READABLE | NET_WRITABLE };

static int count_of(const net_event *events, int count, const net_socket *socket)
{
    int found = 0;

    for (int i = 0; i < count; i++) {
        found += events[i].socket == socket;
    }
    return found;
}

static void assert_listed(net_poller *poller, net_socket *socket, void *user, unsigned interest)
{
    net_event events[8];
    int n = (int)assert_ok(net_poller_list(poller, events, COUNT(events)));

    assert_in_range(n, 1, COUNT(events));
    assert_int_equal(count_of(events, n, socket), 1);
    for (int i = 0; i < n; i++) {
        if (events[i].socket == socket) {
            assert_ptr_equal(events[i].user, user);
            assert_int_equal(events[i].ready, interest);
        }
    }
}

static void it_tells_user_and_interest(void **state)
{
    net_poller *poller = open_poller();
    struct pair pair;
    net_event event;
    int users[3];

    dial_pair(template_of(state), &pair);
    assert_count(net_poller_list(poller, NULL, 0), 0);
    assert_ok(net_poller_watch(poller, pair.client, BOTH, &users[0], NET_FOREVER));
    assert_ok(net_poller_watch(poller, pair.server, NET_READABLE, &users[1], net_after(60000)));
    assert_ok(net_poller_watch(poller, pair.listener, 0, NULL, net_after(60000)));
    assert_count(net_poller_list(poller, NULL, 0), 3);
    assert_listed(poller, pair.client, &users[0], BOTH);
    assert_listed(poller, pair.server, &users[1], NET_READABLE);
    assert_listed(poller, pair.listener, NULL, 0);
    /* Readiness does not change the list. */
    assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    assert_listed(poller, pair.client, &users[0], BOTH);
    assert_ok(net_poller_watch(poller, pair.client, NET_WRITABLE, &users[2], NET_FOREVER));
    assert_listed(poller, pair.client, &users[2], NET_WRITABLE);
    assert_ok(net_poller_watch(poller, pair.client, 0, NULL, NET_FOREVER));
    assert_count(net_poller_list(poller, NULL, 0), 2);
    close_pair(&pair);
    assert_count(net_poller_list(poller, NULL, 0), 0);
    net_poller_close(poller);
}

static void it_counts_what_does_not_fit(void **state)
{
    net_poller *poller = open_poller();
    net_socket *sockets[MANY];
    net_event events[MANY + 1];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        sockets[i] = assert_socket(net_listen("mem://"));
        watch(poller, sockets[i], NET_READABLE);
    }
    for (int room = 0; room <= MANY + 1; room++) {
        memset(events, 0x55, sizeof events);
        assert_count(net_poller_list(poller, events, room), MANY);
        for (int i = 0; i <= MANY; i++) {
            bool filled = i < room && i < MANY;

            assert_int_equal(events[i].ready, filled ? NET_READABLE : 0x55555555);
        }
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(count_of(events, MANY, sockets[i]), 1);
    }
    for (int i = 0; i < MANY; i += 2) {
        net_close(sockets[i], NET_NOW);
    }
    assert_count(net_poller_list(poller, events, MANY), MANY / 2);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(count_of(events, MANY / 2, sockets[i]), i % 2);
    }
    for (int i = 1; i < MANY; i += 2) {
        net_close(sockets[i], NET_NOW);
    }
    net_poller_close(poller);
}

/* How a server ends: it lists and closes until the list is empty, whatever the size of its
 * array. */
static void a_server_closes_all_it_has_each_once(void **state)
{
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int before = open_descriptors();
    net_event events[7];
    int closed = 0;
    int n;

    watch(poller, listener, NET_READABLE);
    for (int i = 0; i < 20; i++) {
        net_socket *client;
        net_socket *server;

        dial_again(listener, &client, &server);
        watch(poller, client, BOTH);
        watch(poller, server, NET_READABLE);
    }
    for (n = net_poller_list(poller, events, COUNT(events)); n > 0;
         n = net_poller_list(poller, events, COUNT(events))) {
        assert_int_equal(n, 41 - closed);
        for (int i = 0; i < n && i < (int)COUNT(events); i++) {
            assert_ptr_equal(events[i].user, events[i].socket);
            net_close(events[i].socket, NET_NOW);
            closed++;
        }
    }
    assert_int_equal(n, 0);
    assert_int_equal(closed, 41);
    assert_true(open_descriptors() <= before);
    net_poller_close(poller);
}

/* ---- From another thread ---- */

struct lister {
    net_poller *poller;
    _Atomic bool stop;
    _Atomic int looks;
    int least; /* sockets in the shortest list */
    int most;
    bool failed;
};

static void *list_on(void *argument)
{
    struct lister *self = argument;
    net_event events[MANY];

    while (!atomic_load(&self->stop)) {
        int n = net_poller_list(self->poller, events, MANY);

        self->failed = self->failed || n < 0;
        for (int i = 0; i < n && i < MANY; i++) {
            self->failed = self->failed || count_of(events, n, events[i].socket) != 1 ||
                           events[i].user != events[i].socket;
        }
        self->least = n < self->least ? n : self->least;
        self->most = n > self->most ? n : self->most;
        atomic_fetch_add(&self->looks, 1);
    }
    return NULL;
}

/* One thread sleeps in a wait, and sockets come and go. Each list is of one moment. */
static void it_may_be_asked_while_another_waits(void **state)
{
    enum { ROUNDS = 200 };
    net_poller *poller = open_poller();
    struct lister lister = {.poller = poller, .least = MANY};
    struct pair pair;
    pthread_t thread;

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    assert_int_equal(pthread_create(&thread, NULL, list_on, &lister), 0);
    for (int i = 0; i < ROUNDS || atomic_load(&lister.looks) < ROUNDS; i++) {
        char byte;

        watch(poller, pair.listener, NET_READABLE);
        assert_count(net_send(pair.client, "x", 1, soon()), 1);
        expect_event(poller, pair.server, NET_READABLE); /* sleeps until the byte has arrived */
        assert_count(net_recv(pair.server, &byte, 1, soon()), 1);
        assert_ok(net_poller_watch(poller, pair.listener, 0, NULL, NET_FOREVER));
    }
    atomic_store(&lister.stop, true);
    pthread_join(thread, NULL);
    assert_false(lister.failed);
    assert_true(lister.least >= 1 && lister.most <= 2);
    close_pair(&pair);
    net_poller_close(poller);
}

/* A thread that sleeps in a wait does not delay a list. */
static void a_waiting_thread_is_no_hindrance(void **state)
{
    net_poller *poller = open_poller();
    struct watcher watcher;
    struct pair pair;

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    watcher_start(&watcher, poller);
    for (int i = 0; i < 100; i++) {
        assert_listed(poller, pair.server, pair.server, NET_READABLE);
    }
    watcher_stop(&watcher);
    close_pair(&pair);
    net_poller_close(poller);
}

/* ---- Misuse ---- */

static int list_in_child(void *poller)
{
    net_event event;

    return net_poller_list(poller, &event, 1) == NET_MISUSE ? 0 : 1;
}

static void misuse_has_a_sentence(void **state)
{
    net_poller *poller = open_poller();
    net_event event;

    (void)state;
    assert_code(net_poller_list(NULL, &event, 1), NET_MISUSE);
    assert_code(net_poller_list(poller, NULL, 1), NET_MISUSE);
    assert_code(net_poller_list(poller, &event, -1), NET_MISUSE);
    assert_says("a count of -1");
    assert_code(net_poller_list(poller, NULL, -1), NET_MISUSE);
    assert_int_equal(in_child(list_in_child, poller), 0);
    net_poller_close(poller);
}

int main(void)
{
    const struct test everywhere[] = {
        TEST(it_tells_user_and_interest), TEST(a_server_closes_all_it_has_each_once),
        TEST(it_may_be_asked_while_another_waits), TEST(a_waiting_thread_is_no_hindrance)};
    const struct test once[] = {TEST(it_counts_what_does_not_fit), TEST(misuse_has_a_sentence)};

    return run_over(all_templates, everywhere) + run_once(once);
}

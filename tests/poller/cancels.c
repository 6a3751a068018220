/* A cancelled socket of any kind is readable and writable to a poller, whenever it was
 * cancelled, and whichever thread or signal handler did it. */
#include "watching.h"

#include <signal.h>
#include <string.h>

enum { BOTH = NET_READABLE | NET_WRITABLE };

static char in[64];

/* The sockets of a conversation: the listener, the dialed one and the accepted one, of streams
 * or of datagrams. */
enum { KINDS = 3 };

static net_socket *kind_of(struct pair *pair, int kind)
{
    return kind == 0 ? pair->listener : kind == 1 ? pair->client : pair->server;
}

static void expect_canceled(net_socket *socket, bool listens)
{
    if (listens) {
        assert_no_socket(net_accept(socket, NET_NOW), NET_CANCELED);
    } else {
        assert_code(net_recv(socket, in, sizeof in, NET_NOW), NET_CANCELED);
        assert_code(net_send(socket, in, 1, NET_NOW), NET_CANCELED);
    }
}

static void it_is_told_readable_and_writable(void **state)
{
    static const unsigned interests[] = {NET_READABLE, NET_WRITABLE, BOTH};

    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < COUNT(interests); i++) {
            struct pair pair;
            net_poller *poller = open_poller();

            dial_pair(template_of(state), &pair);
            net_socket *socket = kind_of(&pair, kind);

            watch(poller, socket, interests[i]);
            net_cancel(socket);
            net_event event; /* may be from before the cancel: it was writable */

            assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
            expect_event(poller, socket, interests[i]);
            expect_event(poller, socket, interests[i]);
            expect_canceled(socket, kind == 0);
            watch(poller, socket, BOTH);
            expect_event(poller, socket, BOTH);
            net_poller_close(poller);
            close_pair(&pair);
        }
    }
}

static void one_that_was_cancelled_before_can_be_watched(void **state)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct pair pair;
        net_poller *poller = open_poller();

        dial_pair(template_of(state), &pair);
        net_socket *socket = kind_of(&pair, kind);

        net_cancel(socket);
        net_cancel(socket);
        watch(poller, socket, BOTH);
        expect_event(poller, socket, BOTH);
        assert_count(net_poller_watch(poller, socket, 0, socket, net_after(20)), 0);
        expect_event(poller, socket, NET_EXPIRED);
        expect_quiet(poller, 10);
        net_poller_close(poller);
        close_pair(&pair);
    }
}

static void it_ends_the_wait_of_another_thread(void **state)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct pair pair;
        struct watcher watcher;
        net_poller *poller = open_poller();

        dial_pair(template_of(state), &pair);
        net_socket *socket = kind_of(&pair, kind);

        watch(poller, socket, NET_READABLE);
        watcher_start(&watcher, poller);
        nap(kind * 3);
        double since = now_ms();

        net_cancel(socket);
        watcher_await(&watcher, 1);
        assert_took(elapsed_ms(since), 0, 1000);
        assert_ptr_equal(watcher.event.socket, socket);
        assert_int_equal(watcher.event.ready, NET_READABLE);
        watcher_stop(&watcher);
        net_poller_close(poller);
        close_pair(&pair);
    }
}

static void a_signal_handler_of_the_waiting_thread_may_cancel(void **state)
{
    struct sigaction action = {.sa_handler = cancel_in_handler};

    assert_int_equal(sigaction(SIGUSR2, &action, NULL), 0);
    for (int kind = 0; kind < KINDS; kind++) {
        struct pair pair;
        struct watcher watcher;
        net_poller *poller = open_poller();

        dial_pair(template_of(state), &pair);
        to_cancel = kind_of(&pair, kind);
        watch(poller, to_cancel, NET_READABLE);
        watcher_start(&watcher, poller);
        nap(kind * 3);
        errno_after_cancel = 0;
        pthread_kill(watcher.thread, SIGUSR2);
        watcher_await(&watcher, 1);
        assert_ptr_equal(watcher.event.socket, to_cancel);
        assert_int_equal(errno_after_cancel, 4711);
        watcher_stop(&watcher);
        net_poller_close(poller);
        close_pair(&pair);
    }
}

/* Over udp the sockets share a descriptor. */
static void the_others_are_not_told(void **state)
{
    struct pair pair;
    net_socket *client;
    net_socket *server;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    dial_again(pair.listener, &client, &server);
    watch(poller, pair.server, NET_READABLE);
    watch(poller, server, NET_READABLE);
    watch(poller, pair.listener, NET_READABLE);
    net_cancel(pair.server);
    expect_event(poller, pair.server, NET_READABLE);
    watch(poller, pair.server, 0);
    expect_quiet(poller, 10);
    assert_count(net_send(client, "x", 1, soon()), 1);
    expect_event(poller, server, NET_READABLE);
    assert_count(net_recv(server, in, sizeof in, soon()), 1);
    net_cancel(pair.listener);
    expect_event(poller, pair.listener, NET_READABLE);
    watch(poller, pair.listener, 0);
    expect_quiet(poller, 10);
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    net_poller_close(poller);
    close_pair(&pair);
}

static void a_dial_that_is_cancelled_is_told(void **state)
{
    struct black_hole hole;

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    for (int i = 0; i < 3; i++) {
        net_poller *poller = open_poller();
        net_socket *call = assert_socket(net_connect(hole.address, NET_NOW));

        if (i == 0) {
            net_cancel(call);
            watch(poller, call, BOTH);
        } else if (i == 1) {
            watch(poller, call, BOTH);
            expect_quiet(poller, 20);
            net_cancel(call);
        } else {
            struct watcher watcher;

            watch(poller, call, BOTH);
            watcher_start(&watcher, poller);
            nap(5);
            net_cancel(call);
            watcher_await(&watcher, 1);
            assert_int_equal(watcher.event.ready, BOTH);
            watcher_stop(&watcher);
            watch(poller, call, BOTH);
        }
        expect_event(poller, call, BOTH);
        expect_canceled(call, false);
        expect_event(poller, call, BOTH);
        net_close(call, NET_NOW);
        expect_quiet(poller, 10);
        net_poller_close(poller);
    }
    close_black_hole(&hole);
}

/* Threads that share a poller cancel many sockets. The loop sees every cancel, and each at once. */
static void no_cancel_of_many_is_lost(void **state)
{
    enum { MANY = 200 };
    static net_socket *sockets[MANY];
    net_poller *poller = open_poller();
    struct watcher watcher;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        sockets[i] = assert_socket(net_connect("udp://127.0.0.1:9", soon()));
        watch(poller, sockets[i], NET_READABLE);
    }
    watcher_start(&watcher, poller);
    for (int i = 0; i < MANY; i++) {
        net_cancel(sockets[(i * 7) % MANY]);
        nap(i % 50 == 0 ? 1 : 0);
    }
    watcher_await(&watcher, MANY);
    watcher_stop(&watcher);
    for (int i = 0; i < MANY; i++) {
        net_close(sockets[i], NET_NOW);
    }
    net_poller_close(poller);
}

int main(void)
{
    static const struct test any[] = {
        TEST(it_is_told_readable_and_writable),
        TEST(one_that_was_cancelled_before_can_be_watched),
        TEST(it_ends_the_wait_of_another_thread),
        TEST(a_signal_handler_of_the_waiting_thread_may_cancel),
        TEST(the_others_are_not_told),
    };
    static const struct test once[] = {
        TEST(a_dial_that_is_cancelled_is_told),
        TEST(no_cancel_of_many_is_lost),
    };

    return run_over(all_templates, any) + run_once(once);
}

/* driven: skip, it has a poller of its own */
/* Faults and pollers. A poller tells of late bytes when they are due, and never of stalled ones. A
 * layer gives back the notice that was lent to it. */
#include "watching.h"

#include <stdio.h>
#include <string.h>

static const char *const all[] = {"chaos+tcp://127.0.0.1:0", "chaos+unix://@",
                                  "chaos+udp://127.0.0.1:0", "chaos+unixgram://@", NULL};
static const char *const streams[] = {"chaos+tcp://127.0.0.1:0", "chaos+unix://@", NULL};
static const char *const datagrams[] = {"chaos+udp://127.0.0.1:0", "chaos+unixgram://@", NULL};

enum { DELAY = 60 };

static void what_is_late_is_told_when_it_is_due(void **state)
{
    struct pair pair;
    char buffer[8];
    net_poller *poller = open_poller();

    dial_pair_with(template_of(state), "delay=60ms", NULL, &pair);
    watch(poller, pair.server, NET_READABLE);
    expect_quiet(poller, 1);
    for (int i = 0; i < 3; i++) {
        double since = now_ms();

        assert_count(net_send(pair.client, "hello", 5, soon()), 5);
        expect_event(poller, pair.server, NET_READABLE);
        assert_took(elapsed_ms(since), DELAY - 1, 2000);
        expect_event(poller, pair.server, NET_READABLE);
        assert_count(net_recv(pair.server, buffer, sizeof buffer, NET_NOW), 5);
        expect_quiet(poller, 1);
    }
    watch(poller, pair.server, NET_READABLE | NET_WRITABLE);
    expect_event(poller, pair.server, NET_WRITABLE);
    assert_count(net_send(pair.client, "hello", 5, soon()), 5);
    double since = now_ms();
    net_event event = {0};

    while ((event.ready & NET_READABLE) == 0 && elapsed_ms(since) < 20000) {
        assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    }
    assert_int_equal(event.ready, NET_READABLE | NET_WRITABLE);
    watch(poller, pair.server, NET_READABLE);
    assert_count(net_recv(pair.server, buffer, sizeof buffer, NET_NOW), 5);
    net_cancel(pair.server);
    expect_event(poller, pair.server, NET_READABLE);
    close_pair(&pair);
    net_poller_close(poller);
}

/* Another thread waits in a call beside the poller and has read bytes. The poller tells of them. */
static void what_another_call_pulled_is_told(void **state)
{
    struct pair pair;
    char buffer[8];
    net_poller *poller = open_poller();

    dial_pair_with(template_of(state), "delay=400ms", NULL, &pair);
    watch(poller, pair.server, NET_READABLE);
    assert_count(net_send(pair.client, "hello", 5, soon()), 5);
    ssize_t n = net_recv(pair.server, buffer, sizeof buffer, net_after(20));

    if (in_time(n != 5)) {
        assert_code(n, NET_TIMEOUT);
        expect_event(poller, pair.server, NET_READABLE);
        assert_count(net_recv(pair.server, buffer, sizeof buffer, NET_NOW), 5);
    }
    close_pair(&pair);
    net_poller_close(poller);
}

static void what_has_stalled_tells_nothing(void **state)
{
    struct pair pair;
    char buffer[8];
    net_poller *poller = open_poller();

    dial_pair_with(template_of(state), "stall-after=5", NULL, &pair);
    watch(poller, pair.server, NET_READABLE);
    assert_count(net_send(pair.client, "hello, hello", 12, soon()), 12);
    expect_event(poller, pair.server, NET_READABLE);
    assert_count(net_recv(pair.server, buffer, sizeof buffer, soon()), 5);
    expect_quiet(poller, 20);
    assert_ok(net_poller_watch(poller, pair.server, NET_READABLE | NET_WRITABLE, pair.server,
                               net_after(20)));
    expect_event(poller, pair.server, NET_EXPIRED);
    expect_quiet(poller, 20);
    net_cancel(pair.server);
    expect_event(poller, pair.server, NET_READABLE | NET_WRITABLE);
    close_pair(&pair);
    net_poller_close(poller);
}

static void what_has_broken_is_told(void **state)
{
    struct pair pair;
    char byte;
    net_poller *poller = open_poller();

    dial_pair_with(template_of(state), "reset-after=5", NULL, &pair);
    watch(poller, pair.server, NET_READABLE);
    expect_quiet(poller, 1);
    assert_count(net_send(pair.server, "hello", 5, soon()), 5);
    expect_event(poller, pair.server, NET_READABLE);
    assert_code(net_recv(pair.server, &byte, 1, NET_NOW), NET_RESET);
    close_pair(&pair);
    net_poller_close(poller);
}

/* The end is delayed too. */
static void a_late_end_is_told(void **state)
{
    struct pair pair;
    char byte;
    net_poller *poller = open_poller();

    dial_pair_with(template_of(state), "delay=60ms", NULL, &pair);
    watch(poller, pair.server, NET_READABLE);
    double since = now_ms();

    assert_ok(net_shutdown(pair.client));
    expect_event(poller, pair.server, NET_READABLE);
    assert_took(elapsed_ms(since), DELAY - 1, 2000);
    assert_code(net_recv(pair.server, &byte, 1, NET_NOW), NET_EOF);
    expect_event(poller, pair.server, NET_READABLE);
    close_pair(&pair);
    net_poller_close(poller);
}

static void a_caller_whose_accept_failed_is_told_again(void **state)
{
    char address[ADDRESS_MAX];
    net_poller *poller = open_poller();
    int failures = 0;

    snprintf(address, sizeof address, "%s?accept-fail=NET_SYSTEM", template_of(state));
    net_socket *listener = assert_socket(net_listen(address));

    dial_address(listener, address);
    watch(poller, listener, NET_READABLE);
    for (int i = 0; i < 16; i++) {
        net_socket *client = assert_socket(net_connect(address, soon()));

        assert_count(net_send(client, "hi", 2, soon()), 2);
        expect_event(poller, listener, NET_READABLE);
        net_socket *server = net_accept(listener, NET_NOW);

        if (server == NULL) {
            assert_int_equal(net_error(), NET_SYSTEM);
            failures++;
            expect_event(poller, listener, NET_READABLE);
            server = assert_socket(net_accept(listener, NET_NOW));
        }
        expect_quiet(poller, 1);
        net_close(server, NET_NOW);
        net_close(client, NET_NOW);
    }
    assert_in_range(failures, 1, 15);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

static void a_dial_that_goes_on_is_told_when_it_is_decided(void **state)
{
    static const char *const faults[] = {"", "?delay=60ms", "?seed=1"};
    char address[ADDRESS_MAX];
    char buffer[8];

    for (size_t i = 0; i < COUNT(faults); i++) {
        net_poller *poller = open_poller();
        net_socket *listener = assert_socket(net_listen(template_of(state)));

        dial_address(listener, address);
        snprintf(address + strlen(address), sizeof address - strlen(address), "%s", faults[i]);
        net_socket *client = assert_socket(net_connect(address, NET_NOW));

        watch(poller, client, NET_WRITABLE);
        expect_event(poller, client, NET_WRITABLE);
        assert_count(net_send(client, "hello", 5, NET_NOW), 5);
        net_socket *server = assert_socket(net_accept(listener, soon()));

        assert_count(net_recv(server, buffer, sizeof buffer, soon()), 5);
        watch(poller, client, NET_READABLE);
        assert_count(net_send(server, "hello", 5, soon()), 5);
        expect_event(poller, client, NET_READABLE);
        assert_count(net_recv(client, buffer, sizeof buffer, NET_NOW), 5);
        net_close(client, NET_NOW);
        net_close(server, NET_NOW);
        net_close(listener, NET_NOW);
        net_poller_close(poller);
    }
}

/* A call on another socket reads a datagram for this peer and posts a notice below the layer. The
 * poller that waited for the notice is gone. */
static void no_notice_is_posted_for_a_poller_that_is_gone(void **state)
{
    struct pair first;
    net_socket *client;
    net_socket *server;
    char buffer[8];

    dial_pair_with(template_of(state), NULL, NULL, &first);
    dial_again(first.listener, &client, &server);
    for (int round = 0; round < 2; round++) {
        net_poller *poller = open_poller();

        watch(poller, first.server, NET_READABLE);
        assert_count(net_send(first.client, "one", 3, soon()), 3);
        expect_event(poller, first.server, NET_READABLE);
        assert_count(net_recv(first.server, buffer, sizeof buffer, soon()), 3);
        if (round == 0) {
            watch(poller, first.server, 0);
        }
        net_poller_close(poller);
        assert_count(net_send(first.client, "two", 3, soon()), 3);
        assert_count(net_send(client, "other", 5, soon()), 5);
        assert_count(net_recv(server, buffer, sizeof buffer, soon()), 5);
        assert_count(net_recv(first.server, buffer, sizeof buffer, soon()), 3);
    }
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    close_pair(&first);
}

int main(void)
{
    const struct test any[] = {
        TEST(what_is_late_is_told_when_it_is_due),
        TEST(what_another_call_pulled_is_told),
        TEST(a_caller_whose_accept_failed_is_told_again),
        TEST(a_dial_that_goes_on_is_told_when_it_is_decided),
    };
    const struct test of_streams[] = {
        TEST(what_has_stalled_tells_nothing),
        TEST(what_has_broken_is_told),
        TEST(a_late_end_is_told),
    };
    const struct test of_datagrams[] = {
        TEST(no_notice_is_posted_for_a_poller_that_is_gone),
    };
    int failures = run_over(all, any);

    failures += run_over(streams, of_streams);
    failures += run_over(datagrams, of_datagrams);
    return failures;
}

/* Faults that end a connection or seem to: reset-after, stall-after, accept-fail. Also cancel and
 * close while a fault is in effect. The other faults on streams are in faults.c. */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

static const char *const streams[] = {"chaos+tcp://127.0.0.1:0", "chaos+unix://@", NULL};

enum { IN_TIME = 100 }; /* ms: the longest that a cancel may take */

static void open_pair(void **state, const char *faults, struct pair *pair)
{
    dial_pair_with(template_of(state), faults, NULL, pair);
}

/* With unix sockets a reset looks like an end, unless bytes that the socket has sent are still
 * unread. */
static void expect_break(void **state, net_socket *socket)
{
    char scrap[64];
    bool tcp = strstr(template_of(state), "tcp") != NULL;

    assert_code(net_recv(socket, scrap, sizeof scrap, soon()), tcp ? NET_RESET : NET_EOF);
}

static void expect_reset_from_every_call(net_socket *socket)
{
    char buffer[8];

    for (int i = 0; i < 2; i++) {
        assert_code(net_recv(socket, buffer, sizeof buffer, soon()), NET_RESET);
        assert_says("reset-after");
        assert_code(net_recv_all(socket, buffer, sizeof buffer, NET_NOW), NET_RESET);
        assert_code(net_recv_until(socket, buffer, sizeof buffer, '\n', soon()), NET_RESET);
        assert_code(net_send(socket, "x", 1, soon()), NET_RESET);
        assert_code(net_shutdown(socket), NET_RESET);
    }
}

/* ---- Reset ---- */

static void a_connection_breaks_after_so_many_bytes(void **state)
{
    static const char *const faults[] = {"reset-after=60", "reset-after=60&chunk=7",
                                         "reset-after=60&delay=10ms",
                                         "reset-after=60&stall-after=61"};
    struct pair pair;
    char sent[60];
    char got[100];

    write_pattern(sent, sizeof sent, 0);
    for (size_t i = 0; i < COUNT(faults); i++) {
        open_pair(state, faults[i], &pair);
        assert_count(net_send(pair.client, sent, 60, soon()), 60);
        assert_count(net_recv_all(pair.server, got, sizeof got, soon()), 60);
        assert_true(is_pattern(got, 60, 0));
        expect_reset_from_every_call(pair.server);
        expect_break(state, pair.client);
        assert_ok(net_close(pair.server, soon()));
        pair.server = NULL;
        close_pair(&pair);
    }
}

static void bytes_of_both_directions_count(void **state)
{
    struct pair pair;
    char buffer[16];

    open_pair(state, "reset-after=10", &pair);
    assert_count(net_send(pair.client, "123456", 6, soon()), 6);
    assert_count(net_recv_all(pair.server, buffer, 6, soon()), 6);
    assert_count(net_send(pair.server, "abcdefgh", 8, soon()), 4);
    expect_reset_from_every_call(pair.server);
    assert_count(net_recv(pair.client, buffer, sizeof buffer, soon()), 4);
    assert_memory_equal(buffer, "abcd", 4);
    expect_break(state, pair.client);
    close_pair(&pair);
}

static void a_line_is_cut_off_by_a_reset(void **state)
{
    struct pair pair;
    char buffer[16];

    open_pair(state, "reset-after=10", &pair);
    assert_count(net_send(pair.client, "one\ntwo and\n", 12, soon()), 12);
    assert_count(net_recv_until(pair.server, buffer, sizeof buffer, '\n', soon()), 4);
    assert_count(net_recv_until(pair.server, buffer, sizeof buffer, '\n', soon()), 6);
    assert_memory_equal(buffer, "two an", 6);
    expect_reset_from_every_call(pair.server);
    close_pair(&pair);
}

static void a_reset_by_a_sender_wakes_a_receiver(void **state)
{
    struct pair pair;
    struct caller reader;

    open_pair(state, "reset-after=5", &pair);
    caller_start(&reader, call_recv, pair.server, soon());
    assert_count(net_send(pair.server, "12345", 5, soon()), 5);
    caller_join(&reader);
    assert_int_equal(reader.result, NET_RESET);
    close_pair(&pair);
}

/* ---- Stall ---- */

static void expect_silence(net_socket *socket)
{
    char buffer[64];
    double since = now_ms();

    assert_code(net_recv(socket, buffer, sizeof buffer, net_after(30)), NET_TIMEOUT);
    assert_code(net_recv_all(socket, buffer, 8, net_after(30)), NET_TIMEOUT);
    assert_code(net_recv_until(socket, buffer, 8, '\n', net_after(30)), NET_TIMEOUT);
    assert_code(net_send(socket, "x", 1, net_after(30)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), 119, 2000);
    assert_code(net_recv(socket, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT);
    assert_code(net_send(socket, "x", 1, NET_NOW), NET_TIMEOUT);
}

static void a_connection_falls_silent_after_so_many_bytes(void **state)
{
    static const char *const faults[] = {"stall-after=10", "stall-after=10&chunk=3",
                                         "stall-after=10&delay=5ms",
                                         "stall-after=10&reset-after=11"};
    struct pair pair;
    char buffer[64];

    for (size_t i = 0; i < COUNT(faults); i++) {
        open_pair(state, faults[i], &pair);
        assert_count(net_send(pair.client, "0123456789abcdef\n", 17, soon()), 17);
        double since = now_ms();

        long long n = net_recv_all(pair.server, buffer, 16, net_after(50));

        assert_took(elapsed_ms(since), 49, 2000);
        if (!in_time(n != NET_TIMEOUT)) { /* before what is delayed had come */
            close_pair(&pair);
            return;
        }
        assert_count(n, 10);
        assert_memory_equal(buffer, "0123456789", 10);
        expect_silence(pair.server);
        assert_code(net_recv(pair.client, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT);
        net_cancel(pair.server);
        assert_code(net_recv(pair.server, buffer, sizeof buffer, soon()), NET_CANCELED);
        assert_code(net_send(pair.server, buffer, 1, soon()), NET_CANCELED);
        close_pair(&pair);
    }
}

static void a_line_that_stalls_is_not_consumed(void **state)
{
    struct pair pair;
    char buffer[16];

    open_pair(state, "stall-after=10", &pair);
    assert_count(net_send(pair.client, "one\ntwo and\n", 12, soon()), 12);
    assert_count(net_recv_until(pair.server, buffer, sizeof buffer, '\n', soon()), 4);
    assert_code(net_recv_until(pair.server, buffer, sizeof buffer, '\n', net_after(30)),
                NET_TIMEOUT);
    assert_count(net_recv_all(pair.server, buffer, 6, soon()), 6);
    assert_memory_equal(buffer, "two an", 6);
    expect_silence(pair.server);
    close_pair(&pair);
}

/* ---- Close ---- */

static void a_close_waits_for_the_peer_and_names_the_socket(void **state)
{
    struct pair pair;

    open_pair(state, "chunk=3", &pair);
    double since = now_ms();

    assert_code(net_close(pair.server, net_after(40)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), 39, 2000);
    assert_says("close chaos+");
    pair.server = NULL;
    close_pair(&pair);
}

/* ---- Cancel ---- */

static void a_cancel_wakes_a_call_that_waits_in_a_fault(void **state)
{
    static const char *const faults[] = {"stall-after=2", "delay=30s", "chunk=2",
                                         "reset-after=100"};
    static caller_call *const calls[] = {call_recv, call_recv_all, call_recv_until};

    for (size_t i = 0; i < COUNT(faults) * COUNT(calls); i++) {
        struct pair pair;
        struct caller caller;
        char buffer[2];

        open_pair(state, faults[i % COUNT(faults)], &pair);
        assert_count(net_send(pair.client, "ab", 2, soon()), 2);
        if (i % COUNT(faults) != 1) {
            assert_count(net_recv_all(pair.server, buffer, 2, soon()), 2);
        }
        caller_start(&caller, calls[i / COUNT(faults)], pair.server, soon());
        double since = now_ms();

        net_cancel(pair.server);
        caller_join(&caller);
        assert_took(elapsed_ms(since), 0, IN_TIME);
        assert_int_equal(caller.result, NET_CANCELED);
        close_pair(&pair);
    }
}

static net_socket *alarmed;

static void cancel_it(int number)
{
    (void)number;
    net_cancel(alarmed);
}

static void a_signal_handler_may_cancel_a_call_in_a_fault(void **state)
{
    static const char *const faults[] = {"stall-after=2", "delay=30s"};
    const struct itimerval soon_enough = {.it_value = {.tv_usec = 30000}};
    struct sigaction action = {.sa_handler = cancel_it, .sa_flags = SA_RESTART};
    struct sigaction before;

    for (size_t i = 0; i < COUNT(faults); i++) {
        struct pair pair;
        char buffer[8];

        open_pair(state, faults[i], &pair);
        assert_count(net_send(pair.client, "ab", 2, soon()), 2);
        if (i == 0) {
            assert_count(net_recv_all(pair.server, buffer, 2, soon()), 2);
        }
        alarmed = pair.server;
        sigaction(SIGALRM, &action, &before);
        setitimer(ITIMER_REAL, &soon_enough, NULL);
        double since = now_ms();

        assert_code(net_recv(pair.server, buffer, sizeof buffer, soon()), NET_CANCELED);
        assert_took(elapsed_ms(since), 0, 30 + IN_TIME);
        sigaction(SIGALRM, &before, NULL);
        close_pair(&pair);
    }
}

/* ---- Accept ---- */

enum { CALLERS = 24 };

/* Accept CALLERS callers, each in its turn. Return which accepts failed, as bits. */
static unsigned long accept_all(void **state, const char *options)
{
    char address[ADDRESS_MAX];
    net_socket *clients[CALLERS];
    unsigned long failed = 0;

    snprintf(address, sizeof address, "%s?%s", template_of(state), options);
    net_socket *listener = assert_socket(net_listen(address));

    dial_address(listener, address);
    for (int i = 0; i < CALLERS; i++) {
        char got = 0;

        clients[i] = assert_socket(net_connect(address, soon()));
        assert_count(net_send(clients[i], "A", 1, soon()), 1);
        net_socket *server = net_accept(listener, soon());

        if (server == NULL) {
            failed |= 1ul << i;
            assert_int_equal(net_error(), NET_LIMIT);
            assert_says("accept-fail");
            server = assert_socket(net_accept(listener, soon()));
        }
        assert_count(net_recv(server, &got, 1, soon()), 1);
        net_close(server, NET_NOW);
    }
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    for (int i = 0; i < CALLERS; i++) {
        net_close(clients[i], NET_NOW);
    }
    net_close(listener, NET_NOW);
    return failed;
}

/* After NET_LIMIT a loop with a poller goes on, as a server does. */
static void some_accepts_fail_and_no_caller_is_lost(void **state)
{
    unsigned long first = accept_all(state, "accept-fail=NET_LIMIT&seed=3");

    assert_true(accept_all(state, "accept-fail=NET_LIMIT&seed=3") == first);
    if (!is_driven()) {
        assert_true(first != 0 && first != (1ul << CALLERS) - 1);
        assert_true(accept_all(state, "accept-fail=NET_LIMIT&seed=4") != first);
    }
    assert_true(accept_all(state, "seed=3") == 0);
}

/* A caller that was not returned by an accept sees the end when the listener closes. */
static void a_caller_whose_accept_failed_sees_the_listener_close(void **state)
{
    char address[ADDRESS_MAX];
    char byte;
    int failed = 0;

    snprintf(address, sizeof address, "%s?accept-fail=NET_DENIED", template_of(state));
    for (int i = 0; i < 64 && failed == 0; i++) {
        snprintf(address, sizeof address, "%s?accept-fail=NET_DENIED&seed=%d", template_of(state),
                 i);
        net_socket *listener = assert_socket(net_listen(address));

        dial_address(listener, address);
        net_socket *client = assert_socket(net_connect(address, soon()));
        net_socket *server = net_accept(listener, soon());

        failed = server == NULL ? net_error() : 0;
        net_close(listener, NET_NOW);
        if (failed != 0) {
            assert_int_equal(failed, NET_DENIED);
            assert_code(net_recv(client, &byte, 1, soon()), NET_EOF);
        }
        net_close(server, NET_NOW);
        net_close(client, NET_NOW);
    }
    assert_int_equal(failed, NET_DENIED);
}

/* ---- Dialing ---- */

static void a_dial_that_goes_on_works_through_the_layer(void **state)
{
    static const char *const faults[] = {"", "?chunk=3", "?delay=20ms", "?reset-after=1MiB"};
    char address[ADDRESS_MAX];
    char buffer[8];

    for (size_t i = 0; i < COUNT(faults); i++) {
        net_socket *listener = assert_socket(net_listen(template_of(state)));

        dial_address(listener, address);
        snprintf(address + strlen(address), sizeof address - strlen(address), "%s", faults[i]);
        net_socket *client = assert_socket(net_connect(address, NET_NOW));
        net_socket *server = assert_socket(net_accept(listener, soon()));

        assert_count(net_send(server, "hi", 2, soon()), 2);
        assert_count(net_recv_all(client, buffer, 2, soon()), 2);
        assert_count(net_send(client, "hello", 5, soon()), 5);
        assert_count(net_recv_all(server, buffer, 5, soon()), 5);
        assert_ok(net_get(client, "peer", address, sizeof address));
        assert_memory_equal(address, "chaos+", 6);
        assert_ok(net_close(server, NET_NOW));
        assert_code(net_recv(client, buffer, sizeof buffer, soon()), NET_EOF);
        assert_says("recv chaos+");
        net_close(client, NET_NOW);
        net_close(listener, NET_NOW);
    }
}

static void a_dial_that_fails_says_so_through_the_layer(void **state)
{
    char address[ADDRESS_MAX];
    char buffer[8];
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    dial_address(listener, address);
    net_close(listener, NET_NOW);
    assert_no_socket(net_connect(address, soon()), NET_REFUSED);
    assert_says("connect chaos+");
    net_socket *client = assert_socket(net_connect(address, NET_NOW));

    assert_code(net_recv(client, buffer, sizeof buffer, soon()), NET_REFUSED);
    assert_says("connect chaos+");
    net_close(client, NET_NOW);
}

int main(void)
{
    const struct test tests[] = {
        TEST(a_connection_breaks_after_so_many_bytes),
        TEST(bytes_of_both_directions_count),
        TEST(a_line_is_cut_off_by_a_reset),
        TEST(a_reset_by_a_sender_wakes_a_receiver),
        TEST(a_connection_falls_silent_after_so_many_bytes),
        TEST(a_line_that_stalls_is_not_consumed),
        TEST(a_close_waits_for_the_peer_and_names_the_socket),
        TEST(a_cancel_wakes_a_call_that_waits_in_a_fault),
        TEST(a_signal_handler_may_cancel_a_call_in_a_fault),
        TEST(some_accepts_fail_and_no_caller_is_lost),
        TEST(a_caller_whose_accept_failed_sees_the_listener_close),
        TEST(a_dial_that_goes_on_works_through_the_layer),
        TEST(a_dial_that_fails_says_so_through_the_layer),
    };

    return run_over(streams, tests);
}

/* How a stream inside the process ends: resets, ends, and what each direction remembers. A peer
 * resets the stream when it closes with unread bytes. */
#include "support.h"

#include <signal.h>
#include <string.h>

static char in[64];

static void expect_from_every_receive(net_socket *socket, int code)
{
    for (int i = 0; i < 2; i++) {
        assert_code(net_recv(socket, in, sizeof in, soon()), code);
        assert_code(net_recv(socket, in, sizeof in, NET_NOW), code);
        assert_code(net_recv_all(socket, in, sizeof in, soon()), code);
        assert_code(net_recv_until(socket, in, sizeof in, '\n', soon()), code);
    }
}

static void expect_from_every_send(net_socket *socket, int code)
{
    net_slice slices[] = {{"a", 1}, {"b", 1}};

    for (int i = 0; i < 2; i++) {
        assert_code(net_send(socket, "x", 1, soon()), code);
        assert_code(net_send_vector(socket, slices, 2, NET_NOW), code);
    }
}

/* The server has sent `words` and closed with unread bytes of ours. */
static void dial_and_be_reset(struct pair *pair, const char *words)
{
    dial_pair("mem://", pair);
    assert_count(net_send(pair->client, "unread", 6, soon()), 6);
    if (*words != '\0') {
        assert_ok(net_send(pair->server, words, strlen(words), soon()));
    }
    net_close(pair->server, NET_NOW);
    pair->server = NULL;
}

static void what_had_arrived_comes_before_the_reset(void **state)
{
    (void)state;
    for (int sends_first = 0; sends_first < 2; sends_first++) {
        struct pair pair;

        dial_and_be_reset(&pair, "arrived");
        if (sends_first != 0) {
            expect_from_every_send(pair.client, NET_RESET);
        }
        assert_count(net_recv(pair.client, in, 3, soon()), 3);
        assert_count(net_recv_all(pair.client, in, sizeof in, soon()), 4);
        expect_from_every_receive(pair.client, NET_RESET);
        expect_from_every_send(pair.client, NET_RESET);
        close_pair(&pair);
    }
}

static void a_broken_line_comes_before_the_reset(void **state)
{
    struct pair pair;

    (void)state;
    dial_and_be_reset(&pair, "half a line");
    assert_count(net_recv_until(pair.client, in, sizeof in, '\n', soon()), 11);
    expect_from_every_receive(pair.client, NET_RESET);
    close_pair(&pair);
}

static void a_reset_after_our_end_is_no_end(void **state)
{
    struct pair pair;

    (void)state;
    dial_pair("mem://", &pair);
    assert_count(net_send(pair.client, "unread", 6, soon()), 6);
    assert_count(net_shutdown(pair.client), 0);
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    expect_from_every_receive(pair.client, NET_RESET);
    expect_from_every_send(pair.client, NET_MISUSE);
    close_pair(&pair);
}

/* The peer has read everything and closes: that is an end. A later send fails with NET_RESET, and
 * each direction remembers its own result. */
static void each_direction_remembers_for_itself(void **state)
{
    (void)state;
    for (int sends_first = 0; sends_first < 2; sends_first++) {
        struct pair pair;

        dial_pair("mem://", &pair);
        net_close(pair.server, NET_NOW);
        pair.server = NULL;
        if (sends_first == 0) {
            expect_from_every_receive(pair.client, NET_EOF);
        }
        expect_from_every_send(pair.client, NET_RESET);
        expect_from_every_receive(pair.client, sends_first == 0 ? NET_EOF : NET_RESET);
        assert_int_equal(net_shutdown(pair.client), NET_RESET);
        close_pair(&pair);
    }
}

static void a_reset_wakes_every_call_that_waits(void **state)
{
    static caller_call *const calls[] = {call_recv, call_recv_all, call_recv_until, call_send};

    (void)state;
    for (size_t i = 0; i < COUNT(calls); i++) {
        struct pair pair;
        struct caller caller;

        dial_pair("mem://", &pair);
        assert_count(net_send(pair.client, "unread", 6, soon()), 6);
        caller_start(&caller, calls[i], pair.client, soon());
        net_close(pair.server, NET_NOW);
        pair.server = NULL;
        caller_join(&caller);
        if (calls[i] == call_send) {
            assert_true(caller.result > 0);
        } else {
            assert_int_equal(caller.result, NET_RESET);
        }
        expect_from_every_send(pair.client, NET_RESET);
        expect_from_every_receive(pair.client, NET_RESET);
        close_pair(&pair);
    }
}

/* A half-close beside a send that waits: the send stops, and the peer reads all that it took. */
static void a_half_close_ends_a_send_that_waits(void **state)
{
    struct pair pair;
    struct caller sender;
    long long received = 0;
    ssize_t n = 1;
    static char much[8192];

    (void)state;
    dial_pair("mem://", &pair);
    caller_start(&sender, call_send, pair.client, soon());
    double since = now_ms();

    assert_count(net_shutdown(pair.client), 0);
    assert_took(elapsed_ms(since), 0, 1000);
    caller_join(&sender);
    while (n > 0) {
        n = net_recv(pair.server, much, sizeof much, soon());
        received += n > 0 ? n : 0;
    }
    assert_code(n, NET_EOF);
    assert_int_equal(received, sender.result);
    assert_int_equal(received, number_of(pair.client, "bytes-sent"));
    close_pair(&pair);
}

/* ---- A signal handler cancels, wherever its thread is ---- */

static net_socket *_Atomic victim;

static void cancel_it(int number)
{
    (void)number;
    net_cancel(victim);
}

static void a_signal_handler_cancels_a_call_that_waits(void **state)
{
    static caller_call *const calls[] = {call_recv, call_recv_until, call_send, call_accept};
    struct sigaction before;
    const struct sigaction action = {.sa_handler = cancel_it};

    (void)state;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    for (size_t i = 0; i < COUNT(calls); i++) {
        struct pair pair;
        struct caller caller;

        dial_pair("mem://", &pair);
        victim = calls[i] == call_accept ? pair.listener : pair.client;
        caller_start(&caller, calls[i], victim, soon());
        pthread_kill(caller.thread, SIGUSR1);
        caller_join(&caller);
        if (calls[i] == call_send) {
            assert_true(caller.result > 0);
        } else {
            assert_int_equal(caller.result, NET_CANCELED);
        }
        if (calls[i] == call_recv) {
            assert_code(net_recv(pair.server, in, sizeof in, soon()), NET_EOF);
        }
        close_pair(&pair);
    }
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_had_arrived_comes_before_the_reset),
        TEST(a_broken_line_comes_before_the_reset),
        TEST(a_reset_after_our_end_is_no_end),
        TEST(each_direction_remembers_for_itself),
        TEST(a_reset_wakes_every_call_that_waits),
        TEST(a_half_close_ends_a_send_that_waits),
        TEST(a_signal_handler_cancels_a_call_that_waits),
    };

    return run_once(tests);
}

/* How a stream ends. An end is told after the last byte, and stays the end. A reset is told
 * after what had arrived, stays a reset, and is never taken for the end. */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket of the library whose peer is raw: a plain descriptor where the wire has one. */
struct odd_pair {
    net_socket *listener;
    net_socket *ours;
    struct raw_peer peer;
};

static void dial_raw(const char *address, struct odd_pair *pair)
{
    pair->listener = assert_socket(net_listen(address));
    pair->ours = meet_raw_peer(pair->listener, &pair->peer);
}

/* The peer resets, and the kernel at this end has seen it. */
static void reset_raw(struct odd_pair *pair)
{
    raw_peer_breaks_off(&pair->peer);
    await_ready(pair->ours, POLLHUP);
}

static void close_raw(struct odd_pair *pair)
{
    net_close(pair->ours, NET_NOW);
    net_close(pair->listener, NET_NOW);
}

static bool carries_messages(net_socket *socket)
{
    char scheme[32];

    assert_ok(net_get(socket, "scheme", scheme, sizeof scheme));
    return is_framed(scheme);
}

static void expect_code_from_every_receive(net_socket *socket, int code)
{
    char buffer[8];
    net_message message = {.data = buffer, .capacity = sizeof buffer};
    bool by_messages = carries_messages(socket);

    for (int i = 0; i < 3; i++) {
        assert_code(net_recv(socket, buffer, sizeof buffer, soon()), code);
        assert_code(net_recv(socket, buffer, sizeof buffer, NET_NOW), code);
        if (by_messages) {
            assert_code(net_recv_messages(socket, &message, 1, soon()), code);
            continue;
        }
        assert_code(net_recv_all(socket, buffer, sizeof buffer, soon()), code);
        assert_code(net_recv_until(socket, buffer, sizeof buffer, '\n', soon()), code);
    }
}

static void expect_code_from_every_send(net_socket *socket, int code)
{
    net_slice slices[] = {{"a", 1}, {"b", 1}};

    for (int i = 0; i < 3; i++) {
        assert_code(net_send(socket, "x", 1, soon()), code);
        assert_code(net_send(socket, "x", 1, NET_NOW), code);
        assert_code(net_send_vector(socket, slices, 2, soon()), code);
    }
}

/* Sends until the peer's answer, a reset, has come. */
static void send_until_it_fails(net_socket *socket)
{
    ssize_t n = 1;

    for (int i = 0; i < 20000 && n > 0; i++) {
        n = net_send(socket, "x", 1, soon());
        nap(1);
    }
    assert_code(n, NET_RESET);
}

static void the_end_comes_after_the_last_byte_and_stays(void **state)
{
    struct pair pair;
    char buffer[64];

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.client, "last words", 10, soon()), 10);
    assert_count(net_shutdown(pair.client), 0);
    assert_count(net_recv(pair.server, buffer, 4, soon()), 4);
    assert_count(net_recv(pair.server, buffer, sizeof buffer, soon()), 6);
    expect_code_from_every_receive(pair.server, NET_EOF);
    assert_blames("recv", template_of(state));
    assert_count(net_send(pair.server, "bye", 3, soon()), 3);
    assert_count(net_recv(pair.client, buffer, sizeof buffer, soon()), 3);
    close_pair(&pair);
}

static void the_end_wakes_a_wait_for_bytes(void **state)
{
    struct pair pair;
    struct caller reader;

    dial_pair(template_of(state), &pair);
    caller_start(&reader, call_recv, pair.server, soon());
    net_close(pair.client, NET_NOW);
    pair.client = NULL;
    caller_join(&reader);
    assert_int_equal(reader.result, NET_EOF);
    close_pair(&pair);
}

/* SIGPIPE has its default action here. */
static void an_end_that_has_finished_sending_sends_no_more(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_count(net_shutdown(pair.client), 0);
    assert_count(net_shutdown(pair.client), 0);
    expect_code_from_every_send(pair.client, NET_MISUSE);
    assert_says("net_shutdown");
    if (is_stream(template_of(state))) { /* otherwise it is a message */
        assert_count(net_send(pair.client, "", 0, NET_NOW), 0);
    }
    expect_code_from_every_receive(pair.server, NET_EOF);
    assert_count(net_shutdown(pair.server), 0);
    expect_code_from_every_receive(pair.client, NET_EOF);
    assert_count(net_shutdown(pair.client), 0);
    close_pair(&pair);
}

static void a_shutdown_after_the_peer_has_gone_is_harmless(void **state)
{
    struct odd_pair pair;

    dial_raw(template_of(state), &pair);
    raw_peer_leaves(&pair.peer);
    expect_code_from_every_receive(pair.ours, NET_EOF);
    assert_count(net_shutdown(pair.ours), 0);
    close_raw(&pair);

    dial_raw(template_of(state), &pair);
    raw_peer_breaks_off(&pair.peer);
    expect_code_from_every_receive(pair.ours, NET_RESET);
    int code = net_shutdown(pair.ours);

    assert_true(code == 0 || code == NET_RESET);
    code = net_shutdown(pair.ours);
    assert_true(code == 0 || code == NET_RESET);
    expect_code_from_every_receive(pair.ours, NET_RESET);
    close_raw(&pair);
}

/* The peer resets before the accept. The accept returns its connection, or skips it and waits
 * for another. */
static void a_reset_before_the_accept_is_seen_by_the_first_receive(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    raw_reset(raw_dial(listener));
    net_socket *ours = net_accept(listener, net_after(200));

    if (ours != NULL) {
        expect_code_from_every_receive(ours, NET_RESET);
        net_close(ours, NET_NOW);
    } else {
        assert_int_equal(net_error(), NET_TIMEOUT);
    }
    net_close(listener, NET_NOW);
}

/* A reset of an idle connection. The test first receives, then in a second round first sends. */
static void a_reset_of_an_idle_connection_is_a_reset_for_ever(void **state)
{
    struct odd_pair pair;

    dial_raw(template_of(state), &pair);
    raw_peer_breaks_off(&pair.peer);
    expect_code_from_every_receive(pair.ours, NET_RESET);
    expect_code_from_every_send(pair.ours, NET_RESET);
    expect_code_from_every_receive(pair.ours, NET_RESET);
    close_raw(&pair);

    dial_raw(template_of(state), &pair);
    reset_raw(&pair);
    expect_code_from_every_send(pair.ours, NET_RESET);
    expect_code_from_every_receive(pair.ours, NET_RESET);
    expect_code_from_every_send(pair.ours, NET_RESET);
    close_raw(&pair);
}

/* A reset in the middle of a receive. */
static void a_reset_wakes_a_receiver(void **state)
{
    static caller_call *const calls[] = {call_recv, call_recv_all, call_recv_until};
    struct odd_pair pair;

    for (size_t i = 0; i < COUNT(calls); i++) {
        struct caller reader;

        dial_raw(template_of(state), &pair);
        caller_start(&reader, calls[i], pair.ours, soon());
        raw_peer_breaks_off(&pair.peer);
        caller_join(&reader);
        assert_int_equal(reader.result, NET_RESET);
        expect_code_from_every_receive(pair.ours, NET_RESET);
        close_raw(&pair);
    }
}

/* A reset in the middle of a send: the send returns how much was taken, the next calls say why
 * it was no more. */
static void a_reset_wakes_a_sender(void **state)
{
    struct odd_pair pair;
    struct caller sender;

    dial_raw(template_of(state), &pair);
    caller_start(&sender, call_send, pair.ours, soon());
    raw_peer_breaks_off(&pair.peer);
    caller_join(&sender);
    assert_true(sender.result > 0);
    expect_code_from_every_send(pair.ours, NET_RESET);
    expect_code_from_every_receive(pair.ours, NET_RESET);
    close_raw(&pair);
}

/* A reset after this end has shut down. */
static void a_reset_after_our_end_is_no_end(void **state)
{
    struct odd_pair pair;

    dial_raw(template_of(state), &pair);
    assert_count(net_shutdown(pair.ours), 0);
    raw_peer_hears_end(&pair.peer);
    raw_peer_breaks_off(&pair.peer);
    expect_code_from_every_receive(pair.ours, NET_RESET);
    expect_code_from_every_send(pair.ours, NET_MISUSE);
    close_raw(&pair);
}

/* What had arrived is received, even when a send is the first call that sees the reset. */
static void what_had_arrived_is_handed_out_before_the_reset(void **state)
{
    for (int sends_first = 0; sends_first < 2; sends_first++) {
        struct odd_pair pair;
        char buffer[64];

        dial_raw(template_of(state), &pair);
        raw_peer_says(&pair.peer, "arrived");
        await_ready(pair.ours, POLLIN); /* a reset may overtake what is on its way */
        reset_raw(&pair);
        if (sends_first != 0) {
            expect_code_from_every_send(pair.ours, NET_RESET);
        }
        assert_count(net_recv(pair.ours, buffer, 3, soon()), 3);
        assert_count(net_recv_all(pair.ours, buffer, sizeof buffer, soon()), 4);
        expect_code_from_every_receive(pair.ours, NET_RESET);
        close_raw(&pair);
    }
}

/* What was sent to the raw peer has arrived, and the raw peer has not read it. What the raw peer
 * sends has arrived, too. */
static void raw_peer_says_and_goes(struct odd_pair *pair, const char *words)
{
    struct raw_peer *peer = &pair->peer;

    if (peer->fd >= 0) {
        await_events(peer->fd, POLLIN);
    }
    raw_peer_says(peer, words);
    await_ready(pair->ours, POLLIN);
    if (peer->fd >= 0) {
        close(peer->fd);
    } else {
        net_close(peer->socket, NET_NOW);
    }
}

/* The peer answers and closes without having read all that was sent to it. An encrypted one says
 * that it has finished before that. */
static void an_answer_is_received_before_the_reset_that_follows_it(void **state)
{
    int end = is_encrypted(template_of(state)) ? NET_EOF : NET_RESET;

    for (int sends_first = 0; sends_first < 2; sends_first++) {
        struct odd_pair pair;
        char buffer[64];

        dial_raw(template_of(state), &pair);
        assert_count(net_send(pair.ours, "a request that nobody reads", 27, soon()), 27);
        raw_peer_says_and_goes(&pair, "no");
        if (sends_first != 0) {
            send_until_it_fails(pair.ours);
        }
        assert_count(net_recv(pair.ours, buffer, sizeof buffer, soon()), 2);
        expect_code_from_every_receive(pair.ours, end);
        close_raw(&pair);
    }
}

/* Each direction keeps its own ending. */
static void an_end_that_was_told_stays_the_end_when_sending_fails(void **state)
{
    struct odd_pair pair;

    dial_raw(template_of(state), &pair);
    raw_peer_leaves(&pair.peer);
    expect_code_from_every_receive(pair.ours, NET_EOF);
    send_until_it_fails(pair.ours);
    expect_code_from_every_send(pair.ours, NET_RESET);
    expect_code_from_every_receive(pair.ours, NET_EOF);
    close_raw(&pair);
}

/* The end was in flight, but the connection broke before a receive had returned it. An encrypted
 * end is a record, and is received as what had arrived. */
static void an_end_behind_a_failed_send_is_a_reset(void **state)
{
    struct odd_pair pair;

    dial_raw(template_of(state), &pair);
    raw_peer_leaves(&pair.peer);
    send_until_it_fails(pair.ours);
    expect_code_from_every_receive(pair.ours,
                                   is_encrypted(template_of(state)) ? NET_EOF : NET_RESET);
    close_raw(&pair);
}

static void both_may_hang_up_at_once(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_count(net_shutdown(pair.client), 0);
    assert_count(net_shutdown(pair.server), 0);
    expect_code_from_every_receive(pair.client, NET_EOF);
    expect_code_from_every_receive(pair.server, NET_EOF);
    assert_count(net_close(pair.client, soon()), 0);
    assert_count(net_close(pair.server, soon()), 0);
    net_close(pair.listener, NET_NOW);
}

/* A call that ends at its deadline leaves nothing pending. Later calls go on. */
static void a_timeout_is_not_remembered(void **state)
{
    struct pair pair;
    char buffer[64];

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < 5; i++) {
        assert_code(net_recv(pair.server, buffer, sizeof buffer, net_after(i)), NET_TIMEOUT);
        assert_count(net_send(pair.client, "more", 4, net_after(i)), 4);
        assert_count(net_recv_all(pair.server, buffer, 4, soon()), 4);
    }
    close_pair(&pair);
}

int main(void)
{
    static const struct test connected[] = {
        TEST(the_end_wakes_a_wait_for_bytes),
        TEST(an_end_that_has_finished_sending_sends_no_more),
        TEST(both_may_hang_up_at_once),
    };
    static const struct test streams[] = {
        TEST(the_end_comes_after_the_last_byte_and_stays),
        TEST(a_shutdown_after_the_peer_has_gone_is_harmless),
        TEST(a_reset_of_an_idle_connection_is_a_reset_for_ever),
        TEST(a_reset_wakes_a_receiver),
        TEST(a_reset_wakes_a_sender),
        TEST(a_reset_after_our_end_is_no_end),
        TEST(what_had_arrived_is_handed_out_before_the_reset),
        TEST(an_answer_is_received_before_the_reset_that_follows_it),
        TEST(an_end_that_was_told_stays_the_end_when_sending_fails),
        TEST(an_end_behind_a_failed_send_is_a_reset),
        TEST(a_timeout_is_not_remembered),
    };

    static const struct test tcp[] = {
        TEST(a_reset_before_the_accept_is_seen_by_the_first_receive),
    };

    return run_over(connected_templates, connected) + run_over(stream_templates, streams) +
           run_over(tcp_templates, tcp);
}

/* driven: skip, it has pollers of its own */
/* A connection ends while the rest of a message waits: by a close, a half-close, a cancel, a reset,
 * or in a child. The peer receives the whole message or NET_RESET, and never an end in its place.
 * A message that was received ahead, and that nobody asked for, changes nothing of an end. */
#include "plain_peer.h"
#include "watching.h"

#include <string.h>

static char out[LONG_MESSAGE];
static char in[1 << 20];

enum { SHORT = 100 };

/* The client has a rest. Returns how many messages count as sent. */
static unsigned dial_and_cut(const char *address, struct pair *pair)
{
    dial_pair_with(address, SMALL_BUFFERS, SMALL_BUFFERS, pair);
    return send_until_cut(pair->client, LONG_MESSAGE, 0);
}

/* ---- Closing ---- */

static void a_close_with_a_deadline_sends_it(void **state)
{
    struct pair pair;
    struct reader reader;
    unsigned sent = dial_and_cut(template_of(state), &pair);

    reader_start(&reader, pair.server, 0, sent + 1);
    assert_ok(net_shutdown(pair.server));
    assert_ok(net_close(pair.client, soon()));
    pair.client = NULL;
    reader_join_code(&reader, sent, NET_EOF);
    close_pair(&pair);
}

static void a_close_that_passes_its_deadline_is_told(void **state)
{
    struct pair pair;
    struct reader reader;
    unsigned sent = dial_and_cut(template_of(state), &pair);
    double since = now_ms();

    assert_code(net_close(pair.client, net_after(50)), NET_TIMEOUT);
    pair.client = NULL;
    assert_took(elapsed_ms(since), 50, 1500);
    reader_start(&reader, pair.server, 0, sent);
    reader_join_code(&reader, sent - 1, NET_RESET);
    assert_code(net_recv(pair.server, in, sizeof in, soon()), NET_RESET);
    close_pair(&pair);
}

static void a_close_at_once_cuts_it(void **state)
{
    struct pair pair;
    struct reader reader;
    unsigned sent = dial_and_cut(template_of(state), &pair);

    assert_ok(net_close(pair.client, NET_NOW));
    pair.client = NULL;
    reader_start(&reader, pair.server, 0, sent);
    reader_join_code(&reader, sent - 1, NET_RESET);
    close_pair(&pair);
}

static void a_reset_cuts_it(void **state)
{
    for (int is_slow = 0; is_slow < 2; is_slow++) {
        struct pair pair;
        struct reader reader;
        double since;
        unsigned sent = dial_and_cut(template_of(state), &pair);

        assert_ok(net_set(pair.client, "reset", "on"));
        since = now_ms();
        int code = net_close(pair.client, is_slow == 1 ? soon() : NET_NOW);

        pair.client = NULL;
        assert_true(code == 0 || code == NET_UNSUPPORTED);
        assert_took(elapsed_ms(since), 0, 2000);
        reader_start(&reader, pair.server, 0, sent);
        pthread_join(reader.thread, NULL);
        assert_int_equal(reader.code, NET_RESET);
        assert_false(reader.is_wrong);
        assert_true(reader.next < sent);
        close_pair(&pair);
    }
}

/* ---- Half-closing ---- */

static void the_half_close_comes_after_it(void **state)
{
    struct pair pair;
    struct reader reader;
    struct caller caller;
    unsigned sent = dial_and_cut(template_of(state), &pair);
    net_poller *poller = open_poller();

    assert_ok(net_shutdown(pair.client));
    assert_ok(net_shutdown(pair.client));
    assert_code(net_send(pair.client, "late", 4, soon()), NET_MISUSE);
    assert_true(has_rest(pair.client));
    watch(poller, pair.client, NET_READABLE);
    expect_quiet(poller, 20);
    reader_start(&reader, pair.server, 0, sent + 1);
    struct watcher watcher;

    watcher_start(&watcher, poller);
    reader_join_code(&reader, sent, NET_EOF);
    assert_code(net_send(pair.client, "late", 4, soon()), NET_MISUSE);
    assert_ok(net_shutdown(pair.client));
    watcher_stop(&watcher);
    net_poller_close(poller);
    caller_start(&caller, call_recv, pair.client, soon());
    say(pair.server, "answer");
    caller_join(&caller);
    assert_int_equal(caller.result, 6);
    close_pair(&pair);
}

static long long send_long(struct caller *caller)
{
    return net_send(caller->socket, out, sizeof out, caller->deadline);
}

/* It does not wait for the sender, and does not cut its message. */
static void a_half_close_beside_a_sender_waits_for_nobody(void **state)
{
    struct pair pair;
    struct reader reader;
    struct caller sender;

    dial_pair_with(template_of(state), SMALL_BUFFERS, SMALL_BUFFERS, &pair);
    write_numbered(out, sizeof out, 0);
    caller_start(&sender, send_long, pair.client, soon());
    double since = now_ms();

    assert_ok(net_shutdown(pair.client));
    assert_ok(net_shutdown(pair.client));
    assert_took(elapsed_ms(since), 0, 500);
    assert_false(sender.done);
    reader_start(&reader, pair.server, 0, 2);
    caller_join(&sender);
    assert_int_equal(sender.result, sizeof out);
    assert_code(net_send(pair.client, "late", 4, soon()), NET_MISUSE);
    reader_join_code(&reader, 1, NET_EOF);
    close_pair(&pair);
}

/* What waits behind that sender is refused: it comes after the half-close. */
static void a_sender_that_waits_for_its_turn_is_refused(void **state)
{
    struct pair pair;
    struct reader reader;
    struct caller first;
    struct caller second;

    dial_pair_with(template_of(state), SMALL_BUFFERS, SMALL_BUFFERS, &pair);
    write_numbered(out, sizeof out, 0);
    caller_start(&first, send_long, pair.client, soon());
    caller_start(&second, send_long, pair.client, soon());
    assert_ok(net_shutdown(pair.client));
    reader_start(&reader, pair.server, 0, 2);
    caller_join(&first);
    caller_join(&second);
    assert_int_equal(first.result, sizeof out);
    assert_int_equal(second.result, NET_MISUSE);
    reader_join_code(&reader, 1, NET_EOF);
    close_pair(&pair);
}

/* ---- Cancelling ---- */

static void a_cancel_cuts_it(void **state)
{
    struct pair pair;
    struct reader reader;
    unsigned sent = dial_and_cut(template_of(state), &pair);

    net_cancel(pair.client);
    assert_code(net_send(pair.client, "late", 4, soon()), NET_CANCELED);
    assert_code(net_recv(pair.client, in, sizeof in, soon()), NET_CANCELED);
    assert_code(net_shutdown(pair.client), NET_CANCELED);
    assert_code(net_shutdown(pair.client), NET_CANCELED);
    double since = now_ms();

    net_close(pair.client, soon());
    pair.client = NULL;
    assert_took(elapsed_ms(since), 0, 1000);
    reader_start(&reader, pair.server, 0, sent);
    reader_join_code(&reader, sent - 1, NET_RESET);
    close_pair(&pair);
}

/* ---- In a child ---- */

/* There is room again, so a child that sent it would do harm. */
static void a_child_that_closes_sends_nothing_of_it(void **state)
{
    struct pair pair;
    struct reader reader;
    unsigned sent = dial_and_cut(template_of(state), &pair);

    reader_start(&reader, pair.server, 0, sent - 1);
    reader_join(&reader);
    for (int i = 0; i < 3; i++) {
        assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_TIMEOUT);
    }
    assert_int_equal(in_child(close_pair_in_child, &pair), 0);
    assert_true(has_rest(pair.client));
    reader_start(&reader, pair.server, sent - 1, sent + 1);
    write_numbered(out, SHORT, sent);
    assert_count(net_send(pair.client, out, SHORT, soon()), SHORT);
    reader_join(&reader);
    assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_TIMEOUT);
    close_pair(&pair);
}

/* ---- Messages that were received ahead ---- */

/* Two messages come in one piece, and the server asks for one. */
static void dial_and_receive_ahead(const char *address, struct pair *pair)
{
    const net_message messages[] = {{.data = "one", .size = 3}, {.data = "two", .size = 3}};

    dial_pair(address, pair);
    assert_count(net_send_messages(pair->client, messages, 2, soon()), 2);
    expect_message(pair->server, "one", 3);
}

/* A stream that is closed with something unread would reset the connection. */
static void what_was_received_ahead_counts_as_taken(void **state)
{
    struct pair pair;

    dial_and_receive_ahead(template_of(state), &pair);
    assert_ok(net_close(pair.server, NET_NOW));
    pair.server = NULL;
    assert_code(net_recv(pair.client, in, sizeof in, soon()), NET_EOF);
    close_pair(&pair);
}

static void a_reset_is_told_whatever_was_received_ahead(void **state)
{
    struct pair pair;

    dial_and_receive_ahead(template_of(state), &pair);
    assert_ok(net_set(pair.server, "reset", "on"));
    assert_ok(net_close(pair.server, NET_NOW));
    pair.server = NULL;
    assert_code(net_recv(pair.client, in, sizeof in, soon()), NET_RESET);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_close_with_a_deadline_sends_it),
        TEST(a_close_that_passes_its_deadline_is_told),
        TEST(a_close_at_once_cuts_it),
        TEST(a_reset_cuts_it),
        TEST(the_half_close_comes_after_it),
        TEST(a_half_close_beside_a_sender_waits_for_nobody),
        TEST(a_sender_that_waits_for_its_turn_is_refused),
        TEST(a_cancel_cuts_it),
        TEST(a_child_that_closes_sends_nothing_of_it),
    };
    static const struct test ahead[] = {TEST(what_was_received_ahead_counts_as_taken)};
    static const char *const breakable[] = {"framed+tcp://127.0.0.1:0", "framed+mem://", NULL};
    static const struct test resets[] = {TEST(a_reset_is_told_whatever_was_received_ahead)};

    return run_over(framed_templates, tests) + run_over(framed_wires, ahead) +
           run_over(breakable, resets);
}

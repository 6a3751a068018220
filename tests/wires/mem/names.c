/* What only mem:// does: names inside one process, a bounded queue of callers, resets without a
 * network, and no descriptor at all. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char in[64];

static net_socket *dial_now(const char *address)
{
    return assert_socket(net_connect(address, NET_NOW));
}

static void expect_local(net_socket *socket, const char *expected)
{
    char text[ADDRESS_MAX];

    assert_ok(net_get(socket, "local", text, sizeof text));
    assert_string_equal(text, expected);
}

/* ---- Names ---- */

static void a_name_is_one_listeners_at_a_time(void **state)
{
    net_socket *listener = assert_socket(net_listen("mem://one"));
    net_socket *other = assert_socket(net_listen("mem://another"));

    (void)state;
    assert_no_socket(net_listen("mem://one"), NET_INUSE);
    assert_says("listen mem://one: in use");
    net_close(listener, NET_NOW);
    listener = assert_socket(net_listen("mem://one"));
    net_close(listener, NET_NOW);
    net_close(other, NET_NOW);
}

static void any_name_is_one_that_nobody_has(void **state)
{
    enum { LISTENERS = 20 };
    net_socket *listener[LISTENERS];
    char text[LISTENERS][ADDRESS_MAX];

    (void)state;
    for (int i = 0; i < LISTENERS; i++) {
        listener[i] = assert_socket(net_listen("mem://"));
        assert_ok(net_get(listener[i], "local", text[i], ADDRESS_MAX));
        assert_no_socket(net_listen(text[i]), NET_INUSE);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(text[i], text[j]);
        }
        char next[ADDRESS_MAX]; /* another process or thread may have the next one */

        snprintf(next, sizeof next, "mem://%ld", strtol(text[i] + strlen("mem://"), NULL, 10) + 1);
        if (i % 5 == 0) {
            net_close(listener[i], NET_NOW);
            listener[i] = assert_socket(net_listen(next));
            assert_ok(net_get(listener[i], "local", text[i], ADDRESS_MAX));
        }
    }
    for (int i = 0; i < LISTENERS; i++) {
        net_close(listener[i], NET_NOW);
    }
}

/* A name prints as it was given, whatever bytes it has. */
static void a_name_prints_as_it_was_given(void **state)
{
    static const char *const names[] = {"mem://a", "mem:///a/b", "mem://%00%01", "mem://a%20b%3F",
                                        "mem://@"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        net_socket *listener = assert_socket(net_listen(names[i]));
        net_socket *client = assert_socket(net_connect(names[i], soon()));
        net_socket *server = assert_socket(net_accept(listener, soon()));
        char text[ADDRESS_MAX];

        expect_local(listener, names[i]);
        expect_local(server, names[i]);
        assert_ok(net_get(client, "peer", text, sizeof text));
        assert_string_equal(text, names[i]);
        net_close(client, NET_NOW);
        net_close(server, NET_NOW);
        net_close(listener, NET_NOW);
    }
}

static void an_address_that_is_none_is_refused(void **state)
{
    char longest[ADDRESS_MAX];

    (void)state;
    assert_no_socket(net_connect("mem://", soon()), NET_ADDRESS);
    assert_no_socket(net_connect("mem://", NET_NOW), NET_ADDRESS);
    assert_no_socket(net_listen("mem://a%2"), NET_ADDRESS);
    assert_no_socket(net_listen("mem://a?nodelay=on"), NET_ADDRESS);
    assert_no_socket(net_connect("mem://a?source=127.0.0.1", soon()), NET_ADDRESS);
    snprintf(longest, sizeof longest, "mem://%0109d", 0);
    assert_no_socket(net_listen(longest), NET_ADDRESS);
}

static void an_endpoint_of_a_name_is_the_name(void **state)
{
    net_endpoint endpoint[2];
    char text[16];

    (void)state;
    assert_count(net_resolve("mem://here", endpoint, 2, soon()), 1);
    assert_count(net_endpoint_text(endpoint, text, sizeof text), 4);
    assert_string_equal(text, "here");
    assert_code(net_resolve("mem://", endpoint, 2, soon()), NET_ADDRESS);
}

/* ---- Nobody listens ---- */

static void a_dial_to_nobody_is_refused(void **state)
{
    (void)state;
    assert_no_socket(net_connect("mem://nobody", soon()), NET_REFUSED);
    assert_says("connect mem://nobody: refused");
}

/* With NET_NOW the dial returns a socket, and all its calls report the failure. */
static void a_dial_to_nobody_fails_when_it_is_asked(void **state)
{
    net_socket *client = dial_now("mem://nobody");

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_code(net_send(client, "x", 1, soon()), NET_REFUSED);
        assert_says("connect mem://nobody: refused");
        assert_code(net_recv(client, in, sizeof in, NET_NOW), NET_REFUSED);
        assert_code(net_recv_until(client, in, sizeof in, 'x', soon()), NET_REFUSED);
        assert_code(net_send(client, "", 0, NET_NOW), NET_REFUSED);
        assert_code(net_recv(client, in, 0, NET_NOW), NET_REFUSED);
        assert_code(net_shutdown(client), NET_REFUSED);
        assert_code(net_get(client, "peer", in, sizeof in), NET_REFUSED);
        assert_int_equal(number_of(client, "bytes-sent"), 0);
    }
    net_cancel(client);
    assert_code(net_send(client, "x", 1, soon()), NET_CANCELED);
    assert_int_equal(number_of(client, "bytes-received"), 0);
    assert_code(net_set(client, "sndbuf", "1KiB"), NET_TIMEOUT);
    assert_count(net_close(client, soon()), 0);
}

/* ---- The queue of callers ---- */

static void a_full_queue_makes_callers_wait(void **state)
{
    net_socket *listener = assert_socket(net_listen("mem://full?backlog=2"));
    net_socket *client[4];
    net_socket *server;

    (void)state;
    for (int i = 0; i < 4; i++) {
        client[i] = dial_now("mem://full");
    }
    assert_no_socket(net_connect("mem://full", net_after(10)), NET_TIMEOUT);
    assert_says("mem://full: timed out");
    for (int i = 0; i < 2; i++) { /* connected, and not accepted yet */
        assert_count(net_send(client[i], "x", 1, NET_NOW), 1);
        assert_code(net_send(client[2 + i], "x", 1, net_after(10)), NET_TIMEOUT);
        assert_says("still dialing");
        assert_code(net_get(client[2 + i], "local", in, sizeof in), NET_TIMEOUT);
    }
    for (int i = 0; i < 4; i++) { /* the oldest first; each accept frees a place */
        server = assert_socket(net_accept(listener, NET_NOW));
        assert_count(net_send(client[i], "y", 1, soon()), 1);
        assert_count(net_recv_all(server, in, i < 2 ? 2 : 1, soon()), i < 2 ? 2 : 1);
        net_close(server, NET_NOW);
        net_close(client[i], NET_NOW);
    }
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    net_close(listener, NET_NOW);
}

/* A caller that gives up leaves the queue: at its front, in its middle and at its end. */
static void a_caller_that_gives_up_leaves_the_queue(void **state)
{
    net_socket *listener = assert_socket(net_listen("mem://line?backlog=1"));
    net_socket *client[6];
    net_socket *server;

    (void)state;
    for (int i = 0; i < 6; i++) {
        client[i] = dial_now("mem://line");
    }
    net_close(client[3], NET_NOW);
    net_close(client[5], soon());
    net_close(client[1], NET_NOW);
    assert_code(net_send(client[2], "x", 1, NET_NOW), NET_TIMEOUT);
    for (int i = 0; i < 6; i += 2) {
        server = assert_socket(net_accept(listener, NET_NOW));
        assert_count(net_send(client[i], "x", 1, NET_NOW), 1);
        assert_count(net_recv(server, in, sizeof in, NET_NOW), 1);
        net_close(server, NET_NOW);
        net_close(client[i], NET_NOW);
    }
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    net_close(listener, NET_NOW);
}

/* A waiting dial is woken by its turn, by a cancel, and by the end of the listener. */
static void a_dial_that_waits_is_woken(void **state)
{
    enum { ACCEPTED, CANCELED, REFUSED, WAYS };

    (void)state;
    for (int way = 0; way < WAYS; way++) {
        net_socket *listener = assert_socket(net_listen("mem://wakes?backlog=1"));
        net_socket *first = assert_socket(net_connect("mem://wakes", soon()));
        net_socket *second = dial_now("mem://wakes");
        net_socket *server = NULL;
        struct caller caller;

        caller_start(&caller, call_recv, second, soon());
        if (way == ACCEPTED) {
            net_close(assert_socket(net_accept(listener, soon())), NET_NOW);
            server = assert_socket(net_accept(listener, soon()));
            assert_count(net_send(server, "x", 1, soon()), 1);
        } else if (way == CANCELED) {
            net_cancel(second);
        } else {
            net_close(listener, NET_NOW);
            listener = NULL;
        }
        caller_join(&caller);
        assert_int_equal(caller.result, way == ACCEPTED   ? 1
                                        : way == CANCELED ? NET_CANCELED
                                                          : NET_REFUSED);
        net_close(first, NET_NOW);
        net_close(second, NET_NOW);
        net_close(server, NET_NOW);
        net_close(listener, NET_NOW);
    }
}

/* A listener that closes resets the callers that it has not accepted. */
static void callers_that_are_turned_away_see_a_reset(void **state)
{
    net_socket *listener = assert_socket(net_listen("mem://away?backlog=1"));
    net_socket *first = assert_socket(net_connect("mem://away", soon()));
    net_socket *second = dial_now("mem://away");

    (void)state;
    assert_count(net_send(first, "hello", 5, soon()), 5);
    net_close(listener, NET_NOW);
    assert_code(net_recv(first, in, sizeof in, soon()), NET_RESET);
    assert_code(net_send(first, "x", 1, soon()), NET_RESET);
    assert_code(net_recv(second, in, sizeof in, soon()), NET_REFUSED);
    net_close(first, soon());
    net_close(second, soon());
}

/* An accepted connection outlives its listener, and a caller that has gone is still accepted. */
static void a_connection_outlives_its_listener(void **state)
{
    net_socket *listener = assert_socket(net_listen("mem://gone"));
    net_socket *client = assert_socket(net_connect("mem://gone", soon()));
    net_socket *gone = assert_socket(net_connect("mem://gone", soon()));

    (void)state;
    assert_count(net_send(gone, "bye", 3, soon()), 3);
    net_close(gone, NET_NOW);
    net_socket *server = assert_socket(net_accept(listener, soon()));

    gone = assert_socket(net_accept(listener, soon()));
    net_close(listener, NET_NOW);
    assert_count(net_recv(gone, in, sizeof in, soon()), 3);
    assert_code(net_recv(gone, in, sizeof in, soon()), NET_EOF);
    assert_count(net_send(server, "x", 1, soon()), 1);
    assert_count(net_recv(client, in, sizeof in, soon()), 1);
    net_close(gone, NET_NOW);
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
}

/* ---- Buffers ---- */

/* At most the sender's sndbuf and the receiver's rcvbuf together can wait in one direction. */
static void what_waits_is_bounded_exactly(void **state)
{
    struct pair pair;

    (void)state;
    dial_pair_with("mem://", "rcvbuf=1000&sndbuf=300", "sndbuf=24&rcvbuf=7", &pair);
    assert_int_equal(fill(pair.client), 1024);
    assert_int_equal(fill(pair.server), 307);
    assert_int_equal(number_of(pair.client, "bytes-sent"), 1024);
    assert_int_equal(number_of(pair.server, "bytes-received"), 0);
    assert_ok(net_set(pair.server, "sndbuf", "100"));
    assert_int_equal(number_of(pair.server, "sndbuf"), 100);
    assert_count(net_recv(pair.client, in, 63, soon()), 63);
    assert_code(net_send(pair.server, "x", 1, NET_NOW),
                NET_TIMEOUT); /* 244 bytes wait where 107 may */
    close_pair(&pair);
}

static caller_call send_three_lines;

static char lines[11 + 1020 + 200];

static long long send_three_lines(struct caller *caller)
{
    return net_send(caller->socket, lines, sizeof lines, caller->deadline);
}

/* A sender is not woken for every bit of free space. But it is woken when the reader needs more. */
static void a_line_comes_although_there_is_little_room_for_it(void **state)
{
    struct pair pair;
    struct caller sender;
    char line[1200];

    (void)state;
    memset(lines, 'x', sizeof lines);
    lines[10] = lines[11 + 1019] = lines[sizeof lines - 1] = '\n';
    dial_pair_with("mem://", "rcvbuf=512", "sndbuf=512", &pair);
    caller_start(&sender, send_three_lines, pair.client, soon());
    assert_count(net_recv_until(pair.server, line, sizeof line, '\n', soon()), 11);
    assert_count(net_recv_until(pair.server, line, sizeof line, '\n', net_after(5000)), 1020);
    assert_count(net_recv_until(pair.server, line, sizeof line, '\n', soon()), 200);
    caller_join(&sender);
    assert_int_equal(sender.result, sizeof lines);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_name_is_one_listeners_at_a_time),
        TEST(any_name_is_one_that_nobody_has),
        TEST(a_name_prints_as_it_was_given),
        TEST(an_address_that_is_none_is_refused),
        TEST(an_endpoint_of_a_name_is_the_name),
        TEST(a_dial_to_nobody_is_refused),
        TEST(a_dial_to_nobody_fails_when_it_is_asked),
        TEST(a_full_queue_makes_callers_wait),
        TEST(a_caller_that_gives_up_leaves_the_queue),
        TEST(a_dial_that_waits_is_woken),
        TEST(callers_that_are_turned_away_see_a_reset),
        TEST(a_connection_outlives_its_listener),
        TEST(what_waits_is_bounded_exactly),
        TEST(a_line_comes_although_there_is_little_room_for_it),
    };

    return run_once(tests);
}

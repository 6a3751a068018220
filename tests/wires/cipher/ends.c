/* driven: skip, it drives both sides by itself */
/* How an encrypted connection ends: in order, which the peer has to say in a record, in one
 * direction or both; or cut, which is never taken for an end. */
#include "toy_wire.h"
#include "watching.h"

#include <stdlib.h>
#include <string.h>

static char in[1 << 16];

static void expect_end(net_socket *socket, int code)
{
    for (int i = 0; i < 3; i++) {
        assert_code(net_recv(socket, in, sizeof in, soon()), code);
        assert_code(net_recv_until(socket, in, sizeof in, '\n', soon()), code);
    }
}

/* ---- In order ---- */

static void each_direction_ends_by_itself(void **state)
{
    for (int first = 0; first < 2; first++) {
        net_poller *poller = open_poller();
        struct pair pair;

        meet_toys(template_of(state), NULL, NULL, &pair);
        net_socket *one = first == 0 ? pair.client : pair.server;
        net_socket *other = first == 0 ? pair.server : pair.client;

        say(one, "last");
        assert_ok(net_shutdown(one));
        assert_code(net_send(one, "x", 1, soon()), NET_MISUSE);
        watch(poller, other, NET_READABLE);
        expect_event(poller, other, NET_READABLE);
        assert_count(net_recv_all(other, in, 4, soon()), 4);
        expect_event(poller, other, NET_READABLE);
        expect_end(other, NET_EOF);
        for (int i = 0; i < 3; i++) {
            toy_says_pattern(other, 30000, 0);
            toy_hears_pattern(one, 30000, 0);
        }
        assert_code(net_recv(one, in, 1, NET_NOW), NET_TIMEOUT);
        assert_ok(net_shutdown(other));
        expect_end(one, NET_EOF);
        net_poller_close(poller);
        close_toys(&pair);
    }
}

/* An end that was asked for in the handshake comes after it. */
static void a_half_close_in_the_handshake_comes_after_it(void **state)
{
    struct hand hand;

    hand_dials(template_of(state), NULL, NULL, &hand);
    assert_ok(net_shutdown(hand.toy));
    assert_code(net_send(hand.toy, "x", 1, NET_NOW), NET_MISUSE);
    hand_shakes(&hand);
    assert_int_equal(hand_hears(&hand, in, 1), NET_EOF);
    assert_code(net_send(hand.toy, "x", 1, soon()), NET_MISUSE);
    hand_sends(&hand, "more", 4);
    assert_count(net_recv_all(hand.toy, in, 4, soon()), 4);
    part_from_hand(&hand);

    hand_accepts(template_of(state), NULL, NULL, &hand);
    assert_code(net_shutdown(hand.toy), NET_TIMEOUT);
    hand_shakes(&hand);
    assert_ok(net_shutdown(hand.toy));
    assert_int_equal(hand_hears(&hand, in, 1), NET_EOF);
    part_from_hand(&hand);
}

/* Whatever comes after the record that says the end. */
static void nothing_counts_after_the_end(void **state)
{
    struct hand hand;

    hand_dials(template_of(state), NULL, NULL, &hand);
    hand_shakes(&hand);
    toy_add(hand.session, TOY_DATA, "last", 4);
    toy_add(hand.session, TOY_FINISH, NULL, 0);
    toy_add(hand.session, TOY_DATA, "late", 4);
    hand_flushes(&hand);
    assert_count(net_recv_all(hand.toy, in, 4, soon()), 4);
    assert_memory_equal(in, "last", 4);
    expect_end(hand.toy, NET_EOF);
    say(hand.toy, "heard");
    assert_int_equal(hand_hears(&hand, in, 5), 5);
    part_from_hand(&hand);
}

static void a_close_at_once_says_the_end(void **state)
{
    for (int is_server = 0; is_server < 2; is_server++) {
        struct pair pair;

        meet_toys(template_of(state), NULL, NULL, &pair);
        net_socket **closes = is_server == 1 ? &pair.server : &pair.client;
        net_socket *other = is_server == 1 ? pair.client : pair.server;

        say(*closes, "bye");
        assert_ok(net_close(*closes, NET_NOW));
        *closes = NULL;
        assert_count(net_recv_all(other, in, 3, soon()), 3);
        expect_end(other, NET_EOF);
        close_toys(&pair);
    }
}

/* Once, though it was said before. */
static void it_is_said_once(void **state)
{
    struct pair pair;
    long before = atomic_load(&toy_calls[TOY_FINISH_CALL]);

    meet_toys(template_of(state), NULL, NULL, &pair);
    assert_ok(net_shutdown(pair.client));
    assert_ok(net_shutdown(pair.client));
    expect_end(pair.server, NET_EOF);
    assert_ok(net_close(pair.client, NET_NOW));
    pair.client = NULL;
    close_toys(&pair);
    assert_int_equal(atomic_load(&toy_calls[TOY_FINISH_CALL]) - before, 2); /* one each */
}

static long long close_it(struct caller *caller)
{
    return net_close(caller->socket, caller->deadline);
}

/* The last words arrive, though records that nobody asked for are never read here. */
static void a_close_with_a_deadline_waits_for_the_peer(void **state)
{
    struct caller caller;
    struct pair pair;

    meet_toys(template_of(state), "faults=tickets:20", NULL, &pair);
    toy_says_pattern(pair.server, 5000, 0);
    toy_says_pattern(pair.client, 5000, 0);
    caller_start(&caller, close_it, pair.client, soon());
    pair.client = NULL;
    toy_hears_pattern(pair.server, 5000, 0);
    expect_end(pair.server, NET_EOF);
    assert_false(caller.done);
    assert_ok(net_close(pair.server, NET_NOW));
    pair.server = NULL;
    caller_join(&caller);
    assert_int_equal(caller.result, 0);
    close_toys(&pair);

    meet_toys(template_of(state), NULL, NULL, &pair);
    double since = now_ms();

    assert_code(net_close(pair.client, net_after(50)), NET_TIMEOUT);
    pair.client = NULL;
    assert_took(elapsed_ms(since), 50, 1500);
    expect_end(pair.server, NET_EOF);
    close_toys(&pair);
}

/* ---- Cut ---- */

/* The connection below ends, by any of these, and the record is missing. */
static void an_end_without_notice_is_a_reset(void **state)
{
    for (int how = 0; how < 4; how++) {
        net_poller *poller = open_poller();
        struct hand hand;

        hand_dials(template_of(state), NULL, NULL, &hand);
        hand_shakes(&hand);
        toy_add(hand.session, TOY_DATA, "all?", 4);
        toy_add(hand.session, TOY_DATA, "half of it", 10);
        hand_flushes_some(&hand, how < 2 ? 12 : 18); /* the second record is not begun, or cut */
        if (how % 2 == 0) {
            assert_ok(net_shutdown(hand.plain));
        } else {
            net_close(hand.plain, NET_NOW);
            hand.plain = NULL;
        }
        assert_count(net_recv_all(hand.toy, in, 4, soon()), 4);
        watch(poller, hand.toy, NET_READABLE);
        expect_event(poller, hand.toy, NET_READABLE);
        expect_end(hand.toy, NET_RESET);
        assert_says("has not said that it has finished");
        net_poller_close(poller);
        part_from_hand(&hand);
    }
}

static void a_cipher_that_says_no_end_makes_it_a_reset(void **state)
{
    struct pair pair;

    meet_toys(template_of(state), NULL, "faults=unfinished", &pair);
    say(pair.client, "all?");
    assert_ok(net_shutdown(pair.client));
    assert_count(net_recv_all(pair.server, in, 4, soon()), 4);
    expect_end(pair.server, NET_RESET);
    say(pair.server, "still heard");
    toy_hears_nothing_else(pair.client, "still heard");
    close_toys(&pair);
}

/* Only these two cut, and a process that did not shake hands. */
static void a_cancel_and_a_reset_cut(void **state)
{
    for (int how = 0; how < 4; how++) {
        struct pair pair;

        meet_toys(template_of(state), NULL, NULL, &pair);
        say(pair.client, "last");
        assert_count(net_recv_all(pair.server, in, 4, soon()), 4);
        if (how % 2 == 0) {
            net_cancel(pair.client);
        } else {
            assert_ok(net_set(pair.client, "reset", "on"));
        }
        net_close(pair.client, how < 2 ? NET_NOW : soon());
        pair.client = NULL;
        expect_end(pair.server, NET_RESET);
        close_toys(&pair);
    }
}

/* What had arrived is handed out before. */
static void a_reset_of_the_peer_comes_after_its_bytes(void **state)
{
    struct pair pair;

    meet_toys(template_of(state), NULL, "faults=record:100", &pair);
    toy_says_pattern(pair.client, 1000, 0);
    assert_count(net_recv_all(pair.server, in, 10, soon()), 10);
    assert_ok(net_set(pair.client, "reset", "on"));
    net_close(pair.client, NET_NOW);
    pair.client = NULL;
    ssize_t n = net_recv_all(pair.server, in, sizeof in, soon());

    assert_true(n == NET_RESET || (n > 0 && is_pattern(in, (size_t)n, 10)));
    expect_end(pair.server, NET_RESET);
    close_toys(&pair);
}

static void an_alert_ends_both_directions(void **state)
{
    static const char alert[] = {-NET_DENIED, 'n', 'o'};
    struct hand hand;

    hand_dials(template_of(state), NULL, NULL, &hand);
    hand_shakes(&hand);
    toy_add(hand.session, TOY_DATA, "last", 4);
    toy_add(hand.session, TOY_ALERT, alert, sizeof alert);
    hand_flushes(&hand);
    assert_count(net_recv_all(hand.toy, in, 4, soon()), 4);
    expect_end(hand.toy, NET_DENIED);
    assert_says("the peer says: no");
    assert_code(net_send(hand.toy, "x", 1, soon()), NET_DENIED);
    assert_says("the peer says: no");
    assert_code(net_shutdown(hand.toy), NET_DENIED);
    part_from_hand(&hand);
}

/* A session that breaks says so to its peer, who hears that and no end. */
static void a_broken_session_tells_its_peer(void **state)
{
    static const char *const faults[] = {"faults=break-encrypt:2", "faults=break-decrypt:2"};

    for (size_t i = 0; i < COUNT(faults); i++) {
        struct pair pair;

        meet_toys(template_of(state), NULL, faults[i], &pair);
        say(pair.client, "one");
        say(pair.server, "one");
        assert_count(net_recv_all(pair.server, in, 3, soon()), 3);
        assert_count(net_recv(pair.client, in, 3, soon()), 3);
        say(pair.server, "two");
        ssize_t code =
            i == 0 ? net_send(pair.client, "two", 3, soon()) : net_recv(pair.client, in, 3, soon());

        assert_code(code, NET_RESET);
        assert_says("breaks by order");
        assert_code(net_send(pair.client, "two", 3, soon()), NET_RESET);
        assert_code(net_recv(pair.client, in, 3, soon()), NET_RESET);
        assert_says("breaks by order");
        assert_code(net_recv(pair.server, in, 3, soon()), NET_RESET);
        assert_says("the peer says:");
        assert_says("breaks by order");
        close_toys(&pair);
    }
}

/* Bytes that are none of ours: an end of both directions, and sticky. */
static void a_stream_that_is_no_cipher_is_a_reset(void **state)
{
    struct hand hand;

    hand_dials(template_of(state), NULL, NULL, &hand);
    hand_shakes(&hand);
    hand_sends(&hand, "good", 4);
    assert_count(net_send(hand.plain, "GET / HTTP/1.0\r\n\r\n", 18, soon()), 18);
    assert_count(net_recv_all(hand.toy, in, 4, soon()), 4);
    expect_end(hand.toy, NET_RESET);
    assert_says("a record that is none");
    assert_code(net_send(hand.toy, "x", 1, soon()), NET_RESET);
    assert_int_equal(hand_hears(&hand, in, 1), NET_RESET); /* an alert */
    part_from_hand(&hand);

    hand_dials(template_of(state), NULL, NULL, &hand);
    assert_count(net_send(hand.plain, "GET / HTTP/1.0\r\n\r\n", 18, soon()), 18);
    expect_end(hand.toy, NET_RESET);
    assert_says("a record that is none");
    part_from_hand(&hand);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(each_direction_ends_by_itself),
        TEST(a_half_close_in_the_handshake_comes_after_it),
        TEST(nothing_counts_after_the_end),
        TEST(a_close_at_once_says_the_end),
        TEST(it_is_said_once),
        TEST(a_close_with_a_deadline_waits_for_the_peer),
        TEST(an_end_without_notice_is_a_reset),
        TEST(a_cipher_that_says_no_end_makes_it_a_reset),
        TEST(a_cancel_and_a_reset_cut),
        TEST(a_reset_of_the_peer_comes_after_its_bytes),
        TEST(an_alert_ends_both_directions),
        TEST(a_broken_session_tells_its_peer),
        TEST(a_stream_that_is_no_cipher_is_a_reset),
    };

    return run_toys(toy_templates, tests);
}

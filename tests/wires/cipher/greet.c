/* driven: skip, it drives both sides by itself */
/* The handshake: who drives it, in which pieces it may come, and that nobody waits for a peer that
 * does not go on with it. */
#include "toy_wire.h"
#include "watching.h"

#include <stdlib.h>
#include <string.h>

enum { SOME = 20000, STALLERS = 8, FLIGHT_MOST = 400 };

static char in[SOME];

static void ping_pong(net_socket *one, net_socket *other)
{
    say(one, "ping");
    assert_count(net_recv_all(other, in, 4, soon()), 4);
    say(other, "pong");
    assert_count(net_recv_all(one, in, 4, soon()), 4);
    assert_memory_equal(in, "pong", 4);
}

/* ---- Who drives it ---- */

static void one_thread_dials_accepts_and_drives_both(void **state)
{
    struct pair pair;

    meet_toys(template_of(state), NULL, NULL, &pair);
    ping_pong(pair.client, pair.server);
    ping_pong(pair.server, pair.client);
    close_toys(&pair);
}

static long long call_send_nothing(struct caller *caller)
{
    return net_send(caller->socket, "", 0, caller->deadline);
}

/* Each of the calls that talk waits for the handshake, and drives it. */
static void any_call_drives_it(void **state)
{
    static caller_call *const calls[] = {call_send_nothing, call_recv, call_recv_all,
                                         call_recv_until};

    for (size_t i = 0; i < COUNT(calls); i++) {
        struct caller caller;
        struct pair pair;

        dial_toys(template_of(state), NULL, NULL, &pair);
        caller_start(&caller, calls[i], pair.server, soon());
        toy_says_pattern(pair.client, SOME, 0);
        assert_ok(net_shutdown(pair.client));
        caller_join(&caller);
        assert_in_range(caller.result, i == 0 ? 0 : 1, SOME);
        close_toys(&pair);
    }
}

/* The server's call is the one that drives its side. */
static void a_dial_that_blocks_meets_a_server_in_a_thread(void **state)
{
    struct caller caller = {0};
    struct pair pair = {.listener = assert_socket(net_listen(template_of(state)))};
    char target[ADDRESS_MAX];

    dial_address(pair.listener, target);
    caller.address = target;
    caller_launch(&caller, call_connect, NULL, soon());
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    assert_count(net_send(pair.server, "first", 5, soon()), 5);
    caller_join(&caller);
    assert_int_equal(caller.result, 0);
    pair.client = caller.made;
    assert_count(net_recv_all(pair.client, in, 5, soon()), 5);
    close_toys(&pair);
}

/* ---- In which pieces it comes ---- */

static const char *const pieces[] = {NULL,
                                     "faults=sip:1",
                                     "faults=yield:1",
                                     "faults=sip:3,yield:2,give:5,take:7",
                                     "faults=record:50,empty:3",
                                     "faults=ask:100",
                                     "faults=tickets:20",
                                     "faults=record:15000,give:100"};

static void it_comes_in_any_pieces(void **state)
{
    enum { FEW = 1000 /* also in many small packets they find room */ };

    for (size_t i = 0; i < COUNT(pieces) * COUNT(pieces); i++) {
        struct pair pair;

        meet_toys(template_of(state), pieces[i % COUNT(pieces)], pieces[i / COUNT(pieces)], &pair);
        toy_says_pattern(pair.client, FEW, 0);
        toy_says_pattern(pair.server, FEW, 7);
        toy_hears_pattern(pair.client, FEW, 7);
        toy_hears_pattern(pair.server, FEW, 0);
        close_toys(&pair);
    }
}

/* Bytes that come together with the end of the handshake are not forgotten: no more may come. */
static void bytes_come_with_its_end(void **state)
{
    net_poller *poller = open_poller();
    struct hand hand;

    hand_dials(template_of(state), NULL, NULL, &hand);
    watch(poller, hand.toy, NET_READABLE);
    hand_greets(&hand);
    hand_flushes(&hand);
    for (net_deadline limit = soon(); hand.code != 0 && net_after(0) < limit;) {
        net_event event;

        assert_code(net_poller_wait(poller, &event, 1, NET_NOW), NET_TIMEOUT);
        hand_takes(&hand);
        hand_greets(&hand);
    }
    hand_sends(&hand, "at once", 7);
    expect_event(poller, hand.toy, NET_READABLE);
    assert_count(net_recv(hand.toy, in, sizeof in, NET_NOW), 7);
    expect_quiet(poller, 20);
    net_poller_close(poller);
    part_from_hand(&hand);
}

/* ---- A peer that stalls ---- */

static void an_accept_waits_for_no_handshake(void **state)
{
    struct hand first;
    struct pair stallers[STALLERS];
    struct pair pair;
    char plain[ADDRESS_MAX];
    char target[ADDRESS_MAX];

    hand_dials(template_of(state), NULL, NULL, &first);
    assert_ok(net_get(first.plain, "peer", plain, sizeof plain));
    for (int i = 0; i < STALLERS; i++) {
        double since = now_ms();

        stallers[i].client = assert_socket(net_connect(plain, soon()));
        stallers[i].server = assert_socket(net_accept(first.listener, soon()));
        assert_took(elapsed_ms(since), 0, 500);
    }
    dial_address(first.listener, target);
    pair.client = assert_socket(net_connect(target, NET_NOW));
    pair.server = assert_socket(net_accept(first.listener, soon()));
    assert_ok(try_to_shake(pair.client, pair.server));
    ping_pong(pair.client, pair.server);
    net_close(pair.client, NET_NOW);
    net_close(pair.server, NET_NOW);
    for (int i = 0; i < STALLERS; i++) {
        net_close(stallers[i].client, NET_NOW);
        net_close(stallers[i].server, NET_NOW);
    }
    part_from_hand(&first);
}

/* The peer stops at this byte of what it has to say. Our calls keep their deadlines, and a poller
 * serves the others. */
static void stall(struct hand *hand, net_poller *poller, struct pair *other, bool is_dial)
{
    double since = now_ms();

    assert_code(net_recv(hand->toy, in, sizeof in, NET_NOW), NET_TIMEOUT);
    assert_code(net_send(hand->toy, "", 0, NET_NOW), NET_TIMEOUT);
    assert_code(net_send(hand->toy, "word", 4, NET_NOW), NET_TIMEOUT);
    if (is_dial) {
        assert_code(net_get(hand->toy, "peer", NULL, 0), NET_TIMEOUT);
    }
    assert_true(net_fd(hand->toy) < 0);
    say(other->client, "served");
    expect_event(poller, other->server, NET_READABLE);
    assert_count(net_recv_all(other->server, in, 6, soon()), 6);
    assert_took(elapsed_ms(since), 0, 500);
}

static void stalls_at_each_byte(struct hand *hand, net_poller *poller, struct pair *other,
                                bool is_dial)
{
    unsigned interest = is_dial ? NET_READABLE | NET_WRITABLE : NET_READABLE;

    watch(poller, hand->toy, interest);
    watch(poller, other->server, NET_READABLE);
    for (net_deadline limit = soon(); hand->code != 0 && net_after(0) < limit;) {
        hand_greets(hand);
        while (hand->code == NET_CIPHER_HUNGRY && hand_flushes_some(hand, 1) > 0) {
            if (toy_cipher.waiting(hand->session) != 0) {
                stall(hand, poller, other, is_dial);
            }
        }
        net_send(hand->toy, "", 0, NET_NOW);
        hand_takes(hand);
    }
    while (toy_cipher.waiting(hand->session) != 0) {
        if (!is_dial) {
            stall(hand, poller, other, is_dial);
        }
        hand_flushes_some(hand, 1);
    }
}

static void nobody_waits_for_a_peer_that_stalls_at_any_byte(void **state)
{
    net_poller *poller = open_poller();
    struct pair other;

    meet_toys(template_of(state), NULL, NULL, &other);
    for (int is_dial = 0; is_dial < 2; is_dial++) {
        struct hand hand;

        if (is_dial == 1) {
            hand_accepts(template_of(state), NULL, NULL, &hand);
        } else {
            hand_dials(template_of(state), NULL, NULL, &hand);
        }
        stalls_at_each_byte(&hand, poller, &other, is_dial == 1);
        hand_shakes(&hand);
        hand_sends(&hand, "done", 4);
        assert_count(net_recv_all(hand.toy, in, 4, soon()), 4);
        net_close(hand.toy, NET_NOW);
        net_close(hand.plain, NET_NOW);
        net_close(hand.listener, NET_NOW);
        toy_cipher.close(hand.session);
        toy_cipher.release(hand.settings);
        free(hand.in);
    }
    net_poller_close(poller);
    close_toys(&other);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(one_thread_dials_accepts_and_drives_both),
        TEST(any_call_drives_it),
        TEST(a_dial_that_blocks_meets_a_server_in_a_thread),
        TEST(it_comes_in_any_pieces),
        TEST(bytes_come_with_its_end),
        TEST(an_accept_waits_for_no_handshake),
        TEST(nobody_waits_for_a_peer_that_stalls_at_any_byte),
    };

    return run_toys(toy_templates, tests);
}

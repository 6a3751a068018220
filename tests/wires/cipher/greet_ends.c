/* driven: skip, it drives both sides by itself */
/* How a handshake ends: won, which a poller says; by the deadline of a call, whatever the peer
 * does; by an end or a reset of the peer's at any byte; by a cancel. */
#include "toy_wire.h"
#include "watching.h"

#include <stdlib.h>
#include <string.h>

static char in[1 << 16];

/* ---- Won ---- */

/* A dial is won when both have shaken hands, and not when the connection stands. */
static void a_poller_says_when_the_dial_is_won(void **state)
{
    net_poller *poller = open_poller();
    struct hand hand;

    hand_accepts(template_of(state), NULL, NULL, &hand);
    watch(poller, hand.toy, NET_WRITABLE);
    expect_quiet(poller, 30);
    assert_code(net_get(hand.toy, "peer", NULL, 0), NET_TIMEOUT);
    for (net_deadline limit = soon(); hand.code != 0 && net_after(0) < limit;) {
        net_event event;

        hand_takes(&hand);
        hand_greets(&hand);
        if (hand.in_count == 0) {
            hand_flushes(&hand);
        }
        net_poller_wait(poller, &event, 1, NET_NOW);
    }
    expect_event(poller, hand.toy, NET_WRITABLE);
    assert_ok(net_get(hand.toy, "peer", NULL, 0));
    say(hand.toy, "won");
    assert_int_equal(hand_hears(&hand, in, 3), 3);
    net_poller_close(poller);
    part_from_hand(&hand);
}

static void it_has_a_descriptor_only_then(void **state)
{
    struct pair pair;

    dial_toys(template_of(state), NULL, NULL, &pair);
    assert_int_equal(net_fd(pair.client), -1);
    assert_int_equal(net_fd(pair.server), -1);
    assert_ok(try_to_shake(pair.client, pair.server));
    assert_true(net_fd(pair.client) >= 0);
    assert_true(net_fd(pair.server) >= 0);
    assert_true(net_fd(pair.listener) >= 0);
    close_toys(&pair);
}

static void it_is_never_released(void **state)
{
    struct pair pair;

    dial_toys(template_of(state), NULL, NULL, &pair);
    assert_code(net_release(pair.client), NET_MISUSE);
    assert_code(net_release(pair.server), NET_MISUSE);
    assert_ok(try_to_shake(pair.client, pair.server));
    assert_code(net_release(pair.client), NET_MISUSE);
    assert_code(net_release(pair.server), NET_MISUSE);
    assert_code(net_release(pair.listener), NET_MISUSE);
    say(pair.client, "still here");
    toy_hears_nothing_else(pair.server, "still here");
    close_toys(&pair);
}

/* ---- By a deadline ---- */

/* A peer that stays away, though the connection stands. */
static void the_deadline_of_the_dial_covers_it(void **state)
{
    net_socket *listener;
    char plain[ADDRESS_MAX];
    char target[ADDRESS_MAX];
    double since;

    toy_plain_address(template_of(state), plain);
    listener = assert_socket(net_listen(plain));
    dial_address(listener, plain);
    toy_address_at(template_of(state), plain, target);
    for (int ms = 1; ms < 100; ms *= 7) {
        since = now_ms();
        assert_no_socket(net_connect(target, net_after(ms)), NET_TIMEOUT);
        assert_took(elapsed_ms(since), ms, ms + 1000);
        assert_blames("connect", target);
    }
    net_close(listener, NET_NOW);
    assert_no_toys_left();
}

/* Records of no meaning, which the handshake takes and goes on. */
static void write_noise(char *bytes, size_t size)
{
    static const char noise[] = {TOY_NOISE, 0, 0, 4, 'n', 'o', 'i', 's'};

    for (size_t i = 0; i < size; i++) {
        bytes[i] = noise[i % sizeof noise];
    }
}

/* A peer that says something all the time. The deadline of each call holds, and a poller goes on to
 * the others. */
static void a_handshake_that_never_ends_delays_nobody(void **state)
{
    net_poller *poller = open_poller();
    struct flood flood;
    char noise[4096];
    struct pair other;
    struct hand hand;

    meet_toys(template_of(state), NULL, NULL, &other);
    hand_dials(template_of(state), NULL, NULL, &hand);
    write_noise(noise, sizeof noise);
    watch(poller, hand.toy, NET_READABLE);
    watch(poller, other.server, NET_READABLE);
    flood_start(&flood, hand.plain, noise, sizeof noise);
    for (int i = 0; i < 10; i++) {
        net_event event;
        double since = now_ms();

        assert_code(net_recv(hand.toy, in, 1, net_after(20)), NET_TIMEOUT);
        assert_took(elapsed_ms(since), 20, 500);
        since = now_ms();
        assert_code(net_send(hand.toy, in, 1, NET_NOW), NET_TIMEOUT);
        assert_took(elapsed_ms(since), 0, 500);
        since = now_ms();
        say(other.client, "served");
        int n = net_poller_wait(poller, &event, 1, soon());

        assert_int_equal(n, 1);
        assert_ptr_equal(event.socket, other.server);
        assert_count(net_recv_all(other.server, in, 6, soon()), 6);
        assert_code(net_poller_wait(poller, &event, 1, net_after(10)), NET_TIMEOUT);
        assert_took(elapsed_ms(since), 10, 1000);
    }
    flood_stop(&flood);
    net_poller_close(poller);
    net_close(other.client, NET_NOW);
    net_close(other.server, NET_NOW);
    net_close(other.listener, NET_NOW);
    part_from_hand(&hand);
}

/* ---- By the peer ---- */

/* The peer says so many bytes of its handshake and ends. Returns whether there were so many. */
static bool end_after(const char *address, size_t bytes, bool is_dial, bool breaks_off)
{
    static const char *const names[] = {"recv", "send", "shutdown"};
    struct hand hand;
    size_t said = 0;

    if (is_dial) {
        hand_accepts(address, NULL, NULL, &hand);
    } else {
        hand_dials(address, NULL, NULL, &hand);
    }
    for (net_deadline limit = soon(); said < bytes && hand.code != 0 && net_after(0) < limit;) {
        hand_takes(&hand);
        hand_greets(&hand);
        said += hand_flushes_some(&hand, bytes - said);
        net_send(hand.toy, "", 0, NET_NOW);
    }
    said += said < bytes ? hand_flushes_some(&hand, bytes - said) : 0;
    bool is_short = net_send(hand.toy, "", 0, NET_NOW) != 0;

    if (breaks_off) {
        assert_ok(net_set(hand.plain, "reset", "on"));
    }
    net_close(hand.plain, NET_NOW);
    hand.plain = NULL;
    for (size_t i = 0; i < COUNT(names) && is_short; i++) {
        ssize_t code = i == 0   ? net_recv(hand.toy, in, 1, soon())
                       : i == 1 ? net_send(hand.toy, in, 1, soon())
                                : net_shutdown(hand.toy);

        assert_code(code, NET_RESET);
        assert_says(is_dial ? "connect" : names[i]);
    }
    part_from_hand(&hand);
    return is_short;
}

static void an_end_of_the_peer_at_any_byte_is_a_reset(void **state)
{
    for (int how = 0; how < 4; how++) {
        bool is_dial = how % 2 == 1;
        size_t bytes = 0;

        while (end_after(template_of(state), bytes, is_dial, how >= 2)) {
            bytes++;
        }
        assert_true(bytes > 8);
    }
}

/* ---- By a cancel ---- */

static void a_cancel_ends_it(void **state)
{
    for (int is_dial = 0; is_dial < 2; is_dial++) {
        struct caller caller;
        struct hand hand;

        if (is_dial == 1) {
            hand_accepts(template_of(state), NULL, NULL, &hand);
        } else {
            hand_dials(template_of(state), NULL, NULL, &hand);
        }
        caller_start(&caller, call_recv, hand.toy, soon());
        net_cancel(hand.toy);
        double since = now_ms();

        caller_join(&caller);
        assert_took(elapsed_ms(since), 0, 100);
        assert_int_equal(caller.result, NET_CANCELED);
        assert_code(net_send(hand.toy, "", 0, soon()), NET_CANCELED);
        assert_code(net_shutdown(hand.toy), NET_CANCELED);
        part_from_hand(&hand);
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_poller_says_when_the_dial_is_won),
        TEST(it_is_never_released),
        TEST(the_deadline_of_the_dial_covers_it),
        TEST(a_handshake_that_never_ends_delays_nobody),
        TEST(an_end_of_the_peer_at_any_byte_is_a_reset),
        TEST(a_cancel_ends_it),
    };
    static const struct test descriptors[] = {TEST(it_has_a_descriptor_only_then)};

    return run_toys(toy_templates, tests) + run_toys(toy_kernel_wires, descriptors);
}

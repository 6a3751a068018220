/* One socket for each remote peer of one listener: which socket gets a datagram, what is
 * bounded, and when a peer ends. */
#include "crowd.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char out[65536];
static char in[65536];

static net_socket *dial(net_socket *listener)
{
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    return assert_socket(net_connect(address, soon()));
}

static void hear(net_socket *peer, const char *words)
{
    memset(in, 0, 64);
    assert_count(net_recv(peer, in, sizeof in, soon()), (long long)strlen(words));
    assert_memory_equal(in, words, strlen(words));
}

static void hear_nothing(net_socket *peer)
{
    assert_code(net_recv(peer, in, sizeof in, NET_NOW), NET_TIMEOUT);
}

static void interleaved_peers_hear_only_their_own(void **state)
{
    if (!holds_many(template_of(state))) {
        skip();
    }
    enum { PEERS = 3, ROUNDS = 30 };
    struct pair pair;
    net_socket *client[PEERS];
    net_socket *peer[PEERS];
    char word[32];

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < PEERS; i++) {
        dial_again(pair.listener, &client[i], &peer[i]);
    }
    for (int i = 0; i < PEERS * ROUNDS; i++) {
        snprintf(word, sizeof word, "%d to %d", i, i % PEERS);
        say(client[i % PEERS], word);
    }
    for (int i = PEERS - 1; i >= 0; i--) {
        for (int j = i; j < PEERS * ROUNDS; j += PEERS) {
            snprintf(word, sizeof word, "%d to %d", j, i);
            hear(peer[i], word);
        }
        hear_nothing(peer[i]);
        net_close(client[i], NET_NOW);
        net_close(peer[i], NET_NOW);
    }
    close_pair(&pair);
}

/* The queue is bounded to the byte. A drop is counted at the peer and at the listener, and no other
 * peer notices. */
static void a_peer_that_is_not_read_is_bounded(void **state)
{
    struct pair pair;
    net_socket *client;
    net_socket *slow;

    dial_pair_with(template_of(state), "queue=1000B", NULL, &pair);
    dial_again(pair.listener, &client, &slow);
    for (int i = 0; i < 25; i++) {
        write_pattern(out, 100, (size_t)i);
        assert_count(net_send(client, out, 100, soon()), 100);
        say(pair.client, "live");
        hear(pair.server, "live");
    }
    hear_nothing(pair.server);
    assert_int_equal(number_of(slow, "dropped-queue"), 15);
    assert_int_equal(number_of(pair.listener, "dropped-queue"), 15);
    assert_int_equal(number_of(pair.server, "dropped-queue"), 0);
    assert_int_equal(number_of(pair.listener, "dropped-strangers"), 0);
    for (int i = 0; i < 10; i++) {
        assert_count(net_recv(slow, in, sizeof in, soon()), 100);
        assert_true(is_pattern(in, 100, (size_t)i));
    }
    hear_nothing(slow);
    say(client, "again");
    hear(slow, "again");
    net_close(client, NET_NOW);
    net_close(slow, NET_NOW);
    close_pair(&pair);
}

static void the_largest_datagram_fits_whole_or_not_at_all(void **state)
{
    enum { LARGEST = 65507 };
    struct pair pair;
    net_socket *client;
    net_socket *peer;

    dial_pair_with(template_of(state), "queue=65510B", NULL, &pair);
    dial_again(pair.listener, &client, &peer);
    write_pattern(out, LARGEST, 7);
    for (int i = 0; i < 2; i++) {
        assert_count(net_send(pair.client, out, LARGEST, soon()), LARGEST);
        say(client, "beside");
        hear(peer, "beside");
    }
    say(pair.client, "end");
    hear_nothing(peer);
    assert_int_equal(number_of(pair.server, "dropped-queue"), 1);
    assert_count(net_recv(pair.server, in, sizeof in, soon()), LARGEST);
    assert_true(is_pattern(in, LARGEST, 7));
    hear(pair.server, "end");
    hear_nothing(pair.server);
    net_close(client, NET_NOW);
    net_close(peer, NET_NOW);
    close_pair(&pair);
}

static void a_peer_that_was_closed_is_a_stranger_again(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    say(pair.client, "unread");
    net_close(pair.server, NET_NOW);
    say(pair.client, "who is there?");
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    assert_ok(net_recv(pair.server, in, sizeof in, soon()));
    if (memcmp(in, "unread", 6) == 0) { /* it had not been sorted when the peer was closed */
        hear(pair.server, "who is there?");
    }
    hear_nothing(pair.server);
    assert_no_socket(net_accept(pair.listener, NET_NOW), NET_TIMEOUT);
    close_pair(&pair);
}

/* A silent peer returns what arrived first, then the end, again and again. It is silent only if
 * nothing is left to read. So the accept that finds nothing ends the peer. */
static void a_silent_peer_ends(void **state)
{
    struct pair pair;
    double since = now_ms(); /* before its first datagram */

    dial_pair_with(template_of(state), "idle=150ms", NULL, &pair);
    assert_code(net_recv(pair.server, in, sizeof in, NET_FOREVER), NET_EOF);
    assert_took(elapsed_ms(since), 100, 2000);
    assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_EOF);
    net_close(pair.server, NET_NOW);
    say(pair.client, "back");
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    nap(200);
    assert_no_socket(net_accept(pair.listener, NET_NOW), NET_TIMEOUT);
    say(pair.client, "late");
    net_socket *again = assert_socket(net_accept(pair.listener, soon()));

    hear(pair.server, "back");
    assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_EOF);
    hear(again, "late");
    net_close(again, NET_NOW);
    close_pair(&pair);
}

/* The end wakes every call that waits, also when `idle` was set during the call. */
static void a_shorter_idle_wakes_a_call_that_waits_for_the_end(void **state)
{
    struct pair pair;
    struct caller waiting;

    dial_pair(template_of(state), &pair);
    caller_start(&waiting, call_recv, pair.server, soon());
    double since = now_ms();

    assert_ok(net_set(pair.listener, "idle", "50ms"));
    caller_join(&waiting);
    assert_took(elapsed_ms(since), 0, 2000);
    assert_int_equal(waiting.result, NET_EOF);
    close_pair(&pair);
}

static void with_idle_off_a_peer_never_ends(void **state)
{
    struct pair pair;

    dial_pair_with(template_of(state), "idle=50ms", NULL, &pair);
    assert_ok(net_set(pair.listener, "idle", "off"));
    nap(100);
    hear_nothing(pair.server);
    say(pair.client, "here");
    hear(pair.server, "here");
    close_pair(&pair);
}

static void peers_outlive_their_listener(void **state)
{
    struct pair pair;
    net_socket *stranger;
    int before;

    dial_pair(template_of(state), &pair);
    stranger = dial(pair.listener);
    say(stranger, "unheard");
    before = open_descriptors();
    net_close(pair.listener, NET_NOW);
    pair.listener = NULL;
    assert_int_equal(open_descriptors(), before);
    for (int i = 0; i < 10; i++) {
        say(stranger, "unheard");
        say(pair.client, "ping");
        hear(pair.server, "ping");
        say(pair.server, "pong");
        hear(pair.client, "pong");
    }
    assert_no_socket(net_accept(pair.server, NET_NOW), NET_MISUSE);
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    assert_true(open_descriptors() < before || net_fd(pair.client) < 0);
    net_close(stranger, NET_NOW);
    close_pair(&pair);
}

/* The caller waits in the queue together with its first datagrams, within `strangers`. */
static void with_all_places_taken_an_accept_is_at_its_limit(void **state)
{
    struct pair pair;
    net_socket *client;
    net_socket *peer;

    dial_pair_with(template_of(state), "peers=2", NULL, &pair);
    dial_again(pair.listener, &client, &peer);
    net_socket *third = dial(pair.listener);

    assert_no_socket(net_accept(pair.listener, NET_NOW), NET_TIMEOUT);
    say(third, "me too");
    await_ready(pair.listener, POLLIN);
    double since = now_ms();

    assert_no_socket(net_accept(pair.listener, NET_NOW), NET_LIMIT);
    assert_no_socket(net_accept(pair.listener, net_after(10)), NET_LIMIT);
    assert_no_socket(net_accept(pair.listener, NET_FOREVER), NET_LIMIT);
    assert_took(elapsed_ms(since), 0, 2000);
    assert_says("2 peers");
    net_close(peer, NET_NOW);
    peer = assert_socket(net_accept(pair.listener, soon()));
    hear(peer, "me too");
    say(client, "again");
    assert_no_socket(net_accept(pair.listener, soon()), NET_LIMIT);
    assert_ok(net_set(pair.listener, "peers", "3"));
    net_close(assert_socket(net_accept(pair.listener, soon())), NET_NOW);
    net_close(third, NET_NOW);
    net_close(client, NET_NOW);
    net_close(peer, NET_NOW);
    close_pair(&pair);
}

/* A datagram of a sender that is not accepted goes to either kind of call, once. */
static void strangers_are_for_accept_or_for_messages(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    net_socket *one = dial(listener);
    net_socket *two = dial(listener);
    net_message message = {.data = in, .capacity = sizeof in};

    say(one, "1a");
    say(two, "2a");
    say(one, "1b");
    assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
    assert_memory_equal(in, "1a", 2);
    net_socket *peer = assert_socket(net_accept(listener, soon()));

    hear(peer, "2a");
    net_close(peer, NET_NOW);
    peer = assert_socket(net_accept(listener, soon()));
    hear(peer, "1b");
    hear_nothing(peer);
    assert_code(net_recv_messages(listener, &message, 1, NET_NOW), NET_TIMEOUT);
    net_close(peer, NET_NOW);
    net_close(one, NET_NOW);
    net_close(two, NET_NOW);
    net_close(listener, NET_NOW);
}

/* ---- A sender with many addresses ---- */

int main(void)
{
    const struct test everywhere[] = {TEST(interleaved_peers_hear_only_their_own)};
    const struct test tests[] = {
        TEST(a_peer_that_is_not_read_is_bounded),
        TEST(the_largest_datagram_fits_whole_or_not_at_all),
        TEST(a_peer_that_was_closed_is_a_stranger_again),
        TEST(a_silent_peer_ends),
        TEST(a_shorter_idle_wakes_a_call_that_waits_for_the_end),
        TEST(with_idle_off_a_peer_never_ends),
        TEST(peers_outlive_their_listener),
        TEST(with_all_places_taken_an_accept_is_at_its_limit),
        TEST(strangers_are_for_accept_or_for_messages),
    };

    return run_over(datagram_templates, everywhere) + run_over(plain_datagrams, tests);
}

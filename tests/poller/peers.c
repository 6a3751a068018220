/* Accepted udp peers share one descriptor, and their datagrams wait in user space. The poller
 * tells of each peer as if it had its own descriptor. It also tells what a dialed socket has
 * received ahead. */
#include "watching.h"

#include <string.h>

static char in[2048];

static void hear(net_socket *socket, const char *word)
{
    assert_count(net_recv(socket, in, sizeof in, NET_NOW), (long long)strlen(word));
    assert_memory_equal(in, word, strlen(word));
}

/* ---- Many peers ---- */

enum { PEERS = 100 };

struct many {
    net_poller *poller;
    net_socket *listener;
    net_socket *client[PEERS];
    net_socket *peer[PEERS];
};

static void open_many(const char *template, struct many *many)
{
    many->poller = open_poller();
    many->listener = assert_socket(net_listen(template));
    for (int i = 0; i < PEERS; i++) {
        dial_again(many->listener, &many->client[i], &many->peer[i]);
        watch(many->poller, many->peer[i], NET_READABLE);
    }
}

static void close_many(struct many *many)
{
    for (int i = 0; i < PEERS; i++) {
        net_close(many->client[i], NET_NOW);
        net_close(many->peer[i], NET_NOW);
    }
    net_close(many->listener, NET_NOW);
    net_poller_close(many->poller);
}

static void each_peer_is_told_of_its_own_datagrams(void **state)
{
    if (!holds_many(template_of(state))) {
        skip();
    }
    static struct many many;

    open_many(template_of(state), &many);
    expect_quiet(many.poller, 10);
    for (int i = 0; i < PEERS; i += 7) {
        say(many.client[i], "alone");
        expect_event(many.poller, many.peer[i], NET_READABLE);
        hear(many.peer[i], "alone");
        expect_quiet(many.poller, 1);
    }
    for (int i = 0; i < PEERS; i++) {
        say(many.client[i], "all");
        say(many.client[i], "together");
    }
    expect_all(many.poller, many.peer, PEERS, NET_READABLE);
    for (int i = 0; i < PEERS; i++) {
        hear(many.peer[i], "all");
    }
    expect_all(many.poller, many.peer, PEERS, NET_READABLE); /* the second one is told again */
    for (int i = 0; i < PEERS; i++) {
        hear(many.peer[i], "together");
    }
    expect_quiet(many.poller, 10);
    close_many(&many);
}

/* One peer sends much, which stays unread. The others are told in their turn, once the datagrams
 * before theirs are sorted. That takes few waits. */
static void one_hot_peer_delays_no_other(void **state)
{
    if (!holds_many(template_of(state))) {
        skip();
    }
    enum {
        HOT = 500,
        AT_ONCE = 50 /* the system holds */,
        TURNS = 20,
        WAITS = 8,
        AT_MOST = 10 /* ms */
    };
    static struct many many;

    open_many(template_of(state), &many);
    for (int i = 0; i < HOT; i++) {
        say(many.client[0], "me, me, me");
        if (i % AT_ONCE == 0) {
            expect_event(many.poller, many.peer[0], NET_READABLE);
        }
    }
    for (int turn = 1; turn <= TURNS; turn++) {
        net_event event = {0};
        double since = now_ms();
        int waits = 0;

        say(many.client[turn], "and me");
        say(many.client[0], "me, me, me");
        while (event.socket != many.peer[turn] && waits < WAITS) {
            assert_count(net_poller_wait(many.poller, &event, 1, soon()), 1);
            assert_true(event.socket == many.peer[turn] || event.socket == many.peer[0]);
            if (event.socket == many.peer[0]) {
                assert_ok(net_recv(many.peer[0], in, sizeof in, NET_NOW));
            }
            waits++;
        }
        assert_ptr_equal(event.socket, many.peer[turn]);
        in_time(elapsed_ms(since) < AT_MOST * slowness());
        hear(many.peer[turn], "and me");
    }
    close_many(&many);
}

/* A call that receives also reads for the others, and the poller tells them. */
static void datagrams_that_another_call_read_are_told(void **state)
{
    struct pair pair;
    net_socket *client;
    net_socket *server;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    dial_again(pair.listener, &client, &server);
    watch(poller, server, NET_READABLE);
    for (int i = 0; i < 10; i++) {
        say(client, "for the watched");
        say(pair.client, "for the other");
        assert_count(net_recv(pair.server, in, sizeof in, soon()), 13);
        expect_event(poller, server, NET_READABLE);
        hear(server, "for the watched");
        expect_quiet(poller, 1);
    }
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    net_poller_close(poller);
    close_pair(&pair);
}

/* Each peer has a poller, and each poller a thread that waits. Whichever thread reads, the right
 * peer is told. */
static void two_pollers_may_hold_peers_of_one_listener(void **state)
{
    enum { ROUNDS = 50 };
    struct pair pair;
    net_socket *client;
    net_socket *server;
    net_poller *ours = open_poller();
    net_poller *theirs = open_poller();
    struct watcher watcher;

    dial_pair(template_of(state), &pair);
    dial_again(pair.listener, &client, &server);
    watch(ours, pair.server, NET_READABLE);
    watcher_start(&watcher, theirs);
    for (int i = 0; i < ROUNDS; i++) {
        watch(theirs, server, NET_READABLE);
        if (i % 2 == 0) {
            say(client, "theirs");
            say(pair.client, "ours");
        } else {
            say(pair.client, "ours");
            say(client, "theirs");
        }
        expect_event(ours, pair.server, NET_READABLE);
        hear(pair.server, "ours");
        watcher_await(&watcher, i + 1);
        assert_ptr_equal(watcher.event.socket, server);
        hear(server, "theirs");
    }
    watcher_stop(&watcher);
    expect_quiet(ours, 10);
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    net_poller_close(ours);
    net_poller_close(theirs);
    close_pair(&pair);
}

/* ---- Ends ---- */

static void the_end_of_a_silent_peer_is_told(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair_with(template_of(state), "idle=100ms", NULL, &pair);
    double since = now_ms();

    watch(poller, pair.server, NET_READABLE);
    expect_event(poller, pair.server, NET_READABLE);
    assert_took(elapsed_ms(since), 0, 2000);
    assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_EOF);
    expect_event(poller, pair.server, NET_READABLE);
    assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_EOF);
    net_poller_close(poller);
    close_pair(&pair);
}

/* The idle time may be changed while the poller waits. */
static void a_shorter_idle_is_told_and_a_longer_one_waited_for(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair_with(template_of(state), "idle=60s", NULL, &pair);
    watch(poller, pair.server, NET_READABLE);
    expect_quiet(poller, 10);
    assert_ok(net_set(pair.listener, "idle", "30ms"));
    double since = now_ms();

    expect_event(poller, pair.server, NET_READABLE);
    assert_took(elapsed_ms(since), 0, 2000);
    assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_EOF);
    net_close(pair.server, NET_NOW);
    assert_ok(net_set(pair.listener, "idle", "60s"));
    say(pair.client, "again");
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    assert_count(net_recv(pair.server, in, sizeof in, soon()), 5);
    assert_ok(net_set(pair.listener, "idle", "20ms"));
    assert_ok(net_set(pair.listener, "idle", "off"));
    watch(poller, pair.server, NET_READABLE);
    expect_quiet(poller, 60);
    net_poller_close(poller);
    close_pair(&pair);
}

static void peers_are_told_of_when_their_listener_is_closed(void **state)
{
    struct pair pair;
    net_socket *client;
    net_socket *server;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    dial_again(pair.listener, &client, &server);
    watch(poller, pair.listener, NET_READABLE);
    watch(poller, pair.server, NET_READABLE);
    watch(poller, server, NET_READABLE);
    net_close(pair.listener, NET_NOW);
    pair.listener = NULL;
    expect_quiet(poller, 10);
    say(pair.client, "still");
    expect_event(poller, pair.server, NET_READABLE);
    hear(pair.server, "still");
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    say(client, "there");
    expect_event(poller, server, NET_READABLE);
    hear(server, "there");
    net_close(server, NET_NOW);
    net_close(client, NET_NOW);
    expect_quiet(poller, 10);
    net_poller_close(poller);
    close_pair(&pair);
}

/* ---- Strangers ---- */

static void strangers_are_told_until_they_are_accepted_or_heard(void **state)
{
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    net_message message = {.data = in, .capacity = sizeof in};
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    net_socket *one = assert_socket(net_connect(address, soon()));
    net_socket *two = assert_socket(net_connect(address, soon()));

    watch(poller, listener, NET_READABLE);
    say(one, "1");
    say(two, "2");
    expect_event(poller, listener, NET_READABLE);
    net_socket *peer = assert_socket(net_accept(listener, NET_NOW));

    expect_event(poller, listener, NET_READABLE);
    assert_count(net_recv_messages(listener, &message, 1, NET_NOW), 1);
    expect_quiet(poller, 10);
    watch(poller, peer, NET_READABLE);
    expect_event(poller, peer, NET_READABLE); /* its first datagram came with it */
    hear(peer, "1");
    say(one, "3");
    say(two, "4");
    expect_all(poller, (net_socket *[]){peer, listener}, 2, NET_READABLE);
    net_close(peer, NET_NOW);
    net_close(one, NET_NOW);
    net_close(two, NET_NOW);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

/* A stranger that finds no place is told once, and again when a place is free. */
static void a_stranger_without_a_place_is_told_once(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];
    net_poller *poller = open_poller();

    dial_pair_with(template_of(state), "peers=1", NULL, &pair);
    watch(poller, pair.listener, NET_READABLE);
    dial_address(pair.listener, address);
    net_socket *second = assert_socket(net_connect(address, soon()));

    say(second, "me too");
    expect_event(poller, pair.listener, NET_READABLE);
    assert_no_socket(net_accept(pair.listener, NET_NOW), NET_LIMIT);
    expect_quiet(poller, 60);
    net_close(pair.server, NET_NOW);
    expect_event(poller, pair.listener, NET_READABLE);
    pair.server = assert_socket(net_accept(pair.listener, NET_NOW));
    say(pair.client, "and I again");
    expect_event(poller, pair.listener, NET_READABLE);
    assert_no_socket(net_accept(pair.listener, NET_NOW), NET_LIMIT);
    expect_quiet(poller, 60);
    assert_ok(net_set(pair.listener, "peers", "2"));
    expect_event(poller, pair.listener, NET_READABLE);
    net_close(assert_socket(net_accept(pair.listener, NET_NOW)), NET_NOW);
    net_close(second, NET_NOW);
    net_poller_close(poller);
    close_pair(&pair);
}

/* ---- Dialed sockets ---- */

/* A dialed socket receives ahead. What waits in user space is told, whatever the descriptor
 * says. */
static void what_was_received_ahead_is_told(void **state)
{
    enum { MANY = 60 };
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.client, NET_READABLE);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < MANY; i++) {
            say(pair.server, "one of many");
        }
        for (int i = 0; i < MANY; i++) {
            net_message message = {.data = in, .capacity = sizeof in};

            expect_event(poller, pair.client, NET_READABLE);
            if (round % 2 == 0) {
                hear(pair.client, "one of many");
            } else {
                assert_count(net_recv_messages(pair.client, &message, 1, NET_NOW), 1);
            }
        }
        expect_quiet(poller, 10);
    }
    net_poller_close(poller);
    close_pair(&pair);
}

/* A refusal is told once. */
static void a_refusal_is_told(void **state)
{
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    net_socket *client = assert_socket(net_connect(address, soon()));

    net_close(listener, NET_NOW);
    watch(poller, client, NET_READABLE);
    expect_quiet(poller, 5);
    say(client, "anybody?");
    expect_event(poller, client, NET_READABLE);
    assert_code(net_recv(client, in, sizeof in, NET_NOW), NET_REFUSED);
    expect_quiet(poller, 10);
    net_close(client, NET_NOW);
    net_poller_close(poller);
}

int main(void)
{
    static const struct test everywhere[] = {
        TEST(each_peer_is_told_of_its_own_datagrams),
        TEST(datagrams_that_another_call_read_are_told),
        TEST(two_pollers_may_hold_peers_of_one_listener),
        TEST(peers_are_told_of_when_their_listener_is_closed),
        TEST(what_was_received_ahead_is_told),
    };
    static const struct test tests[] = {
        TEST(one_hot_peer_delays_no_other),
        TEST(the_end_of_a_silent_peer_is_told),
        TEST(a_shorter_idle_is_told_and_a_longer_one_waited_for),
        TEST(strangers_are_told_until_they_are_accepted_or_heard),
        TEST(a_stranger_without_a_place_is_told_once),
    };
    /* Over the other wires the send tells it. */
    static const struct test udp[] = {TEST(a_refusal_is_told)};

    return run_over(datagram_templates, everywhere) + run_over(plain_datagrams, tests) +
           run_over(udp_templates, udp);
}

/* The peers of a udp listener: what names them, floods, and what keeps one. */
#include "crowd.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char out[65536];
static char in[65536];

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

/* A peer is an address and a port. If either one differs, it is another peer. */
static void a_peer_is_an_address_and_a_port(void **state)
{
    net_socket *listener = assert_socket(net_listen("udp://*:0"));
    char target[ADDRESS_MAX];
    char address[2 * ADDRESS_MAX];
    net_socket *client[3];

    (void)state;
    dial_address(listener, target);
    client[0] = assert_socket(net_connect(target, soon()));
    client[1] = assert_socket(net_connect(target, soon()));
    snprintf(address, sizeof address, "%s?source=127.0.0.5:%lld", target,
             number_of(client[0], "port"));
    client[2] = assert_socket(net_connect(address, soon()));
    for (int i = 0; i < 3; i++) {
        say(client[i], "hello");
    }
    for (int i = 0; i < 3; i++) {
        char local[ADDRESS_MAX];
        net_socket *peer = assert_socket(net_accept(listener, soon()));

        assert_ok(net_get(peer, "peer", address, sizeof address));
        assert_ok(net_get(client[i], "local", local, sizeof local));
        assert_string_equal(address, local);
        net_close(peer, NET_NOW);
        net_close(client[i], NET_NOW);
    }
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    net_close(listener, NET_NOW);
}

/* A peer that sends stays. What we send to it does not count. */
static void only_the_peers_own_datagrams_keep_it(void **state)
{
    struct pair pair;
    net_socket *client;
    net_socket *active;
    double since;

    dial_pair_with(template_of(state), "idle=1s", NULL, &pair);
    dial_again(pair.listener, &client, &active);
    since = now_ms();
    while (elapsed_ms(since) < 1300) {
        say(client, "still here");
        if (!in_time(net_recv(active, in, sizeof in, soon()) == 10)) {
            break; /* it was silent for a second */
        }
        say(pair.server, "and you?");
        nap(50);
    }
    if (in_time(net_recv(active, in, sizeof in, NET_NOW) == NET_TIMEOUT)) {
        assert_code(net_recv(pair.server, in, sizeof in, soon()), NET_EOF);
    }
    net_close(client, NET_NOW);
    net_close(active, NET_NOW);
    close_pair(&pair);
}

/* A flood of made-up senders may use `strangers` bytes, and not one more. Accepted peers notice
 * nothing, and the next new sender is received once there is room. */
static void a_flood_of_strangers_is_bounded_and_disturbs_nobody(void **state)
{
    enum { SENDERS = 20000, SIZE = 64, ROOM = 65536, STEP = 50 };
    struct pair pair;

    (void)state;
    dial_pair_with("udp://127.0.0.1:0", "strangers=64KiB", NULL, &pair);
    int fd = crowd_dial(pair.listener);

    for (int i = 0; i < SENDERS; i++) {
        crowd_send(fd, (unsigned)i, out, SIZE, 0);
        if (i % STEP == STEP - 1) {
            say(pair.client, "live");
            hear(pair.server, "live");
        }
    }
    hear_nothing(pair.server);
    assert_int_equal(number_of(pair.listener, "dropped-strangers"), SENDERS - ROOM / SIZE);
    assert_int_equal(number_of(pair.listener, "dropped-queue"), 0);
    for (int i = 0; i < ROOM / SIZE; i++) {
        net_message message = {.data = in, .capacity = sizeof in};
        char text[64];
        char expected[64];

        assert_count(net_recv_messages(pair.listener, &message, 1, NET_NOW), 1);
        assert_ok(net_endpoint_text(&message.endpoint, text, sizeof text));
        snprintf(expected, sizeof expected, "127.16.%d.%d:", i / 256, i % 256);
        assert_memory_equal(text, expected, strlen(expected));
    }
    net_socket *client;
    net_socket *peer;

    dial_again(pair.listener, &client, &peer);
    net_close(client, NET_NOW);
    net_close(peer, NET_NOW);
    close(fd);
    close_pair(&pair);
}

/* Every accepted peer receives what it was sent, in order. */
static void many_peers_are_kept_apart(void **state)
{
    enum { PEERS = 500, EACH = 4 };
    static net_socket *peer[PEERS];
    net_socket *listener = assert_socket(net_listen("udp://127.0.0.1:0"));
    int fd = crowd_dial(listener);
    int word[2];

    (void)state;
    for (int i = 0; i < PEERS; i++) {
        word[0] = i;
        word[1] = 0;
        crowd_send(fd, (unsigned)i, word, sizeof word, 0);
        peer[i] = assert_socket(net_accept(listener, soon()));
    }
    for (int round = 1; round < EACH; round++) {
        for (int i = 0; i < PEERS; i++) {
            word[0] = (i * 7) % PEERS;
            word[1] = round;
            crowd_send(fd, (unsigned)word[0], word, sizeof word, 0);
            assert_null(i % 50 == 49 ? net_accept(listener, NET_NOW) : NULL);
        }
    }
    for (int i = 0; i < PEERS; i++) {
        for (int round = 0; round < EACH; round++) {
            assert_count(net_recv(peer[i], word, sizeof word, soon()), sizeof word);
            assert_int_equal(word[0], i);
            assert_int_equal(word[1], round);
        }
        hear_nothing(peer[i]);
        net_close(peer[i], NET_NOW);
    }
    assert_int_equal(number_of(listener, "dropped-strangers"), 0);
    close(fd);
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const char *const dual_stack[] = {"udp://*:0", NULL};
    const struct test ends[] = {
        TEST(only_the_peers_own_datagrams_keep_it),
    };
    const struct test tests[] = {
        TEST(a_peer_is_an_address_and_a_port),
        TEST(a_flood_of_strangers_is_bounded_and_disturbs_nobody),
        TEST(many_peers_are_kept_apart),
    };

    return run_over(dual_stack, ends) + run_once(tests);
}

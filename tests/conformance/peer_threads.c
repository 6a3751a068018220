/* Many threads on the sockets of one listener. Each peer is accepted once, each datagram reaches
 * its own socket, and the reader hands the reading over when it leaves. */
#include "support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4 };

enum { CALLERS = 200 };

struct acceptor {
    pthread_t thread;
    net_socket *listener;
    int accepted;
    int wrong;
    atomic_int *left;
    atomic_int *seen; /* of each client */
};

static void *accept_many(void *argument)
{
    struct acceptor *self = argument;

    while (atomic_load(self->left) > 0) {
        net_socket *peer = net_accept(self->listener, net_after(20));
        int number = -1;

        if (peer == NULL) {
            self->wrong += net_error() != NET_TIMEOUT ? 1 : 0;
            continue;
        }
        ssize_t n = net_recv(peer, &number, sizeof number, NET_NOW);

        if (n != sizeof number || number < 0 || number >= CALLERS) {
            self->wrong++;
        } else {
            atomic_fetch_add(&self->seen[number], 1);
        }
        atomic_fetch_sub(self->left, 1);
        self->accepted++;
        net_close(peer, NET_NOW);
    }
    return NULL;
}

static void each_peer_is_accepted_once(void **state)
{
    static struct acceptor acceptor[THREADS];
    static net_socket *client[CALLERS];
    static atomic_int seen[CALLERS];
    atomic_int left = CALLERS;
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];
    int accepted = 0;

    memset(seen, 0, sizeof seen);
    dial_address(listener, address);
    for (int i = 0; i < THREADS; i++) {
        acceptor[i] = (struct acceptor){.listener = listener, .left = &left, .seen = seen};
        assert_int_equal(pthread_create(&acceptor[i].thread, NULL, accept_many, &acceptor[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        client[i] = assert_socket(net_connect(address, soon()));
        assert_count(net_send(client[i], &i, sizeof i, soon()), sizeof i);
        while (i - (CALLERS - left) > 50) { /* the system's buffer is bounded */
            nap(1);
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(acceptor[i].thread, NULL);
        accepted += acceptor[i].accepted;
        assert_int_equal(acceptor[i].wrong, 0);
    }
    assert_int_equal(accepted, CALLERS);
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(seen[i], 1);
        net_close(client[i], NET_NOW);
    }
    net_close(listener, NET_NOW);
}

enum { PEERS = 4, PINGS = 400 };

/* One end of a ping-pong whose messages carry the number of the pair. */
struct player {
    pthread_t thread;
    net_socket *socket;
    int number;
    bool begins;
    int rounds;
    int wrong;
};

static void *play(void *argument)
{
    struct player *self = argument;
    net_deadline deadline = soon();

    while (self->rounds < PINGS && self->wrong == 0) {
        int word[2] = {self->number, self->rounds};
        int heard[2] = {-1, -1};

        if (self->begins && net_send(self->socket, word, sizeof word, deadline) < 0) {
            self->wrong = 1;
        }
        if (net_recv(self->socket, heard, sizeof heard, deadline) != sizeof heard ||
            memcmp(heard, word, sizeof word) != 0) {
            self->wrong = 2;
        }
        if (!self->begins && net_send(self->socket, word, sizeof word, deadline) < 0) {
            self->wrong = 3;
        }
        self->rounds++;
    }
    return NULL;
}

/* All peers wait at once, so one thread reads for all, another one each time. One more thread waits
 * for strangers, which come and go. */
static void nobody_hears_what_was_said_to_another(void **state)
{
    static struct player player[2 * PEERS];
    struct pair pair[PEERS];
    struct caller stranger;

    dial_pair(template_of(state), &pair[0]);
    for (int i = 1; i < PEERS; i++) {
        pair[i].listener = NULL;
        dial_again(pair[0].listener, &pair[i].client, &pair[i].server);
    }
    caller_start(&stranger, call_accept, pair[0].listener, soon());
    for (int i = 0; i < 2 * PEERS; i++) {
        player[i] = (struct player){.socket = i < PEERS ? pair[i].server : pair[i - PEERS].client,
                                    .number = i % PEERS,
                                    .begins = i >= PEERS};
        assert_int_equal(pthread_create(&player[i].thread, NULL, play, &player[i]), 0);
    }
    for (int i = 0; i < 2 * PEERS; i++) {
        pthread_join(player[i].thread, NULL);
        assert_int_equal(player[i].wrong, 0);
        assert_int_equal(player[i].rounds, PINGS);
    }
    net_cancel(pair[0].listener);
    caller_join(&stranger);
    assert_int_equal(stranger.result, NET_CANCELED);
    for (int i = PEERS - 1; i >= 0; i--) {
        close_pair(&pair[i]);
    }
}

/* ---- The reader leaves ---- */

/* The reader may be cancelled, time out or return with a datagram: the other call is served
 * next. */
static void a_reader_that_leaves_hands_the_reading_over(void **state)
{
    static caller_call *const others[] = {call_recv, call_recv_messages, call_accept};

    for (int round = 0; round < 9; round++) {
        struct pair pair;
        struct caller first;
        struct caller second;
        net_socket *client;
        net_socket *peer;

        dial_pair(template_of(state), &pair);
        dial_again(pair.listener, &client, &peer);
        net_socket *other = round % 3 == 0 ? peer : pair.listener;

        caller_start(&first, others[round % 3], other, round < 3 ? net_after(30) : soon());
        caller_start(&second, call_recv, pair.server, soon());
        if (round >= 6) {
            net_cancel(other);
        } else if (round >= 3) {
            assert_count(net_send(pair.client, "x", 1, soon()), 1);
            caller_join(&second);
            assert_int_equal(second.result, 1);
            caller_start(&second, call_recv, pair.server, soon());
            net_cancel(other);
        }
        caller_join(&first);
        assert_int_equal(first.result, round < 3 ? NET_TIMEOUT : NET_CANCELED);
        assert_count(net_send(pair.client, "y", 1, soon()), 1);
        caller_join(&second);
        assert_int_equal(second.result, 1);
        net_close(client, NET_NOW);
        net_close(peer, NET_NOW);
        close_pair(&pair);
    }
}

/* Several calls wait on one peer, and each datagram serves one of them. */
static void several_receivers_share_a_peer(void **state)
{
    struct pair pair;
    struct caller receiver[THREADS];
    long long bytes = 0;

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < THREADS; i++) {
        caller_start(&receiver[i], call_recv, pair.server, soon());
    }
    for (int i = 1; i <= THREADS; i++) {
        assert_count(net_send(pair.client, "12345678", (size_t)i, soon()), i);
    }
    for (int i = 0; i < THREADS; i++) {
        caller_join(&receiver[i]);
        assert_true(receiver[i].result > 0);
        bytes += receiver[i].result;
    }
    assert_int_equal(bytes, THREADS * (THREADS + 1) / 2);
    close_pair(&pair);
}

/* A close frees a place, and an accept that waits for one takes it. */
static void a_place_that_becomes_free_is_taken_by_a_waiting_call(void **state)
{
    struct pair pair;
    struct caller waiting;

    dial_pair_with(template_of(state), "peers=1", NULL, &pair);
    net_socket *client = NULL;
    char address[ADDRESS_MAX];

    dial_address(pair.listener, address);
    client = assert_socket(net_connect(address, soon()));
    assert_count(net_send(client, "next", 4, soon()), 4);
    caller_launch(&waiting, call_accept, pair.listener, soon());
    nap(20);
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    caller_join(&waiting);
    if (waiting.result == NET_LIMIT) { /* on a machine that stood still for 100 ms */
        waiting.made = assert_socket(net_accept(pair.listener, soon()));
    }
    assert_int_equal(number_of(waiting.made, "messages-received"), 0);
    assert_count(net_recv(waiting.made, address, sizeof address, soon()), 4);
    net_close(waiting.made, NET_NOW);
    net_close(client, NET_NOW);
    close_pair(&pair);
}

int main(void)
{
    const struct test everywhere[] = {
        TEST(nobody_hears_what_was_said_to_another),
        TEST(several_receivers_share_a_peer),
    };
    const struct test tests[] = {
        TEST(each_peer_is_accepted_once),
        TEST(a_reader_that_leaves_hands_the_reading_over),
        TEST(a_place_that_becomes_free_is_taken_by_a_waiting_call),
    };

    return run_over(datagram_templates, everywhere) + run_over(plain_datagrams, tests);
}

/* What only memgram:// does: names inside one process, also for dialed sockets; the sender
 * delivers; no descriptor at all. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char in[64];

static void local_of(net_socket *socket, char text[ADDRESS_MAX])
{
    assert_ok(net_get(socket, "local", text, ADDRESS_MAX));
}

/* ---- Names ---- */

/* A listener's name stays in use as long as a socket that it accepted is open. */
static void a_name_is_one_listeners_at_a_time(void **state)
{
    struct pair pair;

    (void)state;
    dial_pair("memgram://one", &pair);
    assert_no_socket(net_listen("memgram://one"), NET_INUSE);
    net_socket *stream =
        assert_socket(net_listen("mem://one")); /* stream names are of another kind */

    net_close(stream, NET_NOW);
    net_close(pair.listener, NET_NOW);
    assert_no_socket(net_listen("memgram://one"), NET_INUSE);
    assert_count(net_send(pair.client, "x", 1, soon()), 1);
    assert_count(net_recv(pair.server, in, sizeof in, soon()), 1);
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    pair.listener = assert_socket(net_listen("memgram://one"));
    close_pair(&pair);
}

/* A dialed socket has a name of its own. It is unique, and it can be answered and dialed. */
static void a_dialed_socket_has_a_name_of_its_own(void **state)
{
    char listener[ADDRESS_MAX];
    char client[ADDRESS_MAX];
    char peer[ADDRESS_MAX];
    struct pair pair;
    struct pair more = {0};

    (void)state;
    dial_pair("memgram://", &pair);
    dial_again(pair.listener, &more.client, &more.server);
    local_of(pair.listener, listener);
    local_of(pair.client, client);
    assert_ok(net_get(pair.server, "peer", peer, sizeof peer));
    assert_string_equal(peer, client);
    assert_ok(net_get(pair.client, "peer", peer, sizeof peer));
    assert_string_equal(peer, listener);
    local_of(pair.server, peer);
    assert_string_equal(peer, listener);
    local_of(more.client, peer);
    assert_string_not_equal(peer, client);
    assert_no_socket(net_listen(client), NET_INUSE);
    close_pair(&pair);
    close_pair(&more);
}

static void an_endpoint_can_be_answered(void **state)
{
    net_socket *listener = assert_socket(net_listen("memgram://here"));
    net_socket *client = assert_socket(net_connect("memgram://here", soon()));
    net_message message = {.data = in, .capacity = sizeof in};
    net_endpoint endpoint;
    char text[ADDRESS_MAX];
    char local[ADDRESS_MAX];

    (void)state;
    assert_count(net_send(client, "who?", 4, soon()), 4);
    assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
    assert_int_equal(message.size, 4);
    local_of(client, local);
    assert_ok(net_endpoint_text(&message.endpoint, text, sizeof text));
    assert_string_equal(text, local + strlen("memgram://"));
    assert_count(net_send_messages(listener, &message, 1, soon()), 1);
    assert_count(net_recv(client, in, sizeof in, soon()), 4);
    assert_count(net_resolve("memgram://here", &endpoint, 1, soon()), 1);
    message.endpoint = endpoint; /* to itself */
    assert_count(net_send_messages(listener, &message, 1, soon()), 1);
    assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
    assert_memory_equal(message.endpoint.remote, endpoint.remote, sizeof endpoint.remote);
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
}

/* ---- Nobody has the name ---- */

static void a_send_to_nobody_is_refused_and_the_socket_goes_on(void **state)
{
    net_socket *client = assert_socket(net_connect("memgram://later", NET_NOW));
    net_message message = {.data = in, .size = 1};

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_code(net_send(client, "x", 1, soon()), NET_REFUSED);
        assert_says("send memgram://later: refused");
        assert_code(net_send_messages(client, &message, 1, NET_NOW), NET_REFUSED);
        assert_code(net_recv(client, in, sizeof in, NET_NOW), NET_TIMEOUT);
        net_socket *listener = assert_socket(net_listen("memgram://later"));

        assert_count(net_send(client, "x", 1, soon()), 1);
        net_socket *server = assert_socket(net_accept(listener, soon()));

        assert_count(net_send(server, "y", 1, soon()), 1);
        assert_count(net_recv(client, in, sizeof in, soon()), 1);
        net_close(server, NET_NOW);
        net_close(listener, NET_NOW);
    }
    net_close(client, NET_NOW);
}

static void one_that_has_left_is_answered_no_more(void **state)
{
    struct pair pair;

    (void)state;
    dial_pair("memgram://", &pair);
    net_close(pair.client, NET_NOW);
    pair.client = NULL;
    assert_code(net_send(pair.server, "x", 1, soon()), NET_REFUSED);
    close_pair(&pair);
}

/* ---- Bounds ---- */

static void what_does_not_fit_is_dropped_and_counted(void **state)
{
    struct pair pair;
    char piece[100] = {0};

    (void)state;
    dial_pair_with("memgram://", "queue=1000B", "queue=500B", &pair);
    for (int i = 0; i < 12; i++) {
        assert_count(net_send(pair.client, piece, sizeof piece, NET_NOW), sizeof piece);
        assert_count(net_send(pair.server, piece, sizeof piece, NET_NOW), sizeof piece);
    }
    assert_int_equal(number_of(pair.server, "dropped-queue"), 2);
    assert_int_equal(number_of(pair.listener, "dropped-queue"), 2);
    assert_int_equal(number_of(pair.client, "dropped-queue"), 7);
    for (int i = 0; i < 10; i++) {
        assert_count(net_recv(pair.server, piece, sizeof piece, NET_NOW), sizeof piece);
    }
    assert_code(net_recv(pair.server, piece, sizeof piece, NET_NOW), NET_TIMEOUT);
    close_pair(&pair);
}

/* A dialed socket receives only from its peer, and a datagram has a largest size. */
static void only_the_peer_is_heard(void **state)
{
    char address[ADDRESS_MAX];
    static char large[65508];
    struct pair pair;

    (void)state;
    dial_pair("memgram://", &pair);
    local_of(pair.client, address);
    net_socket *foreigner = assert_socket(net_connect(address, soon()));

    assert_count(net_send(foreigner, "psst", 4, soon()), 4);
    assert_code(net_recv(pair.client, in, sizeof in, NET_NOW), NET_TIMEOUT);
    assert_code(net_send(pair.client, large, sizeof large, soon()), NET_TOOBIG);
    assert_count(net_send(pair.client, large, sizeof large - 1, soon()), sizeof large - 1);
    assert_count(net_recv(pair.server, large, sizeof large, soon()), sizeof large - 1);
    assert_int_equal(net_fd(pair.listener), -1);
    assert_int_equal(net_fd(pair.client), -1);
    assert_int_equal(net_fd(pair.server), -1);
    net_close(foreigner, NET_NOW);
    close_pair(&pair);
}

/* A peer that is silent for `idle` ends, and a waiting call returns. */
static void a_silent_peer_ends(void **state)
{
    struct pair pair;
    struct caller reader;

    (void)state;
    dial_pair_with("memgram://", "idle=50ms", NULL, &pair);
    caller_launch(&reader, call_recv, pair.server, soon());
    caller_join(&reader);
    assert_int_equal(reader.result, NET_EOF);
    assert_code(net_recv(pair.client, in, sizeof in, net_after(100)), NET_TIMEOUT);
    close_pair(&pair);
}

/* ---- Names that come and go while others send to them ---- */

enum { NAMES = 3, ROUNDS = 300 };

static _Atomic bool stop;
static _Atomic int failures;

static void *send_to_all(void *argument)
{
    unsigned seed = *(unsigned *)argument;

    while (!stop) {
        char address[32];

        snprintf(address, sizeof address, "memgram://n%u", random_below(&seed, NAMES));
        net_socket *client = net_connect(address, NET_NOW);

        failures += client != NULL ? 0 : 1;
        for (int i = 0; i < 5 && client != NULL; i++) {
            ssize_t n = net_send(client, "hello", 5, soon());

            failures += n == 5 || n == NET_REFUSED ? 0 : 1;
        }
        net_close(client, NET_NOW);
    }
    return NULL;
}

static void names_may_go_while_others_send(void **state)
{
    unsigned seed[3] = {1, 2, 3};
    pthread_t sender[3];

    (void)state;
    stop = false;
    failures = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&sender[i], NULL, send_to_all, &seed[i]), 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        char address[32];

        snprintf(address, sizeof address, "memgram://n%d", i % NAMES);
        net_socket *listener = net_listen(address);
        net_socket *server = listener != NULL ? net_accept(listener, net_after(20)) : NULL;

        failures += listener == NULL ? 1 : 0;
        if (server != NULL) {
            net_send(server, "hi", 2, NET_NOW);
        }
        net_close(listener, NET_NOW);
        net_close(server, NET_NOW);
    }
    stop = true;
    for (int i = 0; i < 3; i++) {
        pthread_join(sender[i], NULL);
    }
    assert_int_equal(failures, 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_name_is_one_listeners_at_a_time),
        TEST(a_dialed_socket_has_a_name_of_its_own),
        TEST(an_endpoint_can_be_answered),
        TEST(a_send_to_nobody_is_refused_and_the_socket_goes_on),
        TEST(one_that_has_left_is_answered_no_more),
        TEST(what_does_not_fit_is_dropped_and_counted),
        TEST(only_the_peer_is_heard),
        TEST(a_silent_peer_ends),
        TEST(names_may_go_while_others_send),
    };

    return run_once(tests);
}

/* driven: skip, its ends are in the same thread */
/* How a connection ends: half-closed, in order, cut; in TLS 1.3 and 1.2. */
#include "openssl_peer.h"
#include "watching.h"

#include <stdio.h>
#include <string.h>

static const char options[] = "ca={ca}&name=localhost";

static void after_a_half_close_the_other_way_goes_on(void **state)
{
    struct pair pair;
    char byte;

    for (int i = 0; i < 2; i++) {
        tls_open(template_of(state), NULL, options, &pair);
        net_socket *one = i == 0 ? pair.client : pair.server;
        net_socket *other = i == 0 ? pair.server : pair.client;

        assert_count(net_send(one, "the last", 8, soon()), 8);
        assert_ok(net_shutdown(one));
        assert_code(net_send(one, "x", 1, soon()), NET_MISUSE);
        tls_expect(other, "the last");
        assert_code(net_recv(other, &byte, 1, soon()), NET_EOF);
        assert_code(net_recv(other, &byte, 1, soon()), NET_EOF);
        for (int j = 0; j < 3; j++) {
            assert_count(net_send(other, "more", 4, soon()), 4);
            tls_expect(one, "more");
        }
        assert_code(net_recv(one, &byte, 1, NET_NOW), NET_TIMEOUT);
        assert_ok(net_shutdown(other));
        assert_code(net_recv(one, &byte, 1, soon()), NET_EOF);
        assert_ok(net_close(one, soon()));
        assert_ok(net_close(other, soon()));
        net_close(pair.listener, NET_NOW);
    }
}

/* Also NET_NOW says close_notify, where that does not wait. */
static void a_close_is_an_end_and_no_reset(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct pair pair;
        char byte;

        tls_open(template_of(state), NULL, options, &pair);
        net_socket *one = i == 0 ? pair.client : pair.server;
        net_socket *other = i == 0 ? pair.server : pair.client;

        assert_count(net_send(one, "the last", 8, soon()), 8);
        net_close(one, NET_NOW);
        tls_expect(other, "the last");
        assert_code(net_recv(other, &byte, 1, soon()), NET_EOF);
        net_close(other, NET_NOW);
        net_close(pair.listener, NET_NOW);
    }
}

static void a_cut_is_a_reset(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct pair pair;
        char byte;

        tls_open(template_of(state), NULL, options, &pair);
        if (i == 0) {
            assert_ok(net_set(pair.client, "reset", "on"));
        } else {
            net_cancel(pair.client);
        }
        net_close(pair.client, soon());
        pair.client = NULL;
        assert_code(net_recv(pair.server, &byte, 1, soon()), NET_RESET);
        close_pair(&pair);
    }
}

/* An accepted connection may be half-closed before its handshake: it is at the end of that. */
static void a_half_close_waits_for_the_handshake(void **state)
{
    struct pair pair = {.listener = tls_listen(template_of(state), CERTIFICATE_GOOD, NULL)};
    struct said client;
    struct said server;
    char byte;

    pair.client = tls_dial(pair.listener, options);
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    assert_ok(net_shutdown(pair.server));
    tls_settle(pair.client, pair.server, &client, &server);
    assert_int_equal(client.code, 0);
    assert_int_equal(server.code, 0);
    assert_code(net_recv(pair.client, &byte, 1, soon()), NET_EOF);
    assert_count(net_send(pair.client, "question", 8, soon()), 8);
    tls_expect(pair.server, "question");
    assert_code(net_send(pair.server, "x", 1, soon()), NET_MISUSE);
    close_pair(&pair);
}

/* A poller tells of the end, and only of what has come before. */
static void a_poller_tells_of_the_end(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();
    char byte;

    tls_open(template_of(state), NULL, options, &pair);
    watch(poller, pair.server, NET_READABLE);
    expect_quiet(poller, 10);
    assert_ok(net_shutdown(pair.client));
    expect_event(poller, pair.server, NET_READABLE);
    assert_code(net_recv(pair.server, &byte, 1, NET_NOW), NET_EOF);
    net_close(pair.server, NET_NOW);
    watch(poller, pair.client, NET_READABLE);
    expect_event(poller, pair.client, NET_READABLE);
    assert_code(net_recv(pair.client, &byte, 1, NET_NOW), NET_EOF);
    pair.server = NULL;
    close_pair(&pair);
    net_poller_close(poller);
}

/* ---- Of OpenSSL's ---- */

static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};

static net_socket *meet(net_socket **listener, struct openssl_peer *peer, int version)
{
    *listener = tls_listen("tls://127.0.0.1:0", CERTIFICATE_GOOD, NULL);
    peer_client(peer, peer_open(*listener));
    SSL_set_max_proto_version(peer->ssl, version);
    net_socket *server = assert_socket(net_accept(*listener, soon()));

    peer_meet(peer, server);
    return server;
}

static void expect_end(struct openssl_peer *peer)
{
    char byte;

    assert_int_equal(SSL_read(peer->ssl, &byte, 1), 0);
    assert_int_equal(SSL_get_error(peer->ssl, 0), SSL_ERROR_ZERO_RETURN);
}

/* In 1.2 a peer may end, too, once it has heard of an end; OpenSSL does not. */
static void half_closes_of_openssl_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct openssl_peer peer;
        net_socket *listener;
        net_socket *server = meet(&listener, &peer, versions[i]);
        char byte;

        peer_says(&peer, "question");
        SSL_shutdown(peer.ssl);
        tls_expect(server, "question");
        assert_code(net_recv(server, &byte, 1, soon()), NET_EOF);
        assert_count(net_send(server, "answer", 6, soon()), 6);
        peer_expects(&peer, "answer");
        assert_ok(net_shutdown(server));
        expect_end(&peer);
        assert_ok(net_close(server, net_after(0)) == 0 || net_error() == NET_TIMEOUT ? 0 : -1);
        net_close(listener, NET_NOW);
        peer_close(&peer);
    }
}

static void our_half_close_is_understood_by_openssl(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct openssl_peer peer;
        net_socket *listener;
        net_socket *server = meet(&listener, &peer, versions[i]);
        char byte;

        assert_count(net_send(server, "welcome", 7, soon()), 7);
        assert_ok(net_shutdown(server));
        peer_expects(&peer, "welcome");
        expect_end(&peer);
        peer_says(&peer, "still here");
        tls_expect(server, "still here");
        SSL_shutdown(peer.ssl);
        assert_code(net_recv(server, &byte, 1, soon()), NET_EOF);
        net_close(server, NET_NOW);
        net_close(listener, NET_NOW);
        peer_close(&peer);
    }
}

int main(void)
{
    static const char *const wires[] = {"tls://127.0.0.1:0", "tls+unix://@", "tls+mem://",
                                        "chaos+tls://127.0.0.1:0", NULL};
    static const struct test tests[] = {
        TEST(after_a_half_close_the_other_way_goes_on),
        TEST(a_close_is_an_end_and_no_reset),
        TEST(a_cut_is_a_reset),
        TEST(a_half_close_waits_for_the_handshake),
        TEST(a_poller_tells_of_the_end),
    };
    static const struct test once[] = {
        TEST(half_closes_of_openssl_are_understood),
        TEST(our_half_close_is_understood_by_openssl),
    };

    tls_begin();
    return run_over(wires, tests) + run_once(once);
}

/* driven: skip, it has pollers of its own */
/* Certificates of servers that a dial refuses: with the reason and the subject in the sentence, on
 * both sides, and before anything of the caller's is sent. */
#include "openssl_peer.h"
#include "watching.h"

#include <stdio.h>
#include <string.h>

/* ---- A server that waits for what its caller has to say ---- */

struct server {
    net_socket *listener;
    bool speaks; /* it sends first */
    ssize_t result;
    struct said said;
    pthread_t thread;
};

static void *serve(void *argument)
{
    struct server *server = argument;
    char byte;
    net_socket *accepted = net_accept(server->listener, soon());

    server->result = accepted == NULL ? (ssize_t)net_error()
                     : server->speaks ? net_send(accepted, "welcome", 7, soon())
                                      : net_recv(accepted, &byte, 1, soon());
    if (server->result > 0 && server->speaks) { /* TLS 1.3: the server speaks before the client */
        server->result = net_recv(accepted, &byte, 1, soon());
    }
    server->said.code = net_error();
    snprintf(server->said.text, sizeof server->said.text, "%s", net_error_text());
    net_close(accepted, NET_NOW);
    return NULL;
}

static void server_start(struct server *server, enum certificate which, bool speaks)
{
    *server =
        (struct server){.listener = tls_listen("tls://127.0.0.1:0", which, NULL), .speaks = speaks};
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_join(struct server *server)
{
    pthread_join(server->thread, NULL);
    net_close(server->listener, NET_NOW);
}

/* ---- Dials ---- */

static net_socket *dial_and_wait(const char *address)
{
    return net_connect(address, soon());
}

/* The dial of a poller: the socket is there at once, and its outcome comes. */
static net_socket *dial_by_poller(const char *address)
{
    net_poller *poller = open_poller();
    net_socket *socket = assert_socket(net_connect(address, NET_NOW));
    net_event event;
    char peer[ADDRESS_MAX];

    assert_ok(net_poller_watch(poller, socket, NET_WRITABLE, socket, NET_FOREVER));
    assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    assert_ptr_equal(event.socket, socket);
    int code = net_get(socket, "peer", peer, sizeof peer);

    assert_int_not_equal(code, NET_TIMEOUT);
    if (code < 0) {
        assert_code(net_send(socket, "secret", 6, NET_NOW), code);
        assert_code(net_recv(socket, peer, 1, NET_NOW), code);
        assert_code(net_get(socket, "peer", NULL, 0), code);
        net_close(socket, NET_NOW);
        socket = NULL;
    }
    net_poller_close(poller);
    return socket;
}

static net_socket *(*const dials[])(const char *address) = {dial_and_wait, dial_by_poller};

static const struct refusal {
    enum certificate which;
    const char *options;
    const char *reason;
    const char *subject;
    const char *alert; /* what the server learns */
} refusals[] = {
    {CERTIFICATE_EXPIRED, "ca={ca}", "the certificate has expired", "CN=expired", "expired"},
    {CERTIFICATE_NOT_YET, "ca={ca}", "the certificate is not yet valid", "CN=not-yet",
     "refused our certificate"},
    {CERTIFICATE_SELF_SIGNED, "ca={ca}", "the certificate is self-signed", "CN=self-signed",
     "issuer is not trusted there"},
    {CERTIFICATE_OTHER_HOST, "ca={ca}",
     "the certificate is for a.example, b.example, not for 127.0.0.1", "CN=other-host",
     "refused our certificate"},
    {CERTIFICATE_OTHER_HOST, "ca={ca}&name=c.example",
     "the certificate is for a.example, b.example, not for c.example", "CN=other-host",
     "refused our certificate"},
    {CERTIFICATE_NO_NAMES, "ca={ca}&name=localhost", "not for localhost", "CN=localhost",
     "refused our certificate"},
    {CERTIFICATE_NO_ADDRESS, "ca={ca}", "not for 127.0.0.1", "CN=127.0.0.1",
     "refused our certificate"},
    {CERTIFICATE_WILDCARD, "ca={ca}&name=example.test", "not for example.test", "CN=wildcard",
     "refused our certificate"},
    {CERTIFICATE_WILDCARD, "ca={ca}&name=a.b.example.test", "not for a.b.example.test",
     "CN=wildcard", "refused our certificate"},
    {CERTIFICATE_WILDCARD, "ca={ca}&name=wexample.test", "not for wexample.test", "CN=wildcard",
     "refused our certificate"},
    {CERTIFICATE_PARTIAL_WILDCARD, "ca={ca}&name=www.example.test", "not for www.example.test",
     "CN=partial", "refused our certificate"},
    {CERTIFICATE_NO_CHAIN, "ca={ca}", "the certificate's issuer is not known", "CN=no-chain",
     "issuer is not trusted there"},
    {CERTIFICATE_CONSTRAINED, "ca={ca}", "may not name this host", "CN=constrained",
     "refused our certificate"},
    {CERTIFICATE_NO_AUTHORITY, "ca={ca}", "the certificate's issuer is no authority",
     "CN=no authority", "issuer is not trusted there"},
    {CERTIFICATE_GOOD, "", "the certificate's issuer is not known", "CN=good",
     "issuer is not trusted there"},
    {CERTIFICATE_CLIENT, "ca={ca}&name=somebody", "the certificate is for another purpose",
     "CN=somebody", "refused our certificate"},
};

static void expect_refusal(const struct refusal *refusal, net_socket *(*dial)(const char *),
                           bool speaks)
{
    struct server server;
    char address[TLS_ADDRESS_MAX];

    server_start(&server, refusal->which, speaks);
    tls_address(server.listener, refusal->options, address);
    net_socket *socket = dial(address);
    struct said said = {.code = net_error()};

    snprintf(said.text, sizeof said.text, "%s", net_error_text());
    net_close(socket, NET_NOW);
    server_join(&server);
    if (socket != NULL || said.code != NET_DENIED || strstr(said.text, refusal->reason) == NULL ||
        strstr(said.text, refusal->subject) == NULL) {
        fail_msg("%s: dialed %s, %d: %s", refusal->reason, address, said.code, said.text);
    }
    assert_int_equal(server.result, NET_DENIED);
    assert_int_equal(server.said.code, NET_DENIED);
    if (strstr(server.said.text, refusal->alert) == NULL) {
        fail_msg("%s: the server says: %s", refusal->reason, server.said.text);
    }
}

static void a_wrong_certificate_is_denied_with_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        expect_refusal(&refusals[i], dials[0], i % 2 == 0);
        expect_refusal(&refusals[i], dials[1], i % 2 == 1);
    }
}

/* ---- Certificates that are good ---- */

static const struct {
    enum certificate which;
    const char *options;
} good[] = {
    {CERTIFICATE_GOOD, "ca={ca}"},
    {CERTIFICATE_GOOD, "ca={ca}&name=localhost"},
    {CERTIFICATE_GOOD, "ca={ca}&name=LocalHost."},
    {CERTIFICATE_GOOD, "ca={ca}&name=::1"},
    {CERTIFICATE_RSA, "ca={ca}"},
    {CERTIFICATE_WITH_CHAIN, "ca={ca}"},
    {CERTIFICATE_NO_ADDRESS, "ca={ca}&name=localhost"},
    {CERTIFICATE_WILDCARD, "ca={ca}&name=www.example.test"},
    {CERTIFICATE_WILDCARD, "ca={ca}&name=WWW.Example.Test."},
    {CERTIFICATE_EXPIRED, "verify=off"},
    {CERTIFICATE_SELF_SIGNED, "verify=off"},
    {CERTIFICATE_OTHER_HOST, "verify=off&name=c.example"},
};

static void a_good_one_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct pair pair;

        tls_meet(tls_listen("tls://127.0.0.1:0", good[i].which, NULL), good[i].options, &pair);
        tls_talk(pair.client, pair.server);
        close_pair(&pair);
    }
}

/* Without a host in the address there is nothing to verify, and nothing is dialed. */
static void without_a_host_a_name_is_asked_for(void **state)
{
    char address[TLS_ADDRESS_MAX];
    struct pair pair;

    (void)state;
    snprintf(address, sizeof address, "tls+unix://@nobody-is-there?ca=%s", certificate_ca());
    assert_no_socket(net_connect(address, soon()), NET_ADDRESS);
    assert_says("name= is missing");
    snprintf(address, sizeof address, "tls+mem://nobody-is-there?ca=%s&name=no%%20host",
             certificate_ca());
    assert_no_socket(net_connect(address, soon()), NET_ADDRESS);
    assert_says("is no host's name");
    tls_open("tls+unix://@", NULL, "ca={ca}&name=localhost", &pair);
    tls_talk(pair.client, pair.server);
    close_pair(&pair);
    tls_open("tls+mem://", NULL, "ca={ca}&name=localhost", &pair);
    tls_talk(pair.client, pair.server);
    close_pair(&pair);
}

/* ---- A server that allows what ours would not ---- */

static void a_weak_key_is_denied(void **state)
{
    net_socket *listener = peer_listen();
    struct openssl_peer raw;
    struct said said;
    char address[TLS_ADDRESS_MAX];

    (void)state;
    snprintf(address, sizeof address, "tls://127.0.0.1:%lld?ca=%s", number_of(listener, "port"),
             certificate_ca());
    net_socket *client = assert_socket(net_connect(address, NET_NOW));

    peer_server_weak(&raw, peer_accept(listener), CERTIFICATE_WEAK);
    assert_int_equal(peer_settle(&raw, client, &said), SSL_ERROR_SSL);
    assert_int_equal(said.code, NET_DENIED);
    assert_non_null(strstr(said.text, "key is too weak"));
    assert_non_null(strstr(said.text, "CN=weak"));
    assert_code(net_send(client, "secret", 6, NET_NOW), NET_DENIED);
    net_close(client, NET_NOW);
    peer_close(&raw);
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_wrong_certificate_is_denied_with_its_reason),
        TEST(a_good_one_is_taken),
        TEST(without_a_host_a_name_is_asked_for),
        TEST(a_weak_key_is_denied),
    };

    tls_begin();
    return run_once(tests);
}

/* driven: skip, its peers are in the same thread */
/* What a handshake agrees on: sessions that are resumed and those that must not be, names of hosts
 * and of protocols, versions; and a listener whose certificate changes. */
#include "openssl_peer.h"
#include "tls_server.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char here[] = "tls://127.0.0.1:0";

/* ---- Resumption ---- */

static SSL_CTX *serving_context(int newest)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    SSL_CTX_use_certificate_chain_file(context, certificate_file(CERTIFICATE_GOOD));
    SSL_CTX_use_PrivateKey_file(context, certificate_key(CERTIFICATE_GOOD), SSL_FILETYPE_PEM);
    SSL_CTX_set_max_proto_version(context, newest);
    return context;
}

/* Dial and talk, so that tickets come; whether an older session was resumed. */
static bool resumes(SSL_CTX *context, net_socket *listener, const char *host, const char *options)
{
    char address[TLS_ADDRESS_MAX];
    struct openssl_peer peer;

    snprintf(address, sizeof address, "tls://%s:%lld?%s", host, number_of(listener, "port"),
             options);
    net_socket *client = assert_socket(net_connect(address, NET_NOW));

    peer_server_of(&peer, peer_accept(listener), context);
    peer_meet(&peer, client);
    peer_says(&peer, "hello");
    tls_expect(client, "hello");
    assert_count(net_send(client, "hello", 5, soon()), 5);
    peer_expects(&peer, "hello");
    bool resumed = SSL_session_reused(peer.ssl) != 0;

    net_close(client, NET_NOW);
    peer_close(&peer);
    return resumed;
}

static void copy_file(const char *from, const char *name, char path[])
{
    char text[8192];
    FILE *file = fopen(from, "r");
    size_t n = fread(text, 1, sizeof text, file);

    fclose(file);
    sprintf(path, "%s/%s", certificates_directory(), name);
    file = fopen(path, "w");
    fwrite(text, 1, n, file);
    fclose(file);
}

static void each_kind_of_dial_resumes_its_own(int newest)
{
    enum { KINDS = 8 };
    char copy[200];
    char options[KINDS][TLS_ADDRESS_MAX / 2];
    const char *ca = certificate_ca();
    SSL_CTX *context = serving_context(newest);
    net_socket *listener = peer_listen();
    net_socket *other_port = peer_listen();

    copy_file(ca, "copy-of-ca.pem", copy);
    snprintf(options[0], sizeof options[0], "verify=off");
    snprintf(options[1], sizeof options[1], "ca=%s", ca);
    snprintf(options[2], sizeof options[2], "ca=%s", copy);
    snprintf(options[3], sizeof options[3], "ca=%s&name=localhost", ca);
    snprintf(options[4], sizeof options[4], "ca=%s&alpn=x", ca);
    snprintf(options[5], sizeof options[5], "ca=%s&alpn=x,y", ca);
    snprintf(options[6], sizeof options[6], "ca=%s&cert=%s&key=%s", ca,
             certificate_file(CERTIFICATE_CLIENT), certificate_key(CERTIFICATE_CLIENT));
    snprintf(options[7], sizeof options[7], "ca=%s&name=127.0.0.1", ca);
    for (int i = 0; i < KINDS; i++) {
        if (resumes(context, listener, "127.0.0.1", options[i])) {
            fail_msg("%s resumes what another made", options[i]);
        }
    }
    for (int i = 0; i < KINDS; i++) {
        if (!resumes(context, listener, "127.0.0.1", options[i])) {
            fail_msg("%s does not resume", options[i]);
        }
    }
    assert_false(resumes(context, other_port, "127.0.0.1", options[1]));
    assert_true(resumes(context, other_port, "127.0.0.1", options[1]));
    assert_false(resumes(context, listener, "localhost", options[1]));
    assert_true(resumes(context, listener, "localhost", options[1]));
    net_close(listener, NET_NOW);
    net_close(other_port, NET_NOW);
    SSL_CTX_free(context);
}

static void a_dial_resumes_only_what_it_made(void **state)
{
    (void)state;
    each_kind_of_dial_resumes_its_own(TLS1_3_VERSION);
    each_kind_of_dial_resumes_its_own(TLS1_2_VERSION);
}

/* Files that have changed may verify otherwise. */
static void a_changed_file_ends_resumption(void **state)
{
    char copy[200];
    char options[TLS_ADDRESS_MAX / 2];
    SSL_CTX *context = serving_context(TLS1_3_VERSION);
    net_socket *listener = peer_listen();

    (void)state;
    copy_file(certificate_ca(), "changing.pem", copy);
    snprintf(options, sizeof options, "ca=%s", copy);
    assert_false(resumes(context, listener, "127.0.0.1", options));
    assert_true(resumes(context, listener, "127.0.0.1", options));
    unlink(copy);
    copy_file(certificate_ca(), "changing.pem", copy);
    assert_false(resumes(context, listener, "127.0.0.1", options));
    net_close(listener, NET_NOW);
    SSL_CTX_free(context);
}

static void without_tickets_nothing_is_resumed(void **state)
{
    char options[TLS_ADDRESS_MAX / 2];
    SSL_CTX *context = serving_context(TLS1_3_VERSION);
    net_socket *listener = peer_listen();

    (void)state;
    snprintf(options, sizeof options, "ca=%s&tickets=off", certificate_ca());
    for (int i = 0; i < 3; i++) {
        assert_false(resumes(context, listener, "127.0.0.1", options));
    }
    net_close(listener, NET_NOW);
    SSL_CTX_free(context);
}

/* ---- The same of our listener ---- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **kept = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    SSL_SESSION_free(*kept);
    *kept = session;
    return 1;
}

/* OpenSSL dials us twice; whether the second time it resumes. In between the listener may change.
 */
static bool we_resume(net_socket *listener, int newest, const char *change)
{
    SSL_SESSION *kept = NULL;
    bool resumed = false;

    for (int i = 0; i < 2; i++) {
        struct openssl_peer peer;

        peer_client(&peer, peer_open(listener));
        SSL_set_max_proto_version(peer.ssl, newest);
        SSL_CTX_set_app_data(peer.context, &kept);
        SSL_CTX_set_session_cache_mode(peer.context,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(peer.context, keep_session);
        if (kept != NULL) {
            SSL_set_session(peer.ssl, kept);
        }
        net_socket *server = assert_socket(net_accept(listener, soon()));

        peer_meet(&peer, server);
        assert_count(net_send(server, "hello", 5, soon()), 5);
        peer_expects(&peer, "hello");
        resumed = SSL_session_reused(peer.ssl) != 0;
        net_close(server, NET_NOW);
        peer_close(&peer);
        if (change != NULL) {
            assert_ok(net_set(listener, "cert", change));
        }
    }
    SSL_SESSION_free(kept);
    return resumed;
}

static void a_listener_resumes_unless_it_is_told_not_to(void **state)
{
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    char change[TLS_ADDRESS_MAX];

    (void)state;
    snprintf(change, sizeof change, "%s,%s", certificate_file(CERTIFICATE_ANOTHER),
             certificate_key(CERTIFICATE_ANOTHER));
    for (size_t i = 0; i < COUNT(versions); i++) {
        net_socket *listener = tls_listen(here, CERTIFICATE_GOOD, NULL);
        net_socket *without = tls_listen(here, CERTIFICATE_GOOD, "tickets=off");

        assert_true(we_resume(listener, versions[i], NULL));
        assert_false(we_resume(without, versions[i], NULL));
        assert_false(we_resume(listener, versions[i], change));
        net_close(listener, NET_NOW);
        net_close(without, NET_NOW);
    }
}

/* ---- Protocols ---- */

static void protocols_are_agreed_on(void **state)
{
    static const struct {
        const char *listener;
        const char *client;
        const char *agreed;
    } cases[] = {
        {"alpn=http/1.1", "ca={ca}&name=localhost&alpn=h2,http/1.1", "http/1.1"},
        {"alpn=h2,http/1.1", "ca={ca}&name=localhost&alpn=http/1.1,h2", "h2"},
        {"alpn=h2", "ca={ca}&name=localhost", ""},
        {NULL, "ca={ca}&name=localhost&alpn=h2", ""},
        {NULL, "ca={ca}&name=localhost", ""},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair pair;

        tls_open(template_of(state), cases[i].listener, cases[i].client, &pair);
        assert_string_equal(tls_get(pair.client, "alpn"), cases[i].agreed);
        assert_string_equal(tls_get(pair.server, "alpn"), cases[i].agreed);
        tls_talk(pair.client, pair.server);
        close_pair(&pair);
    }
}

static void settle_as(const char *listener_options, const char *dial_options, const char *client,
                      const char *server)
{
    struct pair pair = {.listener = tls_listen(here, CERTIFICATE_GOOD, listener_options)};
    struct said of_client;
    struct said of_server;

    pair.client = tls_dial(pair.listener, dial_options);
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    tls_settle(pair.client, pair.server, &of_client, &of_server);
    if (of_client.code != NET_RESET || of_server.code != NET_RESET ||
        strstr(of_client.text, client) == NULL || strstr(of_server.text, server) == NULL) {
        fail_msg("%s; %s", of_client.text, of_server.text);
    }
    close_pair(&pair);
}

static void no_protocol_in_common_ends_both(void **state)
{
    (void)state;
    settle_as("alpn=h2", "ca={ca}&alpn=http/1.1", "the peer speaks no protocol of our alpn=",
              "the peer speaks no protocol of our alpn=");
}

/* ---- Versions ---- */

static void the_version_is_told(void **state)
{
    static const int newest[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    static const char *const names[] = {"1.2", "1.3"};

    (void)state;
    for (size_t i = 0; i < COUNT(newest); i++) {
        net_socket *listener = tls_listen(here, CERTIFICATE_GOOD, NULL);
        struct openssl_peer peer;

        peer_client(&peer, peer_open(listener));
        SSL_set_max_proto_version(peer.ssl, newest[i]);
        net_socket *server = assert_socket(net_accept(listener, soon()));

        peer_meet(&peer, server);
        assert_reads(server, "tls-version", names[i]);
        assert_string_equal(tls_get(server, "tls-cipher"),
                            SSL_CIPHER_standard_name(SSL_get_current_cipher(peer.ssl)));
        net_close(server, NET_NOW);
        net_close(listener, NET_NOW);
        peer_close(&peer);
    }
}

static void an_older_version_is_refused(void **state)
{
    static const struct {
        const char *options;
        int newest;
    } cases[] = {{"min-version=1.3", TLS1_2_VERSION}, {NULL, TLS1_1_VERSION}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        net_socket *listener = tls_listen(here, CERTIFICATE_GOOD, cases[i].options);
        net_socket *plain = peer_listen();
        struct openssl_peer peer;
        struct said said;
        char address[TLS_ADDRESS_MAX];

        peer_client(&peer, peer_open(listener));
        SSL_set_security_level(peer.ssl, 0);
        SSL_set_min_proto_version(peer.ssl, 0);
        SSL_set_max_proto_version(peer.ssl, cases[i].newest);
        net_socket *server = assert_socket(net_accept(listener, soon()));

        assert_int_equal(peer_settle(&peer, server, &said), SSL_ERROR_SSL);
        assert_int_equal(said.code, NET_RESET);
        assert_non_null(strstr(said.text, "the peer speaks only versions of TLS that are off"));
        net_close(server, NET_NOW);
        net_close(listener, NET_NOW);
        peer_close(&peer);

        snprintf(address, sizeof address, "tls://127.0.0.1:%lld?verify=off%s%s",
                 number_of(plain, "port"), cases[i].options != NULL ? "&" : "",
                 cases[i].options != NULL ? cases[i].options : "");
        net_socket *client = assert_socket(net_connect(address, NET_NOW));

        peer_server_weak(&peer, peer_accept(plain), CERTIFICATE_GOOD);
        SSL_set_min_proto_version(peer.ssl, 0);
        SSL_set_max_proto_version(peer.ssl, cases[i].newest);
        assert_int_equal(peer_settle(&peer, client, &said), SSL_ERROR_SSL);
        assert_int_equal(said.code, NET_RESET);
        assert_non_null(strstr(said.text, "version"));
        net_close(client, NET_NOW);
        net_close(plain, NET_NOW);
        peer_close(&peer);
    }
}

/* ---- Names ---- */

static void ask_for(net_socket *listener, const char *name, const char *told)
{
    struct openssl_peer peer;

    peer_client(&peer, peer_open(listener));
    if (name != NULL) {
        assert_int_equal(SSL_set_tlsext_host_name(peer.ssl, name), 1);
    }
    net_socket *server = assert_socket(net_accept(listener, soon()));

    peer_meet(&peer, server);
    assert_string_equal(tls_get(server, "server-name"), told);
    tls_get(server, "name");
    net_close(server, NET_NOW);
    peer_close(&peer);
}

static void a_listener_tells_which_name_was_asked_for(void **state)
{
    net_socket *listener = tls_listen(here, CERTIFICATE_GOOD, NULL);
    char longest[256];

    (void)state;
    memset(longest, 'a', 255);
    longest[255] = '\0';
    ask_for(listener, NULL, "");
    ask_for(listener, "www.example.test", "www.example.test");
    ask_for(listener, "127.0.0.1", "127.0.0.1");
    ask_for(listener, longest, longest);
    ask_for(listener, "a\x1b[31mb\n", "a\\x1b[31mb\\x0a");
    ask_for(listener, "\xe2\x80\xae", "\\xe2\\x80\\xae");
    net_close(listener, NET_NOW);
}

static void a_dial_asks_for_its_name(void **state)
{
    static const struct {
        const char *host;
        const char *options;
        const char *asked; /* NULL: for none */
    } cases[] = {{"127.0.0.1", "verify=off", NULL},
                 {"localhost", "verify=off", "localhost"},
                 {"127.0.0.1", "verify=off&name=a.example", "a.example"},
                 {"127.0.0.1", "verify=off&name=::1", NULL},
                 {"127.0.0.1", "verify=off&name=a.example.", "a.example"}};
    net_socket *listener = peer_listen();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char address[TLS_ADDRESS_MAX];
        struct openssl_peer peer;

        snprintf(address, sizeof address, "tls://%s:%lld?%s", cases[i].host,
                 number_of(listener, "port"), cases[i].options);
        net_socket *client = assert_socket(net_connect(address, NET_NOW));

        peer_server(&peer, peer_accept(listener), CERTIFICATE_GOOD);
        peer_meet(&peer, client);
        const char *asked = SSL_get_servername(peer.ssl, TLSEXT_NAMETYPE_host_name);

        assert_true((asked == NULL) == (cases[i].asked == NULL));
        if (asked != NULL) {
            assert_string_equal(asked, cases[i].asked);
        }
        net_close(client, NET_NOW);
        peer_close(&peer);
    }
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const char *const wires[] = {"tls://127.0.0.1:0", "tls+unix://@", "tls+mem://", NULL};
    static const struct test tests[] = {
        TEST(a_dial_resumes_only_what_it_made),   TEST(a_changed_file_ends_resumption),
        TEST(without_tickets_nothing_is_resumed), TEST(a_listener_resumes_unless_it_is_told_not_to),
        TEST(no_protocol_in_common_ends_both),    TEST(the_version_is_told),
        TEST(an_older_version_is_refused),        TEST(a_listener_tells_which_name_was_asked_for),
        TEST(a_dial_asks_for_its_name),
    };
    static const struct test each[] = {TEST(protocols_are_agreed_on)};

    tls_begin();
    return run_once(tests) + run_over(wires, each);
}

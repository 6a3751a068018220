/* Certificates of callers: verify=peer refuses whoever has none or a bad one, and the listener
 * knows who called. */
#include "openssl_peer.h"

#include <ctype.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

static void show(char *options, size_t size, enum certificate which, const char *more)
{
    snprintf(options, size, "ca=%s&cert=%s&key=%s%s", certificate_ca(), certificate_file(which),
             certificate_key(which), more);
}

static net_socket *listen_to_known(const char *address)
{
    char options[TLS_ADDRESS_MAX];

    snprintf(options, sizeof options, "verify=peer&ca=%s", certificate_ca());
    return tls_listen(address, CERTIFICATE_GOOD, options);
}

static const char *const wires[] = {"tls://127.0.0.1:0", "tls+unix://@", "tls+mem://", NULL};

static const char *file_text(const char *path)
{
    static char text[8192];
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void expect_fingerprint(const char *got, const char *path)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    char text[2 * EVP_MAX_MD_SIZE + 1] = "";
    FILE *file = fopen(path, "r");
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);

    fclose(file);
    assert_int_equal(X509_digest(certificate, EVP_sha256(), digest, &length), 1);
    X509_free(certificate);
    for (unsigned i = 0; i < length; i++) {
        snprintf(text + (size_t)2 * i, 3, "%02x", digest[i]);
    }
    assert_string_equal(got, text);
}

static void a_known_caller_is_served_and_named(void **state)
{
    char options[TLS_ADDRESS_MAX];
    struct pair pair;
    int64_t number;

    show(options, sizeof options, CERTIFICATE_CLIENT, "&name=localhost");
    tls_meet(listen_to_known(template_of(state)), options, &pair);
    tls_talk(pair.client, pair.server);
    assert_string_equal(tls_get(pair.server, "peer-name"), "CN=somebody");
    expect_fingerprint(tls_get(pair.server, "peer-fingerprint"),
                       certificate_file(CERTIFICATE_CLIENT));
    assert_string_equal(tls_get(pair.server, "peer-certificate"),
                        file_text(certificate_file(CERTIFICATE_CLIENT)));
    assert_string_equal(tls_get(pair.client, "peer-name"), "localhost");
    expect_fingerprint(tls_get(pair.client, "peer-fingerprint"),
                       certificate_file(CERTIFICATE_GOOD));
    assert_string_equal(tls_get(pair.client, "peer-certificate"),
                        file_text(certificate_file(CERTIFICATE_GOOD)));
    assert_reads(pair.server, "verify", "peer");
    assert_reads(pair.client, "verify", "on");
    assert_code(net_set(pair.client, "peer-name", "x"), NET_MISUSE);
    assert_code(net_get_number(pair.client, "peer-name", &number), NET_ADDRESS);
    close_pair(&pair);
}

/* Also one that would have a certificate is not asked for it. */
static void without_verify_a_caller_is_nobody(void **state)
{
    char options[TLS_ADDRESS_MAX];
    struct pair pair;

    show(options, sizeof options, CERTIFICATE_STRANGER, "&name=localhost");
    tls_open(template_of(state), NULL, options, &pair);
    tls_talk(pair.client, pair.server);
    assert_string_equal(tls_get(pair.server, "peer-name"), "");
    assert_string_equal(tls_get(pair.server, "peer-fingerprint"), "");
    assert_string_equal(tls_get(pair.server, "peer-certificate"), "");
    close_pair(&pair);
}

/* ---- Refused ---- */

static const struct {
    int which; /* -1: none */
    const char *reason;
    const char *subject;
    const char *alert;
} refused[] = {
    {-1, "the peer has no certificate", "", "it wants one"},
    {CERTIFICATE_CLIENT_EXPIRED, "the certificate has expired", "CN=somebody", "it has expired"},
    {CERTIFICATE_STRANGER, "the certificate is self-signed", "CN=stranger",
     "its issuer is not trusted there"},
    {CERTIFICATE_GOOD, "the certificate is for another purpose", "CN=good",
     "its kind or purpose does not fit"},
};

/* In 1.3 a client is through before the server has looked at its certificate: it learns of the
 * refusal from the first thing that it receives, and from what it sends after that. */
static void expect_refused_caller(const char *address, size_t i, const char *version)
{
    net_socket *listener = listen_to_known(address);
    char options[TLS_ADDRESS_MAX];
    struct pair pair = {.listener = listener};
    struct said client;
    struct said server;
    char byte;

    if (refused[i].which < 0) {
        snprintf(options, sizeof options, "ca=%s&name=localhost%s", certificate_ca(), version);
    } else {
        char more[64];

        snprintf(more, sizeof more, "&name=localhost%s", version);
        show(options, sizeof options, (enum certificate)refused[i].which, more);
    }
    pair.client = tls_dial(listener, options);
    pair.server = assert_socket(net_accept(listener, soon()));
    tls_settle(pair.client, pair.server, &client, &server);
    if (server.code != NET_DENIED || strstr(server.text, refused[i].reason) == NULL ||
        strstr(server.text, refused[i].subject) == NULL) {
        fail_msg("%zu: %d: %s", i, server.code, server.text);
    }
    assert_code(net_recv(pair.server, &byte, 1, NET_NOW), NET_DENIED);
    assert_code(net_send(pair.server, "answer", 6, NET_NOW), NET_DENIED);
    assert_code(net_recv(pair.client, &byte, 1, soon()), NET_DENIED);
    assert_says(refused[i].alert);
    assert_code(net_send(pair.client, "more", 4, soon()), NET_DENIED);
    assert_says(refused[i].alert);
    close_pair(&pair);
}

static void an_unknown_caller_is_refused(void **state)
{
    for (size_t i = 0; i < COUNT(refused); i++) {
        expect_refused_caller(template_of(state), i, "");
    }
}

/* What a caller sends with the end of its handshake, before it can know, is never received. */
static void what_a_refused_caller_sends_is_not_received(void **state)
{
    struct pair pair = {.listener = listen_to_known(template_of(state))};
    struct said said;
    char byte;
    int code = NET_TIMEOUT;

    pair.client = tls_dial(pair.listener, "ca={ca}&name=localhost");
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    while (code == NET_TIMEOUT) { /* the server sends its part, and hears of no certificate later */
        tls_step(pair.server, &said);
        code = tls_step(pair.client, &said);
    }
    assert_int_equal(code, 0);
    assert_count(net_send(pair.client, "secret", 6, soon()), 6);
    assert_code(net_recv(pair.server, &byte, 1, soon()), NET_DENIED);
    assert_code(net_recv(pair.server, &byte, 1, soon()), NET_DENIED);
    close_pair(&pair);
}

/* In 1.2 all is decided before the dial is won. */
static void in_1_2_the_dial_itself_is_denied(void **state)
{
    net_socket *listener = listen_to_known("tls://127.0.0.1:0");

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct openssl_peer raw;
        struct said said;

        peer_client(&raw, peer_open(listener));
        SSL_set_max_proto_version(raw.ssl, TLS1_2_VERSION);
        if (i == 1) {
            SSL_use_certificate_file(raw.ssl, certificate_file(CERTIFICATE_STRANGER),
                                     SSL_FILETYPE_PEM);
            SSL_use_PrivateKey_file(raw.ssl, certificate_key(CERTIFICATE_STRANGER),
                                    SSL_FILETYPE_PEM);
        }
        net_socket *server = assert_socket(net_accept(listener, soon()));

        assert_int_equal(peer_settle(&raw, server, &said), SSL_ERROR_SSL);
        assert_int_equal(said.code, NET_DENIED);
        assert_non_null(strstr(said.text, i == 0 ? "no certificate" : "CN=stranger"));
        net_close(server, NET_NOW);
        peer_close(&raw);
    }
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_known_caller_is_served_and_named),
        TEST(without_verify_a_caller_is_nobody),
        TEST(an_unknown_caller_is_refused),
        TEST(what_a_refused_caller_sends_is_not_received),
    };
    static const struct test once[] = {TEST(in_1_2_the_dial_itself_is_denied)};

    tls_begin();
    return run_over(wires, tests) + run_once(once);
}

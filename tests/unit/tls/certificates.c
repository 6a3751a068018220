/* Which certificates the cipher of tls:// takes, and what it says about the others. */
#include "certificates.h"
#include "sealed.h"
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

static struct sealed client;
static struct sealed server;

static int end_all(void **state)
{
    (void)state;
    sealed_close(&client);
    sealed_close(&server);
    return 0;
}

static bool open_server(enum certificate which, const char *more)
{
    char options[1024];

    snprintf(options, sizeof options, "cert=%s key=%s %s", certificate_file(which),
             certificate_key(which), more);
    return sealed_open(&server, net_tls(), NET_CIPHER_SERVER, options, NULL, NULL);
}

static bool open_client(const char *host, const char *more)
{
    char options[1024];

    snprintf(options, sizeof options, "ca=%s %s", certificate_ca(), more);
    return sealed_open(&client, net_tls(), NET_CIPHER_CLIENT, options, host, "443");
}

/* A dial of `host` at a server with this certificate. */
static bool dial(enum certificate which, const char *host, const char *more)
{
    bool good;

    end_all(NULL);
    good = open_server(which, "") && open_client(host, more) &&
           sealed_shake(&client, &server, SIZE_MAX);
    return good;
}

static void assert_taken(enum certificate which, const char *host, const char *more)
{
    if (!dial(which, host, more)) {
        fail_msg("%s at %s: %s%s", host, certificate_file(which), client.failure.text,
                 server.failure.text);
    }
}

static void assert_denied(enum certificate which, const char *host, const char *more,
                          const char *words)
{
    assert_false(dial(which, host, more));
    if (client.failure.code != NET_DENIED || strstr(client.failure.text, words) == NULL) {
        fail_msg("%s at %s: %d: %s", host, certificate_file(which), client.failure.code,
                 client.failure.text);
    }
    /* The same from then on; and the server is told. */
    client.failure.text[0] = '\0';
    assert_int_equal(sealed_greet(&client, 0), NET_DENIED);
    assert_non_null(strstr(client.failure.text, words));
    assert_int_equal(server.greeted, NET_DENIED);
    assert_non_null(strstr(server.failure.text, "the peer refused our certificate"));
}

static void good_ones_are_taken(void **state)
{
    (void)state;
    assert_taken(CERTIFICATE_GOOD, "localhost", "");
    assert_taken(CERTIFICATE_GOOD, "LOCALHOST.", "");
    assert_taken(CERTIFICATE_GOOD, "127.0.0.1", "");
    assert_taken(CERTIFICATE_GOOD, "::1", "");
    assert_taken(CERTIFICATE_GOOD, "10.0.0.1", "name=localhost");
    assert_taken(CERTIFICATE_GOOD, NULL, "name=localhost");
    assert_taken(CERTIFICATE_RSA, "localhost", "");
    assert_taken(CERTIFICATE_WITH_CHAIN, "localhost", "");
    assert_taken(CERTIFICATE_WILDCARD, "www.example.test", "");
    assert_taken(CERTIFICATE_OTHER_HOST, "B.example", "");
}

static void bad_ones_are_refused_with_the_reason(void **state)
{
    static const struct {
        enum certificate which;
        const char *host;
        const char *words;
    } cases[] = {
        {CERTIFICATE_EXPIRED, "localhost", "has expired; subject CN=expired"},
        {CERTIFICATE_NOT_YET, "localhost", "not yet valid; subject CN=not-yet"},
        {CERTIFICATE_SELF_SIGNED, "localhost", "self-signed, and not trusted; subject CN=self-s"},
        {CERTIFICATE_OTHER_HOST, "localhost",
         "is for a.example, b.example, not for localhost; subject CN=other-host"},
        {CERTIFICATE_OTHER_HOST, "127.0.0.1", "is for a.example, b.example, not for 127.0.0.1"},
        {CERTIFICATE_OTHER_HOST, "xa.example", "not for xa.example"},
        {CERTIFICATE_NO_NAMES, "localhost", "is for no host, not for localhost; subject CN=local"},
        {CERTIFICATE_NO_ADDRESS, "127.0.0.1", "not for 127.0.0.1; subject CN=127.0.0.1"},
        {CERTIFICATE_WILDCARD, "example.test", "is for *.example.test, not for example.test"},
        {CERTIFICATE_WILDCARD, "a.b.example.test", "not for a.b.example.test"},
        {CERTIFICATE_PARTIAL_WILDCARD, "www.example.test", "is for w*.example.test, not for www"},
        {CERTIFICATE_NO_CHAIN, "localhost", "issuer is not known"},
        {CERTIFICATE_CONSTRAINED, "localhost", "may not name this host"},
        {CERTIFICATE_NO_AUTHORITY, "localhost", "issuer is no authority"},
        {CERTIFICATE_CLIENT, "localhost", "another purpose"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_denied(cases[i].which, cases[i].host, "", cases[i].words);
        if (cases[i].which != CERTIFICATE_CLIENT) {
            assert_taken(cases[i].which, cases[i].host, "verify=off");
        }
    }
    assert_denied(CERTIFICATE_GOOD, "::2", "", "is for localhost, 127.0.0.1, ::1, not for ::2");
    assert_denied(CERTIFICATE_GOOD, "127.0.0.1", "name=other", "not for other");
}

static void the_systems_store_knows_ours_not(void **state)
{
    (void)state;
    assert_true(open_server(CERTIFICATE_GOOD, ""));
    assert_true(sealed_open(&client, net_tls(), NET_CIPHER_CLIENT, "", "localhost", "443"));
    assert_false(sealed_shake(&client, &server, SIZE_MAX));
    assert_int_equal(client.failure.code, NET_DENIED);
    assert_non_null(strstr(client.failure.text, "issuer is not known"));
}

static void a_verified_dial_needs_a_name(void **state)
{
    static const char *const bad[] = {NULL, ".localhost", "a..b", "a b", "*", "ex\xc3\xa4mple"};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(open_client(bad[i], ""));
        assert_int_equal(client.failure.code, NET_ADDRESS);
        assert_non_null(strstr(client.failure.text, "name= is missing"));
        sealed_close(&client);
        assert_true(open_client(bad[i], "verify=off"));
        sealed_close(&client);
    }
}

/* What is wrong with files of our own. */
static void assert_no_server(const char *cert, const char *key, const char *words)
{
    char options[1024];

    snprintf(options, sizeof options, "cert=%s key=%s", cert, key);
    assert_false(sealed_open(&server, net_tls(), NET_CIPHER_SERVER, options, NULL, NULL));
    if (server.failure.code != NET_ADDRESS || strstr(server.failure.text, words) == NULL) {
        fail_msg("%s: %d: %s", options, server.failure.code, server.failure.text);
    }
}

static const char *file_with(const char *name, const char *text)
{
    static char path[200];
    int descriptor;

    snprintf(path, sizeof path, "%s/%s", certificates_directory(), name);
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(write(descriptor, text, strlen(text)) == (ssize_t)strlen(text));
    close(descriptor);
    return path;
}

static void our_own_files_have_to_fit(void **state)
{
    const char *good = certificate_file(CERTIFICATE_GOOD);
    const char *key = certificate_key(CERTIFICATE_GOOD);
    char fifo[200];

    (void)state;
    assert_no_server("/nowhere/x.pem", key, "cert=/nowhere/x.pem: No such file");
    assert_no_server(good, "/nowhere/x.key", "key=/nowhere/x.key: No such file");
    assert_no_server("/tmp", key, "cert=/tmp: not a file");
    assert_no_server(good, certificate_key(CERTIFICATE_ANOTHER), "does not fit the certificate");
    assert_no_server(good, certificate_key(CERTIFICATE_RSA), "does not fit the certificate");
    assert_no_server(certificate_file(CERTIFICATE_ODD_KEY), certificate_key(CERTIFICATE_ODD_KEY),
                     "does not fit the certificate");
    assert_no_server(certificate_file(CERTIFICATE_LOCKED_KEY),
                     certificate_key(CERTIFICATE_LOCKED_KEY), "is encrypted");
    assert_no_server(certificate_file(CERTIFICATE_WEAK), certificate_key(CERTIFICATE_WEAK),
                     "key is too weak");
    assert_no_server(key, key, "no certificate in PEM form is in it");
    assert_no_server(good, good, "no private key in PEM form is in it");
    assert_no_server(file_with("empty", ""), key, "no certificate in PEM form is in it");
    assert_no_server(file_with("text", "hello\n"), key, "no certificate in PEM form is in it");
    assert_no_server(file_with("half", "-----BEGIN CERTIFICATE-----\nMIIB\n"), key,
                     "a certificate in it cannot be read");
    assert_no_server(
        file_with("bad", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"), key,
        "a certificate in it cannot be read");
    assert_no_server(good,
                     file_with("bad.key", "-----BEGIN PRIVATE KEY-----\nMIIB\n"
                                          "-----END PRIVATE KEY-----\n"),
                     "no private key");
    snprintf(fifo, sizeof fifo, "%s/fifo", certificates_directory());
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_no_server(fifo, key, "not a file");
    assert_false(sealed_open(&client, net_tls(), NET_CIPHER_CLIENT, "ca=/nowhere", "x", NULL));
    assert_int_equal(client.failure.code, NET_ADDRESS);
    assert_non_null(strstr(client.failure.text, "ca=/nowhere: No such file"));
    assert_false(sealed_open(&client, net_tls(), NET_CIPHER_CLIENT, "ca=/usr", "x", NULL));
    assert_non_null(strstr(client.failure.text, "openssl rehash"));
    assert_true(open_server(CERTIFICATE_EXPIRED, "")); /* who knows what for */
}

static void callers_show_certificates(void **state)
{
    char ca[300];
    char mine[600];
    char text[128];

    (void)state;
    snprintf(ca, sizeof ca, "verify=peer ca=%s", certificate_ca());
    snprintf(mine, sizeof mine, "cert=%s,%s", certificate_file(CERTIFICATE_CLIENT),
             certificate_key(CERTIFICATE_CLIENT));
    assert_true(open_server(CERTIFICATE_GOOD, ca));
    for (int i = 0; i < 3; i++) { /* resumed from the second time on, and still known */
        server.greeted = NET_CIPHER_HUNGRY;
        sealed_close(&client);
        assert_true(open_client("localhost", mine));
        if (i > 0) {
            server.cipher->close(server.session);
            server.session = server.cipher->open(server.settings, NET_CIPHER_SERVER, NULL, NULL,
                                                 &server.failure);
        }
        assert_true(sealed_shake(&client, &server, SIZE_MAX));
        assert_true(sealed_say(&client, &server, "hello", 5));
        assert_true(sealed_say(&server, &client, "hello", 5)); /* and the tickets before it */
        server.cipher->text(server.settings, server.session, "peer-name", text, sizeof text,
                            &server.failure);
        assert_string_equal(text, "CN=somebody");
    }
    client.cipher->text(client.settings, client.session, "cert", text, sizeof text,
                        &client.failure);
    assert_string_equal(text, certificate_file(CERTIFICATE_CLIENT));
    client.cipher->text(client.settings, client.session, "key", text, sizeof text, &client.failure);
    assert_string_equal(text, certificate_key(CERTIFICATE_CLIENT));
}

/* In TLS 1.3 a client's hands are shaken before the server has seen its certificate. */
static void bad_callers_are_refused(void **state)
{
    static const struct {
        int which; /* -1: none */
        const char *server;
        const char *client;
    } cases[] = {
        {-1, "the peer has no certificate", "it wants one"},
        {CERTIFICATE_STRANGER, "self-signed", "issuer is not trusted there"},
        {CERTIFICATE_CLIENT_EXPIRED, "has expired; subject CN=somebody", "it has expired"},
        {CERTIFICATE_GOOD, "another purpose", "kind or purpose"},
    };
    char ca[300];
    char mine[600] = "";
    char buffer[16];

    (void)state;
    snprintf(ca, sizeof ca, "verify=peer ca=%s", certificate_ca());
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (cases[i].which >= 0) {
            snprintf(mine, sizeof mine, "cert=%s key=%s",
                     certificate_file((enum certificate)cases[i].which),
                     certificate_key((enum certificate)cases[i].which));
        }
        assert_true(open_server(CERTIFICATE_GOOD, ca));
        assert_true(open_client("localhost", mine));
        assert_false(sealed_shake(&client, &server, SIZE_MAX));
        assert_int_equal(server.greeted, NET_DENIED);
        if (strstr(server.failure.text, cases[i].server) == NULL) {
            fail_msg("%s", server.failure.text);
        }
        assert_int_equal(client.greeted, 0);
        sealed_carry(&server, &client, SIZE_MAX);
        assert_int_equal(sealed_decrypt(&client, buffer, sizeof buffer), NET_DENIED);
        if (strstr(client.failure.text, cases[i].client) == NULL) {
            fail_msg("%s", client.failure.text);
        }
        assert_int_equal(sealed_encrypt(&client, "x", 1), NET_DENIED);
        end_all(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(good_ones_are_taken, end_all),
        cmocka_unit_test_teardown(bad_ones_are_refused_with_the_reason, end_all),
        cmocka_unit_test_teardown(the_systems_store_knows_ours_not, end_all),
        cmocka_unit_test_teardown(a_verified_dial_needs_a_name, end_all),
        cmocka_unit_test_teardown(our_own_files_have_to_fit, end_all),
        cmocka_unit_test_teardown(callers_show_certificates, end_all),
        cmocka_unit_test_teardown(bad_callers_are_refused, end_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

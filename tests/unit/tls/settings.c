/* Options of the cipher of tls://, settings that are kept, certificates that change, and sessions
 * that are resumed. */
#include "certificates.h"
#include "raw_tls.h"
#include "sealed.h"
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct sealed client;
static struct sealed server;
static SSL *raw;

static int end_all(void **state)
{
    (void)state;
    sealed_close(&client);
    sealed_close(&server);
    SSL_free(raw);
    raw = NULL;
    return 0;
}

static const char *pair(enum certificate which)
{
    static char text[400];

    snprintf(text, sizeof text, "cert=%s key=%s", certificate_file(which), certificate_key(which));
    return text;
}

static const char *trusting(const char *more)
{
    static char text[1024];

    snprintf(text, sizeof text, "ca=%s %s", certificate_ca(), more);
    return text;
}

static void options_are_checked(void **state)
{
    static const struct {
        int side;
        const char *options;
        const char *words;
    } cases[] = {
        {NET_CIPHER_SERVER, "", "a listener needs cert= and key="},
        {NET_CIPHER_SERVER, "cert=/x", "key= is missing"},
        {NET_CIPHER_SERVER, "key=/x", "cert= is missing"},
        {NET_CIPHER_SERVER, "cert=/x,/y key=/z", "is another"},
        {NET_CIPHER_SERVER, "cert=/x,", "is not CERT or CERT,KEY"},
        {NET_CIPHER_SERVER, "cert=,/x", "is not CERT or CERT,KEY"},
        {NET_CIPHER_SERVER, "cert=/x,/y,/z", "is not CERT or CERT,KEY"},
        {NET_CIPHER_SERVER, "cert=/x key=/y verify=on", "verify=on is for a dial"},
        {NET_CIPHER_SERVER, "cert=/x key=/y name=a", "name=a is for a dial"},
        {NET_CIPHER_SERVER, "cert=/x key=/y ca=/z", "without verify=peer"},
        {NET_CIPHER_CLIENT, "cert=/x", "cert= needs key= beside it"},
        {NET_CIPHER_CLIENT, "key=/x", "key= needs cert= beside it"},
        {NET_CIPHER_CLIENT, "verify=peer", "verify=peer is for a listener"},
        {NET_CIPHER_CLIENT, "verify=no", "verify=no: it is on or off"},
        {NET_CIPHER_CLIENT, "min-version=1.1", "min-version=1.1: it is 1.2 or 1.3"},
        {NET_CIPHER_CLIENT, "tickets=no", "tickets=no"},
        {NET_CIPHER_CLIENT, "name=.example", "name=.example is no host's name"},
        {NET_CIPHER_CLIENT, "name=a..b", "is no host's name"},
        {NET_CIPHER_CLIENT, "alpn=h2,", "each name has 1 to 255 bytes"},
        {NET_CIPHER_CLIENT, "alpn=,h2", "each name has 1 to 255 bytes"},
        {NET_CIPHER_CLIENT, "alpn=h2,,h3", "each name has 1 to 255 bytes"},
    };
    net_cipher_failure failure;
    char alpn[400] = "alpn=";

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_null(sealed_settings(net_tls(), NULL, cases[i].side, cases[i].options, &failure));
        if (failure.code != NET_ADDRESS || strstr(failure.text, cases[i].words) == NULL) {
            fail_msg("%s: %d: %s", cases[i].options, failure.code, failure.text);
        }
    }
    memset(alpn + 5, 'a', 256);
    assert_null(sealed_settings(net_tls(), NULL, NET_CIPHER_CLIENT, alpn, &failure));
    assert_int_equal(failure.code, NET_ADDRESS);
    alpn[5 + 255] = '\0';
    client.cipher = net_tls();
    client.settings = sealed_settings(net_tls(), NULL, NET_CIPHER_CLIENT, alpn, &failure);
    assert_non_null(client.settings);
}

/* Whether two dials with these options share their settings. */
static bool share(const char *one, const char *other)
{
    net_cipher_failure failure;
    char first[1024];
    net_cipher_settings *settings[2];
    bool same;

    snprintf(first, sizeof first, "%s", one);
    settings[0] = sealed_settings(net_tls(), NULL, NET_CIPHER_CLIENT, first, &failure);
    settings[1] = sealed_settings(net_tls(), NULL, NET_CIPHER_CLIENT, other, &failure);
    assert_non_null(settings[0]);
    assert_non_null(settings[1]);
    same = settings[0] == settings[1];
    net_tls()->release(settings[0]);
    net_tls()->release(settings[1]);
    return same;
}

static void the_same_dial_has_the_same_settings(void **state)
{
    char ca[1024];
    net_cipher_failure failure;
    net_cipher_settings *many[20];
    struct timespec now[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    (void)state;
    snprintf(ca, sizeof ca, "%s", trusting(""));
    assert_true(share(ca, ca));
    assert_false(share(ca, trusting("verify=off")));
    assert_false(share(ca, trusting("name=x")));
    assert_false(share(ca, trusting("alpn=x")));
    assert_false(share(ca, trusting("min-version=1.3")));
    assert_false(share(ca, trusting("tickets=off")));
    assert_false(share(ca, trusting(pair(CERTIFICATE_CLIENT))));
    assert_false(share(ca, ""));
    assert_true(share("", ""));

    /* A file that has changed is read again. */
    many[0] = sealed_settings(net_tls(), NULL, NET_CIPHER_CLIENT, ca, &failure);
    assert_int_equal(utimensat(AT_FDCWD, certificate_ca(), now, 0), 0);
    many[1] = sealed_settings(net_tls(), NULL, NET_CIPHER_CLIENT, ca, &failure);
    assert_ptr_not_equal(many[0], many[1]);
    net_tls()->release(many[0]);
    net_tls()->release(many[1]);

    for (int i = 0; i < 20; i++) { /* more than are kept */
        snprintf(ca, sizeof ca, "name=host%d", i);
        many[i] = sealed_settings(net_tls(), NULL, NET_CIPHER_CLIENT, ca, &failure);
        assert_non_null(many[i]);
    }
    for (int i = 0; i < 20; i++) {
        net_tls()->release(many[i]);
    }
}

static void fingerprint(struct sealed *end, char text[65])
{
    assert_int_equal(
        end->cipher->text(end->settings, end->session, "peer-fingerprint", text, 65, &end->failure),
        64);
}

/* What a client sees of a server with these settings. */
static void look(net_cipher_settings *settings, char text[65])
{
    memset(&server, 0, sizeof server);
    server.cipher = net_tls();
    server.greeted = NET_CIPHER_HUNGRY;
    server.session = net_tls()->open(settings, NET_CIPHER_SERVER, NULL, NULL, &server.failure);
    assert_non_null(server.session);
    assert_true(sealed_open(&client, net_tls(), NET_CIPHER_CLIENT, trusting("tickets=off"),
                            "localhost", "1"));
    assert_true(sealed_shake(&client, &server, SIZE_MAX));
    fingerprint(&client, text);
    end_all(NULL);
}

static void a_certificate_changes_whole_or_not(void **state)
{
    net_cipher_failure failure;
    net_cipher_settings *first;
    net_cipher_settings *second;
    net_cipher_settings *third;
    char change[1024];
    char seen[3][65];
    char text[256];

    (void)state;
    snprintf(change, sizeof change, "%s min-version=1.3 tickets=off", pair(CERTIFICATE_GOOD));
    first = sealed_settings(net_tls(), NULL, NET_CIPHER_SERVER, change, &failure);
    assert_non_null(first);
    look(first, seen[0]);

    snprintf(change, sizeof change, "cert=%s,%s", certificate_file(CERTIFICATE_ANOTHER),
             certificate_key(CERTIFICATE_ANOTHER));
    second = sealed_settings(net_tls(), first, NET_CIPHER_SERVER, change, &failure);
    assert_non_null(second);
    look(second, seen[1]);
    assert_string_not_equal(seen[0], seen[1]);
    net_tls()->text(second, NULL, "key", text, sizeof text, &failure);
    assert_string_equal(text, certificate_key(CERTIFICATE_ANOTHER));
    net_tls()->text(second, NULL, "min-version", text, sizeof text, &failure);
    assert_string_equal(text, "1.3");
    net_tls()->text(second, NULL, "tickets", text, sizeof text, &failure);
    assert_string_equal(text, "off");

    snprintf(change, sizeof change, "cert=%s,%s", certificate_file(CERTIFICATE_ANOTHER),
             certificate_key(CERTIFICATE_GOOD));
    assert_null(sealed_settings(net_tls(), first, NET_CIPHER_SERVER, change, &failure));
    assert_int_equal(failure.code, NET_ADDRESS);
    snprintf(change, sizeof change, "cert=%s", certificate_file(CERTIFICATE_ANOTHER));
    assert_null(sealed_settings(net_tls(), first, NET_CIPHER_SERVER, change, &failure));
    assert_int_equal(failure.code, NET_ADDRESS);
    look(first, seen[2]);
    assert_string_equal(seen[0], seen[2]);

    /* A certificate that is renewed has the old key. */
    snprintf(change, sizeof change, "cert=%s", certificate_file(CERTIFICATE_RENEWED));
    third = sealed_settings(net_tls(), first, NET_CIPHER_SERVER, change, &failure);
    assert_non_null(third);
    look(third, seen[2]);
    assert_string_not_equal(seen[0], seen[2]);
    net_tls()->release(first);
    net_tls()->release(second);
    net_tls()->release(third);
}

/* One dial of a raw server. Whether it was resumed. */
static bool dial(SSL_CTX *context, const char *options, const char *host, const char *port)
{
    bool resumed;
    char byte;

    SSL_CTX_up_ref(context);
    raw = raw_open(context, NET_CIPHER_SERVER);
    if (!sealed_open(&client, net_tls(), NET_CIPHER_CLIENT, options, host, port)) {
        fail_msg("%s", client.failure.text);
    }
    if (!raw_shake(raw, &client)) {
        fail_msg("%s", client.failure.text);
    }
    assert_int_equal(sealed_decrypt(&client, &byte, 1), NET_CIPHER_HUNGRY); /* the tickets */
    resumed = SSL_session_reused(raw) != 0;
    assert_int_not_equal(client.cipher->text(client.settings, client.session, "peer-certificate",
                                             NULL, 0, &client.failure),
                         0);
    end_all(NULL);
    return resumed;
}

static void sessions_are_resumed_by_the_same_dial_only(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    static char plain[1024];

    (void)state;
    for (size_t v = 0; v < COUNT(versions); v++) {
        SSL_CTX *context = raw_context(NET_CIPHER_SERVER, certificate_file(CERTIFICATE_GOOD),
                                       certificate_key(CERTIFICATE_GOOD), versions[v]);
        const char *port = v == 0 ? "12" : "13";

        snprintf(plain, sizeof plain, "%s", trusting(""));
        assert_false(dial(context, trusting("verify=off"), "localhost", port));
        assert_true(dial(context, trusting("verify=off"), "localhost", port));
        assert_false(dial(context, plain, "localhost", port)); /* never from verify=off */
        assert_true(dial(context, plain, "localhost", port));
        assert_true(dial(context, plain, "localhost", port));
        assert_false(dial(context, plain, "127.0.0.1", port));
        assert_false(dial(context, plain, "localhost", "14"));
        assert_false(dial(context, trusting("name=localhost"), "localhost", port));
        assert_false(dial(context, trusting("alpn=x"), "localhost", port));
        assert_false(dial(context, trusting("min-version=1.2 tickets=off"), "localhost", port));
        assert_false(dial(context, trusting("min-version=1.2 tickets=off"), "localhost", port));
        assert_false(dial(context, trusting("name=localhost"), NULL, NULL));
        assert_false(dial(context, trusting("name=localhost"), NULL, NULL));
        SSL_CTX_free(context);
    }
}

/* A session of TLS 1.3 is offered once; the others that the server gave are left. */
static void a_ticket_is_used_once(void **state)
{
    SSL_CTX *context = raw_context(NET_CIPHER_SERVER, certificate_file(CERTIFICATE_GOOD),
                                   certificate_key(CERTIFICATE_GOOD), TLS1_3_VERSION);
    int resumed = 0;

    (void)state;
    SSL_CTX_set_num_tickets(context, 3);
    assert_false(dial(context, trusting(""), "localhost", "50"));
    SSL_CTX_set_num_tickets(context, 0); /* from now on there are no new ones */
    while (dial(context, trusting(""), "localhost", "50")) {
        resumed++;
        assert_true(resumed <= 3);
    }
    assert_int_equal(resumed, 3);
    SSL_CTX_free(context);
}

/* A raw client that keeps a session, at our server. Whether it was resumed. */
static bool call(net_cipher_settings *settings, SSL_CTX *context, SSL_SESSION **kept)
{
    bool resumed;
    char byte;

    memset(&server, 0, sizeof server);
    server.cipher = net_tls();
    server.greeted = NET_CIPHER_HUNGRY;
    server.session = net_tls()->open(settings, NET_CIPHER_SERVER, NULL, NULL, &server.failure);
    SSL_CTX_up_ref(context);
    raw = raw_open(context, NET_CIPHER_CLIENT);
    if (*kept != NULL) {
        SSL_set_session(raw, *kept);
        SSL_SESSION_free(*kept);
    }
    assert_true(raw_shake(raw, &server));
    SSL_read(raw, &byte, 1);
    resumed = SSL_session_reused(raw) != 0;
    *kept = SSL_get1_session(raw);
    SSL_set_shutdown(raw, SSL_SENT_SHUTDOWN); /* or OpenSSL would not use it again */
    end_all(NULL);
    return resumed;
}

static void a_server_resumes_unless_told_not_to(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    net_cipher_failure failure;
    char options[1024];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        bool tickets = i % 2 == 0;
        SSL_CTX *context = raw_context(NET_CIPHER_CLIENT, NULL, NULL, versions[i / 2]);
        SSL_SESSION *kept = NULL;
        net_cipher_settings *settings;

        snprintf(options, sizeof options, "%s tickets=%s", pair(CERTIFICATE_GOOD),
                 tickets ? "on" : "off");
        settings = sealed_settings(net_tls(), NULL, NET_CIPHER_SERVER, options, &failure);
        assert_false(call(settings, context, &kept));
        assert_int_equal(call(settings, context, &kept), tickets);
        SSL_SESSION_free(kept);
        SSL_CTX_free(context);
        net_tls()->release(settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(options_are_checked, end_all),
        cmocka_unit_test_teardown(the_same_dial_has_the_same_settings, end_all),
        cmocka_unit_test_teardown(a_certificate_changes_whole_or_not, end_all),
        cmocka_unit_test_teardown(sessions_are_resumed_by_the_same_dial_only, end_all),
        cmocka_unit_test_teardown(a_ticket_is_used_once, end_all),
        cmocka_unit_test_teardown(a_server_resumes_unless_told_not_to, end_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

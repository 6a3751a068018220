/* driven: skip, it has a server with a poller of its own */
/* A listener that gets another certificate while callers come and talk. */
#include "openssl_peer.h"
#include "tls_server.h"

#include <stdio.h>
#include <string.h>

static const char here[] = "tls://127.0.0.1:0";

static const char *pair_of(enum certificate which)
{
    static char text[TLS_ADDRESS_MAX];

    snprintf(text, sizeof text, "%s,%s", certificate_file(which), certificate_key(which));
    return text;
}

static void expect_certificate(net_socket *client, enum certificate which)
{
    char text[8192];
    FILE *file = fopen(certificate_file(which), "r");

    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(tls_get(client, "peer-certificate"), text);
}

static void new_callers_see_the_new_certificate(void **state)
{
    struct pair pair;
    struct pair later;
    struct pair waiting = {0};
    struct said client;
    struct said server;

    tls_open(template_of(state), NULL, "ca={ca}&name=localhost", &pair);
    waiting.client = tls_dial(pair.listener, "ca={ca}&name=localhost");
    waiting.server = assert_socket(net_accept(pair.listener, soon()));
    tls_step(waiting.client, &client);
    expect_certificate(pair.client, CERTIFICATE_GOOD);
    assert_ok(net_set(pair.listener, "cert", pair_of(CERTIFICATE_ANOTHER)));
    assert_reads(pair.listener, "cert", certificate_file(CERTIFICATE_ANOTHER));
    assert_reads(pair.listener, "key", certificate_key(CERTIFICATE_ANOTHER));
    tls_meet(pair.listener, "ca={ca}&name=localhost", &later);
    expect_certificate(later.client, CERTIFICATE_ANOTHER);
    tls_settle(waiting.client, waiting.server, &client, &server);
    assert_int_equal(client.code, 0);
    expect_certificate(waiting.client, CERTIFICATE_GOOD);
    tls_talk(pair.client, pair.server);
    tls_talk(later.client, later.server);
    tls_talk(waiting.client, waiting.server);
    assert_code(net_set(pair.server, "cert", pair_of(CERTIFICATE_GOOD)), NET_MISUSE);
    assert_code(net_set(pair.client, "cert", pair_of(CERTIFICATE_GOOD)), NET_MISUSE);
    later.listener = NULL;
    close_pair(&later);
    close_pair(&waiting);
    close_pair(&pair);
}

/* The accepted ones outlive their listener, and the settings that it had. */
static void the_old_ones_outlive_it(void **state)
{
    struct pair pair;

    tls_open(template_of(state), NULL, "ca={ca}&name=localhost", &pair);
    assert_ok(net_set(pair.listener, "cert", pair_of(CERTIFICATE_ANOTHER)));
    net_close(pair.listener, NET_NOW);
    pair.listener = NULL;
    tls_talk(pair.client, pair.server);
    close_pair(&pair);
}

static void a_pair_that_does_not_load_changes_nothing(void **state)
{
    char mixed[TLS_ADDRESS_MAX];
    struct pair pair;
    struct pair later;

    tls_open(template_of(state), NULL, "ca={ca}&name=localhost", &pair);
    snprintf(mixed, sizeof mixed, "%s,%s", certificate_file(CERTIFICATE_ANOTHER),
             certificate_key(CERTIFICATE_GOOD));
    assert_code(net_set(pair.listener, "cert", mixed), NET_ADDRESS);
    assert_says("it does not fit the certificate");
    assert_code(net_set(pair.listener, "cert", "/nonexistent.pem,/nonexistent.key"), NET_ADDRESS);
    assert_says("No such file");
    assert_code(net_set(pair.listener, "cert", certificate_file(CERTIFICATE_ANOTHER)), NET_ADDRESS);
    assert_code(net_set(pair.listener, "cert", pair_of(CERTIFICATE_LOCKED_KEY)), NET_ADDRESS);
    assert_code(net_set(pair.listener, "cert", ","), NET_ADDRESS);
    assert_code(net_set(pair.listener, "cert", ""), NET_ADDRESS);
    assert_code(net_set(pair.listener, "key", certificate_key(CERTIFICATE_ANOTHER)), NET_MISUSE);
    assert_reads(pair.listener, "cert", certificate_file(CERTIFICATE_GOOD));
    tls_meet(pair.listener, "ca={ca}&name=localhost", &later);
    expect_certificate(later.client, CERTIFICATE_GOOD);
    tls_talk(later.client, later.server);
    later.listener = NULL;
    close_pair(&later);
    close_pair(&pair);
}

/* A certificate that was renewed has the key that was there. */
static void a_renewed_certificate_keeps_the_key(void **state)
{
    struct pair pair;
    struct pair later;

    tls_open(template_of(state), NULL, "ca={ca}&name=localhost", &pair);
    assert_ok(net_set(pair.listener, "cert", certificate_file(CERTIFICATE_RENEWED)));
    tls_meet(pair.listener, "ca={ca}&name=localhost", &later);
    expect_certificate(later.client, CERTIFICATE_RENEWED);
    later.listener = NULL;
    close_pair(&later);
    close_pair(&pair);
}

/* ---- While callers come ---- */

struct changer {
    net_socket *listener;
    _Atomic bool stop;
    _Atomic int changes;
    _Atomic int wrong;
    pthread_t thread;
};

static void *change(void *argument)
{
    struct changer *changer = argument;
    char pairs[3][TLS_ADDRESS_MAX];

    strcpy(pairs[0], pair_of(CERTIFICATE_GOOD));
    strcpy(pairs[1], pair_of(CERTIFICATE_ANOTHER));
    strcpy(pairs[2], "/nonexistent.pem,/nonexistent.key");
    for (int i = 0; !changer->stop; i++) {
        int code = net_set(changer->listener, "cert", pairs[i % 3]);

        changer->wrong += code != (i % 3 == 2 ? NET_ADDRESS : 0) ? 1 : 0;
        changer->changes++;
    }
    return NULL;
}

static void no_caller_is_lost_while_it_changes(void **state)
{
    enum { CALLERS = 100 };
    struct tls_server server;
    struct changer changer = {.listener = tls_listen(here, CERTIFICATE_GOOD, NULL)};
    char address[TLS_ADDRESS_MAX];

    (void)state;
    certificate_file(CERTIFICATE_ANOTHER);
    tls_address(changer.listener, "ca={ca}", address);
    tls_server_start(&server, changer.listener);
    assert_int_equal(pthread_create(&changer.thread, NULL, change, &changer), 0);
    for (int i = 0; i < CALLERS; i++) {
        net_socket *client = assert_socket(net_connect(address, soon()));

        assert_count(net_send(client, "ping", 4, soon()), 4);
        tls_expect(client, "ping");
        net_close(client, NET_NOW);
    }
    tls_server_await(&changer.changes, 10);
    changer.stop = true;
    pthread_join(changer.thread, NULL);
    tls_server_stop(&server);
    assert_int_equal(changer.wrong, 0);
    assert_int_equal(server.accepted, CALLERS);
    assert_int_equal(server.failed, 0);
}

int main(void)
{
    static const char *const wires[] = {"tls://127.0.0.1:0", "tls+unix://@", "tls+mem://", NULL};
    static const struct test tests[] = {
        TEST(new_callers_see_the_new_certificate),
        TEST(the_old_ones_outlive_it),
        TEST(a_pair_that_does_not_load_changes_nothing),
        TEST(a_renewed_certificate_keeps_the_key),
    };
    static const struct test once[] = {TEST(no_caller_is_lost_while_it_changes)};

    tls_begin();
    return run_over(wires, tests) + run_once(once);
}

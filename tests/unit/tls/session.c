/* Sessions of the cipher of tls://, memory to memory: hands shaken, bytes both ways, the end. */
#include "certificates.h"
#include "sealed.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

static const char *version = "1.3"; /* that this process speaks at most */

static char *server_options(enum certificate which, const char *more)
{
    char *text;

    assert_true(asprintf(&text, "cert=%s key=%s %s", certificate_file(which),
                         certificate_key(which), more) > 0);
    return text;
}

static void open_server(struct sealed *server, const char *more)
{
    char *options = server_options(CERTIFICATE_GOOD, more);

    if (!sealed_open(server, net_tls(), NET_CIPHER_SERVER, options, NULL, NULL)) {
        fail_msg("%s", server->failure.text);
    }
    free(options);
}

static void open_client(struct sealed *client, const char *more)
{
    char *options;

    assert_true(asprintf(&options, "ca=%s %s", certificate_ca(), more) > 0);
    if (!sealed_open(client, net_tls(), NET_CIPHER_CLIENT, options, "localhost", NULL)) {
        fail_msg("%s", client->failure.text);
    }
    free(options);
}

static void open_both(struct sealed *client, struct sealed *server)
{
    open_server(server, "");
    open_client(client, "");
    if (!sealed_shake(client, server, SIZE_MAX)) {
        fail_msg("client %d %s, server %d %s", client->greeted, client->failure.text,
                 server->greeted, server->failure.text);
    }
}

static void close_both(struct sealed *client, struct sealed *server)
{
    sealed_close(client);
    sealed_close(server);
}

static void reads(struct sealed *end, const char *name, const char *expected)
{
    char text[256];

    assert_int_equal(
        end->cipher->text(end->settings, end->session, name, text, sizeof text, &end->failure),
        strlen(expected));
    assert_string_equal(text, expected);
}

static void bytes_go_both_ways(void **state)
{
    struct sealed client;
    struct sealed server;
    size_t size = (size_t)1 << 20;
    char *data = malloc(size);

    (void)state;
    for (size_t i = 0; i < size; i++) {
        data[i] = (char)(i * 7 + i / 251);
    }
    open_both(&client, &server);
    assert_true(sealed_say(&client, &server, "hello", 5));
    assert_true(sealed_say(&server, &client, "good day", 8));
    for (size_t n = 1; n <= size; n *= 4) {
        assert_true(sealed_say(&client, &server, data, n));
        assert_true(sealed_say(&server, &client, data, n));
    }
    assert_int_equal(client.cipher->waiting(client.session), 0);
    assert_int_equal(server.cipher->waiting(server.session), 0);
    close_both(&client, &server);
    free(data);
}

static void one_byte_at_a_time(void **state)
{
    struct sealed client;
    struct sealed server;
    char buffer[16];

    (void)state;
    open_server(&server, "");
    open_client(&client, "");
    assert_true(sealed_shake(&client, &server, 1));
    reads(&client, "tls-version", version);
    assert_int_equal(sealed_encrypt(&client, "abc", 3), 3);
    for (char byte; sealed_take(&client, &byte, 1) == 1;) {
        sealed_give(&server, &byte, 1);
        if (sealed_decrypt(&server, buffer, sizeof buffer) == 3) {
            break;
        }
    }
    assert_memory_equal(buffer, "abc", 3);
    assert_int_equal(sealed_take(&client, buffer, 1), 0);
    close_both(&client, &server);
}

static void a_peek_leaves_the_bytes(void **state)
{
    struct sealed client;
    struct sealed server;
    char buffer[16];

    (void)state;
    open_both(&client, &server);
    assert_int_equal(sealed_peek(&server, buffer, sizeof buffer), NET_CIPHER_HUNGRY);
    assert_int_equal(sealed_encrypt(&client, "abcdef", 6), 6);
    sealed_carry(&client, &server, SIZE_MAX);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sealed_peek(&server, buffer, 4), 4);
        assert_memory_equal(buffer, "abcd", 4);
        assert_int_equal(server.cipher->waiting(server.session), NET_CIPHER_PLAIN);
    }
    assert_int_equal(sealed_decrypt(&server, buffer, 2), 2);
    assert_int_equal(server.cipher->waiting(server.session), NET_CIPHER_PLAIN);
    assert_int_equal(sealed_decrypt(&server, buffer, sizeof buffer), 4);
    assert_memory_equal(buffer, "cdef", 4);
    assert_int_equal(server.cipher->waiting(server.session), 0);
    assert_int_equal(sealed_decrypt(&server, buffer, sizeof buffer), NET_CIPHER_HUNGRY);
    close_both(&client, &server);
}

static void many_records_come_out_of_one_loan(void **state)
{
    struct sealed client;
    struct sealed server;
    char buffer[64];

    (void)state;
    open_both(&client, &server);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(sealed_encrypt(&client, "abc", 3), 3);
    }
    sealed_carry(&client, &server, SIZE_MAX);
    assert_int_equal(sealed_decrypt(&server, buffer, 14), 14);
    assert_int_equal(server.cipher->waiting(server.session), NET_CIPHER_PLAIN);
    assert_true(server.inbox_size > 0); /* what was not read is given back */
    assert_int_equal(sealed_decrypt(&server, buffer, sizeof buffer), 16);
    assert_int_equal(server.inbox_size, 0);
    close_both(&client, &server);
}

static void records_are_handed_out_in_parts(void **state)
{
    struct sealed client;
    struct sealed server;
    char data[100] = "x";
    char buffer[100];

    (void)state;
    open_both(&client, &server);
    for (size_t part = 1; part < 40; part++) {
        assert_int_equal(sealed_encrypt(&client, data, sizeof data), sizeof data);
        assert_int_equal(client.cipher->waiting(client.session), NET_CIPHER_SEALED);
        sealed_give(&server, buffer, sealed_take(&client, buffer, part));
        assert_int_equal(sealed_encrypt(&client, data, 1), 1); /* while the first waits */
        sealed_carry(&client, &server, part);
        assert_int_equal(client.cipher->waiting(client.session), 0);
        assert_int_equal(sealed_decrypt(&server, buffer, 1), 1);
        assert_int_equal(sealed_decrypt(&server, buffer, sizeof buffer), sizeof buffer);
        assert_memory_equal(buffer + 1, data + 2, sizeof data - 2);
    }
    close_both(&client, &server);
}

static void an_end_is_an_end_for_ever(void **state)
{
    struct sealed client;
    struct sealed server;
    char buffer[16];

    (void)state;
    open_both(&client, &server);
    assert_int_equal(sealed_encrypt(&client, "last", 4), 4);
    client.cipher->finish(client.session);
    assert_int_equal(client.cipher->waiting(client.session), NET_CIPHER_SEALED);
    sealed_carry(&client, &server, SIZE_MAX);
    assert_int_equal(sealed_decrypt(&server, buffer, sizeof buffer), 4);
    assert_int_equal(server.cipher->waiting(server.session), NET_CIPHER_PLAIN); /* so it is asked */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sealed_decrypt(&server, buffer, sizeof buffer), NET_EOF);
        assert_int_equal(sealed_peek(&server, buffer, sizeof buffer), NET_EOF);
        sealed_give(&server, "\x17\x03\x03\x00\x05more of it", 15);
    }
    assert_int_equal(server.inbox_size, 15); /* the last is not lent yet */

    /* The other direction goes on. */
    assert_true(sealed_say(&server, &client, "and you?", 8));
    server.cipher->finish(server.session);
    sealed_carry(&server, &client, SIZE_MAX);
    assert_int_equal(sealed_decrypt(&client, buffer, sizeof buffer), NET_EOF);
    assert_int_equal(client.cipher->waiting(client.session), 0);
    close_both(&client, &server);
}

static void a_cut_is_no_end(void **state)
{
    struct sealed client;
    struct sealed server;
    char buffer[64];
    size_t size;

    (void)state;
    open_both(&client, &server);
    client.cipher->finish(client.session);
    size = sealed_take(&client, buffer, sizeof buffer);
    for (size_t i = 0; i + 1 < size; i++) {
        sealed_give(&server, buffer + i, 1);
        assert_int_equal(sealed_decrypt(&server, buffer + 40, 4), NET_CIPHER_HUNGRY);
    }
    close_both(&client, &server);
}

static void properties_tell_of_the_connection(void **state)
{
    struct sealed client;
    struct sealed server;
    char text[4096];
    net_cipher_failure failure;
    int length;

    (void)state;
    open_server(&server, "alpn=h2,http/1.1");
    open_client(&client, "alpn=spdy/1,http/1.1");
    reads(&client, "tls-version", "");
    reads(&client, "peer-name", "");
    assert_true(sealed_shake(&client, &server, SIZE_MAX));
    reads(&client, "tls-version", version);
    reads(&client, "tls-cipher",
          strcmp(version, "1.3") == 0 ? "TLS_AES_128_GCM_SHA256"
                                      : "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    reads(&client, "alpn", "http/1.1");
    reads(&server, "alpn", "http/1.1");
    reads(&client, "server-name", "localhost");
    reads(&server, "server-name", "localhost");
    reads(&client, "peer-name", "localhost");
    reads(&client, "name", "localhost");
    reads(&server, "peer-name", "");
    reads(&server, "peer-certificate", "");
    reads(&client, "verify", "on");
    reads(&server, "verify", "off");
    reads(&client, "min-version", "1.2");
    reads(&client, "tickets", "on");
    reads(&client, "ca", certificate_ca());
    reads(&server, "cert", certificate_file(CERTIFICATE_GOOD));
    assert_int_equal(
        client.cipher->text(client.settings, NULL, "alpn", text, sizeof text, &failure), 15);
    assert_string_equal(text, "spdy/1,http/1.1");
    length = client.cipher->text(client.settings, client.session, "peer-fingerprint", text,
                                 sizeof text, &failure);
    assert_int_equal(length, 64);
    length = client.cipher->text(client.settings, client.session, "peer-certificate", text,
                                 sizeof text, &failure);
    assert_in_range(length, 300, 2000);
    assert_int_equal(strncmp(text, "-----BEGIN CERTIFICATE-----\n", 28), 0);
    assert_int_equal(client.cipher->text(client.settings, client.session, "peer-certificate", text,
                                         10, &failure),
                     length);
    assert_string_equal(text, "-----BEGI");
    close_both(&client, &server);
}

static void versions_and_protocols_have_to_meet(void **state)
{
    struct sealed client;
    struct sealed server;

    (void)state;
    open_server(&server, "alpn=h2");
    open_client(&client, "alpn=h3,x");
    assert_false(sealed_shake(&client, &server, SIZE_MAX));
    assert_int_equal(server.greeted, NET_RESET);
    assert_non_null(strstr(server.failure.text, "alpn"));
    assert_int_equal(client.greeted, NET_RESET);
    assert_non_null(strstr(client.failure.text, "alpn"));
    close_both(&client, &server);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(one_byte_at_a_time),
        cmocka_unit_test(a_peek_leaves_the_bytes),
        cmocka_unit_test(many_records_come_out_of_one_loan),
        cmocka_unit_test(records_are_handed_out_in_parts),
        cmocka_unit_test(an_end_is_an_end_for_ever),
        cmocka_unit_test(a_cut_is_no_end),
        cmocka_unit_test(properties_tell_of_the_connection),
        cmocka_unit_test(versions_and_protocols_have_to_meet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The same in TLS 1.2: the system's configuration says so, which ours has to honour. */
static int run_old(void)
{
    static const char text[] = "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\n"
                               "system_default = old\n[old]\nMaxProtocol = TLSv1.2\n"
                               "CipherString = ECDHE-ECDSA-AES256-GCM-SHA384\n";
    char path[] = "/tmp/netfacade-openssl-XXXXXX";
    int descriptor = mkstemp(path);
    int status;

    if (descriptor < 0 || write(descriptor, text, sizeof text - 1) < 0) {
        return 1;
    }
    close(descriptor);
    setenv("OPENSSL_CONF", path, 1);
    version = "1.2";
    status = run();
    unlink(path);
    return status;
}

int main(void)
{
    pid_t child = fork(); /* before OpenSSL has read anything */
    int status = 1;

    if (child == 0) {
        exit(run_old());
    }
    waitpid(child, &status, 0);
    return run() + (status != 0);
}

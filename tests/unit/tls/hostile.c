/* Peers of the cipher of tls:// that speak something else, or too much. */
#include "certificates.h"
#include "raw_tls.h"
#include "sealed.h"
#include "support.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The byte of a record's head that nobody looks at in a hello, as RFC 8446 wants it. */
enum { MINOR_VERSION = 2 };

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
    ERR_clear_error();
    return 0;
}

static void open_server(const char *more)
{
    char options[1024];

    snprintf(options, sizeof options, "cert=%s key=%s %s", certificate_file(CERTIFICATE_GOOD),
             certificate_key(CERTIFICATE_GOOD), more);
    assert_true(sealed_open(&server, net_tls(), NET_CIPHER_SERVER, options, NULL, NULL));
}

static void open_client(const char *more)
{
    char options[1024];

    snprintf(options, sizeof options, "ca=%s %s", certificate_ca(), more);
    assert_true(sealed_open(&client, net_tls(), NET_CIPHER_CLIENT, options, "localhost", NULL));
}

static void raw_client(int newest)
{
    raw = raw_open(raw_context(NET_CIPHER_CLIENT, NULL, NULL, newest), NET_CIPHER_CLIENT);
}

static void raw_server(enum certificate which, int newest)
{
    raw = raw_open(
        raw_context(NET_CIPHER_SERVER, certificate_file(which), certificate_key(which), newest),
        NET_CIPHER_SERVER);
}

static void assert_failed(const struct sealed *end, int code, const char *words)
{
    if (end->failure.code != code || strstr(end->failure.text, words) == NULL) {
        fail_msg("%d: %s", end->failure.code, end->failure.text);
    }
}

static void old_versions_are_off(void **state)
{
    (void)state;
    open_server("");
    raw_client(TLS1_1_VERSION);
    assert_false(raw_shake(raw, &server));
    assert_failed(&server, NET_RESET, "versions of TLS that are off here");
    end_all(NULL);

    open_client("");
    raw_server(CERTIFICATE_GOOD, TLS1_1_VERSION);
    assert_false(raw_shake(raw, &client));
    assert_failed(&client, NET_RESET, "does not speak our versions of TLS");
    end_all(NULL);

    open_client("min-version=1.3");
    raw_server(CERTIFICATE_GOOD, TLS1_2_VERSION);
    assert_false(raw_shake(raw, &client));
    assert_failed(&client, NET_RESET, "does not speak our versions of TLS");
    end_all(NULL);

    open_server("min-version=1.3");
    raw_client(TLS1_2_VERSION);
    assert_false(raw_shake(raw, &server));
    assert_failed(&server, NET_RESET, "versions of TLS that are off here");
}

static void old_ciphers_are_off(void **state)
{
    static const char *const ciphers[] = {"AES128-SHA", "AES128-GCM-SHA256",
                                          "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-CCM8",
                                          "DHE-RSA-AES128-GCM-SHA256"};

    (void)state;
    for (size_t i = 0; i < COUNT(ciphers); i++) {
        open_server("");
        raw_client(TLS1_2_VERSION);
        assert_int_equal(SSL_set_cipher_list(raw, ciphers[i]), 1);
        assert_false(raw_shake(raw, &server));
        assert_failed(&server, NET_RESET, "no cipher in common");
        end_all(NULL);
    }
}

static void a_weak_key_is_refused(void **state)
{
    (void)state;
    open_client("");
    raw_server(CERTIFICATE_WEAK, TLS1_3_VERSION);
    assert_false(raw_shake(raw, &client));
    assert_failed(&client, NET_DENIED, "key is too weak; subject CN=weak");
}

/* TLS 1.2 has no alert of its own for it. */
static void a_server_that_wants_a_certificate_denies(void **state)
{
    (void)state;
    open_client("");
    raw_server(CERTIFICATE_GOOD, TLS1_2_VERSION);
    SSL_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    assert_false(raw_shake(raw, &client));
    assert_failed(&client, NET_DENIED, "it wants one, by cert= and key=");
}

static void who_does_not_speak_tls_is_told_apart(void **state)
{
    static const char *const callers[] = {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                          "POST / HTTP/1.1\r\n\r\n", "SSH-2.0-OpenSSH_9.2p1\r\n",
                                          "EHLO localhost\r\n", "\n\n\n\n\n\n\n\n\n\n\n\n"};
    static const char *const answers[] = {"HTTP/1.1 400 Bad Request\r\n\r\n",
                                          "220 localhost ESMTP\r\n", "SSH-2.0-OpenSSH_9.2p1\r\n",
                                          "* OK IMAP4rev1 ready\r\n", "+OK POP3 ready\r\n"};

    (void)state;
    for (size_t i = 0; i < COUNT(callers); i++) {
        open_server("");
        sealed_give(&server, callers[i], strlen(callers[i]));
        assert_int_equal(sealed_greet(&server, SIZE_MAX), NET_RESET);
        assert_failed(&server, NET_RESET, "the peer does not speak TLS");
        open_client("");
        sealed_give(&client, answers[i], strlen(answers[i]));
        assert_int_equal(sealed_greet(&client, SIZE_MAX), NET_RESET);
        assert_failed(&client, NET_RESET, "the peer does not speak TLS");
        end_all(NULL);
    }
}

/* Change one byte of the handshake; nothing else than a failure, or a handshake that never ends,
 * may come of it. */
static void assert_survived(size_t at, bool of_client)
{
    size_t passed = 0;
    size_t moved;
    unsigned char byte;

    do {
        moved = 0;
        for (int turn = 0; turn < 2; turn++) {
            struct sealed *from = turn == 0 ? &client : &server;
            struct sealed *to = turn == 0 ? &server : &client;

            if (from->greeted == NET_CIPHER_HUNGRY) {
                sealed_greet(from, SIZE_MAX);
            }
            while (sealed_take(from, &byte, 1) == 1) {
                if ((turn == 0) == of_client && passed++ == at) {
                    byte ^= 0x41;
                }
                sealed_give(to, &byte, 1);
                moved++;
            }
        }
    } while (moved > 0);
    for (int turn = 0; turn < 2; turn++) {
        int greeted = turn == 0 ? client.greeted : server.greeted;

        assert_true(greeted == 0 || greeted == NET_RESET || greeted == NET_DENIED ||
                    greeted == NET_CIPHER_HUNGRY);
    }
    if (client.greeted == 0 && server.greeted == 0 && passed > at && at != MINOR_VERSION) {
        fail_msg("byte %zu was changed, and nobody noticed", at);
    }
}

static void a_byte_changed_anywhere_does_no_harm(void **state)
{
    size_t step = slowness() > 1 ? 29 : 1;

    (void)state;
    for (size_t at = 0; at < 1200; at += step) {
        for (int of_client = 0; of_client < 2; of_client++) {
            if (of_client != 0 && at >= 200) {
                continue;
            }
            open_server("tickets=off");
            open_client("tickets=off");
            assert_survived(at, of_client != 0);
            end_all(NULL);
        }
    }
}

static void new_keys_without_end_are_bounded(void **state)
{
    unsigned char buffer[16384];
    size_t peak = 0;
    int rounds = 0;

    (void)state;
    open_server("");
    raw_client(TLS1_3_VERSION);
    assert_true(raw_shake(raw, &server));
    do { /* the answers are not taken */
        int size;

        assert_int_equal(SSL_key_update(raw, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(raw), 1);
        while ((size = BIO_read(SSL_get_wbio(raw), buffer, sizeof buffer)) > 0) {
            sealed_give(&server, buffer, (size_t)size);
        }
        rounds++;
    } while (sealed_decrypt(&server, buffer, sizeof buffer) == NET_CIPHER_HUNGRY &&
             rounds < 100000);
    assert_failed(&server, NET_RESET, "asks for answers");
    for (size_t got; (got = sealed_take(&server, buffer, sizeof buffer)) > 0;) {
        peak += got;
    }
    assert_in_range(peak, 30000, 70000);
}

static void new_keys_are_fine_when_answers_are_taken(void **state)
{
    char buffer[16];

    (void)state;
    open_server("");
    raw_client(TLS1_3_VERSION);
    assert_true(raw_shake(raw, &server));
    for (int i = 0; i < 5000 / slowness(); i++) {
        assert_int_equal(SSL_key_update(raw, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(raw, "hello", 5), 5);
        raw_carry(raw, &server);
        assert_int_equal(sealed_decrypt(&server, buffer, sizeof buffer), 5);
        assert_int_equal(sealed_encrypt(&server, "you", 3), 3);
        raw_carry(raw, &server);
        assert_int_equal(SSL_read(raw, buffer, sizeof buffer), 3);
    }
    server.cipher->finish(server.session); /* receiving goes on, also with new keys */
    assert_int_equal(SSL_key_update(raw, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_write(raw, "hello", 5), 5);
    raw_carry(raw, &server);
    assert_int_equal(sealed_decrypt(&server, buffer, sizeof buffer), 5);
}

static void nobody_negotiates_again(void **state)
{
    char buffer[16];

    (void)state;
    open_server("");
    raw_client(TLS1_2_VERSION);
    assert_true(raw_shake(raw, &server));
    assert_int_equal(SSL_renegotiate(raw), 1);
    SSL_do_handshake(raw);
    raw_carry(raw, &server);
    assert_int_equal(sealed_decrypt(&server, buffer, sizeof buffer), NET_CIPHER_HUNGRY);
    assert_int_equal(server.cipher->waiting(server.session), NET_CIPHER_SEALED);
    assert_int_equal(sealed_encrypt(&server, "x", 1), 1); /* and it lives */
}

static void a_changed_record_ends_it(void **state)
{
    unsigned char buffer[100];
    size_t size;

    (void)state;
    open_server("");
    open_client("");
    assert_true(sealed_shake(&client, &server, SIZE_MAX));
    assert_int_equal(sealed_encrypt(&client, "hello", 5), 5);
    size = sealed_take(&client, buffer, sizeof buffer);
    sealed_give(&server, buffer, size);
    buffer[size - 1] ^= 1;
    sealed_give(&server, buffer, size);
    assert_int_equal(sealed_decrypt(&server, buffer, sizeof buffer), 5); /* what was good, first */
    assert_int_equal(server.cipher->waiting(server.session), NET_CIPHER_PLAIN | NET_CIPHER_SEALED);
    assert_int_equal(sealed_decrypt(&server, buffer, sizeof buffer), NET_RESET);
    assert_int_equal(server.cipher->waiting(server.session), NET_CIPHER_SEALED);
    assert_failed(&server, NET_RESET, "a record was changed on its way");
    assert_int_equal(sealed_peek(&server, buffer, sizeof buffer), NET_RESET);
    assert_int_equal(sealed_encrypt(&server, "x", 1), NET_RESET);
    sealed_carry(&server, &client, SIZE_MAX); /* the alert */
    while (sealed_decrypt(&client, buffer, sizeof buffer) > 0) {
    }
    assert_failed(&client, NET_RESET, "the peer broke off: bad record mac");
}

/* What the program itself did wrong with OpenSSL before is nothing of ours, and stays. */
static void assert_untouched(const char *where)
{
    const char *data;
    int flags;
    unsigned long first = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);

    if (ERR_GET_REASON(first) != ERR_R_PASSED_NULL_PARAMETER ||
        strcmp(data, "of the program") != 0) {
        fail_msg("%s: %lx %s", where, first, data);
    }
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), ERR_R_INTERNAL_ERROR);
    assert_int_equal(ERR_get_error(), 0);
    ERR_raise_data(ERR_LIB_USER, ERR_R_PASSED_NULL_PARAMETER, "of the program");
    ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
}

static void the_programs_errors_stay(void **state)
{
    char buffer[100];
    net_cipher_failure failure;

    (void)state;
    certificate_file(CERTIFICATE_GOOD);
    ERR_clear_error();
    ERR_raise_data(ERR_LIB_USER, ERR_R_PASSED_NULL_PARAMETER, "of the program");
    ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
    open_server("");
    assert_untouched("configure");
    open_client("");
    assert_untouched("open");
    assert_int_equal(sealed_greet(&client, 0), NET_CIPHER_HUNGRY);
    assert_untouched("greet");
    assert_true(sealed_shake(&client, &server, 100));
    assert_untouched("greet");
    assert_true(sealed_say(&client, &server, "hello", 5));
    assert_untouched("encrypt");
    assert_int_equal(sealed_peek(&client, buffer, sizeof buffer), NET_CIPHER_HUNGRY);
    assert_untouched("peek");
    client.cipher->text(client.settings, client.session, "peer-certificate", buffer, sizeof buffer,
                        &failure);
    assert_untouched("text");
    sealed_give(&server, "no record at all", 16);
    assert_int_equal(sealed_decrypt(&server, buffer, sizeof buffer), NET_RESET);
    assert_untouched("decrypt");
    assert_null(
        sealed_settings(net_tls(), NULL, NET_CIPHER_CLIENT, "cert=/dev/null key=/x", &failure));
    assert_untouched("configure");
    client.cipher->finish(client.session);
    assert_untouched("finish");
    sealed_close(&client);
    sealed_close(&server);
    assert_untouched("close");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(old_versions_are_off, end_all),
        cmocka_unit_test_teardown(old_ciphers_are_off, end_all),
        cmocka_unit_test_teardown(a_weak_key_is_refused, end_all),
        cmocka_unit_test_teardown(a_server_that_wants_a_certificate_denies, end_all),
        cmocka_unit_test_teardown(who_does_not_speak_tls_is_told_apart, end_all),
        cmocka_unit_test_teardown(a_byte_changed_anywhere_does_no_harm, end_all),
        cmocka_unit_test_teardown(new_keys_without_end_are_bounded, end_all),
        cmocka_unit_test_teardown(new_keys_are_fine_when_answers_are_taken, end_all),
        cmocka_unit_test_teardown(nobody_negotiates_again, end_all),
        cmocka_unit_test_teardown(a_changed_record_ends_it, end_all),
        cmocka_unit_test_teardown(the_programs_errors_stay, end_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

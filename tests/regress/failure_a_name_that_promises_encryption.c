/* For tls:// a build without it suggested tcp://, which is plaintext. And fd:// with a
 * number that is too large said that the number is missing. */
#include "support.h"

#include <stdio.h>
#include <string.h>

/* The plaintext schemes, as a sentence would suggest them. */
static bool suggests_plaintext(void)
{
    return strstr(net_error_text(), "the nearest is") != NULL;
}

/* A program that is linked statically has no cipher of its own. */
static bool is_wrong(void)
{
    return suggests_plaintext() || (net_error() != NET_ADDRESS && net_error() != NET_UNSUPPORTED);
}

static void no_plaintext_is_suggested(void **state)
{
    static const char *const schemes[] = {
        "tls",     "ssl",   "dtls",      "https",     "wss",       "tcps",       "udps",
        "unixs",   "ftps",  "sftp",      "ssh",       "quic",      "TLS",        "Https",
        "tsl",     "tlss",  "tls+tcp",   "chaos+tls", "chaos+TLS", "framed+tls", "tls+unix",
        "tcp+tls", "smtps", "chaos+tsl", "tls1.3",    "tls-tcp",   "starttls",   "mqtts",
        "ldaps",   "QUIC",  "http+ssl"};
    char address[ADDRESS_MAX];
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(schemes); i++) {
        snprintf(address, sizeof address, "%s://127.0.0.1:9", schemes[i]);
        assert_null(net_connect(address, NET_NOW));
        wrong += is_wrong() ? 1 : 0;
        assert_null(net_listen(address));
        wrong += is_wrong() ? 1 : 0;
        assert_true(net_address(address, sizeof address, schemes[i], "127.0.0.1", "9") < 0);
        wrong += is_wrong() ? 1 : 0;
    }
    print_message("%d of %d sentences suggest plaintext\n", wrong, 3 * (int)COUNT(schemes));
    assert_int_equal(wrong, 0);
    assert_no_socket(net_connect("tls://127.0.0.1:9", NET_NOW), NET_UNSUPPORTED);
    assert_says("net_use_cipher(net_tls())");
    assert_no_socket(net_connect("https://127.0.0.1:9", NET_NOW), NET_ADDRESS);
    assert_says("begins with tls://");
}

static void typing_errors_still_get_a_suggestion(void **state)
{
    static const char *const pairs[][2] = {{"tpc", "'tcp'"},
                                           {"tcpp", "'tcp'"},
                                           {"http", "'tcp'"},
                                           {"upd", "'udp'"},
                                           {"unxi", "'unix'"},
                                           {"TCP", "'tcp'"},
                                           {"chaos+tpc", "'chaos+tcp'"},
                                           {"fs", "'fd'"}};
    char address[ADDRESS_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        snprintf(address, sizeof address, "%s://127.0.0.1:9", pairs[i][0]);
        assert_no_socket(net_connect(address, NET_NOW), NET_ADDRESS);
        assert_says(pairs[i][1]);
    }
}

static void a_number_that_is_too_large_is_not_missing(void **state)
{
    (void)state;
    assert_no_socket(net_listen("fd://99999999999"), NET_ADDRESS);
    print_message("%s\n", net_error_text());
    assert_says("up to 2147483647");
    assert_no_socket(net_listen("fd://"), NET_ADDRESS);
    assert_says("missing");
}

int main(void)
{
    static const struct test tests[] = {
        TEST(no_plaintext_is_suggested),
        TEST(typing_errors_still_get_a_suggestion),
        TEST(a_number_that_is_too_large_is_not_missing),
    };

    return run_once(tests);
}

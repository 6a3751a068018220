/* The grammar of addresses from both sides: a good address prints back the same, a bad one is
 * NET_ADDRESS with a sentence. */
#include "name/url.h"
#include "name/endpoint.h"
#include "os/cause.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int parse(const char *text, struct nf_host *host)
{
    nf_fail(0);
    return nf_host_parse(text, strlen(text), host);
}

/* The recorded sentence says more than the code. */
static void assert_sentence(const char *text)
{
    if (nf_cause_pending()->code != NET_ADDRESS || nf_cause_pending()->detail[0] == '\0') {
        fail_msg("no sentence about '%.60s'", text);
    }
}

static void assert_refused(const char *text)
{
    if (parse(text, &(struct nf_host){0}) != NET_ADDRESS) {
        fail_msg("'%.60s' was taken for a host and port", text);
    }
    assert_sentence(text);
}

static void print(const struct nf_host *host, char *buffer, size_t size)
{
    struct nf_text text;

    nf_text_begin(&text, buffer, size);
    nf_host_print(&text, host);
}

/* It parses and prints as `printed`, and that parses and prints as the same text. */
static void assert_prints(const char *given, const char *printed)
{
    struct nf_host host;
    struct nf_host again;
    char buffer[512];

    if (parse(given, &host) != 0) {
        fail_msg("'%s' was refused: %s", given, nf_cause_pending()->detail);
    }
    print(&host, buffer, sizeof buffer);
    assert_string_equal(buffer, printed);
    assert_int_equal(parse(buffer, &again), 0);
    assert_memory_equal(&again, &host, sizeof host);
}

static void good_targets_print_back_the_same(void **state)
{
    static const char *const good[] = {"127.0.0.1:80",
                                       "0.0.0.0:0",
                                       "255.255.255.255:65535",
                                       "[::1]:53",
                                       "[::]:0",
                                       "[2001:db8::8:800:200c:417a]:443",
                                       "[fe80::1%eth0]:80",
                                       "[fe80::1%1]:80",
                                       "[ff02::1%lo]:80",
                                       "*:80",
                                       "*:0",
                                       "localhost:80",
                                       "a:1",
                                       "example.org:http",
                                       "example.org.:80",
                                       "xn--bcher-kva.example:domain-s",
                                       "_service._tcp.example.org:5060",
                                       "1and1.example:80",
                                       "1.2.3.4.example:80",
                                       "127.0.0.1:http",
                                       "*:www"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_prints(good[i], good[i]);
    }
}

/* An address with several spellings prints in one. */
static void other_spellings_print_as_the_canonical_one(void **state)
{
    static const char *const both[][2] = {{":80", "*:80"},
                                          {":0", "*:0"},
                                          {"[0:0:0:0:0:0:0:1]:53", "[::1]:53"},
                                          {"[2001:DB8:0:0:1:0:0:1]:1", "[2001:db8::1:0:0:1]:1"},
                                          {"[2001:0db8::0001]:1", "[2001:db8::1]:1"},
                                          {"[::ffff:127.0.0.1]:80", "127.0.0.1:80"},
                                          {"[::ffff:7f00:1]:80", "127.0.0.1:80"},
                                          {"[64:ff9b::192.0.2.33]:80", "[64:ff9b::c000:221]:80"}};

    (void)state;
    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
        assert_prints(both[i][0], both[i][1]);
    }
}

static void kinds_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        enum nf_host_kind kind;
        uint16_t port;
    } cases[] = {{":7", NF_HOST_WILDCARD, 7},           {"*:7", NF_HOST_WILDCARD, 7},
                 {"127.0.0.1:7", NF_HOST_LITERAL, 7},   {"[::]:65535", NF_HOST_LITERAL, 65535},
                 {"localhost:0", NF_HOST_LOCALHOST, 0}, {"localhost.example:9", NF_HOST_NAME, 9},
                 {"localhos:9", NF_HOST_NAME, 9},       {"localhostx:9", NF_HOST_NAME, 9}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nf_host host;

        assert_int_equal(parse(cases[i].text, &host), 0);
        assert_int_equal(host.kind, cases[i].kind);
        assert_int_equal(host.addr.port, cases[i].port);
        assert_true(host.has_port);
        assert_string_equal(host.service, "");
    }
}

static void malformed_targets_are_refused_with_a_sentence(void **state)
{
    static const char *const bad[] = {"",
                                      ":",
                                      "*",
                                      "a",
                                      "a:",
                                      "127.0.0.1",
                                      "[::1]",
                                      "a:b:c",
                                      "1:2:3",
                                      "::1:80",
                                      "::",
                                      "[::1",
                                      "[",
                                      "[]",
                                      "[]:80",
                                      "::1]:80",
                                      "[::1]80",
                                      "[::1]]:80",
                                      "[[::1]]:80",
                                      "[::1]:",
                                      "[::1]x:80",
                                      "[127.0.0.1]:80",
                                      "[localhost]:80",
                                      "[1]:80",
                                      "[:]:80",
                                      "[:::]:80",
                                      "[1::2::3]:80",
                                      "[1:2:3:4:5:6:7]:80",
                                      "[1:2:3:4:5:6:7:8:9]:80",
                                      "[1:2:3:4:5:6:7:8::]:80",
                                      "[::1:2:3:4:5:6:7:8]:80",
                                      "[12345::]:80",
                                      "[g::]:80",
                                      "[::1.2.3]:80",
                                      "[::1.2.3.4.5]:80",
                                      "[::256.1.1.1]:80",
                                      "[::1.2.3.4:5]:80",
                                      "[ ::1]:80",
                                      "[::1 ]:80",
                                      "1.2.3.4:",
                                      ":65536",
                                      ":99999",
                                      ":100000",
                                      ":4294967297",
                                      ":18446744073709551617",
                                      ":-1",
                                      ":+1",
                                      ": 80",
                                      ":80 ",
                                      ":8 0",
                                      ":0x50",
                                      ":00000000080",
                                      ":080",
                                      ":00",
                                      ":80x",
                                      ":80/",
                                      ":80/path",
                                      ":80#",
                                      ":-http",
                                      ":http/",
                                      ":ht tp",
                                      ":http_alt",
                                      ":http.",
                                      "user@host:80",
                                      "host name:80",
                                      "host\t:80",
                                      "host/:80",
                                      "host%:80",
                                      "host%eth0:80",
                                      "b\xc3\xbcrse:80",
                                      ":\xc2\xb2",
                                      "\x80:80",
                                      "\x7f:80",
                                      ".:80",
                                      "..:80",
                                      ".a:80",
                                      "a..b:80",
                                      "a..:80",
                                      "**:80",
                                      "*.example:80"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_refused(bad[i]);
    }
}

/* A NUL within the given length is a character like any other, and it is not allowed. */
static void a_nul_is_no_character_of_a_target(void **state)
{
    static const char *const around[] = {"a", "127.0.0.1", "*", ":", ":8", "[::1]", "[fe80::1%l"};

    (void)state;
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
        struct nf_host host;
        char text[64] = {0};
        size_t length = strlen(around[i]);

        memcpy(text, around[i], length);
        memcpy(text + length + 1, "]:80", 4);
        nf_fail(0);
        assert_int_equal(nf_host_parse(text, length + 5, &host), NET_ADDRESS);
        assert_sentence(around[i]);
    }
}

/* A resolver would guess the meaning of these. Here they are refused. */
static void numbers_that_are_no_literal_are_refused(void **state)
{
    static const char *const bad[] = {
        "127.1:80",        "0177.0.0.1:80",  "0x7f.1:80",        "0x7F000001:80", "2130706433:80",
        "1.2.3.4.5:80",    "256.1.1.1:80",   "127.0.0.1.:80",    "1.2.3:80",      "01.2.3.4:80",
        "1.2.3.04:80",     "1.2.3.0x4:80",   "1.2.3.4.:80",      "1..2.3:80",     "0:80",
        "00:80",           "0x:80",          "0X1:80",           "1.2.3.256:80",  "1.2.3.1000:80",
        "example.0x1f:80", "example.123:80", "example.123.:80",  "1.2.3.4.05:80", "-1.2.3.4:80",
        "4294967296:80",   "127.0.0.0x1:80", "999999999999.1:80"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_refused(bad[i]);
    }
}

static void zones_belong_to_link_local_addresses(void **state)
{
    static const char *const bad[] = {"[::1%lo]:80",
                                      "[2001:db8::1%eth0]:80",
                                      "[fe80::1%]:80",
                                      "[fe80::1%eth/0]:80",
                                      "[fe80::1%abcdefghijklmnop]:80",
                                      "[fec0::1%lo]:80",
                                      "[ff05::1%lo]:80",
                                      "[%lo]:80"};
    static const char *const good[] = {"[fe80::1%abcdefghijklmno]:80",
                                       "[febf::1%lo]:80",
                                       "[ff01::1%lo]:80",
                                       "[ff12::1%lo]:80",
                                       "[fe80::1%25lo]:80",
                                       "[fe80::1%a%b]:80",
                                       "[fe80::1%4294967295]:80"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_refused(bad[i]);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_prints(good[i], good[i]);
    }
}

/* `%25` is not an escape here. It begins the name of a zone, or it is the number 25. */
static void a_zone_must_name_an_interface(void **state)
{
    static const struct {
        const char *text;
        int code;
        uint32_t scope;
    } cases[] = {{"[fe80::1%lo]:80", 0, 1},
                 {"[fe80::1%7]:80", 0, 7},
                 {"[fe80::1%25]:80", 0, 25},
                 {"[fe80::1%99999]:80", 0, 99999},
                 {"[fe80::1%no-such-if]:80", NET_ADDRESS, 0},
                 {"[fe80::1%25lo]:80", NET_ADDRESS, 0},
                 {"[fe80::1%0]:80", NET_ADDRESS, 0},
                 {"[fe80::1%7x]:80", NET_ADDRESS, 0},
                 {"[fe80::1]:80", 0, 0},
                 {"[::1]:80", 0, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nf_host host;

        assert_int_equal(parse(cases[i].text, &host), 0);
        if (nf_host_find_zone(&host) != cases[i].code || host.addr.scope != cases[i].scope) {
            fail_msg("zone of %s: scope %u", cases[i].text, (unsigned)host.addr.scope);
        }
        if (cases[i].code != 0) {
            assert_sentence(cases[i].text);
        }
    }
}

/* This room does not know the services. It only tells a service from a number. */
static void a_service_stands_in_the_place_of_a_number(void **state)
{
    struct nf_host host;

    (void)state;
    assert_int_equal(parse("localhost:http-alt8", &host), 0);
    assert_string_equal(host.service, "http-alt8");
    assert_int_equal(host.addr.port, 0);
    assert_int_equal(parse(":abcdefghijklmnopqrstuvwxyz01234", &host), 0);
    assert_string_equal(host.service, "abcdefghijklmnopqrstuvwxyz01234");
    assert_refused(":abcdefghijklmnopqrstuvwxyz012345");
}

static void assert_name_of(size_t label, size_t length, int code)
{
    struct nf_host host;
    char *text = malloc(length + 4);

    assert_non_null(text);
    for (size_t i = 0; i < length; i++) {
        text[i] = (i + 1) % (label + 1) == 0 ? '.' : 'a';
    }
    memcpy(text + length, ":80", 4);
    nf_fail(0);
    if (nf_host_parse(text, length + 3, &host) != code) {
        fail_msg("a name of %zu in labels of %zu", length, label);
    }
    if (code == 0) {
        assert_int_equal(strlen(host.name), length);
    } else {
        assert_sentence("a long name");
    }
    free(text);
}

static void names_and_labels_have_their_lengths(void **state)
{
    (void)state;
    assert_name_of(63, 63, 0);
    assert_name_of(64, 64, NET_ADDRESS);
    assert_name_of(10, 253, 0);
    assert_name_of(10, 254, NET_ADDRESS);
    assert_name_of(10, 10000, NET_ADDRESS);
    assert_name_of(10, 65536, NET_ADDRESS);
}

/* The value of `source`: the port may be missing, and a name is refused. */
static void a_source_is_a_literal_with_or_without_port(void **state)
{
    static const char *const good[] = {"127.0.0.2", "127.0.0.2:80", "[::1]",
                                       "[::1]:0",   "0.0.0.0",      "[::]:1"};
    static const char *const bad[] = {
        "",      "*",      ":80", "*:80",           "localhost", "example:80", "127.0.0.2:http",
        "127.1", "[::1]:", "::1", "127.0.0.1:70000"};
    struct nf_host host;
    char buffer[64];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(nf_host_parse_source(good[i], strlen(good[i]), &host), 0);
        print(&host, buffer, sizeof buffer);
        assert_string_equal(buffer, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        nf_fail(0);
        if (nf_host_parse_source(bad[i], strlen(bad[i]), &host) != NET_ADDRESS) {
            fail_msg("'%s' was taken for a source", bad[i]);
        }
        assert_sentence(bad[i]);
    }
}

static void an_address_is_scheme_target_and_query(void **state)
{
    static const char *const good[][4] = {
        {"tcp://127.0.0.1:80", "tcp", "127.0.0.1:80", ""},
        {"udp://[::1]:53", "udp", "[::1]:53", ""},
        {"tcp://:80", "tcp", ":80", ""},
        {"tcp://*:0", "tcp", "*:0", ""},
        {"tcp://*:0?", "tcp", "*:0", ""},
        {"unix:///p", "unix", "/p", ""},
        {"unix://@abs", "unix", "@abs", ""},
        {"tcp://h:1?nodelay=off&sndbuf=4KiB", "tcp", "h:1", "nodelay=off&sndbuf=4KiB"},
        {"tcp://h:1?a=b?c", "tcp", "h:1", "a=b?c"},
        {"a+b-c.9://", "a+b-c.9", "", ""},
        {"tcp://://", "tcp", "://", ""}};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct nf_url url;

        assert_int_equal(nf_url_split(good[i][0], &url), 0);
        assert_string_equal(url.scheme, good[i][1]);
        assert_int_equal(url.target_length, strlen(good[i][2]));
        assert_memory_equal(url.target, good[i][2], url.target_length);
        assert_int_equal(url.query_length, strlen(good[i][3]));
        assert_memory_equal(url.query, good[i][3], url.query_length);
    }
}

static void an_address_without_a_scheme_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      ":",
                                      "://",
                                      "://127.0.0.1:80",
                                      "tcp",
                                      "tcp:",
                                      "tcp:/",
                                      "tcp:127.0.0.1:80",
                                      "tcp:/127.0.0.1:80",
                                      "127.0.0.1:80",
                                      " tcp://127.0.0.1:80",
                                      "t cp://127.0.0.1:80",
                                      "tcp ://127.0.0.1:80",
                                      "tcp;//127.0.0.1:80",
                                      "t\xc3\xa7p://127.0.0.1:80",
                                      "abcdefghijklmnopqrstuvwxyzabcdef://127.0.0.1:80"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct nf_url url;

        nf_fail(0);
        assert_int_equal(nf_url_split(bad[i], &url), NET_ADDRESS);
        assert_sentence(bad[i]);
    }
}

static void printing_into_any_room_counts_the_whole(void **state)
{
    static const char whole[] = "[fe80::1%lo]:65535";
    struct nf_host host;

    (void)state;
    assert_int_equal(parse(whole, &host), 0);
    for (size_t size = 0; size <= sizeof whole + 2; size++) {
        struct nf_text text;
        char *buffer = malloc(size + 1);

        assert_non_null(buffer);
        memset(buffer, 'x', size + 1);
        nf_text_begin(&text, buffer, size);
        nf_host_print(&text, &host);
        assert_int_equal(text.length, sizeof whole - 1);
        assert_int_equal(buffer[size], 'x');
        if (size > 0) {
            size_t kept = size - 1 < sizeof whole - 1 ? size - 1 : sizeof whole - 1;

            assert_int_equal(strlen(buffer), kept);
            assert_memory_equal(buffer, whole, kept);
        }
        free(buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_targets_print_back_the_same),
        cmocka_unit_test(other_spellings_print_as_the_canonical_one),
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(malformed_targets_are_refused_with_a_sentence),
        cmocka_unit_test(a_nul_is_no_character_of_a_target),
        cmocka_unit_test(numbers_that_are_no_literal_are_refused),
        cmocka_unit_test(zones_belong_to_link_local_addresses),
        cmocka_unit_test(a_zone_must_name_an_interface),
        cmocka_unit_test(a_service_stands_in_the_place_of_a_number),
        cmocka_unit_test(names_and_labels_have_their_lengths),
        cmocka_unit_test(a_source_is_a_literal_with_or_without_port),
        cmocka_unit_test(an_address_is_scheme_target_and_query),
        cmocka_unit_test(an_address_without_a_scheme_is_refused),
        cmocka_unit_test(printing_into_any_room_counts_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

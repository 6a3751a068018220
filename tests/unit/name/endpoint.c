/* Address literals parsed and printed: one form of each, as RFC 5952 says. */
#include "name/endpoint.h"
#include "netfacade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static struct nf_addr literal(const char *text)
{
    struct nf_addr addr = {0};

    if (!nf_literal_parse(text, strlen(text), &addr)) {
        fail_msg("'%s' is no literal", text);
    }
    return addr;
}

static const char *printed(const struct nf_addr *addr)
{
    static char buffer[128];
    struct nf_text text;

    nf_text_begin(&text, buffer, sizeof buffer);
    nf_print_host(&text, addr);
    assert_int_equal(text.length, strlen(buffer));
    return buffer;
}

static void ipv6_prints_as_rfc_5952_says(void **state)
{
    static const char *const cases[][2] = {
        {"2001:db8::1", "[2001:db8::1]"},
        {"2001:0db8::0001", "[2001:db8::1]"},               /* 4.1: no leading zeros */
        {"2001:db8:0:0:0:0:2:1", "[2001:db8::2:1]"},        /* 4.2.1: as short as possible */
        {"2001:db8:0:1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]"}, /* 4.2.2: not for one group */
        {"2001:db8::1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]"},
        {"2001:0:0:1:0:0:0:1", "[2001:0:0:1::1]"},       /* 4.2.3: the longest run */
        {"2001:db8:0:0:1:0:0:1", "[2001:db8::1:0:0:1]"}, /* 4.2.3: the first of equals */
        {"2001:DB8::ABCD:EF", "[2001:db8::abcd:ef]"},    /* 4.3: lower case */
        {"::", "[::]"},
        {"::1", "[::1]"},
        {"1::", "[1::]"},
        {"0:0:0:0:0:0:0:0", "[::]"},
        {"1:0:0:0:0:0:0:0", "[1::]"},
        {"0:0:0:0:0:0:0:1", "[::1]"},
        {"1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]"},
        {"1:2:3:4:5:6:0:0", "[1:2:3:4:5:6::]"},
        {"0:0:3:4:5:6:7:8", "[::3:4:5:6:7:8]"},
        {"0:2:3:4:5:6:7:0", "[0:2:3:4:5:6:7:0]"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]"},
        {"::1.2.3.4", "[::102:304]"},
        {"::ffff:0:1.2.3.4", "[::ffff:0:102:304]"},
        {"64:ff9b::192.0.2.33", "[64:ff9b::c000:221]"},
        {"1:2:3:4:5:6:1.2.3.4", "[1:2:3:4:5:6:102:304]"},
        {"::2:3:4:5:6:7:8", "[0:2:3:4:5:6:7:8]"},
        {"1:2:3:4:5:6:7::", "[1:2:3:4:5:6:7:0]"},
        {"1::3:4:5:6:7:8", "[1:0:3:4:5:6:7:8]"}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct nf_addr addr = literal(cases[i][0]);

        assert_int_equal(addr.family, NF_IPV6);
        assert_string_equal(printed(&addr), cases[i][1]);
    }
}

/* The same peer in both spellings. */
static void a_mapped_address_is_ipv4(void **state)
{
    static const char *const forms[] = {"::ffff:127.0.0.1", "::FFFF:7f00:1",
                                        "0:0:0:0:0:ffff:127.0.0.1", "::ffff:7f00:0001"};
    struct nf_addr plain = literal("127.0.0.1");

    (void)state;
    assert_int_equal(plain.family, NF_IPV4);
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct nf_addr addr = literal(forms[i]);

        assert_memory_equal(&addr, &plain, sizeof addr);
        assert_string_equal(printed(&addr), "127.0.0.1");
    }
}

static void what_is_no_strict_literal_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "1",
                                      "1.2",
                                      "1.2.3",
                                      "1.2.3.",
                                      ".1.2.3",
                                      "1.2.3.4.",
                                      "1.2.3.4.5",
                                      "1.2.3.256",
                                      "1.2.3.1000",
                                      "01.2.3.4",
                                      "1.2.3.04",
                                      "00.0.0.0",
                                      "1.2.3.-4",
                                      "1.2.3.+4",
                                      "1.2.3.4 ",
                                      " 1.2.3.4",
                                      "1.2.3.a",
                                      "0x1.2.3.4",
                                      "1.2..3",
                                      "2130706433",
                                      ":",
                                      ":::",
                                      "1:",
                                      ":1",
                                      "1:2",
                                      "1:2:3:4:5:6:7",
                                      "1::2::3",
                                      "12345::",
                                      "::12345",
                                      "::g",
                                      "1:2:3:4:5:6:7:8:9",
                                      "::1:",
                                      ":1::",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "::1.2.3",
                                      "1.2.3.4::",
                                      "::1.2.3.4:5",
                                      "::1.2.3.04",
                                      "::1%lo",
                                      "[::1]",
                                      "::ffff:1.2.3.256",
                                      "::1/128",
                                      "1:2:3:4:5:6:7:8::",
                                      "::1:2:3:4:5:6:7:8",
                                      "1:2:3:4::5:6:7:8",
                                      "localhost",
                                      "1::2:"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct nf_addr addr = {0};

        if (nf_literal_parse(bad[i], strlen(bad[i]), &addr)) {
            fail_msg("'%s' was taken for a literal", bad[i]);
        }
    }
}

static void a_literal_ends_where_its_length_does(void **state)
{
    struct nf_addr addr = {0};

    (void)state;
    assert_true(nf_literal_parse("1.2.3.45", 7, &addr));
    assert_int_equal(addr.ip[3], 4);
    assert_true(nf_literal_parse("::12", 3, &addr));
    assert_int_equal(addr.ip[15], 1);
    assert_false(nf_literal_parse("1.2.3.4\0", 8, &addr));
    assert_false(nf_literal_parse("::1\0", 4, &addr));
}

static void what_ends_in_a_number_looks_numeric(void **state)
{
    static const char *const numeric[] = {"1",    "127.1",  "0x7f.1", "a.1",   "a.0x1",    "1.",
                                          "a.1.", "0XFFAA", "0x",     "a.b.0", "1.2.3.4.5"};
    static const char *const names[] = {"",    ".",     "a",    "1a",  "1.a",      "a.1b",
                                        "0xg", "a.0xg", "1.a.", "a..", "1.2.3.4a", "0x1.example"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(numeric); i++) {
        if (!nf_looks_numeric(numeric[i], strlen(numeric[i]))) {
            fail_msg("%s does not look numeric", numeric[i]);
        }
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (nf_looks_numeric(names[i], strlen(names[i]))) {
            fail_msg("%s looks numeric", names[i]);
        }
    }
}

static void an_endpoint_prints_as_text_that_can_be_read_back(void **state)
{
    static const char *const texts[] = {"127.0.0.1:80", "[::1]:65535", "[fe80::1%lo]:1",
                                        "0.0.0.0:0"};
    struct nf_addr addrs[4] = {literal("127.0.0.1"), literal("::1"), literal("fe80::1"),
                               literal("0.0.0.0")};

    (void)state;
    addrs[0].port = 80;
    addrs[1].port = 65535;
    addrs[2].port = 1;
    assert_int_equal(nf_zone_index("lo", &addrs[2].scope), 0);
    assert_int_not_equal(addrs[2].scope, 0);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        net_endpoint endpoint;
        char buffer[64];

        nf_endpoint_make(&endpoint, &addrs[i], NULL);
        assert_false(nf_endpoint_is_empty(&endpoint));
        assert_int_equal(net_endpoint_text(&endpoint, buffer, sizeof buffer), strlen(texts[i]));
        assert_string_equal(buffer, texts[i]);
    }
}

/* An interface that is gone still has a number. */
static void a_zone_without_a_name_prints_as_its_number(void **state)
{
    struct nf_addr addr = literal("fe80::1");

    (void)state;
    addr.scope = 123456;
    assert_string_equal(printed(&addr), "[fe80::1%123456]");
}

/* The form that other programs and net_address take for a host. */
static void a_bare_host_has_a_zone_and_no_brackets(void **state)
{
    struct nf_addr addrs[] = {
        literal("fe80::1"), literal("::1"), literal("192.0.2.1"), {.family = NF_EVERYWHERE}};
    static const char *const texts[] = {"fe80::1%lo", "::1", "192.0.2.1", "*"};
    char bare[64];
    struct nf_text text;

    (void)state;
    assert_int_equal(nf_zone_index("lo", &addrs[0].scope), 0);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        nf_text_begin(&text, bare, sizeof bare);
        nf_print_bare_host(&text, &addrs[i]);
        assert_string_equal(bare, texts[i]);
    }
}

static void endpoint_text_counts_like_snprintf(void **state)
{
    static const char whole[] = "[2001:db8::8:800:200c:417a]:65535";
    struct nf_addr addr = literal("2001:db8::8:800:200c:417a");
    net_endpoint endpoint;

    (void)state;
    addr.port = 65535;
    nf_endpoint_make(&endpoint, &addr, NULL);
    for (size_t size = 0; size < sizeof whole + 2; size++) {
        char *buffer = malloc(size + 1);

        assert_non_null(buffer);
        memset(buffer, 'x', size + 1);
        assert_int_equal(net_endpoint_text(&endpoint, size > 0 ? buffer : NULL, size),
                         sizeof whole - 1);
        assert_int_equal(buffer[size], 'x');
        if (size > 0) {
            assert_memory_equal(buffer, whole, size < sizeof whole ? size - 1 : sizeof whole - 1);
            assert_int_equal(buffer[size < sizeof whole ? size - 1 : sizeof whole - 1], '\0');
        }
        free(buffer);
    }
}

static void an_endpoint_of_zeros_names_nobody(void **state)
{
    net_endpoint nobody = {0};
    char buffer[64];

    (void)state;
    assert_true(nf_endpoint_is_empty(&nobody));
    assert_int_equal(net_endpoint_text(&nobody, buffer, sizeof buffer), NET_MISUSE);
    assert_int_equal(net_endpoint_text(NULL, buffer, sizeof buffer), NET_MISUSE);
    memset(&nobody, 0xa5, sizeof nobody);
    assert_int_equal(net_endpoint_text(&nobody, buffer, sizeof buffer), NET_MISUSE);
}

static void an_endpoint_keeps_both_addresses_and_zeros_elsewhere(void **state)
{
    struct nf_addr remote = literal("10.1.2.3");
    struct nf_addr local = literal("2001:db8::5");
    struct nf_addr seen;
    net_endpoint endpoint;
    net_endpoint same;

    (void)state;
    remote.port = 7;
    memset(&endpoint, 0xff, sizeof endpoint);
    nf_endpoint_make(&endpoint, &remote, &local);
    nf_endpoint_remote(&endpoint, &seen);
    assert_memory_equal(&seen, &remote, sizeof seen);
    nf_endpoint_local(&endpoint, &seen);
    assert_memory_equal(&seen, &local, sizeof seen);
    nf_endpoint_make(&same, &remote, NULL);
    assert_memory_equal(same.remote, endpoint.remote, sizeof same.remote);
    for (size_t i = sizeof remote; i < sizeof endpoint.remote; i++) {
        assert_int_equal(endpoint.remote[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv6_prints_as_rfc_5952_says),
        cmocka_unit_test(a_mapped_address_is_ipv4),
        cmocka_unit_test(what_is_no_strict_literal_is_refused),
        cmocka_unit_test(a_literal_ends_where_its_length_does),
        cmocka_unit_test(what_ends_in_a_number_looks_numeric),
        cmocka_unit_test(an_endpoint_prints_as_text_that_can_be_read_back),
        cmocka_unit_test(a_zone_without_a_name_prints_as_its_number),
        cmocka_unit_test(a_bare_host_has_a_zone_and_no_brackets),
        cmocka_unit_test(endpoint_text_counts_like_snprintf),
        cmocka_unit_test(an_endpoint_of_zeros_names_nobody),
        cmocka_unit_test(an_endpoint_keeps_both_addresses_and_zeros_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

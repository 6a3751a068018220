/* Values of the kinds that unix sockets, faults and frames use: permissions, shares, limits, codes,
 * frames. */
#include "name/value.h"
#include "os/cause.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "netfacade.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static int parse(enum nf_property property, const char *text, struct nf_value *value)
{
    nf_fail(0);
    return nf_value_parse(property, text, strlen(text), value);
}

static void print(enum nf_property property, const struct nf_value *value, char *buffer,
                  size_t size)
{
    struct nf_text text;

    nf_text_begin(&text, buffer, size);
    nf_value_print(&text, property, value);
}

/* The text gives this number, it prints as `printed`, and that gives the same number. */
static void assert_value(enum nf_property property, const char *text, int64_t number,
                         const char *printed)
{
    struct nf_value value;
    struct nf_value again;
    char buffer[64];

    if (parse(property, text, &value) != 0) {
        fail_msg("'%s': %s", text, nf_cause_pending()->detail);
    }
    assert_int_equal(value.number, number);
    print(property, &value, buffer, sizeof buffer);
    assert_string_equal(buffer, printed);
    assert_int_equal(parse(property, buffer, &again), 0);
    assert_memory_equal(&again, &value, sizeof value);
}

static void assert_refused(enum nf_property property, const char *text)
{
    struct nf_value value;

    if (parse(property, text, &value) != NET_ADDRESS) {
        fail_msg("'%s' was taken", text);
    }
    assert_non_null(strstr(nf_cause_pending()->detail, text));
}

static void permissions_are_octal(void **state)
{
    static const char *const bad[] = {"",      "8",     "1000", "7777", "0778", "-1",
                                      "+660",  "660 ",  " 660", "0x1f", "rw",   "off",
                                      "0660u", "00660", "u=rw", "6.0"};
    char text[8];

    (void)state;
    for (int mode = 0; mode <= 0777; mode++) {
        char printed[8];

        snprintf(printed, sizeof printed, "%04o", (unsigned)mode);
        snprintf(text, sizeof text, "%o", (unsigned)mode);
        assert_value(NF_MODE, text, mode, printed);
        assert_value(NF_MODE, printed, mode, printed);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_refused(NF_MODE, bad[i]);
    }
    assert_non_null(strstr(nf_cause_pending()->detail, "0660")); /* a good value */
}

static void a_share_is_from_nothing_to_the_whole(void **state)
{
    static const enum nf_property words[] = {NF_LOSS, NF_DUPLICATE, NF_REORDER};
    static const struct {
        const char *text;
        int64_t millionths;
        const char *printed;
    } good[] = {{"0", 0, "0"},
                {"1", NF_MILLIONTHS, "1"},
                {"0.0", 0, "0"},
                {"1.0", NF_MILLIONTHS, "1"},
                {"1.000000", NF_MILLIONTHS, "1"},
                {"0.5", NF_MILLIONTHS / 2, "0.5"},
                {"0.50", NF_MILLIONTHS / 2, "0.5"},
                {"0.05", NF_MILLIONTHS / 20, "0.05"},
                {"0.01", NF_MILLIONTHS / 100, "0.01"},
                {"0.000001", 1, "0.000001"},
                {"0.999999", NF_MILLIONTHS - 1, "0.999999"},
                {"0.123456", 123456, "0.123456"},
                {"0.100000", NF_MILLIONTHS / 10, "0.1"}};
    static const char *const bad[] = {"",          "2",    "1.1",  "1.000001", "-0.1", "+0.1",
                                      ".5",        "0.",   "5%",   "0,5",      "1e-3", "00.5",
                                      "0.0000001", "0.5 ", " 0.5", "off",      "on",   "0.5x",
                                      "0x0.1",     "1.",   "10",   "0.-1",     "9",    "0..1"};

    (void)state;
    for (size_t w = 0; w < COUNT_OF(words); w++) {
        for (size_t i = 0; i < COUNT_OF(good); i++) {
            assert_value(words[w], good[i].text, good[i].millionths, good[i].printed);
        }
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
            assert_refused(words[w], bad[i]);
        }
    }
}

static void each_share_prints_as_itself(void **state)
{
    (void)state;
    for (int64_t millionths = 0; millionths <= NF_MILLIONTHS; millionths += 37) {
        struct nf_value value = {.number = millionths};
        struct nf_value again;
        char buffer[32];

        print(NF_LOSS, &value, buffer, sizeof buffer);
        assert_int_equal(parse(NF_LOSS, buffer, &again), 0);
        assert_int_equal(again.number, millionths);
    }
}

static void a_limit_is_a_size_or_off(void **state)
{
    static const enum nf_property words[] = {NF_CHUNK, NF_RESET_AFTER, NF_STALL_AFTER};
    static const char *const bad[] = {"",   "0",      "0KiB", "-1",    "1kb", "1K",
                                      "on", "1.5KiB", "Off",  "1 KiB", "1ms"};

    (void)state;
    for (size_t w = 0; w < COUNT_OF(words); w++) {
        assert_value(words[w], "off", 0, "off");
        assert_value(words[w], "1", 1, "1B");
        assert_value(words[w], "3", 3, "3B");
        assert_value(words[w], "10KiB", 10240, "10KiB");
        assert_value(words[w], "1024", 1024, "1KiB");
        assert_value(words[w], "1MiB", 1048576, "1MiB");
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
            assert_refused(words[w], bad[i]);
        }
    }
    assert_refused(NF_CHUNK, "1GiB");
    assert_value(NF_RESET_AFTER, "3GiB", 3 * (INT64_C(1) << 30), "3GiB");
}

static void a_failure_to_order_is_one_of_a_few(void **state)
{
    static const struct {
        const char *name;
        int code;
    } good[] = {{"NET_LIMIT", NET_LIMIT},
                {"NET_SYSTEM", NET_SYSTEM},
                {"NET_DENIED", NET_DENIED},
                {"NET_RESET", NET_RESET}};
    static const char *const bad[] = {"",           "NET_EOF", "LIMIT", "net_limit",  "NET_LIMI",
                                      "NET_LIMITS", "-12",     "on",    "NET_TIMEOUT"};

    (void)state;
    assert_value(NF_ACCEPT_FAIL, "off", 0, "off");
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_value(NF_ACCEPT_FAIL, good[i].name, good[i].code, good[i].name);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_refused(NF_ACCEPT_FAIL, bad[i]);
    }
}

static void a_seed_is_a_number(void **state)
{
    (void)state;
    assert_value(NF_SEED, "0", 0, "0");
    assert_value(NF_SEED, "7", 7, "7");
    assert_value(NF_SEED, "00007", 7, "7");
    assert_refused(NF_SEED, "seven");
    assert_refused(NF_SEED, "-7");
    assert_refused(NF_SEED, "7ms");
    assert_refused(NF_SEED, "99999999999999999999999");
}

static void a_frame_is_one_of_four(void **state)
{
    static const struct {
        const char *name;
        enum nf_frame_kind kind;
    } good[] = {{"u32", NF_FRAME_U32},
                {"u16", NF_FRAME_U16},
                {"netstring", NF_FRAME_NETSTRING},
                {"line", NF_FRAME_LINE}};
    static const char *const bad[] = {"",    "u8",   "u64",  "U16",        "16",        "u",
                                      "off", "none", "lin",  "lines",      "net",       "u16 ",
                                      "0",   "u322", " u16", "netstrings", "NETSTRING", "on"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_value(NF_FRAME, good[i].name, good[i].kind, good[i].name);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_refused(NF_FRAME, bad[i]);
        assert_non_null(strstr(nf_cause_pending()->detail, "u16, u32, netstring or line"));
    }
}

static void a_longest_message_has_a_size(void **state)
{
    static const char *const bad[] = {"",      "0",   "0KiB",       "-1",         "off",  "1kb",
                                      "1 KiB", "1ms", "1048577KiB", "1073741825", "2GiB", "1TiB"};

    (void)state;
    assert_value(NF_MAX, "1", 1, "1B");
    assert_value(NF_MAX, "65535", 65535, "65535B");
    assert_value(NF_MAX, "64KiB", 65536, "64KiB");
    assert_value(NF_MAX, "1048576KiB", INT64_C(1) << 30, "1GiB");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_refused(NF_MAX, bad[i]);
    }
    assert_int_equal(nf_rules[NF_MAX].standard, NF_MIB);
}

/* Over unix, an admitted peer is a path or a name, as it is printed. */
static void a_peer_may_be_a_path_or_a_name(void **state)
{
    static const struct {
        const char *text;
        const char *bytes;
        uint16_t size;
    } good[] = {{"/run/x", "/run/x", 6}, {"@abc", "\0abc", 4}, {"@a%00b", "\0a\0b", 4}};
    struct nf_value value;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(parse(NF_ADMIT, good[i].text, &value), 0);
        assert_int_equal(value.addr.family, NF_UNIX);
        assert_int_equal(value.addr.size, good[i].size);
        assert_memory_equal(value.addr.name, good[i].bytes, good[i].size);
    }
    assert_int_equal(parse(NF_ADMIT, "@%0", &value), NET_ADDRESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permissions_are_octal),
        cmocka_unit_test(a_share_is_from_nothing_to_the_whole),
        cmocka_unit_test(each_share_prints_as_itself),
        cmocka_unit_test(a_limit_is_a_size_or_off),
        cmocka_unit_test(a_failure_to_order_is_one_of_a_few),
        cmocka_unit_test(a_seed_is_a_number),
        cmocka_unit_test(a_peer_may_be_a_path_or_a_name),
        cmocka_unit_test(a_frame_is_one_of_four),
        cmocka_unit_test(a_longest_message_has_a_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

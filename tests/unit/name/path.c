/* Names as parts of addresses: each byte encoded and decoded, %XX, and where a name ends. */
#include "name/path.h"
#include "os/cause.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "netfacade.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static void print(enum nf_family family, const char *name, size_t size, char *buffer, size_t room)
{
    struct nf_addr addr = {.family = (uint16_t)family, .size = (uint16_t)size, .name = name};
    struct nf_text text;

    nf_text_begin(&text, buffer, room);
    nf_path_print(&text, &addr);
}

static void a_text_is_taken_as_it_stands(void **state)
{
    static const char *const texts[] = {"",   "/",    "@",    "/run/x.sock",
                                        "@a", "name", "/a b", "\xff\x80"};
    char name[NF_ADDR_NAME_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(nf_path_parse(texts[i], strlen(texts[i]), name), strlen(texts[i]));
        assert_memory_equal(name, texts[i], strlen(texts[i]));
    }
    assert_int_equal(nf_path_parse("/abc", 2, name), 2); /* and it ends there */
}

static void two_hex_digits_are_one_byte(void **state)
{
    char name[NF_ADDR_NAME_MAX];
    char text[8];

    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (int upper = 0; upper < 2; upper++) {
            snprintf(text, sizeof text, upper ? "a%%%02Xb" : "a%%%02xb", byte);
            assert_int_equal(nf_path_parse(text, 5, name), 3);
            assert_int_equal(name[0], 'a');
            assert_int_equal((unsigned char)name[1], byte);
            assert_int_equal(name[2], 'b');
        }
    }
    assert_int_equal(nf_path_parse("%25%2f%00", 9, name), 3);
    assert_memory_equal(name, "%/", 3);
    assert_int_equal(nf_path_parse("%2541", 5, name), 3); /* decoded once, not twice */
    assert_memory_equal(name, "%41", 3);
}

static void a_percent_without_two_digits_is_refused(void **state)
{
    static const char *const bad[] = {"%",    "%4",   "a%",  "a%4", "%g0", "%0g",
                                      "%%41", "% 41", "%-1", "%+1", "%4%"};
    char name[NF_ADDR_NAME_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        nf_fail(0);
        assert_int_equal(nf_path_parse(bad[i], strlen(bad[i]), name), NET_ADDRESS);
        assert_non_null(strstr(nf_cause_pending()->detail, "%"));
    }
    assert_int_equal(nf_path_parse("%41", 2, name),
                     NET_ADDRESS); /* the digit does not belong to the escape */
}

static void a_name_has_so_many_bytes_and_no_more(void **state)
{
    char text[3 * NF_ADDR_NAME_MAX + 3];
    char name[NF_ADDR_NAME_MAX + 1];

    (void)state;
    memset(text, 'x', sizeof text);
    name[NF_ADDR_NAME_MAX] = '!';
    assert_int_equal(nf_path_parse(text, NF_ADDR_NAME_MAX, name), NF_ADDR_NAME_MAX);
    assert_int_equal(nf_path_parse(text, NF_ADDR_NAME_MAX + 1, name), NET_ADDRESS);
    for (size_t i = 0; i <= NF_ADDR_NAME_MAX; i++) {
        memcpy(text + 3 * i, "%2e", 3);
    }
    assert_int_equal(nf_path_parse(text, 3 * NF_ADDR_NAME_MAX, name), NF_ADDR_NAME_MAX);
    assert_int_equal(nf_path_parse(text, 3 * NF_ADDR_NAME_MAX + 3, name), NET_ADDRESS);
    assert_int_equal(name[NF_ADDR_NAME_MAX], '!');
}

static void what_is_printed_is_parsed_to_the_same(void **state)
{
    char text[4 * NF_ADDR_NAME_MAX];
    char again[NF_ADDR_NAME_MAX];

    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        const char name[] = {'/', (char)byte, 'x', (char)byte};

        print(NF_UNIX, name, sizeof name, text, sizeof text);
        assert_int_equal(nf_path_parse(text, strlen(text), again), sizeof name);
        assert_memory_equal(again, name, sizeof name);
        for (const char *each = text; *each != '\0'; each++) {
            assert_true((unsigned char)*each > ' ' && *each != '?' && *each != '#' &&
                        *each != 0x7f);
        }
    }
}

/* The name of a unix socket without a file begins with a NUL. Other names cannot have a NUL
 * there. */
static void a_nul_at_the_front_of_a_unix_name_is_an_at(void **state)
{
    char text[64];

    (void)state;
    print(NF_UNIX, "\0a\0@", 4, text, sizeof text);
    assert_string_equal(text, "@a%00@");
    print(NF_UNIX, "\0\0", 2, text, sizeof text);
    assert_string_equal(text, "@%00");
    print(NF_UNIX, "/@", 2, text, sizeof text);
    assert_string_equal(text, "/@");
    print(NF_MEM, "\0a", 2, text, sizeof text);
    assert_string_equal(text, "%00a");
    print(NF_UNIX, "", 0, text, sizeof text);
    assert_string_equal(text, "");
}

static void a_text_that_does_not_fit_is_counted(void **state)
{
    struct nf_addr addr = {.family = NF_UNIX, .size = 4, .name = "/a b"};
    char buffer[4] = "zzz";
    struct nf_text text;

    (void)state;
    nf_text_begin(&text, buffer, sizeof buffer);
    nf_path_print(&text, &addr);
    assert_int_equal(text.length, strlen("/a%20b"));
    assert_string_equal(buffer, "/a%");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_taken_as_it_stands),
        cmocka_unit_test(two_hex_digits_are_one_byte),
        cmocka_unit_test(a_percent_without_two_digits_is_refused),
        cmocka_unit_test(a_name_has_so_many_bytes_and_no_more),
        cmocka_unit_test(what_is_printed_is_parsed_to_the_same),
        cmocka_unit_test(a_nul_at_the_front_of_a_unix_name_is_an_at),
        cmocka_unit_test(a_text_that_does_not_fit_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

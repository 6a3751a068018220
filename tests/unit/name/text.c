/* Which text may be printed, and how the rest of it is escaped. */
#include "name/text.h"
#include "safe_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* Every code point, and the bytes that a careless encoder makes of one that has none. */
static size_t encode(uint32_t point, char bytes[5])
{
    memset(bytes, 0, 5);
    if (point < 0x80) {
        bytes[0] = (char)point;
        return 1;
    }
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    bytes[0] = (char)((0xf00u >> length) | point);
    return length;
}

static void each_code_point_is_safe_or_not(void **state)
{
    char bytes[5];
    int unsafe = 0;

    (void)state;
    for (uint32_t point = 1; point < 0x120000; point++) {
        size_t length = encode(point, bytes);
        size_t expected = is_safe_text(bytes) ? length : 0;

        if (nf_text_safe(bytes, length) != expected) {
            fail_msg("U+%04X", (unsigned)point);
        }
        unsafe += point < 0x110000 && (point < 0xd800 || point > 0xdfff) && expected == 0;
    }
    assert_int_equal(unsafe, 31 + 33 + 1 + 2 + 7 + 4);
}

/* Also the overlong forms, and what ends too early. */
static void every_three_bytes_are_judged_alike(void **state)
{
    char bytes[4] = "";

    (void)state;
    for (unsigned all = 0; all < 1u << 24; all += all % 7 == 0 ? 0x101 : 0x303) {
        bytes[0] = (char)(all >> 16);
        bytes[1] = (char)(all >> 8);
        bytes[2] = (char)all;
        size_t length = strlen(bytes);

        assert_int_equal(nf_text_is_safe(bytes, length), is_safe_text(bytes));
    }
}

static void nothing_behind_the_end_is_read(void **state)
{
    (void)state;
    assert_int_equal(nf_text_safe("\xe2\x86\x92", 3), 3);
    assert_int_equal(nf_text_safe("\xe2\x86\x92", 2), 0);
    assert_int_equal(nf_text_safe("a", 0), 0);
    assert_int_equal(nf_text_safe("", 1), 0);
    assert_true(nf_text_is_safe("", 0));
    assert_false(nf_text_is_safe("a\0b", 3));
}

static void assert_escaped(const char *text, size_t room, const char *expected, size_t length)
{
    char buffer[64];
    struct nf_text printed;

    memset(buffer, '!', sizeof buffer);
    nf_text_begin(&printed, buffer, room);
    nf_text_add_escaped(&printed, text);
    assert_string_equal(buffer, expected);
    assert_int_equal(printed.length, length);
}

static void an_escape_or_a_character_is_cut_whole(void **state)
{
    (void)state;
    assert_escaped("a\\\n\xc3\xa9", 64, "a\\\\\\x0a\xc3\xa9", 9);
    assert_escaped("a\\\n\xc3\xa9", 10, "a\\\\\\x0a\xc3\xa9", 9);
    assert_escaped("a\\\n\xc3\xa9z", 10, "a\\\\\\x0a\xc3\xa9", 10);
    assert_escaped("a\\\n\xc3\xa9z", 9, "a\\\\\\x0a", 10);
    assert_escaped("a\\\nb", 7, "a\\\\", 8);
    assert_escaped("\n", 1, "", 4);
}

static void a_quote_ends_between_characters(void **state)
{
    char text[80];
    char quote[NF_QUOTE_MAX];
    char address[300];

    (void)state;
    memset(text, 'x', sizeof text);
    assert_int_equal(nf_quoted(text, 10), 10);
    assert_int_equal(nf_quoted(text, sizeof text), 64);
    memcpy(text + 62, "\xe2\x86\x92", 3);
    assert_int_equal(nf_quoted(text, sizeof text), 62);
    memset(text, 0x80, sizeof text);
    assert_int_equal(nf_quoted(text, sizeof text), 0);
    memset(address, 'x', sizeof address);
    address[sizeof address - 1] = '\0';
    memcpy(address + 195, "\xc3\xa9", 2);
    nf_text_quote(quote, address);
    assert_int_equal(strlen(quote), 198);
    assert_string_equal(quote + 194, "x...");
    nf_text_quote(quote, NULL);
    assert_string_equal(quote, "");
}

static void a_word_is_told_in_small_letters_and_capitals(void **state)
{
    (void)state;
    assert_true(nf_text_is_word("localhost.", 9, "localhost"));
    assert_true(nf_text_is_word("LocalHost", 9, "localhost"));
    assert_false(nf_text_is_word("localhos", 8, "localhost"));
    assert_false(nf_text_is_word("localhosts", 10, "localhost"));
    assert_false(nf_text_is_word("localhosr", 9, "localhost"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_code_point_is_safe_or_not),
        cmocka_unit_test(every_three_bytes_are_judged_alike),
        cmocka_unit_test(nothing_behind_the_end_is_read),
        cmocka_unit_test(an_escape_or_a_character_is_cut_whole),
        cmocka_unit_test(a_quote_ends_between_characters),
        cmocka_unit_test(a_word_is_told_in_small_letters_and_capitals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* How a message lies in a stream, byte by byte. */
#include "framed/frame.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = 0, FOUND = 1, MAX = 1000 };

/* What is found in these bytes, the beginning of what a peer sends. */
static int find(enum nf_frame_kind kind, const char *bytes, size_t count, size_t max,
                struct nf_frame *frame)
{
    struct nf_kept *kept = NULL;
    int code;

    memset(frame, 0, sizeof *frame);
    nf_fail(0);
    if (count > 0) {
        memcpy(nf_kept_space(&kept, count, count), bytes, count);
        kept->count = count;
    }
    code = nf_frame_find(kind, kept, max, frame);
    free(kept);
    return code;
}

static void assert_frame(const struct nf_frame *frame, size_t head, size_t size, size_t tail)
{
    assert_int_equal(frame->head, head);
    assert_int_equal(frame->size, size);
    assert_int_equal(frame->tail, tail);
}

/* Nothing is said of the first `known` - 1 bytes, and the same of all longer pieces. */
static void expect(enum nf_frame_kind kind, const char *bytes, size_t count, size_t known,
                   const struct nf_frame *expected)
{
    struct nf_frame frame;

    for (size_t n = 0; n <= count; n++) {
        if (n < known) {
            assert_int_equal(find(kind, bytes, n, MAX, &frame), NONE);
        } else {
            assert_int_equal(find(kind, bytes, n, MAX, &frame), FOUND);
            assert_frame(&frame, expected->head, expected->size, expected->tail);
        }
    }
}

#define EXPECT(kind, bytes, known, ...)                                                            \
    expect((kind), (bytes), sizeof(bytes) - 1, (known), &(struct nf_frame){__VA_ARGS__})

static void a_message_is_found_once_its_length_is_there(void **state)
{
    (void)state;
    EXPECT(NF_FRAME_U16, "\0\3abc\0\1", 2, 2, 3, 0);
    EXPECT(NF_FRAME_U16, "\0\0\0", 2, 2, 0, 0);
    EXPECT(NF_FRAME_U16, "\3\350x", 2, 2, MAX, 0);
    EXPECT(NF_FRAME_U32, "\0\0\0\3abc\0", 4, 4, 3, 0);
    EXPECT(NF_FRAME_U32, "\0\0\0\0", 4, 4, 0, 0);
    EXPECT(NF_FRAME_U32, "\0\0\3\350x", 4, 4, MAX, 0);
    EXPECT(NF_FRAME_NETSTRING, "3:abc,1:", 2, 2, 3, 1);
    EXPECT(NF_FRAME_NETSTRING, "0:,", 2, 2, 0, 1);
    EXPECT(NF_FRAME_NETSTRING, "1000:x", 5, 5, MAX, 1);
    EXPECT(NF_FRAME_LINE, "abc\nde", 4, 0, 3, 1);
    EXPECT(NF_FRAME_LINE, "abc\r\nde", 5, 0, 3, 2);
    EXPECT(NF_FRAME_LINE, "a\rc\nde", 4, 0, 3, 1);
    EXPECT(NF_FRAME_LINE, "\r\r\n", 3, 0, 1, 2);
    EXPECT(NF_FRAME_LINE, "\r\n", 2, 0, 0, 2);
    EXPECT(NF_FRAME_LINE, "\n\n", 1, 0, 0, 1);
}

/* Refused at the byte number `at`, counted from 1, and with each longer piece. Before it nothing is
 * said, or that a message is on its way. */
static void expect_refused(enum nf_frame_kind kind, const char *bytes, size_t count, size_t at,
                           const char *why)
{
    struct nf_frame frame;

    for (size_t n = 0; n <= count; n++) {
        int code = find(kind, bytes, n, MAX, &frame);

        if (n < at) {
            assert_in_range(code, NONE, FOUND);
        } else {
            assert_int_equal(code, NET_RESET);
        }
    }
    check_says(nf_cause_pending()->detail, why, __FILE__, __LINE__);
}

#define EXPECT_REFUSED(kind, bytes, at, why)                                                       \
    expect_refused((kind), (bytes), sizeof(bytes) - 1, (at), (why))

static void a_bad_frame_is_refused_as_soon_as_it_shows(void **state)
{
    (void)state;
    EXPECT_REFUSED(NF_FRAME_U16, "\3\351abc", 2, "a message of 1001 bytes; max is 1000");
    EXPECT_REFUSED(NF_FRAME_U32, "\0\0\3\351abc", 4, "a message of 1001 bytes; max is 1000");
    EXPECT_REFUSED(NF_FRAME_U32, "\377\377\377\377", 4, "a message of 4294967295 bytes");
    EXPECT_REFUSED(NF_FRAME_NETSTRING, "1001:", 4, "a message of 1001 bytes; max is 1000");
    EXPECT_REFUSED(NF_FRAME_NETSTRING, "10010", 4, "a message of at least 1001 bytes");
    EXPECT_REFUSED(NF_FRAME_NETSTRING, "99999999999999999999999", 4, "at least 9999 bytes");
    EXPECT_REFUSED(NF_FRAME_NETSTRING, "00:,", 2, "begins with a zero");
    EXPECT_REFUSED(NF_FRAME_NETSTRING, "03:abc,", 2, "begins with a zero");
    EXPECT_REFUSED(NF_FRAME_NETSTRING, ":abc,", 1, "digits and a colon");
    EXPECT_REFUSED(NF_FRAME_NETSTRING, "-1:,", 1, "digits and a colon");
    EXPECT_REFUSED(NF_FRAME_NETSTRING, " 3:abc,", 1, "digits and a colon");
    EXPECT_REFUSED(NF_FRAME_NETSTRING, "3x:abc,", 2, "digits and a colon");
    EXPECT_REFUSED(NF_FRAME_NETSTRING, "3,abc,", 2, "digits and a colon");
    EXPECT_REFUSED(NF_FRAME_NETSTRING, "3:abcd,", 6, "without its comma");
    EXPECT_REFUSED(NF_FRAME_NETSTRING, "0:\n", 3, "without its comma");
}

/* A carriage return that may belong to the line's end does not make a line too long. */
static void a_line_is_refused_once_it_cannot_fit(void **state)
{
    char line[MAX + 3];
    struct nf_frame frame;

    (void)state;
    memset(line, 'x', sizeof line);
    assert_int_equal(find(NF_FRAME_LINE, line, MAX, MAX, &frame), NONE);
    assert_int_equal(find(NF_FRAME_LINE, line, MAX + 1, MAX, &frame), NET_RESET);
    check_says(nf_cause_pending()->detail, "at least 1001 bytes", __FILE__, __LINE__);
    line[MAX] = '\r';
    assert_int_equal(find(NF_FRAME_LINE, line, MAX + 1, MAX, &frame), NONE);
    assert_int_equal(find(NF_FRAME_LINE, line, MAX + 2, MAX, &frame), NET_RESET);
    line[MAX + 1] = '\n';
    assert_int_equal(find(NF_FRAME_LINE, line, MAX + 2, MAX, &frame), FOUND);
    assert_frame(&frame, 0, MAX, 2);
    line[MAX] = '\n';
    assert_int_equal(find(NF_FRAME_LINE, line, MAX + 2, MAX, &frame), FOUND);
    assert_frame(&frame, 0, MAX, 1);
}

/* The first message of a store, which more and more bytes come to, and which is taken. */
static void a_line_is_found_in_a_store_that_grows(void **state)
{
    static const char text[] = "ab\r\n\ncde\n";
    struct nf_kept *kept = NULL;
    struct nf_frame frame;
    size_t sizes[4] = {0};
    int found = 0;

    (void)state;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        *nf_kept_space(&kept, 1, 1) = text[i];
        kept->count++;
        if (nf_frame_find(NF_FRAME_LINE, kept, MAX, &frame) == FOUND) {
            sizes[found++] = frame.size;
            nf_kept_take(&kept, NULL, nf_frame_whole(&frame));
        }
    }
    assert_null(kept);
    assert_int_equal(found, 3);
    assert_int_equal(sizes[0], 2);
    assert_int_equal(sizes[1], 0);
    assert_int_equal(sizes[2], 3);
}

static void what_is_written_is_found(void **state)
{
    static const size_t sizes[] = {0, 1, 9, 10, 255, 256, 999, 1000, 65535, 65536, UINT32_MAX};

    (void)state;
    for (int each = NF_FRAME_U32; each <= NF_FRAME_LINE; each++) {
        enum nf_frame_kind kind = (enum nf_frame_kind)each;

        for (size_t i = 0; i < COUNT(sizes) && sizes[i] <= nf_frame_most(kind); i++) {
            char head[NF_FRAME_HEAD_MAX];
            char tail[NF_FRAME_HEAD_MAX];
            struct nf_frame written;
            struct nf_frame found;

            nf_frame_write(kind, sizes[i], head, tail, &written);
            assert_int_equal(written.size, sizes[i]);
            if (kind == NF_FRAME_LINE) {
                assert_frame(&written, 0, sizes[i], 1);
                assert_int_equal(tail[0], '\n');
                continue;
            }
            assert_int_equal(find(kind, head, written.head - 1, sizes[i], &found), NONE);
            assert_int_equal(find(kind, head, written.head, sizes[i], &found), FOUND);
            assert_frame(&found, written.head, written.size, written.tail);
            assert_int_equal(written.tail, kind == NF_FRAME_NETSTRING ? 1 : 0);
            assert_true(written.tail == 0 || tail[0] == ',');
        }
    }
}

static void only_what_would_not_be_read_back_is_no_message(void **state)
{
    static const net_slice newline[] = {{"ab", 2}, {NULL, 0}, {"c\nd", 3}};
    static const net_slice end[] = {{"ab", 2}, {"\r", 1}, {NULL, 0}};
    static const net_slice middle[] = {{"a\r", 2}, {"\rb", 2}};

    (void)state;
    for (int each = NF_FRAME_U32; each <= NF_FRAME_LINE; each++) {
        enum nf_frame_kind kind = (enum nf_frame_kind)each;
        int bad = kind == NF_FRAME_LINE ? NET_MISUSE : 0;

        assert_int_equal(nf_frame_check(kind, newline, 3), bad);
        assert_int_equal(nf_frame_check(kind, newline, 2), 0);
        assert_int_equal(nf_frame_check(kind, end, 3), bad);
        assert_int_equal(nf_frame_check(kind, end, 1), 0);
        assert_int_equal(nf_frame_check(kind, middle, 2), 0);
        assert_int_equal(nf_frame_check(kind, NULL, 0), 0);
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_message_is_found_once_its_length_is_there),
        TEST(a_bad_frame_is_refused_as_soon_as_it_shows),
        TEST(a_line_is_refused_once_it_cannot_fit),
        TEST(a_line_is_found_in_a_store_that_grows),
        TEST(what_is_written_is_found),
        TEST(only_what_would_not_be_read_back_is_no_message),
    };

    return run_once(tests);
}

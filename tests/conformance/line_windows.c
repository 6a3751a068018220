/* A search looks at a line through windows. A delimiter is found wherever it is in a window, and
 * no byte that resembles it is taken for it. */
#include "support.h"

#include <string.h>

enum { EACH_TO = 20000, LENGTH_MOST = 33000, KIB = 1024 };

static char text[LENGTH_MOST + 2];
static char in[LENGTH_MOST + 2];

/* A line of `length` bytes that ends with the delimiter. Before it are the bytes that a search
 * of a machine word at a time is most likely to mistake for it. */
static void write_line(size_t length, int delimiter)
{
    const int neighbours[] = {delimiter - 1, delimiter + 1, delimiter ^ 0x80, delimiter ^ 1,
                              delimiter ^ 0xff};

    for (size_t i = 0; i < length - 1; i++) {
        text[i] = (char)neighbours[i % COUNT(neighbours)];
    }
    text[length - 1] = (char)delimiter;
}

static void expect_line(net_socket *socket, size_t length, size_t room, int delimiter)
{
    memset(in, delimiter + 2, sizeof in);
    assert_count(net_recv_until(socket, in, room, delimiter, soon()), length);
    assert_memory_equal(in, text, length);
}

/* The line comes whole, with the next one behind it. The next one stays. */
static void expect_whole(struct pair *pair, size_t length, int delimiter)
{
    write_line(length, delimiter);
    text[length] = (char)delimiter;
    assert_count(net_send(pair->client, text, length + 1, soon()), length + 1);
    expect_line(pair->server, length, sizeof in, delimiter);
    assert_count(net_recv_until(pair->server, in, 1, delimiter, soon()), 1);
    assert_int_equal(in[0], (char)delimiter);
}

/* The line comes in two pieces, and the first has been searched in vain. It just fits. */
static void expect_in_pieces(struct pair *pair, size_t length, size_t first, int delimiter)
{
    write_line(length, delimiter);
    assert_count(net_send(pair->client, text, first, soon()), first);
    assert_code(net_recv_until(pair->server, in, length, delimiter, NET_NOW), NET_TIMEOUT);
    assert_count(net_send(pair->client, text + first, length - first, soon()), length - first);
    expect_line(pair->server, length, length, delimiter);
}

/* The line is one byte longer than fits. It is too big, and nothing is lost. */
static void expect_too_big(struct pair *pair, size_t length, int delimiter)
{
    write_line(length, delimiter);
    assert_count(net_send(pair->client, text, length, soon()), length);
    assert_code(net_recv_until(pair->server, in, length - 1, delimiter, soon()), NET_TOOBIG);
    assert_count(net_recv_all(pair->server, in, length, soon()), length);
    assert_memory_equal(in, text, length);
}

static void a_delimiter_is_found_at_each_offset(void **state)
{
    size_t step = slowness() > 1 ? 61 : 3;
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (size_t length = 1; length <= EACH_TO; length += length < 100 ? 1 : step) {
        expect_whole(&pair, length, '\n');
    }
    close_pair(&pair);
}

static void expect_around(struct pair *pair, size_t edge, int delimiter)
{
    enum { NEAR = 2 };

    for (size_t length = edge - NEAR; length <= edge + NEAR; length++) {
        expect_whole(pair, length, delimiter);
        expect_too_big(pair, length, delimiter);
        expect_in_pieces(pair, length, 1, delimiter);
        expect_in_pieces(pair, length, length - 1, delimiter);
        expect_in_pieces(pair, length, length / 2, delimiter);
        expect_in_pieces(pair, length + edge, edge, delimiter);
    }
}

/* Windows double in size. They follow one another, or each starts at the beginning of the line. */
static void a_delimiter_is_found_at_the_edge_of_each_window(void **state)
{
    static const int delimiters[] = {'\n', 0, 255, 128};
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (size_t i = 0; i < COUNT(delimiters); i++) {
        size_t sum = 0;

        expect_around(&pair, 64, delimiters[i]);
        for (size_t edge = KIB; edge <= (size_t)8 * KIB; edge *= 2) {
            sum += edge;
            expect_around(&pair, edge, delimiters[i]);
            expect_around(&pair, sum < EACH_TO / 2 ? sum : edge + KIB, delimiters[i]);
        }
    }
    close_pair(&pair);
}

static void expect_at(struct pair *pair, size_t edge, int delimiter)
{
    enum { NEAR = 2 };

    for (size_t length = edge - NEAR; length <= edge + NEAR; length++) {
        expect_whole(pair, length, delimiter);
        expect_too_big(pair, length, delimiter);
        expect_in_pieces(pair, length, KIB, delimiter);
        expect_in_pieces(pair, length, edge / 2, delimiter);
        expect_in_pieces(pair, length, edge - NEAR - 1, delimiter);
        expect_in_pieces(pair, length, length - 1, delimiter);
    }
}

static void a_delimiter_is_found_at_the_edge_of_the_largest_windows(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (size_t edge = (size_t)16 * KIB; edge <= (size_t)32 * KIB; edge *= 2) {
        expect_at(&pair, edge, '\n');
        expect_at(&pair, edge, 0);
    }
    close_pair(&pair);
}

/* A part that was searched for one delimiter has not been searched for another. */
static void a_kept_part_is_searched_for_another_delimiter(void **state)
{
    static const char words[] = "one;two;thr";
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.client, words, strlen(words), soon()), strlen(words));
    await_ready(pair.server, POLLIN);
    assert_code(net_recv_until(pair.server, in, sizeof in, '\n', NET_NOW), NET_TIMEOUT);
    assert_count(net_recv_until(pair.server, in, sizeof in, ';', NET_NOW), 4);
    assert_memory_equal(in, "one;", 4);
    assert_code(net_recv_until(pair.server, in, sizeof in, '\n', NET_NOW), NET_TIMEOUT);
    assert_count(net_recv_until(pair.server, in, sizeof in, ';', NET_NOW), 4);
    assert_memory_equal(in, "two;", 4);
    assert_code(net_recv_until(pair.server, in, sizeof in, ';', NET_NOW), NET_TIMEOUT);
    assert_count(net_send(pair.client, "ee\n;", 4, soon()), 4);
    assert_count(net_recv_until(pair.server, in, sizeof in, '\n', soon()), 6);
    assert_memory_equal(in, "three\n", 6);
    assert_count(net_recv_until(pair.server, in, sizeof in, ';', soon()), 1);
    close_pair(&pair);
}

int main(void)
{
    static const struct test streams[] = {
        TEST(a_delimiter_is_found_at_each_offset),
        TEST(a_delimiter_is_found_at_the_edge_of_each_window),
        TEST(a_delimiter_is_found_at_the_edge_of_the_largest_windows),
        TEST(a_kept_part_is_searched_for_another_delimiter),
    };

    return run_over(line_templates, streams);
}

/* Lines of every length, in pieces of every size: each is received as it was sent. */
#include "feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIB = 1024, MIB = 1024 * 1024 };

static size_t smaller_if_slow(size_t size)
{
    return slowness() > 1 ? size / 8 : size;
}

/* ---- Random lengths ---- */

/* Lengths of a few bytes are as frequent as lengths of a few hundred thousand. */
static size_t random_length(unsigned *seed)
{
    unsigned bits = random_below(seed, 21);

    return 1 + random_below(seed, 1U << bits);
}

/* Lines that end with '\n', which is nowhere else. */
static void write_lines(char *text, size_t size, unsigned seed)
{
    size_t at = 0;

    write_pattern(text, size, seed % KIB);
    for (size_t i = 0; i < size; i++) {
        text[i] = text[i] == '\n' ? '\v' : text[i];
    }
    while (at < size) {
        at += random_length(&seed);
        text[at < size ? at - 1 : size - 1] = '\n';
    }
}

/* Receives the lines in order. Some of the calls give up at once or after a moment. Returns how
 * many bytes were right. */
static size_t read_lines(net_socket *socket, const char *text, size_t size, unsigned seed)
{
    char *line = malloc(MIB);
    size_t at = 0;

    assert_non_null(line);
    while (at < size) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t expected = (size_t)(end - (text + at)) + 1;
        unsigned how = random_below(&seed, 8);
        net_deadline deadline = how == 0 ? NET_NOW : how == 1 ? net_after(1) : soon();
        ssize_t n = net_recv_until(socket, line, MIB, '\n', deadline);

        if (n != NET_TIMEOUT || how > 1) {
            if (n != (ssize_t)expected || memcmp(line, text + at, expected) != 0) {
                print_error("at %zu of %zu: %zd instead of %zu\n", at, size, n, expected);
                break;
            }
            at += expected;
        }
    }
    free(line);
    return at;
}

static void lines_of_random_lengths_come_whole(void **state)
{
    static unsigned seed = 20260101;
    size_t size = smaller_if_slow((size_t)8 * MIB);
    char *text = malloc(size);
    char byte;
    struct feed feed;

    assert_non_null(text);
    for (size_t piece = 0; piece <= 100 * KIB; piece += 50 * KIB) {
        seed++;
        print_message("seed %u\n", seed);
        write_lines(text, size, seed);
        feed_open(&feed, template_of(state), NULL);
        feed.text = text;
        feed.size = size;
        feed.piece = piece;
        feed.seed = piece != 0 ? seed : 0;
        feed_start(&feed);
        size_t right = read_lines(feed.reader, text, size, seed);

        feed_join(&feed, right != size);
        assert_int_equal(right, size);
        assert_code(net_recv_until(feed.reader, &byte, 1, '\n', soon()), NET_EOF);
        assert_false(feed.failed);
        feed_close(&feed);
    }
    free(text);
}

/* ---- Long lines ---- */

static void send_long_line(struct feed *feed, const char *address, const char *options, size_t size)
{
    char *line = malloc(size);

    assert_non_null(line);
    write_pattern(line, size, 0);
    for (size_t i = 0; i < size; i++) {
        line[i] = line[i] == '\n' ? '\v' : line[i];
    }
    line[size - 1] = '\n';
    feed_open(feed, address, options);
    feed->text = line;
    feed->room = line;
    feed->size = size;
    feed->stays = true;
    feed_start(feed);
}

static void end_long_line(struct feed *feed)
{
    feed_close(feed);
    free(feed->room);
}

static void expect_long_line(const char *address, const char *options, size_t size)
{
    char *line = malloc(size);
    struct feed feed;

    assert_non_null(line);
    send_long_line(&feed, address, options, size);
    ssize_t n =
        net_recv_until(feed.reader, line, size, '\n', net_after(60000 * (int64_t)slowness()));

    feed_join(&feed, n != (ssize_t)size);
    assert_int_equal(n, size);
    assert_memory_equal(line, feed.text, size);
    assert_int_equal(number_of(feed.reader, "bytes-received"), size);
    assert_code(net_recv(feed.reader, line, 1, NET_NOW), NET_TIMEOUT);
    end_long_line(&feed);
    free(line);
}

static void a_line_of_sixteen_mebibytes_comes_whole(void **state)
{
    expect_long_line(template_of(state), NULL, (size_t)16 * MIB);
}

static void a_line_may_be_longer_than_any_buffer_of_the_system(void **state)
{
    /* The buffer of an adopted socket shrinks below a segment. Its sender then probes the shut
     * window for every few KiB, 200 ms apart, and half as often while the reader is held up. */
    bool is_adopted = strncmp(template_of(state), "fd:", 3) == 0;

    expect_long_line(template_of(state), "rcvbuf=4KiB", (size_t)(is_adopted ? 128 : 256) * KIB);
    expect_long_line(template_of(state), "rcvbuf=64KiB", (size_t)600 * KIB);
}

/* A line that does not fit the caller's buffer is too big each time it is asked for. Other
 * receives then get it whole. */
static void a_long_line_for_a_small_buffer_is_not_lost(void **state)
{
    const size_t size = smaller_if_slow((size_t)16 * MIB);
    char *line = malloc(size);
    struct feed feed;

    assert_non_null(line);
    send_long_line(&feed, template_of(state), NULL, size);
    ssize_t first = net_recv_until(feed.reader, line, MIB, '\n', soon());
    ssize_t second = net_recv_until(feed.reader, line, 100, '\n', NET_NOW);
    ssize_t piece = net_recv(feed.reader, line, 5000, soon());
    size_t taken = piece > 0 ? (size_t)piece : 0;
    ssize_t third = net_recv_until(feed.reader, line + taken, 100, '\n', NET_NOW);
    ssize_t rest = net_recv_all(feed.reader, line + taken, size / 2, soon());

    taken += rest > 0 ? (size_t)rest : 0;
    ssize_t last = net_recv_until(feed.reader, line + taken, size - taken, '\n', soon());

    taken += last > 0 ? (size_t)last : 0;
    feed_join(&feed, taken != size);
    assert_int_equal(first, NET_TOOBIG);
    assert_int_equal(second, NET_TOOBIG);
    assert_in_range(piece, 1, 5000);
    assert_int_equal(third, NET_TOOBIG);
    assert_int_equal(rest, size / 2);
    assert_int_equal(taken, size);
    assert_memory_equal(line, feed.text, size);
    end_long_line(&feed);
    free(line);
}

int main(void)
{
    static const struct test streams[] = {
        TEST(lines_of_random_lengths_come_whole),
        TEST(a_line_of_sixteen_mebibytes_comes_whole),
        TEST(a_line_may_be_longer_than_any_buffer_of_the_system),
        TEST(a_long_line_for_a_small_buffer_is_not_lost),
    };
    static const char *const wires[] = {"tcp://127.0.0.1:0",
                                        "unix://@",
                                        "mem://",
                                        "chaos+tcp://127.0.0.1:0",
                                        "chaos+tcp://127.0.0.1:0?seed=3&chunk=4000",
                                        "fd://",
                                        NULL};

    return run_over(wires, streams);
}

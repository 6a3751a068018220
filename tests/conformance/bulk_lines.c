/* driven: skip, it has a poller of its own */
/* A million short lines from a sender that never pauses, with default options and with a
 * small buffer: every line arrives, then the end. */
#include "feed.h"
#include "watching.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum {
    DIGITS = 10,
    LINE = DIGITS + 1,
    BLOCK = 5000, /* lines that are sent at a time */
    TURN = 16     /* lines that a poller's loop takes for one event */
};

/* As many lines as the build can do in a second or two. */
static size_t lines_in_bulk(void)
{
    if (slowness() > 1) {
        return 20000;
    }
#if defined(__OPTIMIZE__) && !defined(__clang__)
    return 1000000;
#else
    return 100000;
#endif
}

static size_t lines_to_send; /* in this test */

static void count_up(char digits[DIGITS])
{
    int i = DIGITS - 1;

    while (i > 0 && digits[i] == '9') {
        digits[i--] = '0';
    }
    digits[i] = (char)(digits[i] + 1);
}

/* ---- The sender ---- */

static char block[BLOCK * LINE];
static char first_of_block[LINE];

static void write_block(struct feed *feed)
{
    for (char *line = feed->room; line < feed->room + feed->size; line += LINE) {
        memcpy(line, first_of_block, LINE);
        count_up(first_of_block);
    }
}

static void start(struct feed *feed)
{
    memcpy(first_of_block, "1000000000\n", LINE);
    feed->room = block;
    feed->text = block;
    feed->size = sizeof block;
    feed->repeats = lines_to_send / BLOCK;
    feed->before_repeat = write_block;
    feed_start(feed);
}

/* ---- The readers: each returns the last result of net_recv_until ---- */

struct reader {
    net_socket *socket;
    net_poller *poller;
    size_t lines; /* correct ones */
    char expected[LINE];
};

/* Receives one line. Returns its size if it is the expected line, 0 if it is another, or a code. */
static ssize_t next_line(struct reader *reader, net_deadline deadline)
{
    char line[64];
    ssize_t n = net_recv_until(reader->socket, line, sizeof line, '\n', deadline);

    if (n >= 0 && (n != LINE || memcmp(line, reader->expected, LINE) != 0)) {
        print_error("line %zu is \"%.*s\", not %.10s\n", reader->lines, (int)n, line,
                    reader->expected);
        return 0;
    }
    if (n > 0) {
        count_up(reader->expected);
        reader->lines++;
    }
    return n;
}

static ssize_t read_blocking(struct reader *reader)
{
    ssize_t n = 1;

    while (n > 0) {
        n = next_line(reader, reader->lines % 2 == 0 ? soon() : NET_FOREVER);
    }
    return n;
}

/* The poller is level-triggered: this reader leaves lines behind, and is told again. */
static ssize_t read_by_poller(struct reader *reader)
{
    net_event event;
    ssize_t n = 1;

    while (n > 0 || n == NET_TIMEOUT) {
        if (net_poller_wait(reader->poller, &event, 1, soon()) != 1) {
            print_error("silent after %zu lines\n", reader->lines);
            return 0;
        }
        n = 1;
        for (int i = 0; i < TURN && n > 0; i++) {
            n = next_line(reader, NET_NOW);
        }
    }
    return n;
}

static ssize_t read_in_foreign_loop(struct reader *reader)
{
    struct pollfd set = {.fd = net_fd(reader->socket), .events = POLLIN};
    ssize_t n = NET_TIMEOUT;

    while (n == NET_TIMEOUT) {
        if (poll(&set, 1, 20000 * slowness()) != 1) {
            print_error("silent after %zu lines\n", reader->lines);
            return 0;
        }
        n = 1;
        while (n > 0) {
            n = next_line(reader, NET_NOW);
        }
    }
    return n;
}

static void expect_every_line(const char *address, const char *options, size_t lines,
                              ssize_t (*read)(struct reader *reader))
{
    struct reader reader = {.expected = "000000000"};
    struct feed feed;

    lines_to_send = lines;
    feed_open(&feed, address, options);
    memcpy(reader.expected, "1000000000\n", LINE);
    reader.socket = feed.reader;
    reader.poller = open_poller();
    watch(reader.poller, feed.reader, NET_READABLE);
    start(&feed);
    ssize_t last = read(&reader);
    int code = net_error();

    feed_join(&feed, last != NET_EOF);
    net_poller_close(reader.poller);
    if (last != NET_EOF) {
        print_error("after %zu lines: %zd (%s)\n", reader.lines, last, net_strerror(code));
    }
    assert_int_equal(last, NET_EOF);
    assert_int_equal(reader.lines, lines_to_send);
    assert_false(feed.failed);
    feed_close(&feed);
}

/* A wire on top of another wire gets a part of the lines. */
static size_t share_of(const char *address)
{
    bool shares = strncmp(address, "chaos", 5) == 0 || strncmp(address, "fd:", 3) == 0;

    return lines_in_bulk() / (shares && slowness() == 1 ? 4 : 1);
}

static size_t part(void)
{
    return lines_in_bulk() / (slowness() > 1 ? 1 : 10);
}

static void calls_that_wait_read_every_line(void **state)
{
    expect_every_line(template_of(state), NULL, share_of(template_of(state)), read_blocking);
}

static void a_poller_reads_every_line(void **state)
{
    expect_every_line(template_of(state), NULL, share_of(template_of(state)), read_by_poller);
}

static void a_small_buffer_holds_up_no_line(void **state)
{
    expect_every_line(template_of(state), "rcvbuf=64KiB", part(), read_blocking);
}

static void a_small_buffer_keeps_no_poller_silent(void **state)
{
    expect_every_line(template_of(state), "rcvbuf=64KiB", part(), read_by_poller);
}

static void a_foreign_loop_reads_every_line(void **state)
{
    if (strncmp(template_of(state), "mem:", 4) != 0) { /* a mem:// socket has no descriptor */
        expect_every_line(template_of(state), NULL, part(), read_in_foreign_loop);
    }
}

int main(void)
{
    static const char *const wires[] = {"tcp://127.0.0.1:0",       "unix://@", "mem://",
                                        "chaos+tcp://127.0.0.1:0", "fd://",    NULL};
    static const struct test tests[] = {
        TEST(calls_that_wait_read_every_line), TEST(a_poller_reads_every_line),
        TEST(a_small_buffer_holds_up_no_line), TEST(a_small_buffer_keeps_no_poller_silent),
        TEST(a_foreign_loop_reads_every_line),
    };

    return run_over(wires, tests);
}

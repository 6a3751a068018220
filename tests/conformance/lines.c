/* net_recv_until returns the bytes up to the delimiter, nothing beyond it, and nothing at all
 * while the delimiter is missing. */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KIB = 1024 };

/* The next line is this one, and the buffer holds all of it. */
static void expect_line(net_socket *socket, size_t size, const char *line)
{
    char buffer[256];

    memset(buffer, '#', sizeof buffer);
    assert_count(net_recv_until(socket, buffer, size, '\n', soon()), strlen(line));
    assert_memory_equal(buffer, line, strlen(line));
}

static void a_delimiter_is_found_at_every_position(void **state)
{
    struct pair pair;
    char line[64];

    dial_pair(template_of(state), &pair);
    for (size_t length = 1; length < sizeof line - 1; length++) {
        memset(line, 'a', sizeof line);
        line[length - 1] = '\n';
        line[length] = '\0';
        say(pair.client, line);
        say(pair.client, "rest\n");
        expect_line(pair.server, sizeof line, line);
        expect_line(pair.server, sizeof line, "rest\n");
        say(pair.client, line);
        expect_line(pair.server, length, line); /* it fits exactly */
    }
    close_pair(&pair);
}

static void what_is_beyond_the_delimiter_stays(void **state)
{
    struct pair pair;
    char buffer[64];

    dial_pair(template_of(state), &pair);
    say(pair.client, "one\ntwo\nthree");
    expect_line(pair.server, sizeof buffer, "one\n");
    assert_int_equal(number_of(pair.server, "bytes-received"), 4);
    assert_count(net_recv(pair.server, buffer, 2, soon()), 2);
    expect_line(pair.server, sizeof buffer, "o\n");
    assert_count(net_recv_all(pair.server, buffer, 5, soon()), 5);
    assert_memory_equal(buffer, "three", 5);
    assert_code(net_recv(pair.server, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT);
    close_pair(&pair);
}

struct line_caller {
    struct caller caller; /* must be first: the thread is passed its address */
    char buffer[64];
};

static long long receive_line(struct caller *caller)
{
    struct line_caller *self = (struct line_caller *)caller;

    return net_recv_until(caller->socket, self->buffer, sizeof self->buffer, '\n',
                          caller->deadline);
}

static void a_line_may_come_in_any_two_pieces(void **state)
{
    static const char line[] = "piece\n";
    struct pair pair;
    struct line_caller reader;

    dial_pair(template_of(state), &pair);
    for (size_t first = 0; first < strlen(line); first++) {
        assert_count(net_send(pair.client, line, first, soon()), first);
        caller_start(&reader.caller, receive_line, pair.server, soon());
        assert_count(net_send(pair.client, line + first, strlen(line) - first, soon()),
                     strlen(line) - first);
        caller_join(&reader.caller);
        assert_int_equal(reader.caller.result, strlen(line));
        assert_memory_equal(reader.buffer, line, strlen(line));
    }
    close_pair(&pair);
}

struct long_line {
    struct caller caller;
    char buffer[4096];
};

static long long receive_long_line(struct caller *caller)
{
    struct long_line *self = (struct long_line *)caller;

    return net_recv_until(caller->socket, self->buffer, sizeof self->buffer, '\n',
                          caller->deadline);
}

/* Far more pieces than a unix socket takes without a reader. */
static void a_line_may_come_byte_by_byte(void **state)
{
    enum { SIZE = 3000 };
    struct pair pair;
    struct long_line line;

    dial_pair(template_of(state), &pair);
    for (int endless = 0; endless < 2; endless++) {
        caller_start(&line.caller, receive_long_line, pair.server, endless ? NET_FOREVER : soon());
        for (int i = 0; i < SIZE; i++) {
            assert_count(net_send(pair.client, i < SIZE - 1 ? "l" : "\n", 1, soon()), 1);
        }
        caller_join(&line.caller);
        assert_int_equal(line.caller.result, SIZE);
        assert_memory_equal(line.buffer, "lllll", 5);
        assert_int_equal(line.buffer[SIZE - 1], '\n');
    }
    close_pair(&pair);
}

static void any_byte_can_be_the_delimiter(void **state)
{
    struct pair pair;
    unsigned char every[256];
    unsigned char buffer[256];

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < 256; i++) {
        every[i] = (unsigned char)i;
    }
    assert_count(net_send(pair.client, every, sizeof every, soon()), sizeof every);
    assert_count(net_recv_until(pair.server, buffer, sizeof buffer, 0, soon()), 1);
    assert_count(net_recv_until(pair.server, buffer, sizeof buffer, 127, soon()), 127);
    assert_count(net_recv_until(pair.server, buffer, sizeof buffer, 128, soon()), 1);
    assert_count(net_recv_until(pair.server, buffer, sizeof buffer, 255, soon()), 127);
    assert_memory_equal(buffer, every + 129, 127);
    close_pair(&pair);
}

static void a_line_that_does_not_fit_is_too_big_and_stays(void **state)
{
    struct pair pair;
    char buffer[64];

    dial_pair(template_of(state), &pair);
    say(pair.client, "12345678\n");
    assert_code(net_recv_until(pair.server, buffer, 8, '\n', soon()), NET_TOOBIG);
    assert_code(net_recv_until(pair.server, buffer, 1, '\n', NET_NOW), NET_TOOBIG);
    assert_code(net_recv_until(pair.server, buffer, 0, '\n', NET_NOW), NET_TOOBIG);
    assert_int_equal(number_of(pair.server, "bytes-received"), 0);
    expect_line(pair.server, 9, "12345678\n");
    close_pair(&pair);
}

static void a_timeout_loses_nothing(void **state)
{
    struct pair pair;
    char buffer[64];
    double since;

    dial_pair(template_of(state), &pair);
    assert_code(net_recv_until(pair.server, buffer, sizeof buffer, '\n', NET_NOW), NET_TIMEOUT);
    say(pair.client, "half");
    since = now_ms();
    assert_code(net_recv_until(pair.server, buffer, sizeof buffer, '\n', net_after(50)),
                NET_TIMEOUT);
    assert_took(elapsed_ms(since), 50, 1000);
    assert_code(net_recv_until(pair.server, buffer, sizeof buffer, '\n', NET_NOW), NET_TIMEOUT);
    say(pair.client, " a line\nx");
    expect_line(pair.server, sizeof buffer, "half a line\n");
    assert_count(net_recv(pair.server, buffer, sizeof buffer, soon()), 1); /* one byte wakes it */
    close_pair(&pair);
}

static void the_last_line_needs_no_delimiter(void **state)
{
    struct pair pair;
    struct line_caller reader;
    char buffer[64];

    dial_pair(template_of(state), &pair);
    say(pair.client, "first\nlast");
    expect_line(pair.server, sizeof buffer, "first\n");
    caller_start(&reader.caller, receive_line, pair.server, soon());
    assert_count(net_shutdown(pair.client), 0);
    caller_join(&reader.caller);
    assert_int_equal(reader.caller.result, 4);
    assert_memory_equal(reader.buffer, "last", 4);
    assert_code(net_recv_until(pair.server, buffer, sizeof buffer, '\n', soon()), NET_EOF);
    assert_code(net_recv_until(pair.server, buffer, sizeof buffer, '\n', NET_NOW), NET_EOF);

    say(pair.server, "gone");
    assert_count(net_shutdown(pair.server), 0);
    assert_count(net_recv_until(pair.client, buffer, sizeof buffer, '\n', soon()), 4);
    assert_code(net_recv_until(pair.client, buffer, sizeof buffer, '\n', soon()), NET_EOF);
    close_pair(&pair);
}

static void a_broken_line_is_handed_out_before_the_reset(void **state)
{
    char buffer[64];
    struct line_caller reader;
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct raw_peer peer;
    net_socket *server = meet_raw_peer(listener, &peer);

    raw_peer_says(&peer, "ab");
    await_ready(server, POLLIN); /* a reset may overtake bytes in flight */
    caller_start(&reader.caller, receive_line, server, soon());
    raw_peer_breaks_off(&peer);
    caller_join(&reader.caller);
    assert_int_equal(reader.caller.result, 2);
    assert_memory_equal(reader.buffer, "ab", 2);
    assert_code(net_recv_until(server, buffer, sizeof buffer, '\n', soon()), NET_RESET);
    assert_code(net_recv_until(server, buffer, sizeof buffer, '\n', soon()), NET_RESET);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
}

static void a_cancel_ends_the_wait_for_a_line(void **state)
{
    struct pair pair;
    struct caller reader;

    dial_pair(template_of(state), &pair);
    say(pair.client, "half");
    caller_start(&reader, call_recv_until, pair.server, NET_FOREVER);
    net_cancel(pair.server);
    caller_join(&reader);
    assert_int_equal(reader.result, NET_CANCELED);
    close_pair(&pair);
}

/* ---- Lines of the size of the system's buffers ---- */

struct flood {
    net_socket *socket;
    char *text;
    size_t size;
    long long sent;
    pthread_t thread;
};

static void *send_flood(void *argument)
{
    struct flood *flood = argument;

    flood->sent = net_send(flood->socket, flood->text, flood->size, soon());
    return NULL;
}

static void start_flood(struct flood *flood, net_socket *socket, size_t size)
{
    flood->socket = socket;
    flood->size = size;
    flood->text = malloc(size);
    assert_non_null(flood->text);
    memset(flood->text, 'l', size);
    flood->text[size - 1] = '\n';
    assert_int_equal(pthread_create(&flood->thread, NULL, send_flood, flood), 0);
}

static void expect_long_line(const char *address, const char *options, size_t size)
{
    struct pair pair;
    struct flood flood;
    char *buffer = malloc(size);

    assert_non_null(buffer);
    dial_pair_with(address, options, NULL, &pair);
    start_flood(&flood, pair.client, size);
    long long got = net_recv_until(pair.server, buffer, size, '\n', soon());

    if (got != (long long)size) {
        net_cancel(pair.client);
    }
    pthread_join(flood.thread, NULL);
    assert_int_equal(got, size);
    assert_int_equal(flood.sent, size);
    assert_memory_equal(buffer, flood.text, size);
    close_pair(&pair);
    free(flood.text);
    free(buffer);
}

static void a_line_larger_than_the_receive_buffer_arrives_whole(void **state)
{
    expect_long_line(template_of(state), "rcvbuf=4KiB", (size_t)256 * KIB);
}

/* The system's buffer is 128 KiB at first. */
static void a_long_line_arrives_whole(void **state)
{
    expect_long_line(template_of(state), NULL, (size_t)600 * KIB);
}

int main(void)
{
    static const struct test streams[] = {
        TEST(a_delimiter_is_found_at_every_position),
        TEST(what_is_beyond_the_delimiter_stays),
        TEST(a_line_may_come_in_any_two_pieces),
        TEST(a_line_may_come_byte_by_byte),
        TEST(any_byte_can_be_the_delimiter),
        TEST(a_line_that_does_not_fit_is_too_big_and_stays),
        TEST(a_timeout_loses_nothing),
        TEST(the_last_line_needs_no_delimiter),
        TEST(a_broken_line_is_handed_out_before_the_reset),
        TEST(a_cancel_ends_the_wait_for_a_line),
        TEST(a_line_larger_than_the_receive_buffer_arrives_whole),
        TEST(a_long_line_arrives_whole),
    };

    return run_over(stream_templates, streams);
}

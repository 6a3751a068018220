/* A part of a line is kept. The connection ends or breaks, is shared with a child or with
 * another thread, or is read by other calls: what becomes of the part. */
#include "feed.h"
#include "watching.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIB = 1024 };

static char in[64];

/* The server keeps these bytes as a part of a line. */
static void keep_words(struct pair *pair, const char *words)
{
    assert_count(net_send(pair->client, words, strlen(words), soon()), strlen(words));
    await_ready(pair->server, POLLIN);
    assert_code(net_recv_until(pair->server, in, sizeof in, '\n', NET_NOW), NET_TIMEOUT);
}

static void expect_words(net_socket *socket, const char *words)
{
    assert_count(net_recv_until(socket, in, sizeof in, '\n', soon()), strlen(words));
    assert_memory_equal(in, words, strlen(words));
}

/* ---- Ends ---- */

static void an_end_behind_a_kept_part_hands_it_out(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    keep_words(&pair, "unfinished");
    expect_quiet(poller, 10);
    assert_ok(net_shutdown(pair.client));
    expect_event(poller, pair.server, NET_READABLE);
    expect_words(pair.server, "unfinished");
    expect_event(poller, pair.server, NET_READABLE);
    assert_code(net_recv_until(pair.server, in, sizeof in, '\n', NET_NOW), NET_EOF);
    assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_EOF);
    net_poller_close(poller);
    close_pair(&pair);
}

/* Each receive call returns the part, then says the end. */
static void every_verb_hands_out_a_kept_part_before_the_end(void **state)
{
    for (int verb = 0; verb < 3; verb++) {
        struct pair pair;
        ssize_t n = 0;

        dial_pair(template_of(state), &pair);
        keep_words(&pair, "unfinished");
        assert_ok(net_shutdown(pair.client));
        for (int taken = 0; taken < 10; taken += (int)n) {
            n = verb == 0   ? net_recv(pair.server, in + taken, 4, soon())
                : verb == 1 ? net_recv_all(pair.server, in + taken, sizeof in, soon())
                            : net_recv_until(pair.server, in + taken, sizeof in, 'e', soon());
            assert_in_range(assert_ok(n), 1, 10 - taken);
        }
        assert_memory_equal(in, "unfinished", 10);
        assert_code(net_recv_all(pair.server, in, sizeof in, soon()), NET_EOF);
        close_pair(&pair);
    }
}

static void a_reset_behind_a_kept_part_hands_it_out(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    for (int verb = 0; verb < 2; verb++) {
        struct raw_peer peer;
        net_socket *server = meet_raw_peer(listener, &peer);

        raw_peer_says(&peer, "unfinished");
        await_ready(server, POLLIN);
        assert_code(net_recv_until(server, in, sizeof in, '\n', NET_NOW), NET_TIMEOUT);
        raw_peer_breaks_off(&peer);
        ssize_t n = verb == 0 ? net_recv_until(server, in, sizeof in, '\n', soon())
                              : net_recv(server, in, sizeof in, soon());

        assert_count(n, 10);
        assert_memory_equal(in, "unfinished", 10);
        assert_code(net_recv_until(server, in, sizeof in, '\n', soon()), NET_RESET);
        assert_code(net_recv(server, in, sizeof in, NET_NOW), NET_RESET);
        net_close(server, NET_NOW);
    }
    net_close(listener, NET_NOW);
}

static void a_half_close_of_ours_leaves_what_is_kept(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    keep_words(&pair, "half");
    assert_ok(net_shutdown(pair.server));
    assert_code(net_recv(pair.client, in, sizeof in, soon()), NET_EOF);
    assert_count(net_send(pair.client, " a line\n", 8, soon()), 8);
    expect_words(pair.server, "half a line\n");
    close_pair(&pair);
}

static void a_close_in_time_drops_what_is_kept(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    keep_words(&pair, "never read");
    assert_count(net_send(pair.server, "bye", 3, soon()), 3);
    assert_count(net_recv_all(pair.client, in, 3, soon()), 3);
    assert_count(net_close(pair.client, NET_NOW), 0);
    assert_count(net_close(pair.server, soon()), 0);
    pair.client = NULL;
    pair.server = NULL;
    close_pair(&pair);
}

static void a_cancel_leaves_nobody_what_is_kept(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    keep_words(&pair, "one;two");
    net_cancel(pair.server);
    assert_code(net_recv(pair.server, in, sizeof in, soon()), NET_CANCELED);
    assert_code(net_recv_all(pair.server, in, sizeof in, NET_NOW), NET_CANCELED);
    assert_code(net_recv_until(pair.server, in, sizeof in, ';', soon()), NET_CANCELED);
    close_pair(&pair);
}

/* ---- A child ---- */

static void a_child_that_closes_leaves_the_parent_what_is_kept(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    keep_words(&pair, "half");
    assert_int_equal(in_child(close_pair_in_child, &pair), 0);
    expect_quiet(poller, 10);
    assert_count(net_send(pair.client, " a line\nmore", 12, soon()), 12);
    expect_event(poller, pair.server, NET_READABLE);
    expect_words(pair.server, "half a line\n");
    assert_code(net_recv_until(pair.server, in, 4, '\n', soon()), NET_TOOBIG);
    assert_int_equal(in_child(close_pair_in_child, &pair), 0);
    expect_event(poller, pair.server, NET_READABLE);
    assert_count(net_recv_all(pair.server, in, 4, soon()), 4);
    assert_memory_equal(in, "more", 4);
    net_poller_close(poller);
    close_pair(&pair);
}

/* ---- Two threads ---- */

enum { LINES = 2000, NUMBER = 6, LONGEST = 3000 };

/* A line of this test: its number, filling that depends on the number, and the delimiter. */
static size_t write_numbered(char *line, unsigned number)
{
    unsigned seed = number;
    size_t filling = random_below(&seed, 50) == 0 ? random_below(&seed, LONGEST) : number % 50;

    snprintf(line, NUMBER + 1, "%06u", number);
    memset(line + NUMBER, 'a' + (int)(number % 26), filling);
    line[NUMBER + filling] = '\n';
    return NUMBER + filling + 1;
}

struct numbered {
    net_socket *socket;
    _Atomic int seen[LINES];
    _Atomic int wrong;
    _Atomic int ends;
};

static struct numbered numbered;

static void see_line(const char *line, size_t size)
{
    static __thread char expected[LONGEST + NUMBER + 1];
    unsigned number = (unsigned)strtoul(line, NULL, 10);

    if (number < LINES && write_numbered(expected, number) == size &&
        memcmp(line, expected, size) == 0) {
        numbered.seen[number]++;
    } else {
        numbered.wrong++;
    }
}

/* The deadlines are so short that a part is often kept by one thread and found by the other. */
static void *read_numbered(void *argument)
{
    static __thread char line[LONGEST + NUMBER + 1];
    unsigned seed = (unsigned)(uintptr_t)argument;
    ssize_t n = 1;

    while (n > 0 || n == NET_TIMEOUT) {
        unsigned how = random_below(&seed, 4);
        net_deadline deadline = how == 0 ? NET_NOW : how == 1 ? net_after(1) : soon();

        n = net_recv_until(numbered.socket, line, sizeof line, '\n', deadline);
        if (n > 0) {
            see_line(line, (size_t)n);
        }
    }
    numbered.ends += n == NET_EOF ? 1 : 0;
    return NULL;
}

static void each_line_goes_whole_to_one_of_two_threads(void **state)
{
    enum { READERS = 2 };
    char *text = malloc((size_t)LINES * (LONGEST + NUMBER + 1));
    pthread_t readers[READERS];
    struct feed feed;
    size_t size = 0;

    assert_non_null(text);
    for (unsigned i = 0; i < LINES; i++) {
        size += write_numbered(text + size, i);
    }
    feed_open(&feed, template_of(state), NULL);
    feed.text = text;
    feed.size = size;
    feed.piece = 100;
    feed.seed = 42;
    numbered = (struct numbered){.socket = feed.reader};
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, read_numbered, (void *)(uintptr_t)i), 0);
    }
    feed_start(&feed);
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i], NULL);
    }
    feed_join(&feed, numbered.ends != READERS);
    feed_close(&feed);
    free(text);
    assert_int_equal(numbered.ends, READERS);
    assert_int_equal(numbered.wrong, 0);
    for (int i = 0; i < LINES; i++) {
        assert_int_equal(numbered.seen[i], 1);
    }
}

/* ---- Reading out ---- */

/* The processor time for reading `size` kept bytes 16 bytes at a time. */
static double cost_of_reading_out(const char *address, size_t size)
{
    char *text = malloc(size);
    char *room = malloc(size);
    struct feed feed;
    char piece[16];
    size_t taken = 0;

    assert_non_null(text);
    assert_non_null(room);
    memset(text, 'k', size);
    feed_open(&feed, address, NULL);
    feed.text = text;
    feed.size = size;
    feed.stays = true;
    feed_start(&feed);
    ssize_t n = net_recv_until(feed.reader, room, size, '\n', soon());

    feed_join(&feed, n != NET_TOOBIG);
    assert_int_equal(n, NET_TOOBIG);
    double cpu = thread_cpu_ms();

    while (taken < size) {
        n = net_recv(feed.reader, piece, sizeof piece, NET_NOW);
        assert_in_range(n, 1, sizeof piece);
        assert_true(piece[0] == 'k');
        taken += (size_t)n;
    }
    cpu = thread_cpu_ms() - cpu;
    feed_close(&feed);
    free(room);
    free(text);
    return cpu;
}

/* Four times the bytes cost four times the time, not sixteen times. */
static void what_is_kept_is_read_out_in_linear_time(void **state)
{
    size_t size = (slowness() > 1 ? 64 : 512) * KIB;
    double little = cost_of_reading_out(template_of(state), size);
    double much = cost_of_reading_out(template_of(state), 4 * size);

    print_message("%zu KiB by 16 bytes: %.1f ms, %zu KiB: %.1f ms\n", size / KIB, little,
                  4 * size / KIB, much);
    in_time(much < 9 * little);
}

int main(void)
{
    static const struct test streams[] = {
        TEST(an_end_behind_a_kept_part_hands_it_out),
        TEST(every_verb_hands_out_a_kept_part_before_the_end),
        TEST(a_reset_behind_a_kept_part_hands_it_out),
        TEST(a_half_close_of_ours_leaves_what_is_kept),
        TEST(a_close_in_time_drops_what_is_kept),
        TEST(a_cancel_leaves_nobody_what_is_kept),
        TEST(a_child_that_closes_leaves_the_parent_what_is_kept),
        TEST(each_line_goes_whole_to_one_of_two_threads),
        TEST(what_is_kept_is_read_out_in_linear_time),
    };

    return run_over(stream_templates, streams);
}

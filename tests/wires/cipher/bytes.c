/* driven: skip, it drives handshakes by itself */
/* Bytes through a cipher: in records of any size, both ways at once, as lines, and ahead of the
 * caller, which a poller knows. */
#include "toy_wire.h"
#include "watching.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20, LINES = 200, PIECES = 300 };

static char in[MIB];

/* ---- Both ways at once ---- */

struct pattern_writer {
    net_socket *socket;
    size_t size;
    bool failed;
    pthread_t thread;
};

/* What says the end may find no room below: a poller sends it, and then the socket is writable. */
static bool end_it(net_socket *socket)
{
    net_poller *poller = net_poller_open();
    net_event event;
    bool ended = poller != NULL && net_shutdown(socket) == 0 &&
                 net_poller_watch(poller, socket, NET_WRITABLE, NULL, NET_FOREVER) == 0 &&
                 net_poller_wait(poller, &event, 1, soon()) == 1;

    net_poller_close(poller);
    return ended;
}

/* In pieces of many sizes. */
static void *send_all(void *argument)
{
    struct pattern_writer *writer = argument;
    static const size_t sizes[] = {1, 17, 4096, 100000, 16384, 3, 70000};
    char *bytes = malloc(100000);
    size_t sent = 0;

    for (size_t i = 0; bytes != NULL && sent < writer->size && !writer->failed; i++) {
        size_t left = writer->size - sent;
        size_t size = sizes[i % COUNT(sizes)] < left ? sizes[i % COUNT(sizes)] : left;

        write_pattern(bytes, size, sent);
        writer->failed = net_send(writer->socket, bytes, size, soon()) != (ssize_t)size;
        sent += size;
    }
    writer->failed = writer->failed || !end_it(writer->socket);
    free(bytes);
    return NULL;
}

static void exchange(const char *address, const char *options, const char *others, size_t size)
{
    struct pattern_writer writers[2];
    struct pattern_reader readers[2];
    struct pair pair;

    meet_toys(address, options, others, &pair);
    net_socket *ends[] = {pair.client, pair.server};

    for (int i = 0; i < 2; i++) {
        writers[i] = (struct pattern_writer){.socket = ends[i], .size = size};
        pattern_reader_start(&readers[i], ends[i], 0, SIZE_MAX);
        assert_int_equal(pthread_create(&writers[i].thread, NULL, send_all, &writers[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(writers[i].thread, NULL);
        pattern_reader_join(&readers[i], size, NET_EOF);
        assert_false(writers[i].failed);
        assert_int_equal(number_of(ends[i], "bytes-sent"), size);
        assert_int_equal(number_of(ends[i], "bytes-received"), size);
    }
    close_toys(&pair);
}

static void they_go_both_ways_at_once(void **state)
{
    static const char *const options[] = {NULL, "faults=record:200000", "faults=record:100",
                                          "faults=ask:50", "faults=empty:2,tickets:5,ask:1"};
    bool is_slow = strstr(template_of(state), "chunk") != NULL || slowness() > 1;

    for (size_t i = 0; i < COUNT(options); i++) {
        exchange(template_of(state), options[i], options[(i + 1) % COUNT(options)],
                 is_slow ? MIB / 8 : 2 * MIB);
    }
}

static void they_go_in_any_pieces(void **state)
{
    static const char *const options[] = {"faults=sip:1", "faults=yield:3", "faults=give:2",
                                          "faults=take:5", "faults=sip:5,yield:7,give:3,take:9"};

    for (size_t i = 0; i < COUNT(options); i++) {
        exchange(template_of(state), options[i], options[(i + 1) % COUNT(options)], MIB / 64);
    }
}

/* ---- In calls of all kinds ---- */

static void lines_cross_records(void **state)
{
    static const char *const options[] = {"faults=record:7", "faults=record:1,give:3", NULL};

    for (size_t i = 0; i < COUNT(options); i++) {
        struct pair pair;
        char line[64];

        meet_toys(template_of(state), options[i], options[i], &pair);
        for (int j = 0; j < LINES; j++) {
            snprintf(line, sizeof line, "line %d of %d%.*s\n", j, LINES, j % 30,
                     "..............................");
            say(pair.client, line);
            assert_count(net_recv_until(pair.server, in, sizeof in, '\n', soon()), strlen(line));
            assert_memory_equal(in, line, strlen(line));
        }
        say(pair.client, "one\ntwo\nrest");
        assert_ok(net_shutdown(pair.client));
        assert_count(net_recv_until(pair.server, in, sizeof in, '\n', soon()), 4);
        assert_code(net_recv_until(pair.server, in, 2, '\n', soon()), NET_TOOBIG);
        assert_count(net_recv_all(pair.server, in, 2, soon()), 2);
        assert_count(net_recv_until(pair.server, in, sizeof in, '\n', soon()), 2);
        assert_count(net_recv_until(pair.server, in, sizeof in, '\n', soon()), 4);
        assert_memory_equal(in, "rest", 4);
        assert_code(net_recv_until(pair.server, in, sizeof in, '\n', soon()), NET_EOF);
        close_toys(&pair);
    }
}

/* Small slices share a record. */
static void slices_are_one_send(void **state)
{
    net_slice slices[PIECES];
    char bytes[PIECES * 10];
    struct pair pair;
    size_t at = 0;

    meet_toys(template_of(state), NULL, NULL, &pair);
    write_pattern(bytes, sizeof bytes, 0);
    for (size_t i = 0; i < PIECES; i++) {
        slices[i] = (net_slice){.data = bytes + at, .size = i % 20};
        at += i % 20;
    }
    long before = atomic_load(&toy_calls[TOY_ENCRYPT]);

    assert_count(net_send_vector(pair.client, slices, PIECES, soon()), at);
    assert_int_equal(atomic_load(&toy_calls[TOY_ENCRYPT]) - before, 1);
    toy_hears_pattern(pair.server, at, 0);
    assert_count(net_send_vector(pair.client, slices, 1, soon()), 0);
    assert_code(net_recv(pair.server, in, 1, NET_NOW), NET_TIMEOUT);
    assert_count(net_recv(pair.server, in, 0, NET_NOW), 0);
    close_toys(&pair);
}

/* ---- Ahead of the caller ---- */

/* The poller says it as long as some of it is left, though nothing more comes from below. */
static void what_is_decrypted_and_not_taken_keeps_a_poller_awake(void **state)
{
    net_poller *poller = open_poller();
    struct pair pair;

    meet_toys(template_of(state), "faults=record:100000", "faults=record:100000", &pair);
    watch(poller, pair.server, NET_READABLE);
    expect_quiet(poller, 10);
    for (int round = 0; round < 3; round++) {
        toy_says_pattern(pair.client, 5000, 0);
        for (size_t got = 0; got < 5000; got += 100) {
            expect_event(poller, pair.server, NET_READABLE);
            assert_count(net_recv_all(pair.server, in, 100, soon()), 100);
            assert_true(is_pattern(in, 100, got));
        }
        expect_quiet(poller, 10);
    }
    net_poller_close(poller);
    close_toys(&pair);
}

/* A record that is longer than all buffers comes while a poller waits, and then waits itself. */
static void a_huge_record_wakes_a_poller_when_it_is_whole(void **state)
{
    static const struct {
        const char *options;
        size_t size;
    } sizes[] = {{"faults=record:3000000&sndbuf=4KiB&rcvbuf=4KiB", MIB / 4},
                 {"faults=record:3000000", MIB}};

    for (size_t i = 0; i < COUNT(sizes); i++) {
        net_poller *poller = open_poller();
        struct pattern_writer writer;
        struct pair pair;
        size_t got = 0;

        meet_toys(template_of(state), sizes[i].options, sizes[i].options, &pair);
        watch(poller, pair.server, NET_READABLE);
        writer = (struct pattern_writer){.socket = pair.client, .size = sizes[i].size};
        assert_int_equal(pthread_create(&writer.thread, NULL, send_all, &writer), 0);
        while (got < sizes[i].size) {
            expect_event(poller, pair.server, NET_READABLE);
            ssize_t n = net_recv(pair.server, in, 10000, NET_NOW);

            assert_true(n > 0 && is_pattern(in, (size_t)n, got));
            got += (size_t)n;
        }
        expect_event(poller, pair.server, NET_READABLE);
        assert_code(net_recv(pair.server, in, 1, NET_NOW), NET_EOF);
        pthread_join(writer.thread, NULL);
        assert_false(writer.failed);
        net_poller_close(poller);
        close_toys(&pair);
    }
}

/* One record, of the cipher's own making, that is far larger than what is received at once. */
static void a_record_of_megabytes_comes_whole(void **state)
{
    struct hand hand;
    struct pattern_reader reader;
    char *bytes = malloc(4 * MIB);

    assert_non_null(bytes);
    write_pattern(bytes, 4 * MIB, 0);
    hand_dials(template_of(state), NULL, "record:5000000", &hand);
    hand_shakes(&hand);
    pattern_reader_start(&reader, hand.toy, 0, 4 * MIB);
    hand_sends(&hand, bytes, 4 * MIB);
    pattern_reader_join(&reader, 4 * MIB, 0);
    free(bytes);
    part_from_hand(&hand);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(they_go_both_ways_at_once),
        TEST(they_go_in_any_pieces),
        TEST(lines_cross_records),
        TEST(slices_are_one_send),
        TEST(what_is_decrypted_and_not_taken_keeps_a_poller_awake),
        TEST(a_huge_record_wakes_a_poller_when_it_is_whole),
    };
    static const struct test huge[] = {TEST(a_record_of_megabytes_comes_whole)};

    return run_toys(toy_templates, tests) + run_toys(toy_wires, huge);
}

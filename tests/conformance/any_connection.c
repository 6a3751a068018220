/* What every connection must do, over every address. The numbers are those of the tests in
 * golang.org/x/net/nettest. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1000, MEGABYTE = 1 << 20 };

/* ---- Threads that send and receive, and count ---- */

struct talker {
    net_socket *socket;
    net_deadline deadline;
    size_t size;  /* in all */
    size_t moved; /* by this thread */
    int pieces;
    bool intact;
    int code;
    pthread_t thread;
};

static void start(struct talker *talker, void *(*body)(void *), net_socket *socket, size_t size)
{
    talker->socket = socket;
    talker->deadline = soon();
    talker->size = size;
    talker->moved = 0;
    talker->pieces = 0;
    talker->intact = true;
    talker->code = 0;
    assert_int_equal(pthread_create(&talker->thread, NULL, body, talker), 0);
}

static void join(struct talker *talker)
{
    pthread_join(talker->thread, NULL);
}

static void *send_pattern(void *argument)
{
    struct talker *talker = argument;
    char piece[PIECE];

    while (talker->moved < talker->size) {
        size_t left = talker->size - talker->moved;
        size_t size = left < sizeof piece ? left : sizeof piece;

        write_pattern(piece, size, talker->moved);
        if (net_send(talker->socket, piece, size, talker->deadline) != (ssize_t)size) {
            break;
        }
        talker->moved += size;
    }
    return NULL;
}

static void *receive_pattern(void *argument)
{
    struct talker *talker = argument;
    char piece[PIECE];

    while (talker->moved < talker->size) {
        ssize_t n = net_recv(talker->socket, piece, sizeof piece, talker->deadline);

        if (n <= 0) {
            break;
        }
        talker->intact = talker->intact && is_pattern(piece, (size_t)n, talker->moved);
        talker->moved += (size_t)n;
    }
    return NULL;
}

/* Each datagram is answered before the next, so that none is dropped. */
static void echo_pieces(struct pair *pair)
{
    char out[PIECE];
    char in[PIECE];

    for (size_t at = 0; at < MEGABYTE; at += PIECE) {
        write_pattern(out, sizeof out, at);
        assert_count(net_send(pair->client, out, sizeof out, soon()), PIECE);
        assert_count(net_recv(pair->server, in, sizeof in, soon()), PIECE);
        assert_count(net_send(pair->server, in, sizeof in, soon()), PIECE);
        memset(in, 0, sizeof in);
        assert_count(net_recv(pair->client, in, sizeof in, soon()), PIECE);
        assert_memory_equal(in, out, sizeof out);
    }
}

/* 1: basic I/O */
static void a_megabyte_arrives_as_it_was_sent_both_ways_at_once(void **state)
{
    struct pair pair;
    struct talker talkers[4];

    dial_pair(template_of(state), &pair);
    if (!is_stream(template_of(state))) {
        echo_pieces(&pair);
        close_pair(&pair);
        return;
    }
    start(&talkers[0], send_pattern, pair.client, MEGABYTE);
    start(&talkers[1], send_pattern, pair.server, MEGABYTE);
    start(&talkers[2], receive_pattern, pair.client, MEGABYTE);
    start(&talkers[3], receive_pattern, pair.server, MEGABYTE);
    for (size_t i = 0; i < COUNT(talkers); i++) {
        join(&talkers[i]);
        assert_int_equal(talkers[i].moved, MEGABYTE);
        assert_true(talkers[i].intact);
    }
    assert_int_equal(number_of(pair.client, "bytes-sent"), MEGABYTE);
    assert_int_equal(number_of(pair.server, "bytes-received"), MEGABYTE);
    close_pair(&pair);
}

static void *answer_counts(void *argument)
{
    struct talker *talker = argument;
    uint32_t number = 0;

    while (number < talker->size) {
        if (net_recv(talker->socket, &number, sizeof number, talker->deadline) != sizeof number) {
            talker->intact = false;
            break;
        }
        number++;
        net_send(talker->socket, &number, sizeof number, talker->deadline);
    }
    return NULL;
}

/* 2: ping-pong */
static void a_number_grows_as_it_goes_to_and_fro(void **state)
{
    enum { ROUNDS = 300 };
    struct pair pair;
    struct talker peer;
    uint32_t number = 0;

    dial_pair(template_of(state), &pair);
    start(&peer, answer_counts, pair.server, ROUNDS);
    while (number < ROUNDS) {
        uint32_t before = number;

        assert_count(net_send(pair.client, &number, sizeof number, soon()), sizeof number);
        assert_count(net_recv(pair.client, &number, sizeof number, soon()), sizeof number);
        assert_int_equal(number, before + 1);
    }
    join(&peer);
    assert_true(peer.intact);
    close_pair(&pair);
}

/* Deadlines of every kind, in turn. An unexpected code is kept. */
static void *race_reading(void *argument)
{
    struct talker *talker = argument;
    char piece[16];

    for (;;) {
        net_deadline deadline = talker->pieces % 3 == 0 ? NET_NOW : net_after(talker->pieces % 5);
        ssize_t n = net_recv(talker->socket, piece, sizeof piece, deadline);

        if (n < 0 && n != NET_TIMEOUT) {
            talker->code = (int)n;
            return NULL;
        }
        talker->pieces++;
        talker->moved += n > 0 ? (size_t)n : 0;
    }
}

/* 3: several threads receive at once, and each byte goes to one of them */
static void many_readers_share_what_comes(void **state)
{
    enum { SENDS = 100, SIZE = 16 };
    struct pair pair;
    struct talker readers[4];
    size_t read = 0;
    double since = now_ms();

    dial_pair(template_of(state), &pair);
    long long heard = number_of(pair.server, "bytes-received");

    for (size_t i = 0; i < COUNT(readers); i++) {
        start(&readers[i], race_reading, pair.server, 0);
    }
    for (int i = 0; i < SENDS; i++) {
        assert_count(net_send(pair.client, "0123456789abcdef", SIZE, soon()), SIZE);
    }
    while (number_of(pair.server, "bytes-received") - heard < SENDS * SIZE &&
           elapsed_ms(since) < 20000.0 * slowness()) {
        nap(1);
    }
    net_cancel(pair.server);
    for (size_t i = 0; i < COUNT(readers); i++) {
        join(&readers[i]);
        read += readers[i].moved;
        assert_int_equal(readers[i].code, NET_CANCELED);
    }
    assert_int_equal(read, SENDS * SIZE);
    close_pair(&pair);
}

static void *race_writing(void *argument)
{
    struct talker *talker = argument;
    char piece[16] = {0};

    for (;;) {
        net_deadline deadline = talker->pieces % 3 == 0 ? NET_NOW : net_after(talker->pieces % 3);
        ssize_t n = net_send(talker->socket, piece, sizeof piece, deadline);

        if (n < 0 && n != NET_TIMEOUT) {
            talker->code = (int)n;
            return NULL;
        }
        talker->pieces++;
        talker->moved += n > 0 ? (size_t)n : 0;
        nap(talker->pieces % 64 == 0 ? 1 : 0);
    }
}

/* 4: several threads send at once */
static void many_writers_share_the_way_out(void **state)
{
    struct pair pair;
    struct talker writers[4];
    char piece[4096];

    dial_pair(template_of(state), &pair);
    for (size_t i = 0; i < COUNT(writers); i++) {
        start(&writers[i], race_writing, pair.client, 0);
    }
    for (int i = 0; i < 100; i++) {
        assert_true(net_recv(pair.server, piece, sizeof piece, soon()) > 0);
    }
    net_cancel(pair.client);
    for (size_t i = 0; i < COUNT(writers); i++) {
        join(&writers[i]);
        assert_int_equal(writers[i].code, NET_CANCELED);
    }
    close_pair(&pair);
}

/* 5: a read timeout leaves writes alone. */
static void a_receive_that_timed_out_leaves_sending_alone(void **state)
{
    struct pair pair;
    struct caller reader;
    char piece[8];

    dial_pair(template_of(state), &pair);
    caller_start(&reader, call_recv, pair.client, net_after(60));
    assert_count(net_send(pair.client, "during", 6, soon()), 6);
    caller_join(&reader);
    assert_int_equal(reader.result, NET_TIMEOUT);
    assert_count(net_send(pair.client, "after", 5, soon()), 5);
    assert_true(net_recv(pair.server, piece, 6, soon()) > 0);
    close_pair(&pair);
}

/* Unless the peer's window grew after all. */
static void expect_no_room(net_socket *socket, net_deadline deadline)
{
    ssize_t n = net_send(socket, "x", 1, deadline);

    if (in_time(n < 0)) {
        assert_code(n, NET_TIMEOUT);
    }
}

/* 6: a write timeout leaves reads alone. Only a stream makes a sender wait. */
static void a_send_that_timed_out_leaves_receiving_alone(void **state)
{
    struct pair pair;
    struct caller reader;
    char piece[8];

    dial_pair(template_of(state), &pair);
    fill(pair.client);
    caller_start(&reader, call_recv, pair.client, soon());
    expect_no_room(pair.client, net_after(50));
    assert_count(net_send(pair.server, "one", 3, soon()), 3);
    caller_join(&reader);
    assert_int_equal(reader.result, 3);
    expect_no_room(pair.client, NET_NOW);
    assert_count(net_send(pair.server, "two", 3, soon()), 3);
    assert_count(net_recv(pair.client, piece, sizeof piece, soon()), 3);
    close_pair(&pair);
}

/* 7, 8, 9: past, present and future deadlines */
static void a_deadline_past_present_or_future_ends_the_wait(void **state)
{
    static const int durations[] = {-1000, -1, 0, 1, 5, 15, 16, 17, 33, 70};
    struct pair pair;
    char piece[8];

    dial_pair(template_of(state), &pair);
    for (size_t i = 0; i < COUNT(durations); i++) {
        double since = now_ms();

        assert_code(net_recv(pair.client, piece, sizeof piece, net_after(durations[i])),
                    NET_TIMEOUT);
        assert_took(elapsed_ms(since), durations[i], 1000);
    }
    assert_code(net_recv(pair.client, piece, sizeof piece, NET_NOW), NET_TIMEOUT);
    assert_count(net_send(pair.server, "x", 1, net_after(-1)), 1);
    assert_count(net_recv(pair.client, piece, sizeof piece, soon()), 1);
    close_pair(&pair);
}

/* 10: a cancel wakes blocked calls, and the close comes after it */
static void a_cancel_wakes_blocked_calls(void **state)
{
    struct pair pair;
    struct caller readers[3];

    dial_pair(template_of(state), &pair);
    for (size_t i = 0; i < COUNT(readers); i++) {
        caller_start(&readers[i], call_recv, pair.client, NET_FOREVER);
    }
    net_cancel(pair.client);
    for (size_t i = 0; i < COUNT(readers); i++) {
        caller_join(&readers[i]);
        assert_int_equal(readers[i].result, NET_CANCELED);
    }
    close_pair(&pair);
}

static void *read_properties(void *argument)
{
    struct talker *talker = argument;
    char text[64];

    for (int i = 0; i < 100; i++) {
        talker->intact = talker->intact &&
                         net_get(talker->socket, "local", text, sizeof text) > 0 &&
                         net_get(talker->socket, "peer", text, sizeof text) > 0 &&
                         net_get(talker->socket, "bytes-sent", text, sizeof text) > 0 &&
                         net_get(talker->socket, "sndbuf", text, sizeof text) != NET_MISUSE &&
                         net_fd(talker->socket) != NET_MISUSE;
    }
    return NULL;
}

/* 11: concurrent calls of every kind */
static void calls_of_every_kind_run_side_by_side(void **state)
{
    struct pair pair;
    struct talker talkers[8];

    dial_pair(template_of(state), &pair);
    for (size_t i = 0; i < COUNT(talkers); i++) {
        net_socket *socket = i < 6 ? pair.client : pair.server;

        start(&talkers[i],
              i % 3 == 0   ? race_reading
              : i % 3 == 1 ? race_writing
                           : read_properties,
              socket, 0);
    }
    nap(30);
    net_cancel(pair.client);
    net_cancel(pair.server);
    for (size_t i = 0; i < COUNT(talkers); i++) {
        join(&talkers[i]);
    }
    for (size_t i = 0; i < COUNT(talkers); i++) {
        assert_true(talkers[i].intact);
        if (talkers[i].socket == pair.client) {
            assert_int_equal(talkers[i].code, i % 3 < 2 ? NET_CANCELED : 0);
        }
    }
    close_pair(&pair);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_megabyte_arrives_as_it_was_sent_both_ways_at_once),
        TEST(a_number_grows_as_it_goes_to_and_fro),
        TEST(many_readers_share_what_comes),
        TEST(many_writers_share_the_way_out),
        TEST(a_receive_that_timed_out_leaves_sending_alone),
        TEST(a_deadline_past_present_or_future_ends_the_wait),
        TEST(a_cancel_wakes_blocked_calls),
        TEST(calls_of_every_kind_run_side_by_side),
    };
    static const struct test streams[] = {TEST(a_send_that_timed_out_leaves_receiving_alone)};

    return run_over(all_templates, any) + run_over(stream_templates, streams);
}

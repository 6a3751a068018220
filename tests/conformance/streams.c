/* Bytes arrive over a stream as they were sent, whatever sizes, waits and failures are
 * between. Lines are tested in lines.c, the end and the reset in endings.c. */
#include "support.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KIB = 1024, MIB = 1024 * 1024, PIECE_MOST = 200000 };

/* ---- Two threads that send much ---- */

struct mover {
    net_socket *socket;
    size_t size;
    size_t moved;
    unsigned seed;
    int most; /* bytes per call */
    bool intact;
    pthread_t thread;
};

static void *send_much(void *argument)
{
    struct mover *mover = argument;
    char *piece = malloc((size_t)mover->most);

    while (piece != NULL && mover->moved < mover->size) {
        size_t size = 1 + random_below(&mover->seed, (unsigned)mover->most);

        size = size < mover->size - mover->moved ? size : mover->size - mover->moved;
        write_pattern(piece, size, mover->moved);
        if (net_send(mover->socket, piece, size, soon()) != (ssize_t)size) {
            break;
        }
        mover->moved += size;
    }
    free(piece);
    return NULL;
}

static void *receive_much(void *argument)
{
    struct mover *mover = argument;
    char *piece = malloc((size_t)mover->most);

    mover->intact = true;
    while (piece != NULL && mover->moved < mover->size) {
        size_t size = 1 + random_below(&mover->seed, (unsigned)mover->most);

        size = size < mover->size - mover->moved ? size : mover->size - mover->moved;
        ssize_t n = mover->seed % 2 == 0 ? net_recv(mover->socket, piece, size, soon())
                                         : net_recv_all(mover->socket, piece, size, soon());

        if (n <= 0) {
            break;
        }
        mover->intact = mover->intact && is_pattern(piece, (size_t)n, mover->moved);
        mover->moved += (size_t)n;
    }
    free(piece);
    return NULL;
}

/* Sends this many bytes each way at once, and compares what arrives. */
static void move_both_ways(struct pair *pair, size_t size, int most)
{
    struct mover movers[4] = {{.socket = pair->client},
                              {.socket = pair->server},
                              {.socket = pair->client},
                              {.socket = pair->server}};

    for (unsigned i = 0; i < COUNT(movers); i++) {
        movers[i].size = size;
        movers[i].most = most;
        movers[i].seed = 1000 + i;
        assert_int_equal(
            pthread_create(&movers[i].thread, NULL, i < 2 ? send_much : receive_much, &movers[i]),
            0);
    }
    for (size_t i = 0; i < COUNT(movers); i++) {
        pthread_join(movers[i].thread, NULL);
    }
    for (size_t i = 0; i < COUNT(movers); i++) {
        assert_int_equal(movers[i].moved, size);
        assert_true(i < 2 || movers[i].intact);
    }
}

static void much_arrives_as_it_was_sent_in_pieces_of_any_size(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    move_both_ways(&pair, (size_t)32 * MIB / (size_t)slowness(), PIECE_MOST);
    close_pair(&pair);
}

/* As many waits as possible. */
static void both_may_send_at_once_through_small_buffers(void **state)
{
    struct pair pair;

    dial_pair_with(template_of(state), "rcvbuf=4KiB&sndbuf=4KiB", "rcvbuf=4KiB&sndbuf=4KiB", &pair);
    move_both_ways(&pair, (size_t)MIB / (size_t)slowness(), 10000);
    close_pair(&pair);
}

/* As many segments at once as the wire holds. Unix sockets hold the fewest. */
static void a_reader_does_not_see_where_segments_begin(void **state)
{
    enum { BYTES = 500, FEWEST = 200 };
    const size_t bytes = is_ip(template_of(state)) ? BYTES : FEWEST;
    struct pair pair;
    char sent[BYTES];
    char got[BYTES];

    dial_pair(template_of(state), &pair);
    write_pattern(sent, sizeof sent, 0);
    for (size_t i = 0; i < bytes; i++) {
        assert_count(net_send(pair.client, sent + i, 1, soon()), 1);
    }
    assert_count(net_recv_all(pair.server, got, bytes / 2, soon()), (long long)bytes / 2);
    assert_count(net_recv_all(pair.server, got + bytes / 2, bytes / 2, soon()),
                 (long long)bytes / 2);
    assert_memory_equal(got, sent, bytes);
    close_pair(&pair);
}

/* A send of nothing is a receive of nothing, and no end. */
static void nothing_is_nothing_and_not_the_end(void **state)
{
    struct pair pair;
    net_slice empty[] = {{NULL, 0}, {"", 0}};
    char buffer[8] = "";

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.client, "", 0, NET_NOW), 0);
    assert_count(net_send(pair.client, NULL, 0, soon()), 0);
    assert_count(net_send_vector(pair.client, empty, 2, soon()), 0);
    assert_count(net_recv(pair.server, buffer, 0, soon()), 0);
    assert_count(net_recv(pair.server, NULL, 0, NET_NOW), 0);
    assert_count(net_recv_all(pair.server, NULL, 0, soon()), 0);
    assert_code(net_recv(pair.server, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT);
    assert_count(net_send(pair.client, "x", 1, soon()), 1);
    assert_count(net_recv(pair.server, buffer, 0, soon()), 0);
    assert_count(net_recv(pair.server, buffer, sizeof buffer, soon()), 1);
    close_pair(&pair);
}

/* A size that does not fit an int is not taken for a smaller one. */
static void a_size_over_int_max_is_not_cut(void **state)
{
    const size_t size = (size_t)INT_MAX + 4096;
    struct pair pair;
    char *much = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_ptr_not_equal(much, MAP_FAILED);
    dial_pair(template_of(state), &pair);
    long long taken = assert_ok(net_send(pair.client, much, size, net_after(30)));

    assert_true(taken > 4096);
    assert_true(assert_ok(net_recv(pair.server, much, size, soon())) > 0);
    close_pair(&pair);
    munmap(much, size);
}

/* What was taken is counted exactly, and the rest can be sent later. */
static void a_send_cut_off_by_its_deadline_says_how_much_went(void **state)
{
    const size_t size = (size_t)16 * MIB;
    struct pair pair;
    char *text = malloc(size);
    double since;

    assert_non_null(text);
    write_pattern(text, size, 0);
    dial_pair_with(template_of(state), "rcvbuf=256KiB", "sndbuf=256KiB", &pair);
    since = now_ms();
    size_t sent = (size_t)assert_ok(net_send(pair.client, text, size, net_after(50)));

    assert_took(elapsed_ms(since), 50, 1500);
    assert_in_range(sent, 1, size - 1);
    assert_int_equal(number_of(pair.client, "bytes-sent"), sent);
    struct mover reader = {.socket = pair.server, .size = size, .most = PIECE_MOST, .seed = 3};

    assert_int_equal(pthread_create(&reader.thread, NULL, receive_much, &reader), 0);
    long long rest = net_send(pair.client, text + sent, size - sent, soon());

    pthread_join(reader.thread, NULL);
    assert_int_equal(rest, size - sent);
    assert_int_equal(reader.moved, size);
    assert_true(reader.intact);
    close_pair(&pair);
    free(text);
}

/* A call that has returned does not touch its buffer. What an encrypted send could not send is kept
 * then, and goes while the sender receives. */
static void a_buffer_is_the_callers_again_after_a_timeout(void **state)
{
    const size_t size = (size_t)8 * MIB;
    struct pair pair;
    struct caller receiving;
    char small[16] = "0123456789abcde";
    char *text = malloc(size);

    assert_non_null(text);
    write_pattern(text, size, 0);
    dial_pair_with(template_of(state), "rcvbuf=256KiB", "sndbuf=256KiB", &pair);
    assert_code(net_recv(pair.client, small, sizeof small, net_after(20)), NET_TIMEOUT);
    assert_count(net_send(pair.server, "XXXXXXXX", 8, soon()), 8);
    await_ready(pair.client, POLLIN);
    assert_string_equal(small, "0123456789abcde");
    size_t sent = (size_t)assert_ok(net_send(pair.client, text, size, net_after(30)));

    assert_in_range(sent, 1, size - 1);
    memset(text, 'Z', size);
    if (is_encrypted(template_of(state))) {
        assert_count(net_recv(pair.client, small, sizeof small, soon()), 8);
        caller_launch(&receiving, call_recv, pair.client, soon());
    }
    assert_count(net_recv_all(pair.server, text, sent, soon()), sent);
    assert_true(is_pattern(text, sent, 0));
    if (is_encrypted(template_of(state))) {
        assert_count(net_send(pair.server, "enough", 6, soon()), 6);
        caller_join(&receiving);
    }
    assert_code(net_recv(pair.server, text, size, NET_NOW), NET_TIMEOUT);
    close_pair(&pair);
    free(text);
}

static void an_end_that_has_finished_sending_goes_on_receiving(void **state)
{
    struct pair pair;
    char buffer[8];
    struct mover movers[2] = {{.size = MIB, .most = 30000, .seed = 5},
                              {.size = MIB, .most = 30000, .seed = 6}};

    dial_pair(template_of(state), &pair);
    assert_count(net_shutdown(pair.client), 0);
    assert_code(net_recv(pair.server, buffer, sizeof buffer, soon()), NET_EOF);
    movers[0].socket = pair.server;
    movers[1].socket = pair.client;
    assert_int_equal(pthread_create(&movers[0].thread, NULL, send_much, &movers[0]), 0);
    receive_much(&movers[1]);
    pthread_join(movers[0].thread, NULL);
    assert_int_equal(movers[1].moved, MIB);
    assert_true(movers[1].intact);
    close_pair(&pair);
}

/* The call returns the count so far, and the next call says why. */
static void a_receive_of_all_gives_what_came_before_end_deadline_or_cancel(void **state)
{
    struct pair pair;
    struct caller reader;
    char buffer[64];

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.server, "early", 5, soon()), 5);
    assert_count(net_recv_all(pair.client, buffer, sizeof buffer, net_after(40)), 5);
    assert_memory_equal(buffer, "early", 5);
    assert_code(net_recv_all(pair.client, buffer, sizeof buffer, net_after(20)), NET_TIMEOUT);
    assert_count(net_send(pair.server, "last", 4, soon()), 4);
    assert_count(net_shutdown(pair.server), 0);
    assert_count(net_recv_all(pair.client, buffer, sizeof buffer, soon()), 4);
    assert_code(net_recv_all(pair.client, buffer, sizeof buffer, soon()), NET_EOF);

    assert_count(net_send(pair.client, "middle", 6, soon()), 6);
    caller_start(&reader, call_recv_all, pair.server, soon());
    net_cancel(pair.server);
    caller_join(&reader);
    assert_int_equal(reader.result, 6);
    assert_code(net_recv_all(pair.server, buffer, sizeof buffer, soon()), NET_CANCELED);
    close_pair(&pair);
}

/* More slices than one system call takes, some of them empty, with more bytes than the buffers
 * hold. */
static void slices_arrive_as_one_text(void **state)
{
    enum { SLICES = 300 };
    const size_t size = (size_t)2 * MIB;
    struct pair pair;
    net_slice slices[SLICES];
    char *text = malloc(size);
    unsigned seed = 42;
    size_t at = 0;

    assert_non_null(text);
    write_pattern(text, size, 0);
    for (int i = 0; i < SLICES; i++) {
        size_t piece = i % 7 == 3 ? 0 : random_below(&seed, 7000);

        slices[i] = (net_slice){.data = piece > 0 ? text + at : NULL, .size = piece};
        at += piece;
    }
    dial_pair(template_of(state), &pair);
    struct mover reader = {.socket = pair.server, .size = at, .most = 5000, .seed = 7};

    assert_int_equal(pthread_create(&reader.thread, NULL, receive_much, &reader), 0);
    long long sent = net_send_vector(pair.client, slices, SLICES, soon());

    pthread_join(reader.thread, NULL);
    assert_int_equal(sent, at);
    assert_int_equal(reader.moved, at);
    assert_true(reader.intact);
    await_ready(pair.client, POLLOUT);
    long long part = assert_ok(net_send_vector(pair.client, slices, SLICES, NET_NOW));

    assert_int_equal(number_of(pair.client, "bytes-sent"), (long long)at + part);
    close_pair(&pair);
    free(text);
}

/* With NET_NOW, a vector of very many slices ends early and says so. The rest goes with the next
 * call: slices without a byte never end one. */
static void many_slices_go_by_many_calls(void **state)
{
    enum { SLICES = 200000 };
    net_slice *slices = calloc(SLICES, sizeof *slices);
    struct pair pair;
    char buffer[3] = "";

    assert_non_null(slices);
    slices[0] = (net_slice){.data = "a", .size = 1};
    slices[SLICES - 1] = (net_slice){.data = "z", .size = 1};
    dial_pair(template_of(state), &pair);
    assert_int_equal(net_send_vector(pair.client, slices, SLICES, NET_NOW), 1);
    assert_int_equal(net_error(), NET_TIMEOUT);
    assert_count(net_send_vector(pair.client, slices + 1, SLICES - 1, NET_NOW), 1);
    assert_count(net_recv_all(pair.server, buffer, 2, soon()), 2);
    assert_string_equal(buffer, "az");
    assert_count(net_send_vector(pair.client, slices, SLICES, soon()), 2);
    close_pair(&pair);
    free(slices);
}

/* The urgent byte is left out. The others arrive in order. */
static void an_urgent_byte_does_not_disturb_the_stream(void **state)
{
    char buffer[16];
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int peer = raw_dial(listener);
    net_socket *server = assert_socket(net_accept(listener, soon()));

    assert_int_equal(send(peer, "ab", 2, 0), 2);
    assert_int_equal(send(peer, "!", 1, MSG_OOB), 1);
    assert_int_equal(send(peer, "cd", 2, 0), 2);
    assert_count(net_recv_all(server, buffer, 4, soon()), 4);
    assert_memory_equal(buffer, "abcd", 4);
    close(peer);
    assert_code(net_recv(server, buffer, sizeof buffer, soon()), NET_EOF);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
}

/* A peek does not reach past the urgent byte, and the line goes on behind it. */
static void an_urgent_byte_within_a_line_is_passed_over(void **state)
{
    char buffer[16];
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int peer = raw_dial(listener);
    net_socket *server = assert_socket(net_accept(listener, soon()));

    assert_int_equal(send(peer, "ef", 2, 0), 2);
    assert_int_equal(send(peer, "?", 1, MSG_OOB), 1);
    assert_int_equal(send(peer, "g\nh", 3, 0), 3);
    assert_count(net_recv_until(server, buffer, sizeof buffer, '\n', soon()), 4);
    assert_memory_equal(buffer, "efg\n", 4);
    assert_count(net_recv(server, buffer, sizeof buffer, soon()), 1);
    close(peer);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
}

/* Small sends one after another do not wait for acknowledgements, 40 ms each. */
static void small_pieces_are_not_held_back(void **state)
{
    enum { ROUNDS = 50 };
    struct pair pair;
    char buffer[2];

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < 2 && is_ip(template_of(state)); i++) {
        int fd = net_fd(i == 0 ? pair.client : pair.server);
        socklen_t size = sizeof(int);
        int on = 0;

        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
        assert_int_not_equal(on, 0);
    }
    double since = now_ms();

    for (int i = 0; i < ROUNDS; i++) {
        assert_count(net_send(pair.client, "a", 1, soon()), 1);
        assert_count(net_send(pair.client, "b", 1, soon()), 1);
        assert_count(net_recv_all(pair.server, buffer, 2, soon()), 2);
        assert_count(net_send(pair.server, "c", 1, soon()), 1);
        assert_count(net_recv(pair.client, buffer, 1, soon()), 1);
    }
    assert_took(elapsed_ms(since), 0, ROUNDS * 20);
    close_pair(&pair);
}

int main(void)
{
    static const struct test streams[] = {
        TEST(much_arrives_as_it_was_sent_in_pieces_of_any_size),
        TEST(both_may_send_at_once_through_small_buffers),
        TEST(a_reader_does_not_see_where_segments_begin),
        TEST(nothing_is_nothing_and_not_the_end),
        TEST(a_send_cut_off_by_its_deadline_says_how_much_went),
        TEST(a_buffer_is_the_callers_again_after_a_timeout),
        TEST(an_end_that_has_finished_sending_goes_on_receiving),
        TEST(a_receive_of_all_gives_what_came_before_end_deadline_or_cancel),
        TEST(slices_arrive_as_one_text),
        TEST(many_slices_go_by_many_calls),
        TEST(small_pieces_are_not_held_back),
    };

    static const struct test kernel[] = {TEST(an_urgent_byte_does_not_disturb_the_stream)};
    static const struct test tcp[] = {TEST(an_urgent_byte_within_a_line_is_passed_over)};
    static const struct test once[] = {TEST(a_size_over_int_max_is_not_cut)};
    static const char *const one[] = {"tcp://127.0.0.1:0", NULL};

    return run_over(stream_templates, streams) + run_over(kernel_streams, kernel) +
           run_over(tcp_templates, tcp) + run_over(one, once);
}

/* Faults on streams: chunk and delay, and what they mean for calls that wait for all of something.
 * The faults that end a connection are in ends.c. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const streams[] = {"chaos+tcp://127.0.0.1:0", "chaos+unix://@", NULL};

enum { DELAY = 60, PIECES = 600 };

/* The receiver has the faults. */
static void open_pair(void **state, const char *faults, struct pair *pair)
{
    dial_pair_with(template_of(state), faults, NULL, pair);
}

static void a_layer_without_faults_changes_nothing(void **state)
{
    struct pair pair;
    char text[ADDRESS_MAX];
    char buffer[16];

    open_pair(state, "seed=5", &pair);
    assert_count(net_send(pair.client, "line\nrest", 9, soon()), 9);
    assert_count(net_recv_until(pair.server, buffer, sizeof buffer, '\n', soon()), 5);
    assert_count(net_recv_all(pair.server, buffer, 4, soon()), 4);
    assert_code(net_recv(pair.server, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT);
    assert_int_equal(number_of(pair.server, "bytes-received"), 9);
    assert_ok(net_get(pair.server, "scheme", text, sizeof text));
    assert_memory_equal(text, template_of(state), strlen(text));
    assert_ok(net_get(pair.client, "peer", text, sizeof text));
    assert_memory_equal(text, "chaos+", 6);
    assert_true(net_fd(pair.server) >= 0);
    assert_ok(net_shutdown(pair.client));
    assert_code(net_recv(pair.server, buffer, sizeof buffer, soon()), NET_EOF);
    assert_says("recv chaos+");
    close_pair(&pair);
}

static void the_faults_can_be_read_and_not_set(void **state)
{
    static const char *const faults[][2] = {{"seed", "7"},
                                            {"chunk", "3B"},
                                            {"delay", "20ms"},
                                            {"reset-after", "10KiB"},
                                            {"stall-after", "1MiB"}};
    struct pair pair;
    char text[64];

    open_pair(state,
              "seed=7&chunk=3&delay=20ms&reset-after=10KiB&stall-after=1MiB"
              "&sndbuf=64KiB",
              &pair);
    for (size_t i = 0; i < COUNT(faults); i++) {
        assert_ok(net_get(pair.listener, faults[i][0], text, sizeof text));
        assert_string_equal(text, faults[i][1]);
        assert_ok(net_get(pair.server, faults[i][0], text, sizeof text));
        assert_string_equal(text, faults[i][1]);
        assert_code(net_set(pair.server, faults[i][0], faults[i][1]), NET_MISUSE);
    }
    assert_true(number_of(pair.server, "sndbuf") > 0);
    assert_ok(net_set(pair.server, "sndbuf", "32KiB"));
    assert_int_equal(net_fd(pair.server), -1);
    assert_ok(net_get(pair.client, "chunk", text, sizeof text));
    assert_string_equal(text, "off");
    close_pair(&pair);
}

static void faults_of_datagrams_are_refused(void **state)
{
    static const char *const wrong[] = {"loss=0.5", "duplicate=0.5", "reorder=0.5"};
    char address[ADDRESS_MAX];

    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(address, sizeof address, "%s?%s", template_of(state), wrong[i]);
        assert_no_socket(net_listen(address), NET_ADDRESS);
    }
}

/* ---- Chunk ---- */

/* Receive PIECES waiting bytes, and record the size of each piece. */
static size_t cut(void **state, const char *faults, unsigned char pieces[PIECES])
{
    struct pair pair;
    char sent[PIECES];
    char got[PIECES];
    size_t count = 0;
    size_t at = 0;

    open_pair(state, faults, &pair);
    write_pattern(sent, PIECES, 0);
    assert_count(net_send(pair.client, sent, PIECES, soon()), PIECES);
    await_bytes(pair.server, PIECES);
    while (at < PIECES) {
        long long n = assert_ok(net_recv(pair.server, got + at, PIECES - at, soon()));

        pieces[count++] = (unsigned char)n;
        at += (size_t)n;
    }
    assert_true(is_pattern(got, PIECES, 0));
    close_pair(&pair);
    return count;
}

static void chunk_hands_out_small_pieces_of_all_sizes(void **state)
{
    unsigned char pieces[PIECES];
    int seen[6] = {0};
    size_t count = cut(state, "chunk=5", pieces);

    for (size_t i = 0; i < count; i++) {
        assert_in_range(pieces[i], 1, 5);
        seen[pieces[i]]++;
    }
    for (int size = 1; size <= 5; size++) {
        assert_true(seen[size] > 0);
    }
}

static void the_same_seed_cuts_at_the_same_places(void **state)
{
    unsigned char first[PIECES] = {0};
    unsigned char second[PIECES] = {0};
    unsigned char other[PIECES] = {0};

    cut(state, "chunk=9&seed=7", first);
    cut(state, "chunk=9&seed=7", second);
    cut(state, "chunk=9&seed=8", other);
    assert_memory_equal(first, second, PIECES);
    assert_memory_not_equal(first, other, PIECES);
}

/* Each accepted socket of a listener has random numbers of its own. */
static void two_calls_are_cut_differently(void **state)
{
    struct pair pair;
    net_socket *client[2];
    net_socket *server[2];
    unsigned char pieces[2][PIECES] = {{0}};
    char sent[PIECES];

    open_pair(state, "chunk=9&seed=7", &pair);
    write_pattern(sent, PIECES, 0);
    for (int i = 0; i < 2; i++) {
        size_t count = 0;

        dial_again(pair.listener, &client[i], &server[i]);
        assert_count(net_send(client[i], sent, PIECES, soon()), PIECES);
        await_bytes(server[i], PIECES);
        for (size_t at = 0; at < PIECES; at += pieces[i][count++]) {
            pieces[i][count] = (unsigned char)assert_ok(net_recv(server[i], sent, PIECES, soon()));
        }
        write_pattern(sent, PIECES, 0);
        net_close(client[i], NET_NOW);
        net_close(server[i], NET_NOW);
    }
    assert_memory_not_equal(pieces[0], pieces[1], PIECES);
    close_pair(&pair);
}

static void calls_that_want_all_of_it_get_it_in_one(void **state)
{
    static const net_slice slices[] = {{"one", 3}, {"", 0}, {" line\nand", 9}, {" another\n", 9}};
    struct pair pair;
    char buffer[64];

    dial_pair_with(template_of(state), "chunk=1", "chunk=2", &pair);
    assert_count(net_send_vector(pair.client, slices, 4, soon()), 21);
    assert_count(net_recv_until(pair.server, buffer, sizeof buffer, '\n', soon()), 9);
    assert_memory_equal(buffer, "one line\n", 9);
    assert_count(net_recv_all(pair.server, buffer, 3, soon()), 3);
    assert_memory_equal(buffer, "and", 3);
    assert_count(net_recv(pair.server, buffer, sizeof buffer, soon()), 1);
    assert_code(net_recv_until(pair.server, buffer, 3, '\n', soon()), NET_TOOBIG);
    assert_count(net_recv_until(pair.server, buffer, sizeof buffer, '\n', soon()), 8);
    assert_memory_equal(buffer, "another\n", 8);
    assert_count(net_send(pair.client, "", 0, soon()), 0);
    assert_code(net_recv_all(pair.server, buffer, 4, net_after(30)), NET_TIMEOUT);
    close_pair(&pair);
}

static void slices_without_a_byte_end_no_send(void **state)
{
    enum { SLICES = 200000 };
    static net_slice slices[SLICES];
    struct pair pair;
    char buffer[2];

    slices[SLICES - 1] = (net_slice){.data = "z", .size = 1};
    dial_pair_with(template_of(state), "chunk=1", "chunk=2", &pair);
    assert_count(net_send_vector(pair.client, slices, SLICES, NET_NOW), 1);
    assert_count(net_recv(pair.server, buffer, sizeof buffer, soon()), 1);
    close_pair(&pair);
}

enum { TALKERS = 3, WORDS = 60, WORD = 50 };

struct talker {
    net_socket *socket;
    pthread_t thread;
    char letter;
    bool ok;
};

static void *talk(void *argument)
{
    struct talker *talker = argument;
    char word[WORD];

    memset(word, talker->letter, sizeof word);
    talker->ok = true;
    for (int i = 0; i < WORDS; i++) {
        talker->ok = talker->ok && net_send(talker->socket, word, WORD, soon()) == WORD;
    }
    return NULL;
}

static void whole_sends_stay_whole(void **state)
{
    struct pair pair;
    struct talker talkers[TALKERS];
    char word[WORD];

    dial_pair_with(template_of(state), NULL, "chunk=3", &pair);
    for (int i = 0; i < TALKERS; i++) {
        talkers[i] = (struct talker){.socket = pair.client, .letter = (char)('a' + i)};
        assert_int_equal(pthread_create(&talkers[i].thread, NULL, talk, &talkers[i]), 0);
    }
    for (int i = 0; i < TALKERS * WORDS; i++) {
        assert_count(net_recv_all(pair.server, word, WORD, soon()), WORD);
        for (int j = 1; j < WORD; j++) {
            assert_int_equal(word[j], word[0]);
        }
    }
    for (int i = 0; i < TALKERS; i++) {
        pthread_join(talkers[i].thread, NULL);
        assert_true(talkers[i].ok);
    }
    close_pair(&pair);
}

static void a_send_that_runs_out_of_time_tells_how_much_went(void **state)
{
    struct pair pair;
    static char much[16 * 1024 * 1024];
    char scrap[4096];

    dial_pair_with(template_of(state), NULL, "chunk=64KiB", &pair);
    write_pattern(much, sizeof much, 0);
    long long sent = assert_ok(net_send(pair.client, much, sizeof much, net_after(50)));

    assert_in_range(sent, 1, sizeof much - 1);
    for (long long at = 0; at < sent;) {
        long long n = assert_ok(net_recv(pair.server, scrap, sizeof scrap, soon()));

        assert_true(is_pattern(scrap, (size_t)n, (size_t)at));
        at += n;
    }
    assert_code(net_recv(pair.server, scrap, sizeof scrap, NET_NOW), NET_TIMEOUT);
    close_pair(&pair);
}

/* ---- Delay ---- */

static void bytes_arrive_late_and_in_order(void **state)
{
    struct pair pair;
    char buffer[16];

    open_pair(state, "delay=60ms", &pair);
    for (int i = 0; i < 3; i++) {
        double since = now_ms();

        assert_count(net_send(pair.client, "hello", 5, soon()), 5);
        assert_count(net_recv(pair.server, buffer, sizeof buffer, soon()), 5);
        assert_took(elapsed_ms(since), DELAY - 1, 2000);
        assert_memory_equal(buffer, "hello", 5);
    }
    assert_int_equal(number_of(pair.server, "bytes-received"), 15);
    close_pair(&pair);
}

static void a_deadline_passes_on_time_while_bytes_are_on_their_way(void **state)
{
    struct pair pair;
    char buffer[16];

    open_pair(state, "delay=30s", &pair);
    assert_count(net_send(pair.client, "hello\n", 6, soon()), 6);
    for (int i = 0; i < 3; i++) {
        double since = now_ms();

        assert_code(net_recv(pair.server, buffer, sizeof buffer, net_after(40)), NET_TIMEOUT);
        assert_code(net_recv_all(pair.server, buffer, 6, net_after(40)), NET_TIMEOUT);
        assert_code(net_recv_until(pair.server, buffer, 6, '\n', net_after(40)), NET_TIMEOUT);
        assert_took(elapsed_ms(since), 119, 2000);
        assert_code(net_recv(pair.server, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT);
    }
    assert_int_equal(number_of(pair.server, "bytes-received"), 0);
    close_pair(&pair);
}

static void lines_and_the_end_arrive_late(void **state)
{
    struct pair pair;
    char buffer[16];

    open_pair(state, "delay=60ms", &pair);
    double since = now_ms();

    assert_count(net_send(pair.client, "one\ntwo\nthr", 11, soon()), 11);
    assert_ok(net_shutdown(pair.client));
    assert_count(net_recv_until(pair.server, buffer, sizeof buffer, '\n', soon()), 4);
    assert_took(elapsed_ms(since), DELAY - 1, 2000);
    assert_code(net_recv_until(pair.server, buffer, 2, '\n', soon()), NET_TOOBIG);
    assert_count(net_recv_until(pair.server, buffer, sizeof buffer, '\n', soon()), 4);
    assert_memory_equal(buffer, "two\n", 4);
    assert_count(net_recv_until(pair.server, buffer, sizeof buffer, '\n', soon()), 3);
    assert_memory_equal(buffer, "thr", 3);
    for (int i = 0; i < 3; i++) {
        assert_code(net_recv(pair.server, buffer, sizeof buffer, soon()), NET_EOF);
        assert_code(net_recv_all(pair.server, buffer, sizeof buffer, NET_NOW), NET_EOF);
        assert_code(net_recv_until(pair.server, buffer, sizeof buffer, '\n', soon()), NET_EOF);
    }
    close_pair(&pair);
}

struct bulk {
    net_socket *socket;
    size_t size;
    bool ok;
};

static void *send_bulk(void *argument)
{
    struct bulk *bulk = argument;
    char *bytes = malloc(bulk->size + 1);

    bulk->ok = bytes != NULL;
    if (bulk->ok) {
        memset(bytes, 'x', bulk->size);
        bytes[bulk->size] = '\n';
        bulk->ok = net_send(bulk->socket, bytes, bulk->size + 1, soon()) == (ssize_t)bulk->size + 1;
    }
    free(bytes);
    return NULL;
}

/* Much more than the layer keeps at a time passes through it, and a line longer than that is
 * found. */
static void much_goes_through_a_delay(void **state)
{
    enum { MUCH = 300000 };
    static char buffer[MUCH + 1];
    struct pair pair;
    pthread_t thread;

    open_pair(state, "delay=5ms&chunk=64KiB", &pair);
    for (int round = 0; round < 2; round++) {
        struct bulk bulk = {.socket = pair.client, .size = MUCH};

        assert_int_equal(pthread_create(&thread, NULL, send_bulk, &bulk), 0);
        memset(buffer, 0, sizeof buffer);
        if (round == 0) {
            assert_count(net_recv_all(pair.server, buffer, MUCH + 1, soon()), MUCH + 1);
        } else {
            assert_count(net_recv_until(pair.server, buffer, sizeof buffer, '\n', soon()),
                         MUCH + 1);
        }
        pthread_join(thread, NULL);
        assert_true(bulk.ok);
        assert_int_equal(buffer[0], 'x');
        assert_int_equal(buffer[MUCH - 1], 'x');
        assert_int_equal(buffer[MUCH], '\n');
    }
    close_pair(&pair);
}

int main(void)
{
    const struct test tests[] = {
        TEST(a_layer_without_faults_changes_nothing),
        TEST(the_faults_can_be_read_and_not_set),
        TEST(faults_of_datagrams_are_refused),
        TEST(chunk_hands_out_small_pieces_of_all_sizes),
        TEST(the_same_seed_cuts_at_the_same_places),
        TEST(two_calls_are_cut_differently),
        TEST(calls_that_want_all_of_it_get_it_in_one),
        TEST(slices_without_a_byte_end_no_send),
        TEST(whole_sends_stay_whole),
        TEST(a_send_that_runs_out_of_time_tells_how_much_went),
        TEST(bytes_arrive_late_and_in_order),
        TEST(a_deadline_passes_on_time_while_bytes_are_on_their_way),
        TEST(lines_and_the_end_arrive_late),
        TEST(much_goes_through_a_delay),
    };

    return run_over(streams, tests);
}

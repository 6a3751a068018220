/* driven: skip, it has pollers of its own */
/* Much at once: short lines from a sender at full speed, blocks both ways, a slow reader, and loops
 * that are not ours. */
#include "openssl_peer.h"
#include "watching.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char here[] = "tls://127.0.0.1:0";
static const char options[] = "ca={ca}&name=localhost";

/* ---- Short lines from OpenSSL ---- */

enum { MIB = 1 << 20, LINE_MOST = 64 };

struct lines {
    struct openssl_peer peer;
    size_t piece; /* bytes of one SSL_write */
    bool failed;
    pthread_t thread;
};

static char text[MIB];

/* Lines of 1 to 40 bytes. */
static void write_lines(void)
{
    size_t left = 0;

    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = left == 0 || i == sizeof text - 1 ? '\n' : (char)('a' + i % 26);
        left = left == 0 ? i * 7 % 40 : left - 1;
    }
}

static void *send_lines(void *argument)
{
    struct lines *lines = argument;

    for (size_t at = 0; at < sizeof text && !lines->failed; at += lines->piece) {
        size_t left = sizeof text - at;
        size_t size = left < lines->piece ? left : lines->piece;

        lines->failed = SSL_write(lines->peer.ssl, text + at, (int)size) != (int)size;
    }
    SSL_shutdown(lines->peer.ssl);
    return NULL;
}

static net_socket *lines_start(struct lines *lines, net_socket *listener, size_t piece)
{
    peer_client(&lines->peer, peer_open(listener));
    net_socket *server = assert_socket(net_accept(listener, soon()));

    peer_meet(&lines->peer, server);
    lines->piece = piece;
    lines->failed = false;
    assert_int_equal(pthread_create(&lines->thread, NULL, send_lines, lines), 0);
    return server;
}

static void lines_join(struct lines *lines)
{
    pthread_join(lines->thread, NULL);
    assert_false(lines->failed);
    peer_close(&lines->peer);
}

static size_t expect_line(const char *line, size_t size, size_t at)
{
    const char *end = memchr(text + at, '\n', sizeof text - at);

    assert_non_null(end);
    assert_int_equal(size, (size_t)(end + 1 - (text + at)));
    assert_memory_equal(line, text + at, size);
    return at + size;
}

static void short_lines_at_full_speed_come_whole(void **state)
{
    static const size_t pieces[] = {16 * 1024, 333, 60000};
    net_socket *listener = tls_listen(here, CERTIFICATE_GOOD, NULL);

    (void)state;
    write_lines();
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct lines lines;
        net_socket *server = lines_start(&lines, listener, pieces[i]);
        char line[LINE_MOST];
        size_t at = 0;

        while (at < sizeof text) {
            long long n = assert_ok(net_recv_until(server, line, sizeof line, '\n', soon()));

            at = expect_line(line, (size_t)n, at);
        }
        assert_code(net_recv_until(server, line, sizeof line, '\n', soon()), NET_EOF);
        net_close(server, NET_NOW);
        lines_join(&lines);
    }
    net_close(listener, NET_NOW);
}

/* ---- A foreign loop ---- */

/* When the descriptor is ready, everything is taken until NET_TIMEOUT: no line stays behind. */
static void a_foreign_loop_takes_all_by_its_descriptor(void **state)
{
    struct lines lines;
    net_socket *listener = tls_listen(here, CERTIFICATE_GOOD, NULL);
    size_t at = 0;
    ssize_t n = 0;

    (void)state;
    write_lines();
    net_socket *server = lines_start(&lines, listener, 1000);
    struct pollfd waits = {.fd = net_fd(server), .events = POLLIN};

    assert_true(waits.fd >= 0);
    while (n != NET_EOF) {
        char line[LINE_MOST];

        assert_int_equal(poll(&waits, 1, 20000 * slowness()), 1);
        n = net_recv_until(server, line, sizeof line, '\n', NET_NOW);
        while (n > 0) {
            at = expect_line(line, (size_t)n, at);
            n = net_recv_until(server, line, sizeof line, '\n', NET_NOW);
        }
        assert_true(n == NET_TIMEOUT || n == NET_EOF);
    }
    assert_int_equal(at, sizeof text);
    net_close(server, NET_NOW);
    lines_join(&lines);
    net_close(listener, NET_NOW);
}

/* Until the handshake is done there is no descriptor; that of a poller serves. */
static void a_nested_poller_shakes_hands(void **state)
{
    net_poller *poller = open_poller();
    net_socket *listener = tls_listen(template_of(state), CERTIFICATE_GOOD, NULL);
    net_socket *client = tls_dial(listener, options);
    net_socket *server = NULL;
    struct pollfd waits = {.fd = net_poller_fd(poller), .events = POLLIN};
    bool writable = false;
    char bytes[8];
    ssize_t n = NET_TIMEOUT;

    watch(poller, listener, NET_READABLE);
    watch(poller, client, NET_WRITABLE);
    assert_int_equal(net_fd(client), -1);
    while (n != 5) {
        net_event event;

        assert_int_equal(poll(&waits, 1, 20000 * slowness()), 1);
        while (n != 5 && net_poller_wait(poller, &event, 1, NET_NOW) == 1) {
            if (event.socket == listener) {
                server = assert_socket(net_accept(listener, NET_NOW));
                watch(poller, server, NET_READABLE);
                assert_int_equal(net_fd(server), -1);
                assert_ok(net_poller_watch(poller, listener, 0, NULL, NET_FOREVER));
            } else if (event.socket == client) {
                writable = true;
                assert_ok(net_get(client, "peer", NULL, 0));
                assert_count(net_send(client, "hello", 5, NET_NOW), 5);
                assert_ok(net_poller_watch(poller, client, 0, NULL, NET_FOREVER));
            } else {
                n = net_recv(server, bytes, sizeof bytes, NET_NOW);
                assert_true(n == 5);
            }
        }
    }
    assert_true(writable);
    net_close(server, NET_NOW);
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

/* ---- Both ways at once ---- */

enum { BLOCK = 64 * 1024, BLOCKS = 64 };

struct way {
    net_socket *socket;
    bool failed;
    pthread_t thread;
};

static void *send_blocks(void *argument)
{
    struct way *way = argument;
    char *block = malloc(BLOCK);

    for (size_t i = 0; i < BLOCKS && !way->failed; i++) {
        write_pattern(block, BLOCK, i * BLOCK);
        way->failed = net_send(way->socket, block, BLOCK, soon()) != BLOCK;
    }
    free(block);
    return NULL;
}

static void *receive_blocks(void *argument)
{
    struct way *way = argument;
    char *block = malloc(BLOCK);

    for (size_t i = 0; i < BLOCKS && !way->failed; i++) {
        way->failed = net_recv_all(way->socket, block, BLOCK, soon()) != BLOCK ||
                      !is_pattern(block, BLOCK, i * BLOCK);
    }
    free(block);
    return NULL;
}

static void blocks_go_both_ways_at_once(void **state)
{
    struct pair pair;
    char byte;

    tls_open(template_of(state), NULL, options, &pair);
    struct way ways[] = {{.socket = pair.client},
                         {.socket = pair.server},
                         {.socket = pair.client},
                         {.socket = pair.server}};

    for (size_t i = 0; i < COUNT(ways); i++) {
        assert_int_equal(
            pthread_create(&ways[i].thread, NULL, i < 2 ? send_blocks : receive_blocks, &ways[i]),
            0);
    }
    for (size_t i = 0; i < COUNT(ways); i++) {
        pthread_join(ways[i].thread, NULL);
        assert_false(ways[i].failed);
    }
    assert_int_equal(number_of(pair.client, "bytes-sent"), BLOCK * BLOCKS);
    assert_int_equal(number_of(pair.client, "bytes-received"), BLOCK * BLOCKS);
    assert_code(net_recv(pair.client, &byte, 1, NET_NOW), NET_TIMEOUT);
    tls_talk(pair.client, pair.server);
    close_pair(&pair);
}

/* ---- A reader that is slow ---- */

static void what_a_slow_reader_got_is_what_was_sent(void **state)
{
    enum { MS = 20, LATE = 100, ROUNDS = 5 };
    static char block[4 * MIB];
    static char got[100000];
    struct pair pair;
    size_t sent = 0;
    size_t received = 0;

    tls_open(template_of(state), NULL, options, &pair);
    for (int i = 0; i < ROUNDS; i++) {
        double since = now_ms();

        write_pattern(block, sizeof block, sent);
        ssize_t n =
            net_send(pair.client, block, sizeof block, i % 2 == 0 ? net_after(MS) : NET_NOW);

        in_time(elapsed_ms(since) < (MS + LATE) * slowness());
        assert_true(n > 0 || n == NET_TIMEOUT);
        sent += n > 0 ? (size_t)n : 0;
        n = net_recv(pair.server, got, sizeof got, soon());
        assert_true(n > 0 && is_pattern(got, (size_t)n, received));
        received += (size_t)n;
    }
    while (received < sent) {
        size_t left = sent - received < sizeof got ? sent - received : sizeof got;
        ssize_t n = net_recv(pair.server, got, left, net_after(5));

        assert_true(n == NET_TIMEOUT || (n > 0 && is_pattern(got, (size_t)n, received)));
        received += n > 0 ? (size_t)n : 0;
        if (n < 0) { /* what is left goes out with whatever the sender does next */
            assert_code(net_recv(pair.client, got, 1, net_after(5)), NET_TIMEOUT);
        }
    }
    assert_code(net_recv(pair.server, got, 1, NET_NOW), NET_TIMEOUT);
    tls_talk(pair.client, pair.server);
    close_pair(&pair);
}

int main(void)
{
    static const char *const wires[] = {"tls://127.0.0.1:0", "tls+unix://@", "tls+mem://", NULL};
    static const struct test tests[] = {
        TEST(short_lines_at_full_speed_come_whole),
        TEST(a_foreign_loop_takes_all_by_its_descriptor),
    };
    static const struct test each[] = {
        TEST(a_nested_poller_shakes_hands),
        TEST(blocks_go_both_ways_at_once),
        TEST(what_a_slow_reader_got_is_what_was_sent),
    };

    tls_begin();
    return run_once(tests) + run_over(wires, each);
}

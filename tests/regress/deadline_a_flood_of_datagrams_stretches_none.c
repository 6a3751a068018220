/* Calls that move many datagrams looked at the clock only when they had to wait. A send of
 * millions, or a receive of millions from a peer that sent on and on, ended long after its
 * deadline; so did one that NET_NOW forbade to wait, and a receive that lost all it got. */
#include "watching.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MANY = 50000, /* messages in one call */
    SMALL = 8,
    LARGE = 32 * 1024,
    MOST_NOW = 4096 + 64, /* a call with NET_NOW: 4 MiB, and 1 KiB at least for each datagram */
    SOME = 10,            /* ms */
    OVERSHOOT = 50
};

static char bytes[LARGE];

static net_message *new_messages(size_t size)
{
    net_message *messages = calloc(MANY, sizeof *messages);

    assert_non_null(messages);
    for (int i = 0; i < MANY; i++) {
        messages[i] = (net_message){.data = bytes, .capacity = size, .size = size};
    }
    return messages;
}

/* Nothing here waits, so a call takes the processor time that its thread uses: the time by the
 * clock is longer on a machine that others use, too. */
struct timing {
    double since;
    double cpu;
};

static struct timing timing_begin(void)
{
    return (struct timing){.since = now_ms(), .cpu = thread_cpu_ms()};
}

/* Prints how long a call with a deadline of `ms` took, and judges it. */
static void timing_end(struct timing timing, const char *what, int n, int ms)
{
    double cpu = thread_cpu_ms() - timing.cpu;

    print_message("%s %d: %.2f ms, %.2f ms of cpu, for %d ms\n", what, n, elapsed_ms(timing.since),
                  cpu, ms);
    in_time(cpu < (ms + OVERSHOOT) * slowness());
}

/* ---- Sending ---- */

static void expect_short(net_socket *socket, const net_message *messages, int most, int ms)
{
    struct timing timing = timing_begin();
    int n = net_send_messages(socket, messages, MANY, ms > 0 ? net_after(ms) : NET_NOW);

    timing_end(timing, "sent", n, ms);
    assert_true((n > 0 && n <= most) || n == NET_TIMEOUT);
    assert_int_equal(net_error(), NET_TIMEOUT);
}

/* Each way to send: dialed, and accepted. What has no room is lost, but over
 * unixgram, where the second batch finds none. */
static void a_send_of_many_ends(void **state)
{
    static const size_t sizes[] = {0, SMALL, LARGE};
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        net_message *messages = new_messages(sizes[i]);
        int most = sizes[i] == LARGE ? (4 << 20) / LARGE + 64 : MOST_NOW;

        expect_short(pair.client, messages, most, 0);
        expect_short(pair.server, messages, most, 0);
        expect_short(pair.client, messages, MANY - 1, 1);
        free(messages);
    }
    close_pair(&pair);
}

/* ---- Receiving ---- */

/* A peer that sends on and on. */
struct flood {
    net_socket *socket;
    net_endpoint to;
    _Atomic bool stop;
    pthread_t thread;
};

static void *pour(void *argument)
{
    enum { BATCH = 64 };
    static char small[SMALL];
    struct flood *self = argument;
    net_message messages[BATCH];
    double since = now_ms();

    for (int i = 0; i < BATCH; i++) {
        messages[i] = (net_message){.data = small, .size = SMALL, .endpoint = self->to};
    }
    while (!self->stop && elapsed_ms(since) < 2000.0 * slowness()) {
        net_send_messages(self->socket, messages, BATCH, NET_NOW);
    }
    return NULL;
}

/* `to` may be NULL: to the peer. */
static void flood_start(struct flood *self, net_socket *socket, const net_endpoint *to)
{
    *self = (struct flood){.socket = socket};
    self->to = to != NULL ? *to : (net_endpoint){0};
    assert_int_equal(pthread_create(&self->thread, NULL, pour, self), 0);
}

static void flood_stop(struct flood *self)
{
    self->stop = true;
    pthread_join(self->thread, NULL);
}

static void expect_end(net_socket *socket, net_message *messages, int most, int ms)
{
    struct timing timing = timing_begin();
    int n = net_recv_messages(socket, messages, MANY, ms > 0 ? net_after(ms) : NET_NOW);

    timing_end(timing, "received", n, ms);
    assert_true(n <= most && (n > 0 || n == NET_TIMEOUT));
}

static void receive_under_a_flood(net_socket *from, net_socket *to)
{
    net_message *messages = new_messages(SMALL);
    struct flood flood;

    flood_start(&flood, from, NULL);
    for (int i = 0; i < 2; i++) {
        expect_end(to, messages, MOST_NOW, 0);
        expect_end(to, messages, MANY, SOME);
    }
    flood_stop(&flood);
    free(messages);
}

static void a_receive_of_many_ends(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    receive_under_a_flood(pair.client, pair.server);
    receive_under_a_flood(pair.server, pair.client);
    close_pair(&pair);
}

static void receive_nothing(net_socket *socket)
{
    for (int i = 0; i < 20; i++) {
        int ms = i % 2 == 0 ? 0 : SOME;
        struct timing timing = timing_begin();
        ssize_t n = net_recv(socket, bytes, sizeof bytes, ms > 0 ? net_after(ms) : NET_NOW);

        timing_end(timing, "received", (int)n, ms);
        assert_int_equal(n, NET_TIMEOUT);
    }
}

/* An accepted peer that has nothing to receive reads what comes for another. */
static void a_receive_beside_anothers_flood_ends(void **state)
{
    struct pair pair;
    net_socket *client = NULL;
    net_socket *server = NULL;
    struct flood flood;

    dial_pair(template_of(state), &pair);
    dial_again(pair.listener, &client, &server);
    flood_start(&flood, client, NULL);
    receive_nothing(pair.server);
    flood_stop(&flood);
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    close_pair(&pair);
}

/* ---- A layer that loses all ---- */

/* The layer loses what the dialed socket sends, too: the listener answers a resolved address. */
static void what_is_lost_keeps_nobody(void **state)
{
    char address[ADDRESS_MAX];
    char faulty[2 * ADDRESS_MAX];
    net_endpoint endpoint;
    net_socket *listener = assert_socket(net_listen("udp://127.0.0.1:0"));
    struct flood flood;

    dial_address(listener, address);
    snprintf(faulty, sizeof faulty, "chaos+%s?%s", address, template_of(state));
    net_socket *client = assert_socket(net_connect(faulty, soon()));

    snprintf(address, sizeof address, "udp://127.0.0.1:%lld", number_of(client, "port"));
    assert_count(net_resolve(address, &endpoint, 1, soon()), 1);
    flood_start(&flood, listener, &endpoint);
    receive_nothing(client);
    flood_stop(&flood);
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const char *const templates[] = {
        "udp://127.0.0.1:0", "udp://[::1]:0",           "unixgram://@",
        "memgram://",        "chaos+udp://127.0.0.1:0", NULL};
    static const struct test tests[] = {
        TEST(a_send_of_many_ends),
        TEST(a_receive_of_many_ends),
        TEST(a_receive_beside_anothers_flood_ends),
    };

    static const char *const queues[] = {"loss=1", "loss=1&delay=1ms", NULL};
    static const struct test losses[] = {TEST(what_is_lost_keeps_nobody)};

    return run_over(templates, tests) + run_over(queues, losses);
}

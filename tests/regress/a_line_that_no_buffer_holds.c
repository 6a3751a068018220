/* A line that the receive buffer cannot hold was NET_TOOBIG to a call that waited. To one that did
 * not it was NET_TIMEOUT for ever, and to a poller it was news without end. */
#include "watching.h"

#include <stdlib.h>

/* What it says in the end. A sender asks again after a shut window for less than a second. */
static ssize_t read_line(net_poller *poller, net_socket *socket)
{
    enum { ROOM = 1 << 20, MOST = 10000 /* ms */ };
    double cpu = cpu_ms();
    double since = now_ms();
    char *line = malloc(ROOM);
    ssize_t n = NET_TIMEOUT;

    assert_non_null(line);
    while (n == NET_TIMEOUT && elapsed_ms(since) < MOST * slowness()) {
        expect_event(poller, socket, NET_READABLE);
        n = net_recv_until(socket, line, ROOM, '\n', NET_NOW);
    }
    free(line);
    in_time(cpu_ms() - cpu <= elapsed_ms(since) / 3);
    return n;
}

static void expect_too_big(struct pair *pair)
{
    net_poller *poller = open_poller();

    watch(poller, pair->server, NET_READABLE);
    assert_int_equal(read_line(poller, pair->server), NET_TOOBIG);
    close_pair(pair);
    net_poller_close(poller);
}

static void a_window_that_stays_shut(void **state)
{
    struct pair pair;

    dial_pair_with(template_of(state), "rcvbuf=4KiB", NULL, &pair);
    fill(pair.client);
    expect_too_big(&pair);
}

/* A low-water mark is at most half of the buffer. */
static void a_mark_that_the_system_caps(void **state)
{
    enum { SIZE = 90000 };
    static const char words[SIZE];
    struct pair pair;

    dial_pair_with(template_of(state), "rcvbuf=64KiB", NULL, &pair);
    assert_count(net_send(pair.client, words, SIZE, soon()), SIZE);
    expect_too_big(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_window_that_stays_shut),
        TEST(a_mark_that_the_system_caps),
    };

    return run_over(tcp_templates, tests);
}

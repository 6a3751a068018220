/* A line that the receive buffer cannot hold was NET_TOOBIG to a call that waited. To one that did
 * not it was NET_TIMEOUT for ever, and to a poller it was news without end. */
#include "watching.h"

#include <stdlib.h>

static void send_much(net_socket *socket, size_t size)
{
    char *much = calloc(1, size);

    assert_non_null(much);
    assert_ok(net_send(socket, much, size, net_after(200))); /* what the buffers take */
    free(much);
}

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

static void expect_too_big(const char *address, const char *options, size_t size)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair_with(address, options, NULL, &pair);
    watch(poller, pair.server, NET_READABLE);
    send_much(pair.client, size);
    assert_int_equal(read_line(poller, pair.server), NET_TOOBIG);
    close_pair(&pair);
    net_poller_close(poller);
}

static void a_window_that_stays_shut(void **state)
{
    expect_too_big(template_of(state), "rcvbuf=4KiB", 1000000);
}

static void a_mark_that_the_system_caps(void **state)
{
    expect_too_big(template_of(state), "rcvbuf=64KiB", 90000);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_window_that_stays_shut),
        TEST(a_mark_that_the_system_caps),
    };

    return run_over(stream_templates, tests);
}

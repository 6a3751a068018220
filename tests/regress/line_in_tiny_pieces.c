/* A call that may not wait received up to 4 MiB, however small the pieces were. Over chaos+unix
 * with chunk=4 it took 9 seconds, and a call with a deadline took 2 seconds too long. */
#include "watching.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 100000, CALLS_MOST = 40 };

static void fill_line(net_socket *socket)
{
    char *line = malloc(LINE);

    memset(line, 'x', LINE);
    line[LINE - 1] = '\n';
    assert_count(net_send(socket, line, LINE, soon()), LINE);
    free(line);
}

static void dial(struct pair *pair)
{
    dial_pair_with("chaos+mem://", "rcvbuf=512KiB&chunk=1", "sndbuf=512KiB", pair);
}

static void a_call_that_may_not_wait_looks_so_often_and_no_more(void **state)
{
    struct pair pair;
    char *buffer = malloc(LINE);
    net_poller *poller = open_poller();
    ssize_t n = NET_TIMEOUT;
    int calls = 0;

    (void)state;
    dial(&pair);
    watch(poller, pair.server, NET_READABLE);
    fill_line(pair.client);
    while (n == NET_TIMEOUT && calls < CALLS_MOST) {
        expect_event(poller, pair.server, NET_READABLE);
        n = net_recv_until(pair.server, buffer, LINE, '\n', NET_NOW);
        calls++;
    }
    assert_count(n, LINE);
    assert_true(calls > 1);
    net_poller_close(poller);
    close_pair(&pair);
    free(buffer);
}

static void nor_does_one_that_wants_it_all(void **state)
{
    struct pair pair;
    char *buffer = malloc(LINE);
    ssize_t n = 0;
    int filled = 0;
    int calls = 0;

    (void)state;
    dial(&pair);
    fill_line(pair.client);
    while (filled < LINE && calls < CALLS_MOST) {
        n = assert_ok(net_recv_all(pair.server, buffer, (size_t)(LINE - filled), NET_NOW));
        if (filled + n < LINE) {
            assert_int_equal(net_error(), NET_TIMEOUT);
        }
        filled += (int)n;
        calls++;
    }
    assert_int_equal(filled, LINE);
    assert_true(calls > 1);
    close_pair(&pair);
    free(buffer);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_call_that_may_not_wait_looks_so_often_and_no_more),
        TEST(nor_does_one_that_wants_it_all),
    };

    return run_once(tests);
}

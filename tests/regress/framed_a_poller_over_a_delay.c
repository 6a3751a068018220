/* A look at a framed socket received from the delay below, which posted the poller's notice for
 * what it holds back. So each look caused another: the poller spun until the bytes were due, and
 * after the peer's end for ever. */
#include "watching.h"

enum { DELAY = 100 /* ms, of the addresses below */ };

static void check(const char *address)
{
    net_poller *poller = open_poller();
    struct pair pair;
    char word[2];

    dial_pair(address, &pair);
    watch(poller, pair.server, NET_READABLE);
    assert_count(net_send(pair.client, "hi", 2, soon()), 2);
    double before = thread_cpu_ms();

    expect_event(poller, pair.server, NET_READABLE);
    assert_true(in_time(thread_cpu_ms() - before < DELAY / 4.0 * slowness()));
    assert_count(net_recv(pair.server, word, sizeof word, NET_NOW), 2);
    net_close(pair.client, NET_NOW);
    pair.client = NULL;
    before = thread_cpu_ms();
    expect_event(poller, pair.server, NET_READABLE);
    assert_true(in_time(thread_cpu_ms() - before < DELAY / 4.0 * slowness()));
    assert_code(net_recv(pair.server, word, sizeof word, NET_NOW), NET_EOF);
    net_poller_close(poller);
    close_pair(&pair);
}

static void a_poller_sleeps_until_a_message_is_due(void **state)
{
    (void)state;
    check("framed+chaos+tcp://127.0.0.1:0?delay=100ms");
    check("framed+chaos+mem://?delay=100ms");
}

int main(void)
{
    const struct test tests[] = {TEST(a_poller_sleeps_until_a_message_is_due)};

    return run_once(tests);
}

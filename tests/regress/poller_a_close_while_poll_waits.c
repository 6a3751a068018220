/* A poll(2) keeps the files that it waits for open. If a connection was closed meanwhile, its peer
 * saw no end until something else ended the wait. */
#include "watching.h"

#include "api/poller.h"

static net_poller *poller;

static long long call_wait(struct caller *caller)
{
    net_event event;

    return net_poller_wait(poller, &event, 1, caller->deadline);
}

static void expect_end(const char *address, const struct nf_ready_body *body)
{
    struct pair pair;
    struct caller sleeper;
    char byte;

    dial_pair(address, &pair);
    poller = nf_poller_open(body);
    assert_non_null(poller);
    watch(poller, pair.server, NET_READABLE);
    caller_start(&sleeper, call_wait, NULL, NET_FOREVER);
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    assert_code(net_recv(pair.client, &byte, 1, soon()), NET_EOF);
    net_poller_wake(poller);
    caller_join(&sleeper);
    assert_int_equal(sleeper.result, 0);
    net_poller_close(poller);
    close_pair(&pair);
}

static void the_peer_sees_the_end_with_poll(void **state)
{
    expect_end(template_of(state), &nf_ready_poll);
}

static void the_peer_sees_the_end_with_the_best(void **state)
{
    expect_end(template_of(state), nf_ready_best());
}

int main(void)
{
    static const struct test tests[] = {
        TEST(the_peer_sees_the_end_with_poll),
        TEST(the_peer_sees_the_end_with_the_best),
    };

    return run_over(stream_templates, tests);
}

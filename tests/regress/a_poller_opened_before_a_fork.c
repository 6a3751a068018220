/* A daemon opens its poller, forks and serves in the child. There a close did not take its socket
 * out of the poller, which told of it, and looked at it, when its memory was gone; and a wake rang
 * the bell of the parent. */
#include "watching.h"

enum { LATER = 100 /* ms */ };

struct daemon {
    struct pair pair;
    net_poller *poller;
};

static struct daemon daemons_own;

static long long call_wait(struct caller *caller)
{
    net_event event;

    return net_poller_wait(daemons_own.poller, &event, 1, caller->deadline);
}

static int serve(void *argument)
{
    struct daemon *daemon = argument;
    struct caller sleeper;
    net_event event;

    if (net_poller_watch(daemon->poller, daemon->pair.server, NET_READABLE, NULL,
                         net_after(LATER)) != 0) {
        return 1;
    }
    net_close(daemon->pair.server, NET_NOW);
    if (net_poller_wait(daemon->poller, &event, 1, net_after((int64_t)3 * LATER)) != NET_TIMEOUT) {
        return 2;
    }
    caller_start(&sleeper, call_wait, NULL, soon());
    net_poller_wake(daemon->poller);
    caller_join(&sleeper);
    return sleeper.result == 0 ? 0 : 3;
}

static void the_child_has_the_poller(void **state)
{
    dial_pair(template_of(state), &daemons_own.pair);
    daemons_own.poller = open_poller();
    watch(daemons_own.poller, daemons_own.pair.listener, NET_READABLE);
    assert_int_equal(in_child(serve, &daemons_own), 0);
    net_poller_close(daemons_own.poller);
    close_pair(&daemons_own.pair);
}

int main(void)
{
    static const struct test tests[] = {TEST(the_child_has_the_poller)};

    return run_over(all_templates, tests);
}

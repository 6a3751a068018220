/* A poller that a foreign loop watches has an alarm for that loop. An alarm that fired for nothing
 * during a wait of the poller's own stayed set, and the wait spun. */
#include "watching.h"

static void it_does_not_stay_set(void **state)
{
    enum { SOON = 50, LATER = 60000, QUIET = 500 /* ms */ };
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    assert_ok(net_poller_fd(poller));
    assert_count(net_poller_watch(poller, listener, NET_READABLE, NULL, net_after(SOON)), 0);
    assert_count(net_poller_watch(poller, listener, NET_READABLE, NULL, net_after(LATER)), 0);
    expect_quiet(poller, QUIET);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

int main(void)
{
    static const struct test tests[] = {TEST(it_does_not_stay_set)};

    return run_over(all_templates, tests);
}

/* A child that used its parent's poller seemed to be served, until it closed a watched socket. The
 * socket stayed in the poller, which looked at it after its memory was freed. Now the child is told
 * that the poller is not its own, and a close in the child leaves the child's copy of the poller
 * alone. */
#include "watching.h"

#include <string.h>

struct daemon {
    struct pair pair;
    net_poller *poller;
};

static int serve(void *argument)
{
    struct daemon *daemon = argument;
    net_event event;
    int code = net_poller_watch(daemon->poller, daemon->pair.server, NET_READABLE, NULL, soon());

    if (code != NET_MISUSE || strstr(net_error_text(), "another process") == NULL) {
        return 1;
    }
    net_close(daemon->pair.listener,
              NET_NOW); /* the socket is watched, with a deadline that passes */
    if (net_poller_wait(daemon->poller, &event, 1, net_after(100)) > 0) {
        return 2;
    }
    net_poller_close(daemon->poller);
    return 0;
}

static void the_child_is_told_whose_it_is(void **state)
{
    struct daemon daemon;
    net_event event;

    dial_pair(template_of(state), &daemon.pair);
    daemon.poller = open_poller();
    assert_ok(
        net_poller_watch(daemon.poller, daemon.pair.listener, NET_READABLE, NULL, net_after(50)));
    assert_int_equal(in_child(serve, &daemon), 0);
    assert_count(net_poller_wait(daemon.poller, &event, 1, soon()), 1);
    assert_ptr_equal(event.socket, daemon.pair.listener);
    assert_int_equal(event.ready, NET_EXPIRED);
    net_poller_close(daemon.poller);
    close_pair(&daemon.pair);
}

int main(void)
{
    static const struct test tests[] = {TEST(the_child_is_told_whose_it_is)};

    return run_over(all_templates, tests);
}

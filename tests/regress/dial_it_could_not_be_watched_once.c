/* wrap: epoll_ctl */
/* The system once refused to watch an attempt of a dial. From then on the dial counted the attempt
 * as watched, and a poller was never told how it ended. */
#include "watching.h"

#include <errno.h>
#include <sys/epoll.h>

static bool fails_once;

int __real_epoll_ctl(int set, int how, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int set, int how, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int set, int how, int fd, struct epoll_event *event)
{
    if (fails_once) {
        fails_once = false;
        errno = ENOSPC;
        return -1;
    }
    return __real_epoll_ctl(set, how, fd, event);
}

static void its_end_is_told_all_the_same(void **state)
{
    struct black_hole hole;
    net_poller *poller = open_poller();

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    net_socket *dial = assert_socket(net_connect(hole.address, NET_NOW));

    fails_once = true;
    watch(poller, dial, NET_WRITABLE);
    assert_false(fails_once);
    expect_quiet(poller, 200);
    close_black_hole(&hole);
    expect_event(poller, dial, NET_WRITABLE);
    assert_code(net_send(dial, "x", 1, NET_NOW), NET_REFUSED);
    net_close(dial, NET_NOW);
    net_poller_close(poller);
}

int main(void)
{
    static const struct test tests[] = {TEST(its_end_is_told_all_the_same)};

    return run_once(tests);
}

/* wrap: realloc epoll_ctl */
/* A watch that failed had made half of its change. The descriptor was watched for the new interest,
 * which the poller did not report, so it spun. And a deadline that had passed and was not reported
 * yet was forgotten. */
#include "watching.h"

#include <errno.h>
#include <sys/epoll.h>

static bool no_memory;
static bool no_watch;

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    return no_memory ? NULL : __real_realloc(memory, size);
}

int __real_epoll_ctl(int set, int how, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int set, int how, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int set, int how, int fd, struct epoll_event *event)
{
    if (no_watch) {
        errno = ENOMEM;
        return -1;
    }
    return __real_epoll_ctl(set, how, fd, event);
}

static void the_interest_stays_as_it_was(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    no_memory = true;
    int code =
        net_poller_watch(poller, pair.server, NET_READABLE | NET_WRITABLE, NULL, net_after(60000));

    no_memory = false;
    assert_code(code, NET_LIMIT);
    expect_quiet(poller, 500);
    assert_count(net_send(pair.client, "x", 1, soon()), 1);
    expect_event(poller, pair.server, NET_READABLE);
    net_poller_close(poller);
    close_pair(&pair);
}

static void a_deadline_that_passed_is_still_told(void **state)
{
    net_socket *sockets[2];
    net_event event;
    net_poller *poller = open_poller();

    for (int i = 0; i < 2; i++) {
        sockets[i] = assert_socket(net_listen(template_of(state)));
        assert_count(net_poller_watch(poller, sockets[i], 0, sockets[i], net_after(1)), 0);
    }
    nap(5);
    assert_count(net_poller_wait(poller, &event, 1, soon()), 1); /* and the other one is pending */
    net_socket *other = sockets[event.socket == sockets[0] ? 1 : 0];

    no_watch = true;
    int code = net_poller_watch(poller, other, NET_READABLE, NULL, NET_FOREVER);

    no_watch = false;
    assert_code(code, NET_LIMIT);
    expect_event(poller, other, NET_EXPIRED);
    net_close(sockets[0], NET_NOW);
    net_close(sockets[1], NET_NOW);
    net_poller_close(poller);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(the_interest_stays_as_it_was),
        TEST(a_deadline_that_passed_is_still_told),
    };

    return run_over(kernel_streams, tests);
}

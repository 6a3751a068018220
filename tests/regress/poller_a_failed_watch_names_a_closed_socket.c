/* wrap: epoll_ctl nf_failed */
/* A watch that failed was recorded after the poller's lock was left: by then another thread, which
 * had got the socket's event, may have closed it, and its name was read from freed memory. */
#include "api/failure.h"
#include "watching.h"

#include <errno.h>
#include <sys/epoll.h>

static bool no_watch;
static net_poller *poller;
static struct caller closer;

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

static long long call_close(struct caller *caller)
{
    return net_close(caller->socket, NET_NOW);
}

/* The other thread closes the socket before its name is read, if it can. */
int __real_nf_failed(int code, const char *operation, net_socket *socket);
int __wrap_nf_failed(int code, const char *operation, net_socket *socket);
int __wrap_nf_failed(int code, const char *operation, net_socket *socket)
{
    if (no_watch) {
        no_watch = false;
        caller_start(&closer, call_close, socket, NET_NOW);
        if (closer.done) {
            return code; /* do not read it */
        }
    }
    return __real_nf_failed(code, operation, socket);
}

static void the_socket_is_open_while_its_name_is_read(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    poller = open_poller();
    watch(poller, pair.server, NET_READABLE);
    say(pair.client, "x");
    expect_event(poller, pair.server, NET_READABLE);
    fail_otherwise();
    no_watch = true;
    int code =
        net_poller_watch(poller, pair.server, NET_READABLE | NET_WRITABLE, NULL, NET_FOREVER);
    bool was_open = net_error() == NET_LIMIT;

    caller_join(&closer);
    pair.server = NULL;
    assert_int_equal(code, NET_LIMIT);
    print_message("the socket was %s when its name was read\n", was_open ? "open" : "closed");
    assert_true(was_open);
    assert_blames("watch", template_of(state));
    net_poller_close(poller);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {TEST(the_socket_is_open_while_its_name_is_read)};

    return run_over(kernel_streams, tests);
}

/* A poller forgets a socket that gave its descriptor away, although the descriptor is still
 * open. */
#include "foreign.h"
#include "watching.h"

#include <sys/socket.h>
#include <unistd.h>

static int release(net_socket **socket)
{
    int fd = (int)assert_ok(net_release(*socket));

    *socket = NULL;
    return fd;
}

static void a_poller_forgets_it(void **state)
{
    struct pair pair;
    struct pair other;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    dial_pair(template_of(state), &other);
    watch(poller, pair.client, NET_READABLE | NET_WRITABLE);
    expect_event(poller, pair.client, NET_WRITABLE);
    int fd = release(&pair.client);

    assert_count(net_send(pair.server, "x", 1, soon()), 1);
    await_events(fd, POLLIN);
    expect_quiet(poller, 20);
    close(fd);
    assert_count(net_send(other.server, "y", 1, soon()), 1);
    await_events(net_fd(other.client), POLLIN);
    /* The number is now another descriptor's. */
    assert_int_equal(dup2(net_fd(other.client), fd), fd);
    expect_quiet(poller, 20);
    net_close(other.client, NET_NOW);
    other.client = adopt_connection(fd);
    watch(poller, other.client, NET_READABLE);
    expect_event(poller, other.client, NET_READABLE);
    net_poller_close(poller);
    close_pair(&other);
    close_pair(&pair);
}

/* An event that was collected before the release is not returned after it. */
static void an_event_that_waits_goes_with_it(void **state)
{
    struct pair pair;
    net_event event;
    net_poller *poller = open_poller();
    char hi[8];

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.client, "x", 1, soon()), 1);
    assert_count(net_send(pair.server, "x", 1, soon()), 1);
    await_events(net_fd(pair.client), POLLIN);
    await_events(net_fd(pair.server), POLLIN);
    watch(poller, pair.client, NET_READABLE);
    watch(poller, pair.server, NET_READABLE);
    assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    assert_count(net_recv(pair.server, hi, sizeof hi, soon()), 1);
    int fd = release(&pair.client);

    while (net_poller_wait(poller, &event, 1, NET_NOW) == 1) {
        assert_ptr_equal(event.socket, pair.server);
    }
    close(fd);
    net_poller_close(poller);
    close_pair(&pair);
}

/* Another thread waits meanwhile. */
static void a_thread_that_waits_is_told_nothing(void **state)
{
    struct watcher watcher;
    net_poller *poller = open_poller();

    watcher_start(&watcher, poller);
    for (int round = 0; round < 20; round++) {
        struct pair pair;

        dial_pair(template_of(state), &pair);
        watch(poller, pair.client, NET_READABLE);
        int fd = release(&pair.client);

        assert_count(net_send(pair.server, "x", 1, soon()), 1);
        await_events(fd, POLLIN);
        close(fd);
        close_pair(&pair);
    }
    watcher_stop(&watcher);
    assert_int_equal(watcher.events, 0);
    net_poller_close(poller);
}

int main(void)
{
    static const struct test all[] = {
        TEST(a_poller_forgets_it),
        TEST(a_thread_that_waits_is_told_nothing),
    };
    static const struct test streams[] = {TEST(an_event_that_waits_goes_with_it)};

    return run_over(kernel_templates, all) + run_over(kernel_streams, streams);
}

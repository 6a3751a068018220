/* driven: skip, it has a poller of its own */
/* Adopted descriptors in a poller. Other owners may have copies open. Then the system keeps
 * watching the file after our descriptor was closed. */
#include "foreign.h"
#include "watching.h"

#include <sys/socket.h>
#include <unistd.h>

static void an_adopted_connection_is_told_of(void **state)
{
    struct pair pair;
    char buffer[8];
    net_poller *poller = open_poller();

    dial_adopted(template_of(state), &pair);
    watch(poller, pair.client, NET_READABLE);
    expect_quiet(poller, 20);
    assert_count(net_send(pair.server, "x", 1, soon()), 1);
    expect_event(poller, pair.client, NET_READABLE);
    expect_event(poller, pair.client, NET_READABLE);
    assert_count(net_recv(pair.client, buffer, sizeof buffer, NET_NOW), 1);
    expect_quiet(poller, 20);
    watch(poller, pair.client, NET_WRITABLE);
    expect_event(poller, pair.client, NET_WRITABLE);
    net_poller_close(poller);
    close_pair(&pair);
}

static void an_adopted_listener_is_told_of(void **state)
{
    int fd = foreign_listener(template_of(state));
    int copy = dup(fd);
    net_socket *listener = adopt_listener(fd);
    net_poller *poller = open_poller();
    char target[ADDRESS_MAX];

    dial_address(listener, target);
    watch(poller, listener, NET_READABLE);
    expect_quiet(poller, 20);
    net_socket *client = assert_socket(net_connect(target, soon()));

    assert_count(net_send(client, "hi", 2, soon()), 2);
    expect_event(poller, listener, NET_READABLE);
    net_socket *server = assert_socket(net_accept(listener, NET_NOW));

    expect_quiet(poller, 20);
    net_close(server, NET_NOW);
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
    client = assert_socket(net_connect(target, soon()));
    net_send(client, "hi", 2, soon());
    await_events(copy, POLLIN);
    expect_quiet(poller, 20); /* it is of the copy, which is not ours */
    net_close(client, NET_NOW);
    net_poller_close(poller);
    close(copy);
}

static void a_closed_one_is_told_of_no_more_though_there_is_a_copy(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    for (int round = 0; round < 2; round++) {
        dial_adopted(template_of(state), &pair);
        int copy = dup(net_fd(pair.client));

        watch(poller, pair.client, NET_READABLE | NET_WRITABLE);
        expect_event(poller, pair.client, NET_WRITABLE);
        net_close(pair.client, NET_NOW);
        pair.client = NULL;
        net_send(pair.server, "x", 1, soon());
        await_events(copy, POLLIN);
        expect_quiet(poller, 20);
        close(copy);
        close_pair(&pair);
    }
    net_poller_close(poller);
}

static void a_cancelled_one_is_ready(void **state)
{
    struct pair pair;
    char buffer[8];
    net_poller *poller = open_poller();

    dial_adopted(template_of(state), &pair);
    watch(poller, pair.client, NET_READABLE);
    expect_quiet(poller, 10);
    net_cancel(pair.client);
    expect_event(poller, pair.client, NET_READABLE);
    assert_code(net_recv(pair.client, buffer, sizeof buffer, NET_NOW), NET_CANCELED);
    net_poller_close(poller);
    close_pair(&pair);
}

int main(void)
{
    static const struct test any[] = {
        TEST(an_adopted_connection_is_told_of),
        TEST(an_adopted_listener_is_told_of),
        TEST(a_closed_one_is_told_of_no_more_though_there_is_a_copy),
        TEST(a_cancelled_one_is_ready),
    };

    return run_over(foreign_sockets, any);
}

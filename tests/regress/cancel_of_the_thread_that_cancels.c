/* A thread with a pthread_cancel(3) pending ended within its net_cancel, or within net_poller_wake,
 * at the write that wakes the others. It was counted as in the call, so the net_close of the
 * socket, or the net_poller_close, waited for it for ever. */
#include "support.h"

static _Atomic bool came_back;

struct call {
    net_socket *socket; /* or NULL: wake `poller` */
    net_poller *poller;
};

/* The cancellation is pending before the call and takes effect at the first point that is one. */
static void *be_cancelled(void *argument)
{
    const struct call *call = argument;

    pthread_cancel(pthread_self());
    if (call->socket != NULL) {
        net_cancel(call->socket);
    } else {
        net_poller_wake(call->poller);
    }
    came_back = true;
    pthread_testcancel();
    return NULL;
}

/* On failure there is no way to close what is left. */
static void assert_comes_back(net_socket *socket, net_poller *poller)
{
    struct call call = {socket, poller};
    pthread_t thread;
    void *result = NULL;

    came_back = false;
    assert_int_equal(pthread_create(&thread, NULL, be_cancelled, &call), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    if (!came_back) {
        fail_msg("the thread ended within the call");
    }
}

static void a_socket_can_be_closed(void **state)
{
    net_poller *poller = net_poller_open();
    struct pair pair;

    assert_non_null(poller);
    dial_pair(template_of(state), &pair);
    assert_ok(net_poller_watch(poller, pair.server, NET_READABLE, NULL, NET_FOREVER));
    assert_ok(net_poller_fd(poller)); /* so that it is written to at once */
    assert_comes_back(pair.server, NULL);
    assert_comes_back(pair.client, NULL);
    assert_comes_back(pair.listener, NULL);
    close_pair(&pair);
    net_poller_close(poller);
}

static void a_dialing_socket_can_be_closed(void **state)
{
    struct black_hole hole;

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    net_socket *call = assert_socket(net_connect(hole.address, NET_NOW));

    assert_comes_back(call, NULL);
    net_close(call, NET_NOW);
    close_black_hole(&hole);
}

static void a_poller_can_be_closed(void **state)
{
    net_poller *poller = net_poller_open();

    (void)state;
    assert_non_null(poller);
    assert_ok(net_poller_fd(poller));
    assert_comes_back(NULL, poller);
    net_poller_close(poller);
}

int main(void)
{
    static const struct test sockets[] = {TEST(a_socket_can_be_closed)};
    static const struct test others[] = {TEST(a_dialing_socket_can_be_closed),
                                         TEST(a_poller_can_be_closed)};

    return run_over(all_templates, sockets) + run_once(others);
}

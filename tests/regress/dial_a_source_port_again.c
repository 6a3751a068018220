/* A dial from a fixed port was NET_INUSE while an earlier connection from it, to another
 * target, was in TIME_WAIT. It still is while a listener has the port, and while there is a
 * connection from it to the same target. */
#include "support.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static net_socket *dial_from(int port, net_socket *listener)
{
    char address[ADDRESS_MAX];
    char whole[ADDRESS_MAX];
    char source[64];

    dial_address(listener, address);
    snprintf(source, sizeof source, "source=127.0.0.1:%d", port);
    with_options(whole, address, source);
    return net_connect(whole, soon());
}

static int free_port(void)
{
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    int port = (int)number_of(listener, "port");

    net_close(listener, NET_NOW);
    return port;
}

/* The caller closes first, so the port of the caller is the one that is in TIME_WAIT. */
static int leave_in_time_wait(net_socket *listener)
{
    int port = free_port();
    net_socket *client = assert_socket(dial_from(port, listener));
    net_socket *server = assert_socket(net_accept(listener, soon()));
    char byte;

    assert_ok(net_shutdown(client));
    assert_code(net_recv(server, &byte, 1, soon()), NET_EOF);
    net_close(server, NET_NOW);
    assert_code(net_recv(client, &byte, 1, soon()), NET_EOF);
    net_close(client, NET_NOW);
    return port;
}

static void a_port_serves_again_for_another_target(void **state)
{
    net_socket *first = assert_socket(net_listen("tcp://127.0.0.1:0"));
    net_socket *second = assert_socket(net_listen("tcp://127.0.0.1:0"));
    int port = leave_in_time_wait(first);
    double since = now_ms();
    net_socket *client = dial_from(port, second);

    (void)state;
    print_message("dialed again after %.1f ms: %s\n", elapsed_ms(since),
                  client != NULL ? "connected" : net_error_text());
    assert_non_null(client);
    assert_int_equal(number_of(client, "port"), port);

    /* At the same time it serves for a third target, and not again for the second. */
    net_socket *beside = assert_socket(dial_from(port, first));

    assert_no_socket(dial_from(port, second), NET_INUSE);
    assert_says("a connection from the same port to the same target");
    net_close(beside, NET_NOW);
    net_close(client, NET_NOW);
    net_close(first, NET_NOW);
    net_close(second, NET_NOW);
}

static void it_takes_no_listeners_port(void **state)
{
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    net_socket *other = assert_socket(net_listen("tcp://127.0.0.1:0"));

    (void)state;
    assert_no_socket(dial_from((int)number_of(other, "port"), listener), NET_INUSE);
    net_close(listener, NET_NOW);
    net_close(other, NET_NOW);
}

/* A datagram socket with the option would take what is meant for the other. */
static void datagrams_do_not_share_a_port(void **state)
{
    net_socket *listener = assert_socket(net_listen("udp://127.0.0.1:0"));
    net_socket *first = assert_socket(dial_from(free_port(), listener));
    int set = 1;
    socklen_t size = sizeof set;

    (void)state;
    assert_no_socket(dial_from((int)number_of(first, "port"), listener), NET_INUSE);
    assert_int_equal(getsockopt(net_fd(first), SOL_SOCKET, SO_REUSEADDR, &set, &size), 0);
    assert_int_equal(set, 0);
    net_close(first, NET_NOW);
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_port_serves_again_for_another_target),
        TEST(it_takes_no_listeners_port),
        TEST(datagrams_do_not_share_a_port),
    };

    return run_once(tests);
}

/* wrap: connect */
/* A datagram socket is dialed from a chosen port. Between bind and connect it receives from any
 * sender, and what came then was returned as the peer's. */
#include "support.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static bool armed;

/* Send a datagram to the local address of the descriptor. */
static void say_as_a_stranger(int fd)
{
    struct sockaddr_storage local;
    socklen_t size = sizeof local;
    int stranger = socket(AF_INET, SOCK_DGRAM, 0);

    assert_true(stranger >= 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&local, &size), 0);
    assert_int_equal(sendto(stranger, "evil", 4, 0, (struct sockaddr *)&local, size), 4);
    close(stranger);
}

int __real_connect(int fd, const struct sockaddr *name, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t size)
{
    if (armed) {
        armed = false;
        say_as_a_stranger(fd);
    }
    return __real_connect(fd, name, size);
}

static void only_the_peer_is_heard(void **state)
{
    net_socket *taken = assert_socket(net_listen("udp://127.0.0.1:0"));
    net_socket *listener = assert_socket(net_listen("udp://127.0.0.1:0"));
    char address[ADDRESS_MAX];
    char word[8];

    (void)state;
    snprintf(address, sizeof address, "udp://127.0.0.1:%lld?source=127.0.0.1:%lld",
             number_of(listener, "port"), number_of(taken, "port"));
    net_close(taken, NET_NOW);
    armed = true;
    net_socket *client = assert_socket(net_connect(address, soon()));

    assert_false(armed);
    assert_code(net_recv(client, word, sizeof word, NET_NOW), NET_TIMEOUT);
    assert_count(net_send(client, "hello", 5, soon()), 5);
    net_socket *server = assert_socket(net_accept(listener, soon()));

    assert_count(net_send(server, "back", 4, soon()), 4);
    assert_count(net_recv(client, word, sizeof word, soon()), 4);
    assert_memory_equal(word, "back", 4);
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const struct test tests[] = {TEST(only_the_peer_is_heard)};

    return run_once(tests);
}

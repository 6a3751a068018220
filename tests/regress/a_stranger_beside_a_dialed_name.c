/* wrap: connect */
/* A dialed datagram socket of unix had its name before it had its peer, and again no peer when that
 * had closed: what strangers said meanwhile was handed out as the peer's. */
#include "raw_unix.h"

#include <errno.h>
#include <unistd.h>

static int stranger = -1;
static int heard; /* times that he was let in */

/* Whoever has a name and no peer yet hears anybody. */
static void say_as_a_stranger(int fd)
{
    struct sockaddr_un local;
    socklen_t size = sizeof local;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&local, &size), 0);
    if (size > sizeof local.sun_family &&
        sendto(stranger, "evil", 4, 0, (struct sockaddr *)&local, size) == 4) {
        heard++;
    }
}

int __real_connect(int fd, const struct sockaddr *name, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t size)
{
    if (stranger >= 0) {
        say_as_a_stranger(fd);
    }
    return __real_connect(fd, name, size);
}

static void only_the_peer_is_heard(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];
    char word[8];

    dial_address(listener, address);
    heard = 0;
    stranger = raw_unix_open("unixgram://@");
    net_socket *client = assert_socket(net_connect(address, soon()));

    assert_int_equal(heard, 0);
    assert_code(net_recv(client, word, sizeof word, NET_NOW), NET_TIMEOUT);
    net_close(listener, NET_NOW);
    assert_code(net_send(client, "hello", 5, soon()), NET_REFUSED);
    assert_int_equal(heard, 1); /* and dropped */
    assert_code(net_recv(client, word, sizeof word, NET_NOW), NET_TIMEOUT);
    listener = assert_socket(net_listen(address));
    assert_count(net_send(client, "hello", 5, soon()), 5);
    assert_code(net_recv(client, word, sizeof word, NET_NOW), NET_TIMEOUT);
    net_socket *server = assert_socket(net_accept(listener, soon()));

    assert_count(net_send(server, "back", 4, soon()), 4);
    assert_count(net_recv(client, word, sizeof word, soon()), 4);
    assert_memory_equal(word, "back", 4);
    close(stranger);
    stranger = -1;
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const char *const templates[] = {"unixgram://@", "unixgram://{path}", NULL};
    static const struct test tests[] = {TEST(only_the_peer_is_heard)};

    return run_over(templates, tests);
}

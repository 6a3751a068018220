/* A udp socket that had asked for trains was released while a train waited in the kernel. The new
 * owner of the descriptor received many datagrams as one. */
#include "support.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 32, SIZE = 100 };

static char bytes[MANY][SIZE];

static void send_many(net_socket *socket)
{
    net_message messages[MANY] = {0};

    for (int i = 0; i < MANY; i++) {
        messages[i] = (net_message){.data = bytes[i], .size = SIZE};
    }
    assert_count(net_send_messages(socket, messages, MANY, soon()), MANY);
}

/* Receive until `count` datagrams have come. */
static void receive(net_socket *socket, int count)
{
    net_message messages[MANY] = {0};

    for (int i = 0; i < MANY; i++) {
        messages[i] = (net_message){.data = bytes[i], .capacity = SIZE};
    }
    while (count > 0) {
        count -= (int)assert_ok(net_recv_messages(socket, messages, count, soon()));
    }
}

static void a_datagram_is_one_to_the_owner_of_the_descriptor(void **state)
{
    struct pair pair;
    char room[MANY * SIZE];

    dial_pair(template_of(state), &pair);
    send_many(pair.server);
    receive(pair.client, MANY);
    send_many(pair.server);
    int fd = net_release(pair.client);

    if (fd == NET_MISUSE) { /* a train waits */
        assert_says("datagrams wait");
        receive(pair.client, MANY);
        fd = (int)assert_ok(net_release(pair.client));
        send_many(pair.server);
    }
    pair.client = NULL;
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(recv(fd, room, sizeof room, 0), SIZE);
    }
    close(fd);
    close_pair(&pair);
}

int main(void)
{
    static const char *const udp[] = {"udp://127.0.0.1:0", "udp://[::1]:0", NULL};
    const struct test tests[] = {
        TEST(a_datagram_is_one_to_the_owner_of_the_descriptor),
    };

    return run_over(udp, tests);
}

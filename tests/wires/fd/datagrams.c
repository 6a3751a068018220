/* Datagrams of adopted connections are sent and received many at a time, and each arrives as it was
 * sent. */
#include "foreign.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static void many_datagrams_keep_their_bounds(void **state)
{
    enum { MANY = 48, FEW = 8 };
    int count = is_unix(template_of(state)) ? FEW : MANY; /* here the queue is short */
    struct pair pair;
    char data[2][MANY][16];
    net_message messages[2][MANY] = {0};

    dial_adopted(template_of(state), &pair);
    for (int round = 0; round < 8; round++) {
        net_socket *from = round % 2 == 0 ? pair.client : pair.server;
        net_socket *to = round % 2 == 0 ? pair.server : pair.client;
        int got = 0;

        for (int i = 0; i < count; i++) {
            messages[0][i] = (net_message){.data = data[0][i], .size = (size_t)(i % 16)};
            messages[1][i] = (net_message){.data = data[1][i], .capacity = sizeof data[1][i]};
            write_pattern(data[0][i], sizeof data[0][i], (size_t)(round * MANY + i));
        }
        assert_count(net_send_messages(from, messages[0], count, soon()), count);
        while (got < count) {
            got += (int)assert_ok(net_recv_messages(to, messages[1] + got, count - got, soon()));
        }
        for (int i = 0; i < count; i++) {
            assert_int_equal(messages[1][i].size, messages[0][i].size);
            assert_memory_equal(data[1][i], data[0][i], messages[0][i].size);
        }
    }
    close_pair(&pair);
}

/* The descriptor had asked for trains before it was adopted. */
static void trains_that_were_asked_for_come_apart(void **state)
{
    enum { UDP_GRO_OPTION = 104, MANY = 32, SIZE = 20 };
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int fd = foreign_dial(listener);
    char data[MANY][SIZE];
    net_message messages[MANY] = {0};
    char buffer[64];
    int on = 1;

    setsockopt(fd, IPPROTO_UDP, UDP_GRO_OPTION, &on, sizeof on);
    net_socket *client = adopt_connection(fd);

    assert_count(net_send(client, "hi", 2, soon()), 2);
    net_socket *server = assert_socket(net_accept(listener, soon()));

    for (int i = 0; i < MANY; i++) {
        write_pattern(data[i], SIZE, (size_t)i);
        messages[i] = (net_message){.data = data[i], .size = SIZE};
    }
    assert_count(net_send_messages(server, messages, MANY, soon()), MANY);
    for (int i = 0; i < MANY; i++) {
        assert_count(net_recv(client, buffer, sizeof buffer, soon()), SIZE);
        assert_memory_equal(buffer, data[i], SIZE);
    }
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const struct test datagrams[] = {
        TEST(many_datagrams_keep_their_bounds),
        TEST(trains_that_were_asked_for_come_apart),
    };

    return run_over(foreign_datagrams, datagrams);
}

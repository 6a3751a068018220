/* A batch is larger than a queue. A reader whose own datagrams exceeded the bound of its queue lost
 * the rest. The kernel would have kept them until the next call. */
#include "support.h"

enum { COUNT_SENT = 40, SIZE = 1000 };

static char data[COUNT_SENT][SIZE];

static void send_train(net_socket *from)
{
    net_message messages[COUNT_SENT];

    for (int i = 0; i < COUNT_SENT; i++) {
        data[i][0] = (char)i;
        messages[i] = (net_message){.data = data[i], .size = SIZE};
    }
    assert_count(net_send_messages(from, messages, COUNT_SENT, soon()), COUNT_SENT);
}

static void listen_small(const char *template, struct pair *pair)
{
    dial_pair(template, pair);
    assert_ok(net_set(pair->listener, "queue", "8KiB"));
    assert_ok(net_set(pair->listener, "total", "8KiB"));
    assert_ok(net_set(pair->listener, "strangers", "8KiB"));
}

static void a_peer_that_reads_gets_all(void **state)
{
    struct pair pair;
    char buffer[SIZE];

    listen_small(template_of(state), &pair);
    send_train(pair.client);
    for (int i = 0; i < COUNT_SENT; i++) {
        assert_count(net_recv(pair.server, buffer, SIZE, soon()), SIZE);
        assert_int_equal(buffer[0], i);
    }
    assert_int_equal(number_of(pair.listener, "dropped-queue"), 0);
    close_pair(&pair);
}

static void a_listener_that_reads_gets_all(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];
    char buffer[SIZE];
    net_message message = {.data = buffer, .capacity = SIZE};

    listen_small(template_of(state), &pair);
    dial_address(pair.listener, address);
    net_socket *stranger = assert_socket(net_connect(address, soon()));

    send_train(stranger);
    for (int i = 0; i < COUNT_SENT; i++) {
        assert_count(net_recv_messages(pair.listener, &message, 1, soon()), 1);
        assert_int_equal(buffer[0], i);
    }
    assert_int_equal(number_of(pair.listener, "dropped-strangers"), 0);
    net_close(stranger, NET_NOW);
    close_pair(&pair);
}

/* A peer that does not read keeps the oldest datagrams, as many as its queue may hold. */
static void a_peer_that_waits_keeps_its_bound(void **state)
{
    struct pair pair;
    char buffer[SIZE];

    listen_small(template_of(state), &pair);
    send_train(pair.client);
    assert_count(net_recv(pair.server, buffer, SIZE, soon()), SIZE);
    for (int i = 0; i < 2; i++) {
        assert_no_socket(net_accept(pair.listener, NET_NOW), NET_TIMEOUT);
    }
    for (int i = 1; i <= 8; i++) {
        assert_count(net_recv(pair.server, buffer, SIZE, NET_NOW), SIZE);
        assert_int_equal(buffer[0], i);
    }
    assert_code(net_recv(pair.server, buffer, SIZE, NET_NOW), NET_TIMEOUT);
    assert_int_equal(number_of(pair.server, "dropped-queue"), COUNT_SENT - 9);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {TEST(a_peer_that_reads_gets_all),
                                        TEST(a_listener_that_reads_gets_all),
                                        TEST(a_peer_that_waits_keeps_its_bound)};

    return run_over(kernel_datagrams, tests);
}

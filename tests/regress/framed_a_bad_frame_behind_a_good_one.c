/* A message was received, and a bad frame that had come with it waited in the socket. The next
 * receive failed at once, but a poller was never told. */
#include "watching.h"

static void check(const char *address, size_t skip)
{
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(address));
    char dialed[ADDRESS_MAX];
    char word[2];

    dial_address(listener, dialed);
    net_socket *raw = assert_socket(net_connect(dialed + skip, soon()));
    net_socket *server = assert_socket(net_accept(listener, soon()));

    watch(poller, server, NET_READABLE);
    expect_quiet(poller, 10);
    assert_count(net_send(raw, "\0\0\0\2hi\xff\xff\xff\xff", 10, soon()), 10);
    assert_count(net_recv(server, word, sizeof word, soon()), 2);
    expect_event(poller, server, NET_READABLE);
    assert_code(net_recv(server, word, sizeof word, NET_NOW), NET_RESET);
    assert_says("4294967295");
    net_poller_close(poller);
    net_close(raw, NET_NOW);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
}

static void a_poller_tells_of_the_bad_frame(void **state)
{
    (void)state;
    check("framed+tcp://127.0.0.1:0", sizeof "framed+" - 1);
    check("framed+mem://", sizeof "framed+" - 1);
}

int main(void)
{
    const struct test tests[] = {TEST(a_poller_tells_of_the_bad_frame)};

    return run_once(tests);
}

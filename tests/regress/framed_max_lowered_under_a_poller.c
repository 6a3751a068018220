/* A message was on its way when `max` became smaller than it: a receive failed at once, but a
 * poller was not told until more bytes came. */
#include "watching.h"

static void a_message_that_is_too_long_now_wakes_the_poller(void **state)
{
    net_poller *poller = open_poller();
    struct pair pair;
    net_socket *raw;
    char address[ADDRESS_MAX];
    char byte;

    (void)state;
    dial_pair("framed+mem://", &pair);
    dial_address(pair.listener, address);
    raw = assert_socket(net_connect(address + sizeof "framed+" - 1, soon()));
    net_close(pair.server, NET_NOW);
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    assert_count(net_send(raw, "\0\0\0\144begun", 9, soon()), 9);
    watch(poller, pair.server, NET_READABLE);
    expect_quiet(poller, 10);
    assert_ok(net_set(pair.server, "max", "99B"));
    expect_event(poller, pair.server, NET_READABLE);
    assert_code(net_recv(pair.server, &byte, 1, NET_NOW), NET_RESET);
    assert_says("a message of 100 bytes; max is 99");
    net_poller_close(poller);
    net_close(raw, NET_NOW);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {TEST(a_message_that_is_too_long_now_wakes_the_poller)};

    return run_once(tests);
}

/* A datagram of a stranger woke one of the calls that wait at a listener. If that was an accept
 * without a free place, the call that would have received the datagram slept on. */
#include "support.h"

static void a_datagram_that_no_accept_can_take_is_received(void **state)
{
    struct pair pair;
    struct caller reader;
    struct caller acceptor;
    struct caller receiver;
    char address[ADDRESS_MAX];

    dial_pair_with(template_of(state), "peers=1", NULL, &pair);
    dial_address(pair.listener, address);
    net_socket *stranger = assert_socket(net_connect(address, soon()));

    caller_start(&reader, call_recv, pair.server, soon()); /* reads for all and wakes the others */
    caller_start(&acceptor, call_accept, pair.listener, soon());
    caller_start(&receiver, call_recv_messages, pair.listener, soon());
    net_deadline sent = net_after(0);

    assert_count(net_send(stranger, "who", 3, soon()), 3);
    caller_join(&receiver);
    net_cancel(pair.listener);
    caller_join(&acceptor);
    net_cancel(pair.server);
    caller_join(&reader);
    net_close(stranger, NET_NOW);
    close_pair(&pair);
    assert_int_equal(receiver.result, 1);
    assert_took((double)(receiver.ended - sent) / 1e6, 0, 1500); /* before its deadline */
    assert_true(acceptor.result == NET_LIMIT || acceptor.result == NET_CANCELED);
}

int main(void)
{
    static const struct test tests[] = {TEST(a_datagram_that_no_accept_can_take_is_received)};

    return run_over(plain_datagrams, tests);
}

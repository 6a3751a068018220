/* wrap: nf_poll */
/* The failures of a socket that was still dialing named no address, because it had no peer yet. Now
 * they name the address that is dialed. */
#include "support.h"

#include "os/poll.h"

static _Atomic bool deaf; /* no result of any dial arrives */

int __real_nf_poll(struct nf_poll *polls, int count, net_deadline deadline);
int __wrap_nf_poll(struct nf_poll *polls, int count, net_deadline deadline);
int __wrap_nf_poll(struct nf_poll *polls, int count, net_deadline deadline)
{
    if (!deaf) {
        return __real_nf_poll(polls, count, deadline);
    }
    for (int i = 0; i < count; i++) {
        polls[i].got = 0;
    }
    return 0;
}

static void what_times_out_names_the_address(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];
    char text[ADDRESS_MAX];

    dial_address(listener, address);
    net_socket *call = assert_socket(net_connect(address, NET_NOW));

    deaf = true;
    assert_code(net_recv(call, text, 1, net_after(5)), NET_TIMEOUT);
    assert_says(address);
    assert_code(net_send(call, "x", 1, NET_NOW), NET_TIMEOUT);
    assert_says(address);
    assert_code(net_get(call, "peer", text, sizeof text), NET_TIMEOUT);
    assert_says(address);
    assert_code(net_shutdown(call), NET_TIMEOUT);
    assert_says(address);
    deaf = false;
    assert_count(net_send(call, "x", 1, soon()), 1);
    assert_code(net_recv(call, text, 1, NET_NOW), NET_TIMEOUT);
    assert_says(address);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const struct test tests[] = {TEST(what_times_out_names_the_address)};

    return run_over(tcp_templates, tests);
}

/* wrap: nf_mem_ready */
/* A poller looks at what a delay holds, and then at the socket below. Bytes that came between the
 * two had no notice: on a wire without descriptors the poller slept until something else came. */
#include "support.h"
#include "socket/backend.h"

static net_socket *sender; /* what is sent in that moment; NULL: nothing */

void __real_nf_mem_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);
void __wrap_nf_mem_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

void __wrap_nf_mem_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    net_socket *from = sender;

    sender = NULL;
    if (from != NULL) {
        net_send(from, "late", 4, NET_NOW);
    }
    __real_nf_mem_ready(socket, interest, out);
}

static void check(const char *address)
{
    net_poller *poller = net_poller_open();
    struct pair pair;
    net_event event;

    dial_pair(address, &pair);
    sender = pair.client;
    assert_ok(net_poller_watch(poller, pair.server, NET_READABLE, NULL, NET_FOREVER));
    assert_null(sender);
    assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    assert_int_equal(event.ready, NET_READABLE);
    net_poller_close(poller);
    close_pair(&pair);
}

static void bytes_that_come_while_a_poller_looks_wake_it(void **state)
{
    (void)state;
    check("chaos+mem://?delay=1ms");
    check("framed+mem://");
}

int main(void)
{
    const struct test tests[] = {TEST(bytes_that_come_while_a_poller_looks_wake_it)};

    return run_once(tests);
}

/* A deadline cut a message in two, and then the connection broke. A poller of the sender went on
 * trying to send the rest: it used all of a processor, and never said that a send would not wait.
 */
#include "plain_peer.h"

#include <stdlib.h>

enum { LARGE = 1024 * 1024, CUT = 30 /* ms */ };

static const char small[] = "sndbuf=16KiB&rcvbuf=16KiB";

/* Send a message of which only the beginning goes out. */
static void send_a_part(net_socket *socket)
{
    char *message = calloc(1, LARGE);

    assert_non_null(message);
    assert_count(net_send(socket, message, LARGE, net_after(CUT)), LARGE);
    free(message);
}

static void a_send_that_fails_does_not_wait(void **state)
{
    struct pair pair;
    net_event event;

    dial_pair_with(template_of(state), small, small, &pair);
    send_a_part(pair.client);
    net_poller *poller = net_poller_open();

    assert_non_null(poller);
    assert_ok(net_poller_watch(poller, pair.client, NET_WRITABLE, NULL, NET_FOREVER));
    assert_code(net_poller_wait(poller, &event, 1, net_after(CUT)), NET_TIMEOUT);
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    assert_int_equal(event.ready, NET_WRITABLE);
    assert_code(net_send(pair.client, "x", 1, NET_NOW), NET_RESET);
    net_poller_close(poller);
    close_pair(&pair);
}

int main(void)
{
    const struct test everywhere[] = {TEST(a_send_that_fails_does_not_wait)};

    return run_over(framed_templates, everywhere);
}

/* A device that can wait, adopted by fd://N, was read like a file, which never waits. Its deadlines
 * did not hold, and a cancel did not wake its reader. */
#include "foreign.h"
#include "watching.h"
#include "wire.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void deadlines_and_cancels_hold_there(void **state)
{
    static struct wire wire;
    char packet[2048];
    struct caller reader;
    int code = 0;

    (void)state;
    const char *missing = has_own_network() ? wire_open(&wire) : "no network of its own";

    if (missing != NULL) {
        printf("skipped: %s\n", missing);
        skip();
    }
    net_poller *poller = open_poller();
    net_socket *socket = adopt_connection(dup(wire.fd));

    assert_int_equal(fcntl(wire.fd, F_SETFL, 0), 0);
    for (int i = 0; i < 100 && code != NET_TIMEOUT;
         i++) { /* the system itself sends a message or two */
        code = (int)net_recv(socket, packet, sizeof packet, net_after(300));
    }
    assert_int_equal(code, NET_TIMEOUT);
    watch(poller, socket, NET_READABLE);
    expect_quiet(poller, 20);
    caller_start(&reader, call_recv, socket, soon());
    net_cancel(socket);
    caller_join(&reader);
    assert_int_equal(reader.result, NET_CANCELED);
    net_close(socket, NET_NOW);
    net_poller_close(poller);
    wire_close(&wire);
}

int main(void)
{
    static const struct test tests[] = {TEST(deadlines_and_cancels_hold_there)};

    return run_once(tests);
}

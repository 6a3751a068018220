/* A call that found a dial lost closed the descriptor that the poller was watching, and told
 * nobody. The poller never reported that the dial was decided. */
#include "watching.h"

enum { BY_FD, BY_GET, BY_SEND, BY_RECV, DIALS };

static void call_all_but_recv(net_socket *const *dials)
{
    char text[8];

    net_fd(dials[BY_FD]);
    net_get(dials[BY_GET], "nodelay", text, sizeof text);
    net_send(dials[BY_SEND], "x", 1, NET_NOW);
}

/* A lost dial closes its attempt. */
static void find_lost(net_socket *const *dials, int open_then)
{
    double since = now_ms();

    while (open_descriptors() > open_then && elapsed_ms(since) < 20000.0 * slowness()) {
        call_all_but_recv(dials);
        nap(1);
    }
    assert_int_equal(open_descriptors(), open_then);
}

static void it_is_told_by_the_poller(void **state)
{
    struct black_hole hole;
    struct caller reader;
    net_socket *dials[DIALS];
    net_poller *poller = open_poller();

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    for (int i = 0; i < DIALS; i++) {
        dials[i] = assert_socket(net_connect(hole.address, NET_NOW));
        watch(poller, dials[i], NET_WRITABLE);
    }
    expect_quiet(poller, 1);
    caller_start(&reader, call_recv, dials[BY_RECV], soon());
    int open_then = open_descriptors() - DIALS - 2;

    close_black_hole(&hole);
    find_lost(dials, open_then);
    caller_join(&reader);
    assert_int_equal(reader.result, NET_REFUSED);
    expect_all(poller, dials, DIALS, NET_WRITABLE);
    for (int i = 0; i < DIALS; i++) {
        assert_code(net_send(dials[i], "x", 1, NET_NOW), NET_REFUSED);
        net_close(dials[i], NET_NOW);
    }
    net_poller_close(poller);
}

int main(void)
{
    static const struct test tests[] = {TEST(it_is_told_by_the_poller)};

    return run_once(tests);
}

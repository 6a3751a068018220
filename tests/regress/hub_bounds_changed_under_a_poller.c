/* A poller was not told that a bound of its udp listener had changed. So it did not report
 * strangers that had a place now, or the end of a peer that had now been silent too long. */
#include "watching.h"

static void more_peers_let_a_waiting_stranger_in(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];
    net_poller *poller = open_poller();

    dial_pair_with(template_of(state), "peers=1", NULL, &pair);
    dial_address(pair.listener, address);
    net_socket *stranger = assert_socket(net_connect(address, soon()));

    watch(poller, pair.listener, NET_READABLE);
    assert_count(net_send(stranger, "hello", 5, soon()), 5);
    expect_event(poller, pair.listener, NET_READABLE);
    assert_no_socket(net_accept(pair.listener, NET_NOW), NET_LIMIT);
    expect_quiet(poller, 50);
    assert_count(net_set(pair.listener, "peers", "2"), 0);
    expect_event(poller, pair.listener, NET_READABLE);
    net_close(assert_socket(net_accept(pair.listener, NET_NOW)), NET_NOW);
    net_close(stranger, NET_NOW);
    net_poller_close(poller);
    close_pair(&pair);
}

static void expect_end(const char *address, const char *idle_before)
{
    struct pair pair;
    char word[8];
    net_poller *poller = open_poller();

    dial_pair_with(address, idle_before, NULL, &pair);
    watch(poller, pair.server, NET_READABLE);
    expect_quiet(poller, 50);
    assert_count(net_set(pair.listener, "idle", "100ms"), 0);
    expect_event(poller, pair.server, NET_READABLE);
    assert_code(net_recv(pair.server, word, sizeof word, NET_NOW), NET_EOF);
    net_poller_close(poller);
    close_pair(&pair);
}

static void a_shorter_idle_ends_a_silent_peer(void **state)
{
    expect_end(template_of(state), "idle=60s");
}

static void an_idle_where_there_was_none_ends_a_silent_peer(void **state)
{
    expect_end(template_of(state), "idle=off");
}

int main(void)
{
    static const struct test tests[] = {
        TEST(more_peers_let_a_waiting_stranger_in),
        TEST(a_shorter_idle_ends_a_silent_peer),
        TEST(an_idle_where_there_was_none_ends_a_silent_peer),
    };

    return run_over(plain_datagrams, tests);
}

/* Silence was measured when datagrams were sorted. A peer's datagram had come in time, but was in
 * the system's buffer until `idle` was over. The peer was ended, and its datagram was given to the
 * listener as a stranger's. */
#include "support.h"

enum { IDLE = 200 }; /* ms, as in the addresses below */

static void what_came_in_time_is_the_peers_whenever_it_is_read(void **state)
{
    struct pair pair;
    char word[8];
    net_message message = {.data = word, .capacity = sizeof word};
    double since = now_ms();

    dial_pair_with(template_of(state), "idle=200ms", NULL, &pair);
    for (int i = 0; i < 2; i++) {
        assert_count(net_send(pair.client, "in time", 7, soon()), 7);
        if (!in_time(elapsed_ms(since) < IDLE)) {
            close_pair(&pair);
            return;
        }
        nap(IDLE + 100); /* like a busy server */
        since = now_ms();
        if (i == 1) {
            assert_code(net_recv_messages(pair.listener, &message, 1, NET_NOW), NET_TIMEOUT);
        }
        assert_count(net_recv(pair.server, word, sizeof word, NET_NOW), 7);
    }
    assert_code(net_recv_messages(pair.listener, &message, 1, NET_NOW), NET_TIMEOUT);
    assert_code(net_recv(pair.server, word, sizeof word, soon()), NET_EOF);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_came_in_time_is_the_peers_whenever_it_is_read),
    };

    return run_over(plain_datagrams, tests);
}

/* Our own half-close cut off a send in progress, and that was recorded as a reset by the peer. The
 * peer's orderly end was then reported as a reset too. */
#include "support.h"

/* An encrypted half-close waits for the send, and what that could not send is kept: it goes while
 * the sender receives. */
static void our_half_close_makes_no_reset_of_the_peers_end(void **state)
{
    struct pair pair;
    struct caller sender;
    struct caller receiver;
    char piece[65536];
    char byte;
    ssize_t n = 1;

    dial_pair(template_of(state), &pair);
    bool is_kept = is_encrypted(template_of(state));

    caller_start(&sender, call_send, pair.client, is_kept ? net_after(100) : soon());
    assert_count(net_shutdown(pair.client), 0);
    caller_join(&sender);
    assert_true(sender.result > 0 || sender.result == NET_MISUSE);
    assert_code(net_send(pair.client, "more", 4, soon()), NET_MISUSE);
    assert_code(net_send(pair.client, piece, sizeof piece, soon()), NET_MISUSE);
    assert_count(net_shutdown(pair.client), 0);
    if (is_kept) {
        caller_launch(&receiver, call_recv, pair.client, soon());
    }
    while (n > 0) {
        n = net_recv(pair.server, piece, sizeof piece, soon());
    }
    assert_int_equal(n, NET_EOF);
    assert_count(net_send(pair.server, "!", 1, soon()), 1);
    assert_count(net_close(pair.server, soon()), 0);
    pair.server = NULL;
    if (is_kept) {
        caller_join(&receiver);
        assert_int_equal(receiver.result, 1);
    } else {
        assert_count(net_recv(pair.client, &byte, 1, soon()), 1);
    }
    assert_code(net_recv(pair.client, &byte, 1, soon()), NET_EOF);
    assert_code(net_send(pair.client, "more", 4, soon()), NET_MISUSE);
    close_pair(&pair);
}

/* The peer's end may be seen while the sender is still in its call. */
static void an_end_that_came_before_our_half_close_stays_one(void **state)
{
    struct pair pair;
    struct caller sender;
    char byte;

    dial_pair(template_of(state), &pair);
    assert_count(net_shutdown(pair.server), 0);
    assert_code(net_recv(pair.client, &byte, 1, soon()), NET_EOF);
    caller_start(&sender, call_send, pair.client,
                 is_encrypted(template_of(state)) ? net_after(100) : soon());
    assert_count(net_shutdown(pair.client), 0);
    caller_join(&sender);
    assert_code(net_recv(pair.client, &byte, 1, soon()), NET_EOF);
    assert_code(net_send(pair.client, "more", 4, soon()), NET_MISUSE);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(our_half_close_makes_no_reset_of_the_peers_end),
        TEST(an_end_that_came_before_our_half_close_stays_one),
    };

    return run_over(stream_templates, tests);
}

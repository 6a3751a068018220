/* What stops a batch part way is kept for the next call where the system tells it but once. A
 * datagram that is too big is told each time it is sent: kept, it kept another, that fits, from
 * going; and it answered for a socket that had been cancelled. */
#include "support.h"

#include <string.h>

enum { TOO_BIG = 70000 };

static char big[TOO_BIG];

static void prepare(net_message messages[2])
{
    memset(messages, 0, 2 * sizeof *messages);
    messages[0].data = big;
    messages[0].size = 1;
    messages[1].data = big;
    messages[1].size = TOO_BIG;
}

static void a_datagram_that_fits_goes_after_a_batch_that_did_not(void **state)
{
    struct pair pair;
    net_message messages[2];
    char word[8];

    dial_pair(template_of(state), &pair);
    prepare(messages);
    assert_count(net_send_messages(pair.client, messages, 2, soon()), 1);
    assert_count(net_send(pair.client, "fits", 4, soon()), 4);
    assert_code(net_send_messages(pair.client, messages + 1, 1, soon()), NET_TOOBIG);
    assert_count(net_recv(pair.server, word, sizeof word, soon()), 1);
    assert_count(net_recv(pair.server, word, sizeof word, soon()), 4);
    close_pair(&pair);
}

static void a_cancel_comes_before_what_is_kept(void **state)
{
    struct pair pair;
    net_message messages[2];
    int n = 2;

    dial_pair(template_of(state), &pair);
    net_close(pair.server, NET_NOW);
    net_close(pair.listener, NET_NOW);
    pair.server = pair.listener = NULL;
    prepare(messages);
    messages[1].size = 1;
    for (int i = 0; i < 1000 && n != 1; i++) { /* the refusal may come late, before the next call */
        n = net_send_messages(pair.client, messages, 2, soon());
        nap(i % 10 == 9 ? 1 : 0);
    }
    assert_int_equal(n, 1); /* refused: see a_refusal_in_a_batch */
    net_cancel(pair.client);
    assert_code(net_send(pair.client, "x", 1, soon()), NET_CANCELED);
    assert_code(net_send_messages(pair.client, messages, 2, soon()), NET_CANCELED);
    assert_code(net_recv_messages(pair.client, messages, 2, soon()), NET_CANCELED);
    close_pair(&pair);
}

int main(void)
{
    static const char *const literals[] = {"udp://127.0.0.1:0", "udp://[::1]:0", NULL};
    static const struct test tests[] = {
        TEST(a_datagram_that_fits_goes_after_a_batch_that_did_not),
        TEST(a_cancel_comes_before_what_is_kept),
    };

    return run_over(literals, tests);
}

/* A failure that stops a batch part way is deferred to the next call if the system reports it only
 * once. A datagram that is too big is reported each time it is sent. It was deferred too: then it
 * stopped the next datagram, which fits, and it was reported on a socket that had been
 * cancelled. */
#include "support.h"

#include <string.h>

enum { TOO_BIG = 70000, MANY = 200 /* more than one system call can send */ };

static char big[TOO_BIG];

static void prepare(net_message *messages, int count)
{
    for (int i = 0; i < count; i++) {
        messages[i] = (net_message){.data = big, .size = 1};
    }
}

static void a_datagram_that_fits_goes_after_a_batch_that_did_not(void **state)
{
    struct pair pair;
    net_message messages[2];
    char word[8];

    dial_pair(template_of(state), &pair);
    prepare(messages, 2);
    messages[1].size = TOO_BIG;
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
    net_message messages[MANY];
    int n = MANY;

    dial_pair(template_of(state), &pair);
    net_close(pair.server, NET_NOW);
    net_close(pair.listener, NET_NOW);
    pair.server = pair.listener = NULL;
    prepare(messages, MANY);
    /* The refusal may arrive later, but before the next call. */
    for (int i = 0; i < 1000 && (n == MANY || n < 0); i++) {
        n = net_send_messages(pair.client, messages, MANY, soon());
        nap(i % 10 == 9 ? 1 : 0);
    }
    assert_in_range(n, 1, MANY - 1); /* refused: see a_refusal_in_a_batch */
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

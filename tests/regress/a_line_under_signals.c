/* wrap: nf_poll */
/* A wait that a signal ended counted as news that were none, and enough of those said that the line
 * was too big for the system's buffer. */
#include "support.h"

#include "os/poll.h"

#include <stdatomic.h>

enum { PAUSE = 1600 }; /* ms within the line: longer than a shut window is waited for */

static _Atomic bool lies; /* the next poll tells of news, and there are none */

int __real_nf_poll(struct nf_poll *polls, int count, net_deadline deadline);
int __wrap_nf_poll(struct nf_poll *polls, int count, net_deadline deadline);
int __wrap_nf_poll(struct nf_poll *polls, int count, net_deadline deadline)
{
    if (polls[0].want == (NF_IN | NF_ENDING) && atomic_exchange(&lies, false)) {
        polls[0].got = NF_IN;
        return 1;
    }
    return __real_nf_poll(polls, count, deadline);
}

static void *send_in_two_pieces(void *argument)
{
    net_socket *socket = argument;

    net_send(socket, "abc", 3, soon());
    nap(PAUSE);
    net_send(socket, "d\n", 2, soon());
    return NULL;
}

static void expect_line(const char *address)
{
    struct pair pair;
    struct storm storm;
    pthread_t sender;
    char line[64];

    dial_pair(address, &pair);
    storm_start(&storm, pthread_self());
    assert_int_equal(pthread_create(&sender, NULL, send_in_two_pieces, pair.server), 0);
    ssize_t n = net_recv_until(pair.client, line, sizeof line, '\n', soon());
    int code = net_error();

    storm_stop(&storm);
    pthread_join(sender, NULL);
    close_pair(&pair);
    if (n != 5) {
        print_error("recv_until: %zd, net_error() is %d\n", n, code);
    }
    assert_int_equal(n, 5);
    assert_memory_equal(line, "abcd\n", 5);
}

static void signals_are_no_news_of_a_line(void **state)
{
    lies = false;
    expect_line(template_of(state));
}

static void a_false_alarm_before_the_signals_is_forgotten(void **state)
{
    lies = true;
    expect_line(template_of(state));
    assert_false(lies);
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", NULL};
    static const struct test tests[] = {
        TEST(signals_are_no_news_of_a_line),
        TEST(a_false_alarm_before_the_signals_is_forgotten),
    };

    return run_over(templates, tests);
}

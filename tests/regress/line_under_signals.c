/* A wait that a signal ended counted as a wake without new bytes. After enough of those the call
 * said that the line was too big for the system's buffer. */
#include "support.h"

enum { PAUSE = 1600 }; /* ms in the middle of the line */

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

static void signals_are_no_bytes_of_a_line(void **state)
{
    expect_line(template_of(state));
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", NULL};
    static const struct test tests[] = {
        TEST(signals_are_no_bytes_of_a_line),
    };

    return run_over(templates, tests);
}

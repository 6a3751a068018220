/* The system rounds the timeout of a socket up by as much as an eighth. So a receive and a
 * dial with a long deadline returned up to an eighth too late. */
#include "support.h"

#include <sys/socket.h>
#include <sys/time.h>

/* ms; near powers of two of the shortest timeout, where the rounding is worst */
static const int deadlines[] = {40,   75,   140,  270,  525,   1036,  1152,    2062,
                                2090, 2304, 4108, 8204, 16400, 65600, 1048600, 100000000};

/* The timeout in force, in ms. */
static double timeout_of(net_socket *socket, int option)
{
    struct timeval value = {0};
    socklen_t size = sizeof value;

    assert_int_equal(getsockopt(net_fd(socket), SOL_SOCKET, option, &value, &size), 0);
    return (double)value.tv_sec * 1e3 + (double)value.tv_usec / 1e3;
}

/* A call that came after its deadline has left the timeout as it was. */
static void expect_bound(double timeout, int ms, net_deadline deadline, const char *call)
{
    double longest = timeout + timeout / 8;

    if (!in_time(net_after(0) < deadline)) {
        return;
    }
    if (longest > ms) {
        print_error("%s with %d ms left may wait %.0f ms\n", call, ms, longest);
    }
    assert_true(longest <= ms);
}

static void expect_bound_of_receive(net_socket *socket, int ms)
{
    net_deadline deadline = net_after(ms);
    char byte;

    assert_count(net_recv(socket, &byte, 1, deadline), 1);
    expect_bound(timeout_of(socket, SO_RCVTIMEO), ms, deadline, "recv");
}

/* Two calls each: the first sets the timeout that the second one finds. */
static void no_timeout_with_its_rounding_exceeds_the_time_left(void **state)
{
    for (size_t i = 0; i < COUNT(deadlines); i++) {
        struct pair pair;
        char byte;

        dial_pair(template_of(state), &pair);
        assert_count(net_send(pair.server, "xyz", 3, soon()), 3);
        for (int j = 0; j < 2; j++) {
            expect_bound_of_receive(pair.client, deadlines[i]);
        }
        net_deadline deadline = net_after(deadlines[i]);

        assert_count(net_recv_all(pair.client, &byte, 1, deadline), 1);
        expect_bound(timeout_of(pair.client, SO_RCVTIMEO), deadlines[i], deadline, "recv_all");
        close_pair(&pair);
    }
}

/* A shorter deadline does not use the timeout that a longer one left behind. */
static void a_shorter_deadline_shortens_the_timeout(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (size_t i = COUNT(deadlines); i > 0; i--) {
        assert_count(net_send(pair.server, "x", 1, soon()), 1);
        expect_bound_of_receive(pair.client, deadlines[i - 1]);
    }
    close_pair(&pair);
}

static void a_dial_is_bounded_alike(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    for (size_t i = 0; i < COUNT(deadlines); i++) {
        net_deadline deadline = net_after(deadlines[i]);
        net_socket *client = net_connect(address, deadline);

        if (in_time(client != NULL)) {
            expect_bound(timeout_of(client, SO_SNDTIMEO), deadlines[i], deadline, "connect");
        }
        net_close(client, NET_NOW);
    }
    net_close(listener, NET_NOW);
}

/* All at once, measured by the clock. The other tests see an eighth too much; this one sees a call
 * that hangs. */
static void what_never_comes_is_waited_for_until_the_deadline(void **state)
{
    enum { CALLS = 3, FIRST = 1040, STEP = 525 };
    struct pair pairs[CALLS];
    struct caller callers[CALLS];

    for (int i = 0; i < CALLS; i++) {
        dial_pair(template_of(state), &pairs[i]);
        caller_launch(&callers[i], i == 2 ? call_send : call_recv, pairs[i].client,
                      net_after(FIRST + i * STEP));
    }
    for (int i = 0; i < CALLS; i++) {
        caller_join(&callers[i]);
        close_pair(&pairs[i]);
    }
    for (int i = 0; i < CALLS; i++) {
        assert_true(callers[i].ended >= callers[i].deadline);
        assert_took((double)(callers[i].ended - callers[i].deadline) / 1e6, 0, 2000);
    }
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", NULL};
    static const struct test tests[] = {
        TEST(no_timeout_with_its_rounding_exceeds_the_time_left),
        TEST(a_shorter_deadline_shortens_the_timeout),
        TEST(a_dial_is_bounded_alike),
        TEST(what_never_comes_is_waited_for_until_the_deadline),
    };

    return run_over(templates, tests);
}

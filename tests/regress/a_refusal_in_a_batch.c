/* wrap: recv */
/* The failure that stopped a batch part way was lost where the system tells it but once: calls of
 * two datagrams each, to a port where nobody listens, never heard of a refusal. */
#include "support.h"

#include <errno.h>
#include <sys/socket.h>

static _Atomic int until_refusal; /* receives; 0: none fails */

ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags)
{
    if (until_refusal > 0 && --until_refusal == 0) {
        errno = ECONNREFUSED;
        return -1;
    }
    return __real_recv(fd, data, size, flags);
}

/* Every other call: the one after which the system knows, and the one that says so. */
static void a_refusal_that_stops_a_batch_comes_with_the_next_call(void **state)
{
    struct pair pair;
    net_message messages[2] = {{.data = &(char){'a'}, .size = 1},
                               {.data = &(char){'b'}, .size = 1}};
    int refused = 0;

    dial_pair(template_of(state), &pair);
    net_close(pair.server, NET_NOW);
    net_close(pair.listener, NET_NOW);
    pair.server = pair.listener = NULL;
    for (int i = 0; i < 20; i++) {
        int n = net_send_messages(pair.client, messages, 2, soon());

        assert_true(n > 0 || n == NET_REFUSED);
        refused += n == NET_REFUSED ? 1 : 0;
    }
    close_pair(&pair);
    in_time(refused >= 2 && refused <= 10);
}

static void a_single_send_says_why_the_batch_before_it_stopped(void **state)
{
    struct pair pair;
    net_message messages[2] = {{.data = &(char){'a'}, .size = 1},
                               {.data = &(char){'b'}, .size = 1}};
    int n = 2;

    dial_pair(template_of(state), &pair);
    net_close(pair.server, NET_NOW);
    net_close(pair.listener, NET_NOW);
    pair.server = pair.listener = NULL;
    for (int i = 0; i < 1000 && n != 1; i++) { /* the refusal may come late, before the next call */
        n = net_send_messages(pair.client, messages, 2, soon());
        nap(i % 10 == 9 ? 1 : 0);
    }
    assert_int_equal(n, 1);
    assert_code(net_send(pair.client, "c", 1, soon()), NET_REFUSED);
    assert_says("refused");
    close_pair(&pair);
}

static void a_batch_received_in_part_is_followed_by_its_failure(void **state)
{
    struct pair pair;
    char word[2][8];
    net_message messages[2] = {{.data = word[0], .capacity = 8}, {.data = word[1], .capacity = 8}};

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.server, "one", 3, soon()), 3);
    assert_count(net_send(pair.server, "three", 5, soon()), 5);
    until_refusal = 2;
    assert_count(net_recv_messages(pair.client, messages, 2, soon()), 1);
    assert_int_equal(messages[0].size, 3);
    assert_int_equal(until_refusal, 0);
    assert_code(net_recv_messages(pair.client, messages, 2, soon()), NET_REFUSED);
    assert_count(net_recv(pair.client, word[0], 8, soon()), 5);
    close_pair(&pair);
}

int main(void)
{
    static const char *const literals[] = {"udp://127.0.0.1:0", "udp://[::1]:0", NULL};
    static const struct test tests[] = {
        TEST(a_refusal_that_stops_a_batch_comes_with_the_next_call),
        TEST(a_single_send_says_why_the_batch_before_it_stopped),
        TEST(a_batch_received_in_part_is_followed_by_its_failure),
    };

    return run_over(literals, tests);
}

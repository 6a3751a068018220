/* wrap: recvmmsg */
/* A failure that stopped a batch part way was lost if the system reports it only once. Calls of two
 * datagrams each, to a port where nobody listens, never reported a refusal. */
#include "support.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { MANY = 200 /* more than one system call can send or receive */ };

static _Atomic int until_refusal; /* number of receives until one fails; 0: none fails */

int __real_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout)
{
    if (until_refusal > 0 && --until_refusal == 0) {
        errno = ECONNREFUSED;
        return -1;
    }
    return __real_recvmmsg(fd, messages, count, flags, timeout);
}

/* Every other call: the system learns of the refusal after one call, and the next call reports
 * it. */
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

/* The sizes rise, so the datagrams do not form a train. */
static void a_single_send_says_why_the_batch_before_it_stopped(void **state)
{
    struct pair pair;
    net_message messages[2] = {{.data = &(char){'a'}, .size = 1},
                               {.data = (char[]){"bb"}, .size = 2}};
    int n = 2;

    dial_pair(template_of(state), &pair);
    net_close(pair.server, NET_NOW);
    net_close(pair.listener, NET_NOW);
    pair.server = pair.listener = NULL;
    /* The refusal may arrive later, but before the next call. */
    for (int i = 0; i < 1000 && n != 1; i++) {
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
    char word[MANY];
    net_message messages[MANY];

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < MANY; i++) {
        word[i] = (char)i;
        assert_count(net_send(pair.server, &word[i], 1, soon()), 1);
        messages[i] = (net_message){.data = &word[i], .capacity = 1};
    }
    memset(word, 0, sizeof word);
    until_refusal = 2;
    int n = (int)assert_ok(net_recv_messages(pair.client, messages, MANY, soon()));

    assert_in_range(n, 1, MANY - 1);
    assert_int_equal(until_refusal, 0);
    assert_code(net_recv_messages(pair.client, messages + n, MANY - n, soon()), NET_REFUSED);
    while (n < MANY) {
        n += (int)assert_ok(net_recv_messages(pair.client, messages + n, MANY - n, soon()));
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(messages[i].size, 1);
        assert_int_equal(word[i], (char)i);
    }
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

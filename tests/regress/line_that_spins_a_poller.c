/* Over unix://, a poller reported a line without its delimiter again and again. One case was a line
 * that had been refused for the size of the buffer, after a call with a larger buffer. The other
 * was an urgent byte, which no peek sees. */
#include "watching.h"

#include <string.h>
#include <sys/socket.h>

static char in[64];

static void a_refused_line_is_no_news_to_a_larger_buffer(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    assert_count(net_send(pair.client, "abc", 3, soon()), 3);
    expect_event(poller, pair.server, NET_READABLE);
    assert_code(net_recv_until(pair.server, in, 8, '\n', NET_NOW), NET_TIMEOUT);
    assert_count(net_send(pair.client, "defghijk", 8, soon()), 8);
    expect_event(poller, pair.server, NET_READABLE);
    assert_code(net_recv_until(pair.server, in, 8, '\n', NET_NOW), NET_TOOBIG);
    expect_event(poller, pair.server, NET_READABLE);
    assert_code(net_recv_until(pair.server, in, sizeof in, '\n', NET_NOW), NET_TIMEOUT);
    expect_quiet(poller, 20);
    assert_count(net_send(pair.client, "\n", 1, soon()), 1);
    expect_event(poller, pair.server, NET_READABLE);
    assert_count(net_recv_until(pair.server, in, sizeof in, '\n', NET_NOW), 12);
    assert_memory_equal(in, "abcdefghijk\n", 12);
    net_poller_close(poller);
    close_pair(&pair);
}

static void an_urgent_byte_is_one_of_the_line(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    assert_code(net_recv_until(pair.server, in, sizeof in, '\n', NET_NOW), NET_TIMEOUT);
    if (send(net_fd(pair.client), "u", 1, MSG_OOB) == 1) { /* Linux 5.15 */
        watch(poller, pair.server, NET_READABLE);
        expect_event(poller, pair.server, NET_READABLE);
        assert_code(net_recv_until(pair.server, in, sizeof in, '\n', NET_NOW), NET_TIMEOUT);
        expect_quiet(poller, 20);
    }
    net_poller_close(poller);
    close_pair(&pair);
}

int main(void)
{
    static const char *const local[] = {"unix://@", NULL};
    const struct test tests[] = {
        TEST(a_refused_line_is_no_news_to_a_larger_buffer),
        TEST(an_urgent_byte_is_one_of_the_line),
    };

    return run_over(local, tests);
}

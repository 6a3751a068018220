/* A call that does not wait never saw that a last line without its delimiter had ended. It returned
 * NET_TIMEOUT for ever, and a poller reported the line again and again. */
#include "watching.h"

static void expect_last_line(struct pair *pair, net_poller *poller)
{
    char line[64];

    assert_count(net_shutdown(pair->client), 0);
    await_events(net_fd(pair->server), POLLRDHUP);
    expect_event(poller, pair->server, NET_READABLE);
    assert_count(net_recv_until(pair->server, line, sizeof line, '\n', NET_NOW), 3);
    assert_memory_equal(line, "abc", 3);
    expect_event(poller, pair->server, NET_READABLE);
    assert_code(net_recv_until(pair->server, line, sizeof line, '\n', NET_NOW), NET_EOF);
    net_poller_close(poller);
    close_pair(pair);
}

static net_poller *send_words(const char *address, struct pair *pair)
{
    net_poller *poller = open_poller();

    dial_pair(address, pair);
    watch(poller, pair->server, NET_READABLE);
    assert_count(net_send(pair->client, "abc", 3, soon()), 3);
    expect_event(poller, pair->server, NET_READABLE);
    return poller;
}

static void words_and_end_at_once(void **state)
{
    struct pair pair;
    net_poller *poller = send_words(template_of(state), &pair);

    expect_last_line(&pair, poller);
}

static void an_end_after_words_that_are_no_news_any_more(void **state)
{
    struct pair pair;
    char line[64];
    net_poller *poller = send_words(template_of(state), &pair);

    assert_code(net_recv_until(pair.server, line, sizeof line, '\n', NET_NOW), NET_TIMEOUT);
    expect_quiet(poller, 50);
    expect_last_line(&pair, poller);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(words_and_end_at_once),
        TEST(an_end_after_words_that_are_no_news_any_more),
    };

    return run_over(kernel_streams, tests);
}

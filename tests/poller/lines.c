/* A line that comes in very many pieces, and a reader that never waits in a call. */
#include "watching.h"

static char in[4096];

struct dripper {
    net_socket *socket;
    int count;
    bool failed;
    pthread_t thread;
};

static void *drip(void *argument)
{
    struct dripper *dripper = argument;

    for (int i = 0; i < dripper->count && !dripper->failed; i++) {
        dripper->failed =
            net_send(dripper->socket, i < dripper->count - 1 ? "l" : "\n", 1, soon()) != 1;
    }
    return NULL;
}

/* Each event brings new bytes, so the reader is never called in vain again and again. A search
 * makes room for the rest of the line, though it returns nothing. */
static void a_line_that_comes_byte_by_byte_is_told_until_it_is_whole(void **state)
{
    struct pair pair;
    struct dripper dripper = {.count = 3000};
    net_poller *poller = open_poller();
    ssize_t n = NET_TIMEOUT;
    int events = 0;

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    dripper.socket = pair.client;
    assert_int_equal(pthread_create(&dripper.thread, NULL, drip, &dripper), 0);
    while (n == NET_TIMEOUT && events <= 2 * dripper.count) {
        net_event event;

        if (net_poller_wait(poller, &event, 1, soon()) != 1) {
            break;
        }
        events++;
        n = net_recv_until(pair.server, in, sizeof in, '\n', NET_NOW);
    }
    if (n < 0) {
        net_cancel(pair.client);
    }
    pthread_join(dripper.thread, NULL);
    assert_int_equal(n, dripper.count);
    assert_false(dripper.failed);
    assert_in_range(events, 1, dripper.count + dripper.count / 10);
    expect_quiet(poller, 10);
    net_poller_close(poller);
    close_pair(&pair);
}

int main(void)
{
    static const struct test streams[] = {
        TEST(a_line_that_comes_byte_by_byte_is_told_until_it_is_whole),
    };

    return run_over(stream_templates, streams);
}

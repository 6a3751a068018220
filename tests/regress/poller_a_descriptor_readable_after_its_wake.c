/* A wait that returned 0 after a wake left the descriptor of net_poller_fd readable, so that
 * the foreign loop made one more round with nothing to tell. So did a wait that returned events
 * which an earlier one had no room for. */
#include "support.h"

#include <poll.h>

enum { ROUNDS = 100 };

static long idle_rounds;

/* What a foreign loop would do, and whether there was nothing to tell. */
static bool is_readable(net_poller *poller)
{
    struct pollfd nested = {.fd = net_poller_fd(poller), .events = POLLIN};

    return poll(&nested, 1, 0) == 1;
}

static void count_if_idle(net_poller *poller)
{
    net_event event;

    if (is_readable(poller)) {
        assert_code(net_poller_wait(poller, &event, 1, NET_NOW), NET_TIMEOUT);
        idle_rounds++;
    }
}

static void report(void)
{
    long idle = idle_rounds;

    idle_rounds = 0;
    print_message("%ld of %d rounds had nothing to tell\n", idle, ROUNDS);
    assert_int_equal(idle, 0);
}

static void a_wake_is_told_once(void **state)
{
    net_poller *poller = net_poller_open();
    net_event event;

    (void)state;
    assert_non_null(poller);
    assert_ok(net_poller_fd(poller));
    for (int i = 0; i < ROUNDS; i++) {
        for (int wakes = 0; wakes <= i % 3; wakes++) {
            net_poller_wake(poller);
        }
        assert_true(is_readable(poller));
        assert_count(net_poller_wait(poller, &event, 1, i % 2 == 0 ? NET_NOW : soon()), 0);
        count_if_idle(poller);
    }
    net_poller_close(poller);
    report();
}

/* The wake comes while an event is there, too: both are told, and then nothing. */
static void a_wake_beside_an_event_is_told_once(void **state)
{
    net_poller *poller = net_poller_open();
    struct pair pair;
    net_event event;
    char byte;

    (void)state;
    dial_pair("tcp://127.0.0.1:0", &pair);
    assert_ok(net_poller_fd(poller));
    assert_ok(net_poller_watch(poller, pair.server, NET_READABLE, NULL, NET_FOREVER));
    for (int i = 0; i < ROUNDS; i++) {
        say(pair.client, "x");
        await_events(net_fd(pair.server), POLLIN);
        net_poller_wake(poller);
        for (int told = 0; told < 2;) {
            assert_true(is_readable(poller));
            int n = (int)assert_ok(net_poller_wait(poller, &event, 1, NET_NOW));

            if (n == 1) {
                assert_count(net_recv(pair.server, &byte, 1, NET_NOW), 1);
            }
            told++;
        }
        count_if_idle(poller);
    }
    close_pair(&pair);
    net_poller_close(poller);
    report();
}

static void what_did_not_fit_is_told_once(void **state)
{
    net_poller *poller = net_poller_open();
    struct pair pairs[2];
    net_event event;
    char byte;

    (void)state;
    assert_ok(net_poller_fd(poller));
    for (int i = 0; i < 2; i++) {
        dial_pair("tcp://127.0.0.1:0", &pairs[i]);
        assert_ok(net_poller_watch(poller, pairs[i].server, NET_READABLE, NULL, NET_FOREVER));
    }
    for (int i = 0; i < ROUNDS; i++) {
        for (int j = 0; j < 2; j++) {
            say(pairs[j].client, "x");
            await_events(net_fd(pairs[j].server), POLLIN);
        }
        for (int j = 0; j < 2; j++) {
            assert_true(is_readable(poller));
            assert_count(net_poller_wait(poller, &event, 1, NET_NOW), 1);
            assert_count(net_recv(event.socket, &byte, 1, NET_NOW), 1);
        }
        count_if_idle(poller);
    }
    close_pair(&pairs[0]);
    close_pair(&pairs[1]);
    net_poller_close(poller);
    report();
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_wake_is_told_once),
        TEST(a_wake_beside_an_event_is_told_once),
        TEST(what_did_not_fit_is_told_once),
    };

    return run_once(tests);
}

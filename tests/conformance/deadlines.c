/* A call ends at its deadline, not before it and not long after it, whatever else happens.
 * What has already come is received even when the deadline has passed. */
#include "support.h"
#include "words.h"

#include <fcntl.h>
#include <string.h>

enum { SHORT = 30, MUCH_LATER = 1000 }; /* ms */

/* The order and the unit of moments. */
static void moments_lie_between_now_and_forever(void **state)
{
    (void)state;
    net_deadline past = net_after(-1000);
    net_deadline a = net_after(0);
    net_deadline b = net_after(100);

    assert_true(NET_NOW < net_after(INT64_MIN));
    assert_true(NET_NOW < net_after(-1));
    assert_true(past < a);
    assert_true(a < b);
    assert_true(b - a >= 100 * 1000000LL);
    assert_took((double)(b - a) / 1e6, 100, 600);
    assert_true(net_after(1000000) < NET_FOREVER);
    assert_true(net_after(INT64_MAX) == NET_FOREVER);
    assert_true(net_after(INT64_MAX / 1000000) == NET_FOREVER);
    for (int64_t ms = 1; ms < INT64_MAX / 4; ms *= 3) {
        a = net_after(0);
        b = net_after(ms);
        assert_true(b > a);
        assert_true(b <= net_after(ms * 2));
        a = net_after(-ms);
        assert_true(a < net_after(0));
        assert_true(net_after(-ms) > NET_NOW);
    }
}

/* A number that net_after did not make is refused, and the call does nothing. */
static void a_raw_number_is_no_deadline(void **state)
{
    static const net_deadline numbers[] = {1, 5000, 60000, -1, INT64_MIN, INT64_C(5000000000)};
    struct pair pair;
    char buffer[8];
    char target[ADDRESS_MAX];

    dial_pair(template_of(state), &pair);
    dial_address(pair.listener, target);
    assert_count(net_send(pair.client, "data", 4, soon()), 4);
    for (size_t i = 0; i < COUNT(numbers); i++) {
        net_slice slice = {"x", 1};
        net_message message = {.data = buffer, .capacity = sizeof buffer};

        assert_code(net_recv(pair.server, buffer, sizeof buffer, numbers[i]), NET_MISUSE);
        assert_says("net_after");
        assert_code(net_send(pair.server, "x", 1, numbers[i]), NET_MISUSE);
        assert_code(net_send_vector(pair.server, &slice, 1, numbers[i]), NET_MISUSE);
        assert_code(net_recv_all(pair.server, buffer, 1, numbers[i]), NET_MISUSE);
        assert_code(net_recv_until(pair.server, buffer, 1, 'd', numbers[i]), NET_MISUSE);
        assert_code(net_send_messages(pair.server, &message, 1, numbers[i]), NET_MISUSE);
        assert_code(net_recv_messages(pair.server, &message, 1, numbers[i]), NET_MISUSE);
        assert_no_socket(net_accept(pair.listener, numbers[i]), NET_MISUSE);
        assert_no_socket(net_connect(target, numbers[i]), NET_MISUSE);
    }
    assert_count(net_recv(pair.server, buffer, sizeof buffer, soon()), 4);
    assert_code(net_recv(pair.client, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT);
    assert_code(net_close(pair.server, 5000), NET_MISUSE); /* it is freed: no leak */
    pair.server = NULL;
    close_pair(&pair);
}

static void what_is_there_is_handed_out_after_the_deadline(void **state)
{
    net_deadline passed[] = {NET_NOW, net_after(0), net_after(-1), net_after(-100000)};
    struct pair pair;
    char buffer[8];

    dial_pair(template_of(state), &pair);
    bool by_listener = !does(template_of(state), CONNECTS) && net_fd(pair.listener) >= 0;
    net_socket *heard = by_listener ? pair.listener : pair.server;

    for (size_t i = 0; i < COUNT(passed); i++) {
        char target[ADDRESS_MAX];

        assert_count(net_send(pair.client, "data", 4, passed[i]), 4);
        await_ready(heard, POLLIN); /* no promise covers bytes in flight */
        assert_count(net_recv(pair.server, buffer, sizeof buffer, passed[i]), 4);
        dial_address(pair.listener, target);
        net_socket *client = assert_socket(net_connect(target, soon()));

        if (!is_encrypted(target)) {
            assert_count(net_send(client, "x", 1, soon()), 1);
        }
        await_ready(pair.listener, POLLIN);
        net_socket *server = assert_socket(net_accept(pair.listener, passed[i]));

        net_close(client, NET_NOW);
        net_close(server, NET_NOW);
    }
    close_pair(&pair);
}

static void expect_timely(caller_call *call, net_socket *socket)
{
    struct caller caller = {.call = call, .socket = socket};
    double since = now_ms();

    caller.deadline = net_after(SHORT);
    long long result = call(&caller);

    while (call == call_send && result > 0) { /* the peer's window grew after all */
        fill(socket);
        since = now_ms();
        caller.deadline = net_after(SHORT);
        result = call(&caller);
    }
    assert_code(result, NET_TIMEOUT);
    assert_took(elapsed_ms(since), SHORT, MUCH_LATER);
}

static void a_silent_peer_is_waited_for_until_the_deadline(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    expect_timely(call_accept, pair.listener);
    expect_timely(call_recv, pair.client);
    expect_timely(call_recv, pair.server);
    if (is_stream(template_of(state))) {
        expect_timely(call_recv_all, pair.client);
        expect_timely(call_recv_until, pair.client);
        fill(pair.client);
        expect_timely(call_send, pair.client);
    } else {
        expect_timely(call_recv_messages, pair.client);
        expect_timely(call_recv_messages, pair.server);
    }
    if (does(template_of(state), LISTENER_TALKS)) {
        expect_timely(call_recv_messages, pair.listener);
    }
    close_pair(&pair);
}

/* Signals neither stretch a deadline nor end a call before it. */
static void a_storm_of_signals_does_not_move_a_deadline(void **state)
{
    struct pair pair;
    struct storm storm;

    dial_pair(template_of(state), &pair);
    storm_start(&storm, pthread_self());
    expect_timely(call_accept, pair.listener);
    expect_timely(call_recv, pair.client);
    expect_timely(call_recv, pair.server);
    if (is_stream(template_of(state))) {
        expect_timely(call_recv_all, pair.client);
        expect_timely(call_recv_until, pair.client);
        fill(pair.client);
        expect_timely(call_send, pair.client);
    }
    storm_stop(&storm);
    in_time(storm.sent > 3);
    close_pair(&pair);
}

struct trickle {
    net_socket *socket;
    _Atomic bool stop;
    pthread_t thread;
};

static void *drip(void *argument)
{
    struct trickle *trickle = argument;

    while (!trickle->stop) {
        net_send(trickle->socket, ".", 1, NET_NOW);
        nap(10);
    }
    return NULL;
}

static void a_trickle_does_not_stretch_a_deadline(void **state)
{
    struct pair pair;
    struct trickle trickle = {0};
    char buffer[100000];

    dial_pair(template_of(state), &pair);
    trickle.socket = pair.server;
    assert_int_equal(pthread_create(&trickle.thread, NULL, drip, &trickle), 0);
    double since = now_ms();
    ssize_t all = net_recv_all(pair.client, buffer, sizeof buffer, net_after(100));
    double took_all = elapsed_ms(since);

    since = now_ms();
    ssize_t until = net_recv_until(pair.client, buffer, sizeof buffer, '\n', net_after(100));
    double took_until = elapsed_ms(since);

    trickle.stop = true;
    pthread_join(trickle.thread, NULL);
    in_time(all > 0);
    assert_true(all > 0 || all == NET_TIMEOUT);
    assert_took(took_all, 100, MUCH_LATER);
    assert_code(until, NET_TIMEOUT);
    assert_took(took_until, 100, MUCH_LATER);
    close_pair(&pair);
}

static void forever_lasts_until_something_comes(void **state)
{
    struct pair pair;
    struct caller readers[2];

    dial_pair(template_of(state), &pair);
    caller_start(&readers[0], call_recv, pair.client, NET_FOREVER);
    caller_start(&readers[1], call_recv, pair.server, net_after(INT64_MAX));
    assert_false(readers[0].done);
    assert_false(readers[1].done);
    assert_count(net_send(pair.server, "at last", 7, soon()), 7);
    assert_count(net_send(pair.client, "late", 4, soon()), 4);
    caller_join(&readers[0]);
    caller_join(&readers[1]);
    assert_int_equal(readers[0].result, 7);
    assert_int_equal(readers[1].result, 4);
    close_pair(&pair);
}

/* Section 6 of the contract: a timeout that stays set on a descriptor shortens no other call. */
static void short_long_and_endless_deadlines_take_turns(void **state)
{
    static const int after[] = {20, 60000, -1, 33, 300, 17, -1, 5, 60000, 40};
    struct pair pair;
    char buffer[8];

    dial_pair(template_of(state), &pair);
    for (int side = 0; side < 2; side++) {
        net_socket *here = side == 0 ? pair.client : pair.server;
        net_socket *there = side == 0 ? pair.server : pair.client;

        for (size_t i = 0; i < COUNT(after); i++) {
            double since = now_ms();
            net_deadline deadline = after[i] < 0 ? NET_FOREVER : net_after(after[i]);

            if (after[i] >= 0 && after[i] < 100) {
                assert_code(net_recv(here, buffer, sizeof buffer, deadline), NET_TIMEOUT);
                assert_took(elapsed_ms(since), after[i], MUCH_LATER);
            } else {
                assert_count(net_send(there, "x", 1, deadline), 1);
                assert_count(net_recv(here, buffer, sizeof buffer, deadline), 1);
            }
        }
    }
    close_pair(&pair);
}

static void short_and_long_deadlines_wait_side_by_side(void **state)
{
    struct pair pair;
    struct caller longs = {0};
    struct caller shorts = {0};

    dial_pair(template_of(state), &pair);
    for (int side = 0; side < 2; side++) {
        net_socket *here = side == 0 ? pair.client : pair.server;
        net_socket *there = side == 0 ? pair.server : pair.client;

        for (int order = 0; order < 2; order++) {
            struct caller *first = order == 0 ? &longs : &shorts;
            struct caller *second = order == 0 ? &shorts : &longs;

            caller_start(first, call_recv, here, first == &longs ? soon() : net_after(60));
            caller_start(second, call_recv, here, second == &longs ? soon() : net_after(60));
            caller_join(&shorts);
            assert_int_equal(shorts.result, NET_TIMEOUT);
            assert_true(shorts.ended >= shorts.deadline);
            assert_took(shorts.ms, 0, MUCH_LATER);
            nap(20);
            assert_false(longs.done);
            assert_count(net_send(there, "x", 1, soon()), 1);
            caller_join(&longs);
            assert_int_equal(longs.result, 1);
        }
    }
    close_pair(&pair);
}

/* A foreign loop, for which net_fd exists, makes its descriptors non-blocking. */
static void a_descriptor_made_non_blocking_still_waits(void **state)
{
    struct pair pair;
    struct caller reader;

    dial_pair(template_of(state), &pair);
    assert_true(fcntl(net_fd(pair.client), F_SETFL, O_NONBLOCK) == 0);
    expect_timely(call_recv, pair.client);
    caller_start(&reader, call_recv, pair.client, NET_FOREVER);
    assert_false(reader.done);
    assert_count(net_send(pair.server, "x", 1, soon()), 1);
    caller_join(&reader);
    assert_int_equal(reader.result, 1);
    if (is_stream(template_of(state))) {
        expect_timely(call_recv_all, pair.client);
        expect_timely(call_recv_until, pair.client);
        fill(pair.client);
        expect_timely(call_send, pair.client);
    }
    close_pair(&pair);
}

int main(void)
{
    static const struct test none[] = {TEST(moments_lie_between_now_and_forever)};
    static const struct test any[] = {
        TEST(a_raw_number_is_no_deadline),
        TEST(what_is_there_is_handed_out_after_the_deadline),
        TEST(a_silent_peer_is_waited_for_until_the_deadline),
        TEST(a_storm_of_signals_does_not_move_a_deadline),
        TEST(forever_lasts_until_something_comes),
        TEST(short_long_and_endless_deadlines_take_turns),
        TEST(short_and_long_deadlines_wait_side_by_side),
    };
    static const struct test kernel[] = {TEST(a_descriptor_made_non_blocking_still_waits)};
    static const struct test streams[] = {TEST(a_trickle_does_not_stretch_a_deadline)};

    return run_once(none) + run_over(all_wires, any) + run_over(kernel_templates, kernel) +
           run_over(stream_wires, streams);
}

/* Faults on datagrams: some are lost, duplicated, late or out of order. */
#include "support.h"

#include <stdio.h>
#include <string.h>

static const char *const datagrams[] = {"chaos+udp://127.0.0.1:0", "chaos+unixgram://@", NULL};

enum {
    COUNT_SENT = 96,
    LAST = 255,  /* the value of the last datagrams */
    LASTS = 100, /* one of them arrives, unless chance drops all hundred */
    DELAY = 60,
    BATCH = 4, /* more than any buffer holds */
    FIRST = 8  /* the same, once */
};

/* Both ends may lose what the other one sends. So the first exchange may need several tries. */
static void meet(const char *address, const char *faults, struct pair *pair)
{
    char text[ADDRESS_MAX];
    char buffer[8];

    pair->listener = assert_socket(net_listen(address));
    dial_address(pair->listener, text);
    snprintf(text + strlen(text), sizeof text - strlen(text), "?%s", faults);
    pair->client = assert_socket(net_connect(text, soon()));
    pair->server = NULL;
    for (int i = 0; i < LASTS && pair->server == NULL; i++) {
        assert_count(net_send(pair->client, "hi", 2, soon()), 2);
        pair->server = net_accept(pair->listener, net_after(20));
    }
    assert_non_null(pair->server);
    while (net_recv(pair->server, buffer, sizeof buffer, NET_NOW) == 2) {
    }
}

/* Count how often each of COUNT_SENT numbered datagrams arrives at the other end. */
static void send_numbers(net_socket *from, net_socket *to, int seen[LAST + 1])
{
    unsigned char number = 0;
    unsigned char got = 0;

    memset(seen, 0, (LAST + 1) * sizeof seen[0]);
    while (number < COUNT_SENT) {
        for (int i = 0; i < BATCH; i++) {
            assert_count(net_send(from, &number, 1, soon()), 1);
            number++;
        }
        seen[LAST] = 0;
        for (int i = 0; i < LASTS && seen[LAST] == 0; i++) {
            unsigned char last = LAST;

            assert_count(net_send(from, &last, 1, soon()), 1);
            while (net_recv(to, &got, 1, net_after(5)) == 1) {
                seen[got]++;
            }
        }
        assert_true(seen[LAST] > 0);
    }
}

static int count(const int seen[LAST + 1], int times)
{
    int found = 0;

    for (int i = 0; i < COUNT_SENT; i++) {
        found += seen[i] == times ? 1 : 0;
    }
    return found;
}

static void a_layer_without_faults_changes_nothing(void **state)
{
    struct pair pair;
    int seen[LAST + 1];
    char text[ADDRESS_MAX];

    meet(template_of(state), "seed=1", &pair);
    send_numbers(pair.client, pair.server, seen);
    assert_int_equal(count(seen, 1), COUNT_SENT);
    send_numbers(pair.server, pair.client, seen);
    assert_int_equal(count(seen, 1), COUNT_SENT);
    assert_true(net_fd(pair.client) >= 0);
    assert_ok(net_get(pair.client, "peer", text, sizeof text));
    assert_memory_equal(text, "chaos+", 6);
    close_pair(&pair);
}

static void faults_of_streams_are_refused(void **state)
{
    static const char *const wrong[] = {"chunk=3", "reset-after=10"};
    char address[ADDRESS_MAX];

    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(address, sizeof address, "%s?%s", template_of(state), wrong[i]);
        assert_no_socket(net_listen(address), NET_ADDRESS);
    }
}

/* ---- Loss and duplicate ---- */

static void a_share_is_lost_in_either_direction(void **state)
{
    struct pair pair;
    int seen[LAST + 1];

    meet(template_of(state), "loss=0.5&seed=2", &pair);
    long long sent = number_of(pair.client, "messages-sent");

    send_numbers(pair.client, pair.server, seen);
    assert_in_range(count(seen, 0), 20, 76);
    assert_int_equal(count(seen, 0) + count(seen, 1), COUNT_SENT);
    assert_true(number_of(pair.client, "messages-sent") >= sent + COUNT_SENT);
    send_numbers(pair.server, pair.client, seen);
    assert_in_range(count(seen, 0), 20, 76);
    assert_int_equal(count(seen, 0) + count(seen, 1), COUNT_SENT);
    close_pair(&pair);
}

/* Which of the FIRST datagrams arrive. Up to here the result does not depend on time. */
static unsigned long survivors(void **state, const char *faults)
{
    struct pair pair;
    unsigned long came = 0;
    unsigned char got = 0;

    meet(template_of(state), "seed=1", &pair);
    net_socket *client = NULL;
    char text[ADDRESS_MAX];

    dial_address(pair.listener, text);
    snprintf(text + strlen(text), sizeof text - strlen(text), "?%s", faults);
    client = assert_socket(net_connect(text, soon()));
    for (unsigned char number = 0; number < FIRST; number++) {
        assert_count(net_send(client, &number, 1, soon()), 1);
    }
    net_socket *server = assert_socket(net_accept(pair.listener, soon()));

    while (net_recv(server, &got, 1, net_after(5)) == 1) {
        came |= 1ul << got;
    }
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    close_pair(&pair);
    return came;
}

static void the_same_seed_loses_the_same_datagrams(void **state)
{
    unsigned long first = survivors(state, "loss=0.5&seed=7");

    assert_true(first != 0);
    assert_true(survivors(state, "loss=0.5&seed=7") == first);
    assert_true(survivors(state, "loss=0.5&seed=8") != first);
}

static void all_may_be_lost(void **state)
{
    struct pair pair;
    char buffer[8];
    double since = now_ms();

    meet(template_of(state), "seed=1", &pair);
    net_close(pair.client, NET_NOW);
    char text[ADDRESS_MAX];

    dial_address(pair.listener, text);
    snprintf(text + strlen(text), sizeof text - strlen(text), "?loss=1");
    pair.client = assert_socket(net_connect(text, soon()));
    for (int i = 0; i < BATCH; i++) {
        assert_count(net_send(pair.client, "gone", 4, soon()), 4);
    }
    assert_no_socket(net_accept(pair.listener, NET_NOW), NET_TIMEOUT);
    assert_int_equal(number_of(pair.client, "bytes-sent"), 4 * BATCH);
    since = now_ms();
    assert_code(net_recv(pair.client, buffer, sizeof buffer, net_after(30)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), 29, 2000);
    close_pair(&pair);
}

static void each_may_come_twice(void **state)
{
    struct pair pair;
    int seen[LAST + 1];

    meet(template_of(state), "duplicate=1", &pair);
    send_numbers(pair.client, pair.server, seen);
    assert_int_equal(count(seen, 2), COUNT_SENT);
    send_numbers(pair.server, pair.client, seen);
    assert_int_equal(count(seen, 2), COUNT_SENT);
    close_pair(&pair);
}

static void a_listener_loses_messages(void **state)
{
    char address[ADDRESS_MAX];
    char buffer[8];
    net_message message = {.data = buffer, .capacity = sizeof buffer};

    snprintf(address, sizeof address, "%s?loss=1", template_of(state));
    net_socket *listener = assert_socket(net_listen(address));

    dial_address(listener, address);
    net_socket *client = assert_socket(net_connect(address, soon()));

    assert_count(net_send(client, "hi", 2, soon()), 2);
    assert_code(net_recv_messages(listener, &message, 1, net_after(30)), NET_TIMEOUT);
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
}

/* ---- Delay and order ---- */

/* Whether it has nothing to receive yet. A test that is held up for longer than the delay finds the
 * datagram there. */
static bool hears_nothing(net_socket *socket, net_deadline deadline)
{
    char buffer[8];
    ssize_t n = net_recv(socket, buffer, sizeof buffer, deadline);

    if (in_time(n < 0)) {
        assert_code(n, NET_TIMEOUT);
    }
    return n < 0;
}

static void datagrams_arrive_late(void **state)
{
    struct pair pair;
    char buffer[2][8];
    net_message messages[2] = {{.data = buffer[0], .capacity = 8},
                               {.data = buffer[1], .capacity = 8}};
    char text[ADDRESS_MAX];
    char local[ADDRESS_MAX];

    meet(template_of(state), "delay=60ms", &pair);
    double since = now_ms();

    assert_count(net_send(pair.server, "one", 3, soon()), 3);
    assert_count(net_send(pair.server, "", 0, soon()), 0);
    if (!hears_nothing(pair.client, NET_NOW)) {
        close_pair(&pair);
        return;
    }
    assert_count(net_recv(pair.client, buffer[0], 8, soon()), 3);
    assert_took(elapsed_ms(since), DELAY - 1, 2000);
    assert_count(net_recv(pair.client, buffer[0], 8, soon()), 0);
    assert_count(net_send(pair.server, "two", 3, soon()), 3);
    since = now_ms();
    if (!hears_nothing(pair.client, net_after(20))) {
        close_pair(&pair);
        return;
    }
    assert_took(elapsed_ms(since), 19, 2000);
    assert_count(net_recv_messages(pair.client, messages, 2, soon()), 1);
    assert_int_equal(messages[0].size, 3);
    assert_memory_equal(buffer[0], "two", 3);
    assert_ok(net_endpoint_text(&messages[0].endpoint, text, sizeof text));
    dial_address(pair.listener, local);
    assert_string_equal(text, strstr(local, "://") + 3);
    assert_int_equal(number_of(pair.client, "messages-received"), 3);
    assert_int_equal(number_of(pair.client, "bytes-received"), 6);
    assert_int_equal(net_fd(pair.client), -1);
    close_pair(&pair);
}

static void some_come_after_the_next(void **state)
{
    struct pair pair;
    unsigned char got[FIRST];
    int seen[FIRST] = {0};
    int displaced = 0;

    meet(template_of(state), "reorder=0.5&seed=3", &pair);
    double since = now_ms();

    for (unsigned char number = 0; number < FIRST; number++) {
        assert_count(net_send(pair.server, &number, 1, soon()), 1);
    }
    for (int i = 0; i < FIRST; i++) {
        assert_count(net_recv(pair.client, &got[i], 1, soon()), 1);
        assert_in_range(got[i], 0, FIRST - 1);
        seen[got[i]]++;
        displaced += got[i] != i ? 1 : 0;
    }
    for (int i = 0; i < FIRST; i++) {
        assert_int_equal(seen[i], 1);
    }
    in_time(displaced > 0 || elapsed_ms(since) > 10);
    close_pair(&pair);
}

static void one_that_is_held_back_comes_when_none_follows(void **state)
{
    struct pair pair;
    char buffer[8];

    meet(template_of(state), "reorder=1", &pair);
    double since = now_ms();

    assert_count(net_send(pair.server, "alone", 5, soon()), 5);
    assert_count(net_recv(pair.client, buffer, sizeof buffer, soon()), 5);
    assert_took(elapsed_ms(since), 19, 2000);
    close_pair(&pair);
}

static void a_large_one_is_dropped_and_counted(void **state)
{
    struct pair pair;
    char large[3000] = {0};
    char buffer[8];

    meet(template_of(state), "delay=5ms", &pair);
    assert_count(net_send(pair.server, large, sizeof large, soon()), 3000);
    assert_count(net_send(pair.server, "next", 4, soon()), 4);
    assert_code(net_recv(pair.client, buffer, sizeof buffer, soon()), NET_TOOBIG);
    assert_says("3000");
    assert_count(net_recv(pair.client, buffer, sizeof buffer, soon()), 4);
    assert_int_equal(number_of(pair.client, "truncated"), 1);
    close_pair(&pair);
}

/* ---- Stall, refusal, cancel ---- */

static void datagrams_fall_silent_after_so_many_bytes(void **state)
{
    static const char *const faults[] = {"stall-after=10", "stall-after=10&delay=5ms"};
    struct pair pair;
    char buffer[8];
    net_message message = {.data = buffer, .capacity = sizeof buffer};

    for (size_t i = 0; i < COUNT(faults); i++) {
        meet(template_of(state), faults[i], &pair); /* uses two or more of the ten bytes */
        while (net_send(pair.client, "x", 1, NET_NOW) == 1) {
        }
        assert_int_equal(net_error(), NET_TIMEOUT);
        assert_count(net_send(pair.server, "to you", 6, soon()), 6);
        double since = now_ms();

        assert_code(net_recv(pair.client, buffer, sizeof buffer, net_after(30)), NET_TIMEOUT);
        assert_code(net_recv_messages(pair.client, &message, 1, net_after(30)), NET_TIMEOUT);
        message.size = 1;
        assert_code(net_send_messages(pair.client, &message, 1, net_after(30)), NET_TIMEOUT);
        assert_took(elapsed_ms(since), 89, 2000);
        close_pair(&pair);
    }
}

static void a_refusal_comes_through_a_queue(void **state)
{
    char address[ADDRESS_MAX];
    char buffer[8];
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    dial_address(listener, address);
    snprintf(address + strlen(address), sizeof address - strlen(address), "?delay=5ms");
    net_socket *client = assert_socket(net_connect(address, soon()));

    net_close(listener, NET_NOW);
    if (strstr(address, "udp") != NULL) { /* a unix socket tells the sender */
        assert_count(net_send(client, "hello", 5, soon()), 5);
        assert_code(net_recv(client, buffer, sizeof buffer, soon()), NET_REFUSED);
    } else {
        assert_code(net_send(client, "hello", 5, soon()), NET_REFUSED);
    }
    assert_code(net_recv(client, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT);
    net_close(client, NET_NOW);
}

static void a_cancel_wakes_a_call_that_waits_in_a_fault(void **state)
{
    static const char *const faults[] = {"delay=30s", "reorder=1&delay=30s", "stall-after=2",
                                         "loss=0.1"};

    for (size_t i = 0; i < COUNT(faults); i++) {
        struct pair pair;
        struct caller caller;

        meet(template_of(state), faults[i], &pair);
        assert_count(net_send(pair.server, "hello", 5, soon()), 5);
        if (i == 3) {
            char buffer[8];

            while (net_recv(pair.client, buffer, sizeof buffer, NET_NOW) == 5) {
            }
        }
        caller_start(&caller, call_recv, pair.client, soon());
        double since = now_ms();

        net_cancel(pair.client);
        caller_join(&caller);
        assert_took(elapsed_ms(since), 0, 100);
        assert_int_equal(caller.result, NET_CANCELED);
        assert_code(net_send(pair.client, "x", 1, soon()), NET_CANCELED);
        close_pair(&pair);
    }
}

int main(void)
{
    const struct test tests[] = {
        TEST(a_layer_without_faults_changes_nothing),
        TEST(faults_of_streams_are_refused),
        TEST(a_share_is_lost_in_either_direction),
        TEST(the_same_seed_loses_the_same_datagrams),
        TEST(all_may_be_lost),
        TEST(each_may_come_twice),
        TEST(a_listener_loses_messages),
        TEST(datagrams_arrive_late),
        TEST(some_come_after_the_next),
        TEST(one_that_is_held_back_comes_when_none_follows),
        TEST(a_large_one_is_dropped_and_counted),
        TEST(datagrams_fall_silent_after_so_many_bytes),
        TEST(a_refusal_comes_through_a_queue),
        TEST(a_cancel_wakes_a_call_that_waits_in_a_fault),
    };

    return run_over(datagrams, tests);
}

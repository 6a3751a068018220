/* Datagrams arrive whole and one by one. None is the end of a conversation, and a refused one
 * breaks nothing. */
#include "support.h"
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 65507, ROOM = 65536 };

static char out[ROOM + 64];
static char in[ROOM + 64];
static char huge[(1 << 20) + 1]; /* more than `max` of messages over a stream */

/* There are as many receives as sends, and each has the length that was sent. */
static void boundaries_are_kept(void **state)
{
    static const size_t sizes[] = {0, 1, 0, 1472, 1473, 9000, LARGEST, 2};
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        write_pattern(out, sizes[i], i);
        assert_count(net_send(pair.client, out, sizes[i], soon()), (long long)sizes[i]);
        if (i % 2 == 1) {
            for (size_t j = i - 1; j <= i; j++) {
                assert_count(net_recv(pair.server, in, sizeof in, soon()), (long long)sizes[j]);
                assert_true(is_pattern(in, sizes[j], j));
            }
        }
        assert_count(net_send(pair.server, out, sizes[i], soon()), (long long)sizes[i]);
        assert_count(net_recv(pair.client, in, sizeof in, soon()), (long long)sizes[i]);
        assert_true(is_pattern(in, sizes[i], i));
    }
    assert_code(net_recv(pair.client, in, sizeof in, NET_NOW), NET_TIMEOUT);
    close_pair(&pair);
}

static void a_datagram_too_big_for_the_wire_is_refused_and_no_more(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_code(net_send(pair.client, huge, sizeof huge, soon()), NET_TOOBIG);
    assert_code(net_send(pair.server, huge, sizeof huge, soon()), NET_TOOBIG);
    if (is_ip(template_of(state)) && does(template_of(state), SENDS_PACKETS)) {
        assert_code(net_send(pair.client, out, ROOM, soon()), NET_TOOBIG);
        assert_code(net_send(pair.server, out, ROOM, soon()), NET_TOOBIG);
    }
    assert_count(net_send(pair.client, "a", 1, soon()), 1);
    assert_count(net_recv(pair.server, in, sizeof in, soon()), 1);
    assert_count(net_send(pair.server, "a", 1, soon()), 1);
    assert_count(net_recv(pair.client, in, sizeof in, soon()), 1);
    close_pair(&pair);
}

/* A datagram is never cut silently. The ones after it are intact. */
static void check_small_buffer(net_socket *from, net_socket *to)
{
    char small[100];
    long long before = number_of(to, "truncated");

    memset(small, 's', sizeof small);
    assert_count(net_send(from, out, 1234, soon()), 1234);
    assert_count(net_send(from, "next", 4, soon()), 4);
    assert_count(net_send(from, out, sizeof small + 1, soon()), sizeof small + 1);
    assert_count(net_send(from, out, sizeof small, soon()), sizeof small);
    assert_code(net_recv(to, small, sizeof small, soon()), NET_TOOBIG);
    assert_says("1234");
    assert_count(net_recv(to, small, sizeof small, soon()), 4);
    assert_memory_equal(small, "next", 4);
    assert_code(net_recv(to, small, sizeof small, soon()), NET_TOOBIG);
    assert_count(net_recv(to, small, sizeof small, soon()), sizeof small);
    assert_int_equal(number_of(to, "truncated"), before + 2);
}

static void a_datagram_too_big_for_the_buffer_is_dropped_and_told(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    check_small_buffer(pair.client, pair.server);
    check_small_buffer(pair.server, pair.client);
    close_pair(&pair);
}

static void an_empty_datagram_is_zero_bytes_and_no_end(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < 2; i++) {
        net_socket *from = i == 0 ? pair.client : pair.server;
        net_socket *to = i == 0 ? pair.server : pair.client;

        assert_count(net_send(from, NULL, 0, soon()), 0);
        assert_count(net_send(from, "", 0, soon()), 0);
        assert_count(net_send(from, "x", 1, soon()), 1);
        assert_count(net_send(from, "y", 1, soon()), 1);
        assert_count(net_recv(to, in, sizeof in, soon()), 0);
        assert_count(net_recv(to, NULL, 0, soon()), 0);
        assert_code(net_recv(to, NULL, 0, soon()), NET_TOOBIG);
        assert_count(net_recv(to, in, sizeof in, soon()), 1);
        assert_int_equal(in[0], 'y');
        assert_code(net_recv(to, NULL, 0, NET_NOW), NET_TIMEOUT);
    }
    close_pair(&pair);
}

/* A refusal does not break the socket, and is told once for each refused datagram. */
static void a_refusal_is_told_once_and_the_socket_goes_on(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];

    dial_pair(template_of(state), &pair);
    dial_address(pair.listener, address);
    net_close(pair.server, NET_NOW);
    net_close(pair.listener, NET_NOW);
    assert_count(net_send(pair.client, "a", 1, soon()), 1);
    await_events(net_fd(pair.client), POLLERR);
    assert_code(net_send(pair.client, "b", 1, soon()), NET_REFUSED);
    assert_says("refused");
    assert_count(net_send(pair.client, "c", 1, soon()), 1);
    assert_code(net_recv(pair.client, in, sizeof in, soon()), NET_REFUSED);
    assert_code(net_recv(pair.client, in, sizeof in, net_after(20)), NET_TIMEOUT);
    pair.listener = assert_socket(net_listen(address));
    assert_count(net_send(pair.client, "d", 1, soon()), 1);
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    assert_count(net_recv(pair.server, in, sizeof in, soon()), 1);
    assert_int_equal(in[0], 'd');
    close_pair(&pair);
}

/* On a shared descriptor no socket is told of another's refusals. */
static void a_dead_peer_does_not_disturb_the_live_ones(void **state)
{
    bool ends = does(template_of(state), ENDS);
    int end = is_encrypted(template_of(state)) ? NET_EOF : NET_RESET; /* that one is a record */
    struct pair pair;
    net_socket *dead_client;
    net_socket *dead;

    dial_pair(template_of(state), &pair);
    dial_again(pair.listener, &dead_client, &dead);
    net_close(dead_client, NET_NOW);
    for (int i = 0; i < 50; i++) {
        ssize_t n = net_send(dead, "gone", 4, soon());

        assert_true(n == 4 ||
                    (ends ? n == NET_RESET : n == NET_REFUSED && !is_ip(template_of(state))));
        assert_count(net_send(pair.server, "live", 4, soon()), 4);
        assert_count(net_recv(pair.client, in, sizeof in, soon()), 4);
        assert_count(net_send(pair.client, "live", 4, soon()), 4);
        assert_count(net_recv(pair.server, in, sizeof in, soon()), 4);
    }
    assert_code(net_recv(dead, in, sizeof in, NET_NOW), ends ? end : NET_TIMEOUT);
    net_close(dead, NET_NOW);
    close_pair(&pair);
}

/* The sender is not told of what the receiver had no room for. */
static void a_receiver_that_is_flooded_loses_datagrams_and_works_on(void **state)
{
    struct pair pair;
    int received = 0;

    dial_pair_with(template_of(state), NULL, "rcvbuf=4KiB", &pair);
    for (int i = 0; i < 1000; i++) {
        assert_count(net_send(pair.server, out, 1000, soon()), 1000);
    }
    ssize_t n = net_recv(pair.client, in, sizeof in, soon());

    while (n == 1000) {
        received++;
        n = net_recv(pair.client, in, sizeof in, net_after(100));
    }
    assert_int_equal(n, NET_TIMEOUT);
    assert_true(received > 0);
    assert_true(received < 1000);
    assert_int_equal(number_of(pair.client, "dropped-kernel"), 1000 - received);
    assert_count(net_send(pair.server, "x", 1, soon()), 1);
    assert_count(net_recv(pair.client, in, sizeof in, soon()), 1);
    close_pair(&pair);
}

/* What the kernel dropped is told at once. It does not include what the library dropped. */
static void what_the_kernel_drops_of_a_listener_is_counted(void **state)
{
    enum { SENT = 500 };
    struct pair pair;
    int received = 0;

    dial_pair_with(template_of(state), "rcvbuf=4KiB", NULL, &pair);
    assert_int_equal(number_of(pair.listener, "dropped-kernel"), 0);
    for (int i = 0; i < SENT; i++) {
        assert_count(net_send(pair.client, out, 1000, soon()), 1000);
    }
    long long dropped = number_of(pair.listener, "dropped-kernel");

    assert_true(dropped > 0);
    assert_int_equal(number_of(pair.server, "dropped-kernel"), dropped);
    while (net_recv(pair.server, in, sizeof in, NET_NOW) == 1000) {
        received++;
    }
    assert_int_equal(received, SENT - dropped);
    assert_int_equal(number_of(pair.listener, "dropped-kernel"), dropped);
    assert_int_equal(number_of(pair.listener, "dropped-queue"), 0);
    close_pair(&pair);
}

/* However many slices there are, even more than one system call takes, they are one datagram. */
static void many_slices_are_one_datagram(void **state)
{
    enum { SLICES = 3000 };
    static net_slice slices[SLICES];
    struct pair pair;

    dial_pair(template_of(state), &pair);
    write_pattern(out, 10 * SLICES, 0);
    for (int i = 0; i < SLICES; i++) {
        slices[i] = (net_slice){out + 10 * i, 10};
    }
    for (int count = 2; count <= SLICES; count = count < 64 ? count * 2 : count + 1000) {
        count = count == 2064 ? SLICES : count;
        assert_count(net_send_vector(pair.client, slices, count, soon()), 10LL * count);
        assert_count(net_recv(pair.server, in, sizeof in, soon()), 10LL * count);
        assert_true(is_pattern(in, 10 * (size_t)count, 0));
        assert_count(net_send_vector(pair.server, slices, count, soon()), 10LL * count);
        assert_count(net_recv(pair.client, in, sizeof in, soon()), 10LL * count);
        assert_true(is_pattern(in, 10 * (size_t)count, 0));
    }
    close_pair(&pair);
}

/* A deadline that passes while the slices are checked is no reason to send some of them. */
static void a_deadline_cuts_no_datagram(void **state)
{
    enum { SLICES = 200000 };
    net_slice *slices = calloc(SLICES, sizeof *slices);
    struct pair pair;

    assert_non_null(slices);
    slices[0] = (net_slice){.data = "a", .size = 1};
    slices[SLICES - 1] = (net_slice){.data = "z", .size = 1};
    dial_pair(template_of(state), &pair);
    assert_count(net_send_vector(pair.client, slices, SLICES, NET_NOW), 2);
    assert_count(net_recv(pair.server, in, sizeof in, soon()), 2);
    assert_memory_equal(in, "az", 2);
    assert_count(net_send_vector(pair.server, slices, SLICES, NET_NOW), 2);
    assert_count(net_recv(pair.client, in, sizeof in, soon()), 2);
    assert_memory_equal(in, "az", 2);
    close_pair(&pair);
    free(slices);
}

/* A dialed socket whose peer never sends just receives nothing. */
static void with_nothing_to_hear_a_receive_ends_at_its_deadline(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];
    double since = now_ms();

    dial_address(listener, address);
    net_socket *call = assert_socket(net_connect(address, soon()));

    assert_code(net_recv(call, in, sizeof in, net_after(50)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), 50, 1000);
    assert_code(net_recv(call, in, sizeof in, NET_NOW), NET_TIMEOUT);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
}

static void calls_of_streams_are_a_misuse(void **state)
{
    net_deadline deadline = does(template_of(state), LINGERS) ? NET_NOW : net_after(10000);
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < 2; i++) {
        net_socket *each = i == 0 ? pair.client : pair.server;

        assert_code(net_recv_all(each, in, 4, soon()), NET_MISUSE);
        assert_code(net_recv_until(each, in, 4, '\n', soon()), NET_MISUSE);
        if (!does(template_of(state), HALF_CLOSES)) {
            assert_code(net_shutdown(each), NET_MISUSE);
        }
        assert_no_socket(net_accept(each, soon()), NET_MISUSE);
        assert_count(net_send(each, "still", 5, soon()), 5);
    }
    assert_code(net_recv(pair.listener, in, 4, soon()), NET_MISUSE);
    assert_code(net_send(pair.listener, in, 4, soon()), NET_MISUSE);
    assert_code(net_shutdown(pair.listener), NET_MISUSE);
    assert_int_equal(net_close(pair.client, deadline), 0);
    pair.client = NULL;
    assert_int_equal(net_close(pair.server, deadline), 0);
    pair.server = NULL;
    close_pair(&pair);
}

/* The answer leaves from the address that the request was sent to. */
static void check_answer_from(const char *listened, const char *dialed, const char *local)
{
    net_socket *listener = assert_socket(net_listen(listened));
    char address[ADDRESS_MAX];
    char text[ADDRESS_MAX];
    char expected[ADDRESS_MAX];
    net_message message = {.data = in, .capacity = sizeof in};

    snprintf(address, sizeof address, "%s:%lld", dialed, number_of(listener, "port"));
    snprintf(expected, sizeof expected, "%s:%lld", local, number_of(listener, "port"));
    net_socket *call = assert_socket(net_connect(address, soon()));

    assert_count(net_send(call, "one", 3, soon()), 3);
    assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
    assert_count(net_send_messages(listener, &message, 1, soon()), 1);
    assert_count(net_recv(call, in, sizeof in, soon()), 3);
    assert_count(net_send(call, "two!", 4, soon()), 4);
    net_socket *answered = assert_socket(net_accept(listener, soon()));

    assert_count(net_send(answered, "hello", 5, soon()), 5);
    assert_count(net_recv(call, in, sizeof in, soon()), 5);
    assert_ok(net_get(answered, "local", text, sizeof text));
    assert_string_equal(text, expected);
    assert_count(net_recv(answered, in, sizeof in, soon()), 4);
    net_close(answered, NET_NOW);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
}

static void an_answer_leaves_from_the_address_that_was_asked(void **state)
{
    (void)state;
    check_answer_from("udp://*:0", "udp://127.0.0.2", "udp://127.0.0.2");
    check_answer_from("udp://*:0", "udp://127.3.2.1", "udp://127.3.2.1");
    check_answer_from("udp://0.0.0.0:0", "udp://127.0.0.2", "udp://127.0.0.2");
    check_answer_from("udp://*:0", "udp://[::1]", "udp://[::1]");
    check_answer_from("udp://[::]:0?v6only=on", "udp://[::1]", "udp://[::1]");
    check_answer_from("udp://127.0.0.9:0", "udp://127.0.0.9", "udp://127.0.0.9");
}

static void broadcasting_takes_leave(void **state)
{
    net_socket *listener = assert_socket(net_listen("udp://0.0.0.0:0"));
    net_message message = {.data = out, .size = 1};

    (void)state;
    assert_no_socket(net_connect("udp://127.255.255.255:9", soon()), NET_DENIED);
    net_socket *call = assert_socket(net_connect("udp://127.255.255.255:9?broadcast=on", soon()));

    assert_count(net_send(call, "x", 1, soon()), 1);
    net_close(call, NET_NOW);
    assert_count(net_resolve("udp://127.255.255.255:9", &message.endpoint, 1, soon()), 1);
    assert_code(net_send_messages(listener, &message, 1, soon()), NET_DENIED);
    assert_ok(net_set(listener, "broadcast", "on"));
    assert_count(net_send_messages(listener, &message, 1, soon()), 1);
    net_close(listener, NET_NOW);
}

int main(void)
{
    const struct test everywhere[] = {
        TEST(boundaries_are_kept),
        TEST(a_datagram_too_big_for_the_wire_is_refused_and_no_more),
        TEST(a_datagram_too_big_for_the_buffer_is_dropped_and_told),
        TEST(an_empty_datagram_is_zero_bytes_and_no_end),
        TEST(a_dead_peer_does_not_disturb_the_live_ones),
        TEST(many_slices_are_one_datagram),
        TEST(a_deadline_cuts_no_datagram),
        TEST(with_nothing_to_hear_a_receive_ends_at_its_deadline),
        TEST(calls_of_streams_are_a_misuse),
    };
    const struct test udp[] = {
        TEST(a_refusal_is_told_once_and_the_socket_goes_on),
        TEST(a_receiver_that_is_flooded_loses_datagrams_and_works_on),
        TEST(what_the_kernel_drops_of_a_listener_is_counted),
    };
    const struct test tests[] = {
        TEST(an_answer_leaves_from_the_address_that_was_asked),
        TEST(broadcasting_takes_leave),
    };

    return run_over(datagram_templates, everywhere) + run_over(udp_templates, udp) +
           run_once(tests);
}

/* Sockets that are still dialing: net_connect with NET_NOW returns them. */
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void refused_address(char address[ADDRESS_MAX])
{
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));

    dial_address(listener, address);
    net_close(listener, NET_NOW);
}

static void a_dial_that_succeeds_is_a_connection_like_others(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];
    char peer[ADDRESS_MAX];
    char buffer[8];

    dial_address(listener, address);
    net_socket *call = assert_socket(net_connect(address, NET_NOW));

    bool is_late = is_encrypted(address); /* only when it is accepted it can send */

    if (!is_late) {
        assert_count(net_send(call, "hello", 5, soon()), 5);
    }
    net_socket *answered = assert_socket(net_accept(listener, soon()));

    if (is_late) {
        assert_count(net_send(call, "hello", 5, soon()), 5);
    }
    assert_count(net_recv(answered, buffer, sizeof buffer, soon()), 5);
    assert_count(net_send(answered, buffer, 5, soon()), 5);
    assert_count(net_recv(call, buffer, sizeof buffer, soon()), 5);
    assert_memory_equal(buffer, "hello", 5);
    assert_int_equal(net_fd(call) >= 0, net_fd(listener) >= 0 && !is_framed(address));
    assert_ok(net_get(call, "peer", peer, sizeof peer));
    assert_string_equal(peer, address);
    net_close(answered, NET_NOW);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
}

/* The call first waits for the dial, and says so if its deadline passes. */
static void every_call_waits_for_the_dial(void **state)
{
    struct black_hole hole;
    net_slice slice = {"x", 1};
    net_message message = {.data = &(char){'x'}, .capacity = 1, .size = 1};
    char buffer[8];

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    net_socket *call = assert_socket(net_connect(hole.address, NET_NOW));
    double since = now_ms();

    assert_code(net_recv(call, buffer, 1, net_after(40)), NET_TIMEOUT);
    assert_says("still dialing");
    assert_code(net_send(call, buffer, 1, net_after(40)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), 80, 2000);
    assert_code(net_recv(call, buffer, 0, NET_NOW), NET_TIMEOUT);
    assert_code(net_recv_all(call, buffer, 8, NET_NOW), NET_TIMEOUT);
    assert_code(net_recv_until(call, buffer, 8, '\n', NET_NOW), NET_TIMEOUT);
    assert_code(net_send_vector(call, &slice, 1, NET_NOW), NET_TIMEOUT);
    assert_code(net_shutdown(call), NET_TIMEOUT);
    assert_code(net_send_messages(call, &message, 1, NET_NOW), NET_TIMEOUT);
    assert_code(net_recv_messages(call, &message, 1, NET_NOW), NET_TIMEOUT);
    assert_no_socket(net_accept(call, NET_NOW), NET_MISUSE);
    assert_int_equal(net_fd(call), -1);
    net_close(call, net_after(1000));
    assert_took(elapsed_ms(since), 80, 3000);
    close_black_hole(&hole);
}

/* Until there is a descriptor, an option has the value that the address asked for. */
static void a_dialing_socket_knows_its_options_and_no_more(void **state)
{
    static const char *const unknown[] = {"local", "peer", "port", "rtt", "retransmits"};
    struct black_hole hole;
    char address[2 * ADDRESS_MAX];
    char text[ADDRESS_MAX];

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    snprintf(address, sizeof address, "%s?nodelay=off&keepalive=30s&source=127.0.0.2",
             hole.address);
    net_socket *call = assert_socket(net_connect(address, NET_NOW));

    assert_ok(net_get(call, "nodelay", text, sizeof text));
    assert_string_equal(text, "off");
    assert_ok(net_get(call, "keepalive", text, sizeof text));
    assert_string_equal(text, "30s");
    assert_ok(net_get(call, "source", text, sizeof text));
    assert_string_equal(text, "127.0.0.2");
    assert_ok(net_get(call, "scheme", text, sizeof text));
    assert_string_equal(text, "tcp");
    assert_ok(net_get(call, "bytes-sent", text, sizeof text));
    assert_string_equal(text, "0");
    for (size_t i = 0; i < COUNT(unknown); i++) {
        assert_code(net_get(call, unknown[i], text, sizeof text), NET_TIMEOUT);
    }
    assert_code(net_get(call, "peers", text, sizeof text), NET_ADDRESS);
    assert_code(net_set(call, "nodelay", "on"), NET_TIMEOUT);
    assert_code(net_set(call, "nodelay", "maybe"), NET_ADDRESS);
    assert_code(net_set(call, "backlog", "3"), NET_MISUSE);
    net_close(call, NET_NOW);
    close_black_hole(&hole);
}

/* An immediate refusal still comes as a dialing socket. */
static void a_refusal_comes_with_the_first_call_and_stays(void **state)
{
    char address[ADDRESS_MAX];
    char byte;

    (void)state;
    refused_address(address);
    net_socket *call = assert_socket(net_connect(address, NET_NOW));

    for (int i = 0; i < 3; i++) {
        assert_code(net_recv(call, &byte, 1, soon()), NET_REFUSED);
        assert_says("connect tcp://127.0.0.1:");
        assert_says("refused");
        assert_code(net_send(call, "x", 1, NET_NOW), NET_REFUSED);
        assert_says("connect tcp://");
        assert_code(net_shutdown(call), NET_REFUSED);
        assert_code(net_get(call, "peer", address, sizeof address), NET_REFUSED);
    }
    assert_int_equal(net_fd(call), -1);
    assert_int_equal(net_close(call, soon()), 0);
}

/* A service is a name too, though not a host's. */
static void an_unknown_service_is_an_unknown_name(void **state)
{
    char byte;

    (void)state;
    assert_no_socket(net_connect("tcp://127.0.0.1:no-such-service", soon()), NET_NAME);
    assert_says("no-such-service");
    net_socket *call = net_connect("tcp://127.0.0.1:no-such-service", NET_NOW);

    if (call != NULL) {
        assert_code(net_recv(call, &byte, 1, soon()), NET_NAME);
        assert_says("no-such-service");
        net_close(call, NET_NOW);
    } else {
        assert_int_equal(net_error(), NET_NAME);
    }
}

static void a_dial_on_its_way_can_be_cancelled(void **state)
{
    static caller_call *const calls[] = {call_recv, call_recv_all, call_recv_until, call_send};
    struct black_hole hole;

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    for (size_t i = 0; i < COUNT(calls); i++) {
        net_socket *call = assert_socket(net_connect(hole.address, NET_NOW));
        struct caller caller;
        struct caller second;

        caller_start(&caller, calls[i], call, soon());
        caller_start(&second, call_send, call, soon());
        double since = now_ms();

        net_cancel(call);
        caller_join(&caller);
        caller_join(&second);
        assert_took(elapsed_ms(since), 0, 100);
        assert_int_equal(caller.result, NET_CANCELED);
        assert_int_equal(second.result, NET_CANCELED);
        assert_code(net_shutdown(call), NET_CANCELED);
        net_cancel(call);
        net_close(call, NET_NOW);
    }
    close_black_hole(&hole);
}

static void a_dial_can_be_closed_at_once(void **state)
{
    struct black_hole hole;
    char address[ADDRESS_MAX];

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    refused_address(address);
    for (int i = 0; i < 100; i++) {
        net_socket *call = assert_socket(net_connect(i % 2 == 0 ? hole.address : address, NET_NOW));

        if (i % 3 == 0) {
            net_cancel(call);
        }
        assert_int_equal(net_close(call, i % 5 == 0 ? soon() : NET_NOW), 0);
    }
    close_black_hole(&hole);
}

/* The handshake is over in the kernel, but no call has driven the dial to its decision. */
static void the_peer_of_a_cancelled_dial_sees_an_end(void **state)
{
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    char address[ADDRESS_MAX];
    char byte;

    (void)state;
    dial_address(listener, address);
    net_socket *call = assert_socket(net_connect(address, NET_NOW));
    net_socket *server = assert_socket(net_accept(listener, soon()));

    net_cancel(call);
    assert_code(net_send(call, "x", 1, soon()), NET_CANCELED);
    assert_code(net_recv(server, &byte, 1, soon()), NET_EOF);
    net_close(server, NET_NOW);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
}

static long long send_byte(struct caller *caller)
{
    return net_send(caller->socket, "x", 1, caller->deadline);
}

/* Each dial has one outcome, whether the cancel or the call is first. The runner counts
 * descriptors, so a leak fails the test. */
static void a_cancel_that_races_with_success_has_one_outcome(void **state)
{
    enum { ROUNDS = 300 };
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    char address[ADDRESS_MAX];
    unsigned seed = 12;

    (void)state;
    dial_address(listener, address);
    for (int i = 0; i < ROUNDS; i++) {
        net_socket *call = assert_socket(net_connect(address, NET_NOW));
        struct caller caller;
        char byte;

        caller_launch(&caller, send_byte, call, soon());
        for (unsigned turn = random_below(&seed, 20000); turn > 0; turn--) {
            __asm__ volatile("");
        }
        net_cancel(call);
        caller_join(&caller);
        assert_true(caller.result == 1 || caller.result == NET_CANCELED);
        assert_code(net_send(call, "y", 1, soon()), NET_CANCELED);
        net_close(call, NET_NOW);
        net_socket *answered = net_accept(listener, soon());

        if (answered != NULL) {
            ssize_t n = net_recv(answered, &byte, 1, soon());

            if (!(n == 1 || n == NET_EOF || n == NET_RESET))
                assert_true(n == 1 || n == NET_EOF || n == NET_RESET);
            assert_true(n == 1 || caller.result != 1);
        }
        net_close(answered, NET_NOW);
    }
    net_close(listener, NET_NOW);
}

/* Several threads wait for one dial, and all go on when it is won. */
static void a_dial_serves_all_that_wait_for_it(void **state)
{
    struct black_hole hole;
    struct caller sender[3];

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    net_socket *call = assert_socket(net_connect(hole.address, NET_NOW));

    for (int i = 0; i < 3; i++) {
        caller_start(&sender[i], send_byte, call, soon());
    }
    int first = accept(hole.listener, NULL, NULL);
    int second = accept(hole.listener, NULL, NULL);

    for (int i = 0; i < 3; i++) {
        caller_join(&sender[i]);
        assert_int_equal(sender[i].result, 1);
    }
    net_close(call, NET_NOW);
    close(first);
    close(second);
    close_black_hole(&hole);
}

/* A sentence that was cut shows that it was cut. */
static void a_long_address_is_visibly_cut(void **state)
{
    char address[700];
    char byte;

    (void)state;
    refused_address(address);
    strcat(address, "?nodelay=off&keepalive=30s&user-timeout=30s&source=127.0.0.1&sndbuf=");
    size_t length = strlen(address);

    memset(address + length, '0', 200);
    strcpy(address + length + 200, "4096");
    assert_no_socket(net_connect(address, soon()), NET_REFUSED);
    assert_says("...: refused");
    net_socket *call = assert_socket(net_connect(address, NET_NOW));

    assert_code(net_recv(call, &byte, 1, soon()), NET_REFUSED);
    assert_says("...: refused");
    net_close(call, NET_NOW);
}

int main(void)
{
    const struct test everywhere[] = {TEST(a_dial_that_succeeds_is_a_connection_like_others)};
    const struct test tests[] = {
        TEST(every_call_waits_for_the_dial),
        TEST(a_dialing_socket_knows_its_options_and_no_more),
        TEST(a_refusal_comes_with_the_first_call_and_stays),
        TEST(an_unknown_service_is_an_unknown_name),
        TEST(a_dial_on_its_way_can_be_cancelled),
        TEST(a_dial_can_be_closed_at_once),
        TEST(the_peer_of_a_cancelled_dial_sees_an_end),
        TEST(a_cancel_that_races_with_success_has_one_outcome),
        TEST(a_dial_serves_all_that_wait_for_it),
        TEST(a_long_address_is_visibly_cut),
    };

    return run_over(all_templates, everywhere) + run_once(tests);
}

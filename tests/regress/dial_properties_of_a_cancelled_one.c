/* A socket that was cancelled while it dialed returned NET_CANCELED for its properties. But a
 * cancel does not affect get, set and fd. */
#include "support.h"

#include <stdio.h>

static void expect(net_socket *socket, const char *name, const char *value)
{
    char text[ADDRESS_MAX];

    assert_ok(net_get(socket, name, text, sizeof text));
    assert_string_equal(text, value);
}

static void a_cancelled_dial_still_knows_what_it_knew(void **state)
{
    static const char *const unknown[] = {"local",       "peer", "port",      "rtt",
                                          "retransmits", "mtu",  "congestion"};
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    char address[ADDRESS_MAX];
    char text[ADDRESS_MAX];

    (void)state;
    snprintf(address, sizeof address, "tcp://127.0.0.1:%lld?nodelay=off&dscp=46&device=lo",
             number_of(listener, "port"));
    net_socket *call = assert_socket(net_connect(address, NET_NOW));

    net_cancel(call); /* before a call has driven the dial */
    expect(call, "scheme", "tcp");
    expect(call, "nodelay", "off");
    expect(call, "dscp", "46");
    expect(call, "device", "lo");
    expect(call, "bytes-sent", "0");
    expect(call, "bytes-received", "0");
    assert_int_equal(net_fd(call), -1);
    for (size_t i = 0; i < COUNT(unknown); i++) {
        assert_code(net_get(call, unknown[i], text, sizeof text), NET_TIMEOUT);
    }
    assert_code(net_set(call, "nodelay", "on"), NET_TIMEOUT);
    assert_code(net_set(call, "nodelay", "perhaps"), NET_ADDRESS);
    assert_code(net_set(call, "peer", "x"), NET_MISUSE);
    assert_code(net_get(call, "sparkle", text, sizeof text), NET_ADDRESS);
    assert_code(net_recv(call, text, 1, NET_NOW), NET_CANCELED);
    assert_code(net_shutdown(call), NET_CANCELED);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
}

/* Cancelled after the dial was won. */
static void a_cancelled_call_answers_as_before(void **state)
{
    struct pair pair;
    char text[ADDRESS_MAX];

    (void)state;
    dial_pair("tcp://127.0.0.1:0", &pair);
    assert_count(net_send(pair.client, "four", 4, soon()), 4);
    net_cancel(pair.client);
    expect(pair.client, "bytes-sent", "4");
    assert_ok(net_get(pair.client, "local", text, sizeof text));
    assert_ok(net_get(pair.client, "peer", text, sizeof text));
    assert_count(net_set(pair.client, "nodelay", "off"), 0);
    expect(pair.client, "nodelay", "off");
    assert_true(net_fd(pair.client) >= 0);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_cancelled_dial_still_knows_what_it_knew),
        TEST(a_cancelled_call_answers_as_before),
    };

    return run_once(tests);
}

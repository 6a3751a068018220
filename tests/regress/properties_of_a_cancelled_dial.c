/* A socket that was cancelled while it dialed answered NET_CANCELED when it was asked for a
 * property; get, set and fd are the calls that a cancel leaves alone. */
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* A listener with a full backlog: dials hang. */
struct black_hole {
    int fd[3];
    char address[ADDRESS_MAX];
};

static void open_black_hole(struct black_hole *hole)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t length = sizeof name;

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    hole->fd[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(hole->fd[0], (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(hole->fd[0], 0), 0);
    assert_int_equal(getsockname(hole->fd[0], (struct sockaddr *)&name, &length), 0);
    for (int i = 1; i < 3; i++) {
        hole->fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(hole->fd[i], (struct sockaddr *)&name, length);
    }
    snprintf(hole->address, sizeof hole->address, "tcp://127.0.0.1:%d?nodelay=off",
             ntohs(name.sin_port));
}

static void close_black_hole(const struct black_hole *hole)
{
    for (int i = 2; i >= 0; i--) {
        close(hole->fd[i]);
    }
}

static void expect(net_socket *socket, const char *name, const char *value)
{
    char text[ADDRESS_MAX];

    assert_ok(net_get(socket, name, text, sizeof text));
    assert_string_equal(text, value);
}

static void a_cancelled_dial_still_knows_what_it_knew(void **state)
{
    static const char *const unknown[] = {"local", "peer", "port", "rtt", "retransmits"};
    struct black_hole hole;
    char text[ADDRESS_MAX];

    (void)state;
    open_black_hole(&hole);
    net_socket *call = assert_socket(net_connect(hole.address, NET_NOW));

    net_cancel(call);
    expect(call, "scheme", "tcp");
    expect(call, "nodelay", "off");
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
    close_black_hole(&hole);
}

/* Cancelled when the dial had been won. */
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

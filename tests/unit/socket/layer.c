/* The table carries layers. A toy backend, rot13 over tcp, gets its bytes from another socket and
 * works through the public calls. */
#include "socket/backend.h"
#include "socket/socket.h"
#include "open/inet.h"
#include "support.h"

#include <string.h>

struct layer {
    net_socket head;
    net_socket *inner;
};

static net_socket *inner_of(net_socket *socket)
{
    return ((struct layer *)socket)->inner;
}

static char turned(char c)
{
    if (c >= 'a' && c <= 'z') {
        return (char)('a' + (c - 'a' + 13) % 26);
    }
    return c;
}

static void turn(char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = turned(bytes[i]);
    }
}

/* Piece by piece, as much as the inner socket takes. */
static ssize_t layer_send(net_socket *socket, const net_slice *slices, int count,
                          net_deadline deadline)
{
    size_t sent = 0;

    for (int i = 0; i < count; i++) {
        for (size_t at = 0; at < slices[i].size;) {
            char piece[1000];
            size_t size = slices[i].size - at < sizeof piece ? slices[i].size - at : sizeof piece;
            net_slice slice = {.data = piece, .size = size};

            memcpy(piece, (const char *)slices[i].data + at, size);
            turn(piece, size);
            ssize_t n =
                nf_backend_of(inner_of(socket))->send(inner_of(socket), &slice, 1, deadline);

            if (n < 0) {
                return sent > 0 ? (ssize_t)sent : n;
            }
            sent += (size_t)n;
            at += (size_t)n;
        }
    }
    return (ssize_t)sent;
}

static ssize_t layer_recv(net_socket *socket, void *buffer, size_t size, int until,
                          net_deadline deadline)
{
    net_socket *inner = inner_of(socket);
    int below = until >= 0 ? turned((char)until) : until;
    ssize_t n = nf_backend_of(inner)->recv(inner, buffer, size, below, deadline);

    if (n > 0) {
        turn(buffer, (size_t)n);
    }
    return n;
}

static int layer_shutdown(net_socket *socket)
{
    return nf_backend_of(inner_of(socket))->shutdown(inner_of(socket));
}

static void layer_cancel(net_socket *socket)
{
    nf_socket_cancel(inner_of(socket));
}

static int layer_close(net_socket *socket, net_deadline deadline)
{
    net_socket *inner = inner_of(socket);
    int code = nf_backend_of(inner)->close(inner, deadline);

    nf_socket_free(inner);
    return code;
}

static int layer_property(net_socket *socket, enum nf_property word, struct nf_value *value,
                          bool write)
{
    return nf_backend_of(inner_of(socket))->property(inner_of(socket), word, value, write);
}

static void layer_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    atomic_store(&inner_of(socket)->notice, atomic_load(&socket->notice));
    nf_backend_of(inner_of(socket))->ready(inner_of(socket), interest, out);
}

static const struct nf_backend rot13 = {
    .scheme = "rot13",
    .size = sizeof(struct layer),
    .properties = {.options = NF_IP_OPTIONS | NF_OPTION(NF_NODELAY), .others = NF_IP_PROPERTIES},
    .listener = NULL,
    .open = nf_refuse_open,
    .resolve = nf_inet_resolve,
    .accept = nf_refuse_accept,
    .send = layer_send,
    .recv = layer_recv,
    .send_messages = nf_refuse_send_messages,
    .recv_messages = nf_refuse_recv_messages,
    .shutdown = layer_shutdown,
    .cancel = layer_cancel,
    .close = layer_close,
    .property = layer_property,
    .ready = layer_ready,
};

/* What an accept or a dial of the layer would do: take a connection and wrap it. */
static net_socket *put_layer(net_socket *inner)
{
    net_socket *socket = assert_socket(nf_socket_new(&rot13));

    ((struct layer *)socket)->inner = inner;
    socket->name = inner->name;
    return socket;
}

/* A pair whose client speaks rot13. The server sees the plain bytes. */
static void open_pair(struct pair *pair)
{
    dial_pair("tcp://127.0.0.1:0", pair);
    pair->client = put_layer(pair->client);
}

static void bytes_go_through_the_layer_both_ways(void **state)
{
    static const net_slice slices[] = {{"hello", 5}, {" world", 6}};
    struct pair pair;
    char buffer[64];

    (void)state;
    open_pair(&pair);
    assert_count(net_send(pair.client, "hello", 5, soon()), 5);
    assert_count(net_recv_all(pair.server, buffer, 5, soon()), 5);
    assert_memory_equal(buffer, "uryyb", 5);
    assert_count(net_send_vector(pair.client, slices, 2, soon()), 11);
    assert_count(net_recv_all(pair.server, buffer, 11, soon()), 11);
    assert_memory_equal(buffer, "uryyb jbeyq", 11);
    assert_count(net_send(pair.server, "uryyb\njbeyq\n", 12, soon()), 12);
    assert_count(net_recv_until(pair.client, buffer, sizeof buffer, '\n', soon()), 6);
    assert_memory_equal(buffer, "hello\n", 6);
    assert_count(net_recv_until(pair.client, buffer, sizeof buffer, 'r', soon()), 3);
    assert_memory_equal(buffer, "wor", 3);
    assert_count(net_recv_all(pair.client, buffer, 3, soon()), 3);
    assert_memory_equal(buffer, "ld\n", 3);
    close_pair(&pair);
}

static void ends_and_deadlines_go_through_the_layer(void **state)
{
    struct pair pair;
    char buffer[8];
    double since;

    (void)state;
    open_pair(&pair);
    since = now_ms();
    assert_code(net_recv(pair.client, buffer, sizeof buffer, net_after(30)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), 30, 1000);
    assert_says("recv rot13://127.0.0.1:");
    assert_count(net_send(pair.client, "bye", 3, soon()), 3);
    assert_ok(net_shutdown(pair.client));
    assert_count(net_recv_all(pair.server, buffer, 3, soon()), 3);
    assert_code(net_recv(pair.server, buffer, sizeof buffer, soon()), NET_EOF);
    assert_code(net_send(pair.client, "x", 1, soon()), NET_MISUSE);
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    assert_code(net_recv(pair.client, buffer, sizeof buffer, soon()), NET_EOF);
    assert_int_equal(net_close(pair.client, soon()), 0);
    pair.client = NULL;
    close_pair(&pair);
}

static void a_cancel_goes_through_the_layer(void **state)
{
    struct pair pair;
    struct caller caller;
    char byte;

    (void)state;
    open_pair(&pair);
    caller_start(&caller, call_recv, pair.client, soon());
    double since = now_ms();

    net_cancel(pair.client);
    caller_join(&caller);
    assert_took(elapsed_ms(since), 0, 100);
    assert_int_equal(caller.result, NET_CANCELED);
    assert_code(net_send(pair.client, "x", 1, soon()), NET_CANCELED);
    assert_code(net_recv(pair.server, &byte, 1, soon()), NET_EOF);
    close_pair(&pair);
}

static void properties_and_readiness_go_through_the_layer(void **state)
{
    struct pair pair;
    struct nf_readiness readiness;
    char text[64];

    (void)state;
    open_pair(&pair);
    assert_ok(net_get(pair.client, "scheme", text, sizeof text));
    assert_string_equal(text, "rot13");
    assert_ok(net_get(pair.client, "peer", text, sizeof text));
    assert_memory_equal(text, "rot13://127.0.0.1:", 18);
    assert_ok(net_set(pair.client, "nodelay", "off"));
    assert_ok(net_get(pair.client, "nodelay", text, sizeof text));
    assert_string_equal(text, "off");
    assert_count(net_send(pair.client, "abc", 3, soon()), 3);
    assert_int_equal(number_of(pair.client, "bytes-sent"), 3);
    rot13.ready(pair.client, 3, &readiness);
    assert_int_equal(readiness.fd, net_fd(pair.client));
    assert_true(readiness.fd >= 0);
    assert_no_socket(net_accept(pair.client, NET_NOW), NET_MISUSE);
    close_pair(&pair);
}

int main(void)
{
    const struct test tests[] = {
        TEST(bytes_go_through_the_layer_both_ways),
        TEST(ends_and_deadlines_go_through_the_layer),
        TEST(a_cancel_goes_through_the_layer),
        TEST(properties_and_readiness_go_through_the_layer),
    };

    return run_once(tests);
}

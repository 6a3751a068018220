/* wrap: getaddrinfo */
/* A cancel ends the calls in progress within 100 ms, and every later call at once. It
 * disturbs no other socket. */
#include "support.h"
#include "words.h"

#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AT_MOST = 100 }; /* ms that a cancelled call may take; stretched where all is slow */

/* ---- A resolver that is slow ---- */

static _Atomic int lookups;
static _Atomic bool name_server_is_slow;

int __real_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    (void)node;
    while (name_server_is_slow) {
        nap(1);
    }
    int code = look_up_loopback(__real_getaddrinfo, service, hints, list);

    lookups--;
    return code;
}

static void expect_canceled(caller_call *call, net_socket *socket)
{
    struct caller caller;
    double since;

    caller_start(&caller, call, socket, soon());
    since = now_ms();
    net_cancel(socket);
    caller_join(&caller);
    assert_took(elapsed_ms(since), 0, AT_MOST);
    if (call == call_send && !in_time(caller.result <= 0)) {
        return; /* the peer's window grew after all */
    }
    assert_int_equal(caller.result, NET_CANCELED);
    assert_int_equal(caller.code, NET_CANCELED);
}

static void a_cancel_ends_every_call_of_a_stream(void **state)
{
    static caller_call *const receives[] = {call_recv, call_recv_all, call_recv_until};
    struct pair pair;

    for (size_t i = 0; i < COUNT(receives); i++) {
        dial_pair(template_of(state), &pair);
        expect_canceled(receives[i], pair.client);
        expect_canceled(call_accept, pair.listener);
        close_pair(&pair);
        dial_pair(template_of(state), &pair);
        expect_canceled(receives[i], pair.server);
        close_pair(&pair);
    }
    dial_pair(template_of(state), &pair);
    fill(pair.client);
    expect_canceled(call_send, pair.client);
    close_pair(&pair);
}

static long long send_on_and_on(struct caller *caller)
{
    static const char piece[4096];
    ssize_t n = 1;

    while (n > 0) {
        n = net_send(caller->socket, piece, sizeof piece, caller->deadline);
    }
    return n;
}

/* One end of each of two pairs: where a peer ends, its other end is told. */
static void a_cancel_ends_every_call_of_a_datagram_socket(void **state)
{
    static caller_call *const receives[] = {call_recv, call_recv_messages};
    struct pair pair;

    for (size_t i = 0; i < COUNT(receives); i++) {
        net_socket *client;
        net_socket *server;

        dial_pair(template_of(state), &pair);
        dial_again(pair.listener, &client, &server);
        expect_canceled(receives[i], client);
        expect_canceled(receives[i], pair.server);
        expect_canceled(call_accept, pair.listener);
        net_close(client, NET_NOW);
        net_close(server, NET_NOW);
        close_pair(&pair);
    }
    dial_pair(template_of(state), &pair);
    if (does(template_of(state), LISTENER_TALKS)) {
        expect_canceled(call_recv_messages, pair.listener);
    } else {
        expect_canceled(send_on_and_on, pair.client);
    }
    close_pair(&pair);
}

/* Over udp several sockets wait for one descriptor. Only the calls of the cancelled socket end. */
static void a_cancel_leaves_the_other_sockets_alone(void **state)
{
    struct pair pair;
    struct caller waiting;
    struct caller accepting;
    net_socket *client;
    net_socket *server;

    dial_pair(template_of(state), &pair);
    dial_again(pair.listener, &client, &server);
    caller_start(&waiting, call_recv, pair.server, soon());
    caller_start(&accepting, call_accept, pair.listener, soon());
    expect_canceled(call_recv, server);
    nap(10);
    assert_false(waiting.done);
    assert_false(accepting.done);
    assert_count(net_send(pair.client, "still here", 10, soon()), 10);
    caller_join(&waiting);
    assert_int_equal(waiting.result, 10);
    net_cancel(pair.listener);
    caller_join(&accepting);
    assert_int_equal(accepting.result, NET_CANCELED);
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    close_pair(&pair);
}

/* A dial in flight, and a call that waits for it. */
static void a_cancel_ends_a_dial(void **state)
{
    static caller_call *const calls[] = {call_recv, call_send, call_recv_until};
    struct black_hole hole;
    char buffer[8];

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    for (size_t i = 0; i < COUNT(calls); i++) {
        net_socket *dialing = assert_socket(net_connect(hole.address, NET_NOW));

        assert_code(net_recv(dialing, buffer, sizeof buffer, net_after(20)), NET_TIMEOUT);
        expect_canceled(calls[i], dialing);
        assert_code(net_send(dialing, "x", 1, soon()), NET_CANCELED);
        assert_code(net_shutdown(dialing), NET_CANCELED);
        assert_count(net_close(dialing, soon()), 0);
    }
    net_socket *dialing = assert_socket(net_connect(hole.address, NET_NOW));

    assert_count(net_close(dialing, NET_NOW), 0);
    close_black_hole(&hole);
}

/* The lookup ends later by itself, and no call waits for it. */
static void a_cancel_does_not_wait_for_the_resolver(void **state)
{
    double since;

    (void)state;
    lookups = 4;
    name_server_is_slow = true;
    since = now_ms();
    net_socket *canceled = assert_socket(net_connect("tcp://slow.test:9", NET_NOW));
    net_socket *closed = assert_socket(net_connect("tcp://slow.test:9", NET_NOW));

    assert_code(net_send(closed, "x", 1, net_after(20)), NET_TIMEOUT);
    expect_canceled(call_recv, canceled);
    assert_count(net_close(canceled, NET_NOW), 0);
    assert_count(net_close(closed, NET_NOW), 0);
    assert_took(elapsed_ms(since), 0, 600);
    name_server_is_slow = false;
    since = now_ms();
    while (lookups > 0 && elapsed_ms(since) < 20000.0 * slowness()) {
        nap(2);
    }
    assert_int_equal(lookups, 0); /* and the runner waits for their threads */
}

static void expect_all_canceled(net_socket *socket, bool stream)
{
    char buffer[64];
    net_slice slice = {"x", 1};
    net_message message = {.data = buffer, .capacity = sizeof buffer, .size = 1};

    assert_code(net_send(socket, "x", 1, soon()), NET_CANCELED);
    assert_code(net_send(socket, "x", 1, NET_NOW), NET_CANCELED);
    assert_code(net_send_vector(socket, &slice, 1, soon()), NET_CANCELED);
    assert_code(net_recv(socket, buffer, sizeof buffer, soon()), NET_CANCELED);
    assert_code(net_recv(socket, buffer, sizeof buffer, NET_NOW), NET_CANCELED);
    if (stream) {
        assert_code(net_recv_all(socket, buffer, sizeof buffer, soon()), NET_CANCELED);
        assert_code(net_recv_until(socket, buffer, sizeof buffer, 'x', soon()), NET_CANCELED);
        assert_code(net_send(socket, "", 0, NET_NOW), NET_CANCELED);
        assert_code(net_recv(socket, buffer, 0, NET_NOW), NET_CANCELED);
        assert_code(net_shutdown(socket), NET_CANCELED);
    } else {
        assert_code(net_send_messages(socket, &message, 1, soon()), NET_CANCELED);
        assert_code(net_recv_messages(socket, &message, 1, soon()), NET_CANCELED);
    }
    assert_ok(net_get(socket, "local", buffer, sizeof buffer));
    assert_ok(net_get(socket, "peer", buffer, sizeof buffer));
    assert_true(net_fd(socket) >= -1);
}

/* A cancel also works while data waits, and any number of times. The peer of a connection sees an
 * end, and if it is encrypted a reset: nobody has said that it has finished. */
static void every_call_after_a_cancel_says_so(void **state)
{
    bool stream = is_stream(template_of(state));
    bool ends = does(template_of(state), ENDS);
    struct pair pair;
    char buffer[8];

    dial_pair(template_of(state), &pair);
    net_socket *other = assert_socket(net_connect("udp://127.0.0.1:9", soon()));

    assert_count(net_send(pair.client, "waits", 5, soon()), 5);
    if (ends) { /* what is unread makes the end a reset */
        await_bytes(pair.server, 5);
        assert_count(net_recv(pair.server, buffer, 5, soon()), 5);
    }
    net_cancel(pair.server);
    expect_all_canceled(pair.server, stream);
    net_cancel(pair.server);
    net_cancel(NULL);
    expect_all_canceled(pair.server, stream);
    if (ends) {
        int end = is_encrypted(template_of(state)) ? NET_RESET : NET_EOF;

        assert_code(net_recv(pair.client, buffer, sizeof buffer, soon()), end);
    }
    ssize_t n = net_send(pair.client, "x", 1, soon()); /* over a network it fails later */

    assert_true(n == 1 || (n == NET_RESET && ends && !is_ip(template_of(state))));
    nap(2);
    net_cancel(pair.client);
    expect_all_canceled(pair.client, stream);
    int fd = net_fd(pair.listener);

    assert_true(fd >= 0 || !is_ip(template_of(state)));
    net_cancel(pair.listener);
    assert_no_socket(net_accept(pair.listener, soon()), NET_CANCELED);
    assert_no_socket(net_accept(pair.listener, NET_NOW), NET_CANCELED);
    assert_ok(net_get(pair.listener, "local", NULL, 0));
    assert_int_equal(net_fd(pair.listener), fd);
    assert_count(net_send(other, "x", 1, soon()), 1);
    assert_count(net_close(pair.server, soon()), 0);
    pair.server = NULL;
    net_close(other, NET_NOW);
    close_pair(&pair);
}

/* A cancel ends net_accept even though a caller waits in the listener's queue. */
static void an_accept_is_canceled_although_a_call_waits(void **state)
{
    char target[ADDRESS_MAX];
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    dial_address(listener, target);
    net_socket *client = assert_socket(net_connect(target, soon()));

    if (!is_encrypted(target)) {
        assert_count(net_send(client, "x", 1, soon()), 1);
    }
    net_cancel(listener);
    assert_no_socket(net_accept(listener, soon()), NET_CANCELED);
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
}

static void a_signal_handler_may_cancel(void **state)
{
    struct sigaction action = {.sa_handler = cancel_in_handler};
    struct pair pair;

    sigaction(SIGUSR2, &action, NULL);
    for (int i = 0; i < 3; i++) {
        struct caller caller;

        dial_pair(template_of(state), &pair);
        to_cancel = i == 0 ? pair.client : i == 1 ? pair.server : pair.listener;
        caller_start(&caller, i == 2 ? call_accept : call_recv, to_cancel, soon());
        errno_after_cancel = 0;
        pthread_kill(caller.thread, SIGUSR2);
        caller_join(&caller);
        assert_int_equal(caller.result, NET_CANCELED);
        assert_int_equal(errno_after_cancel, 4711);
        close_pair(&pair);
    }
}

struct opener {
    const char *address;
    _Atomic bool stop;
    bool failed;
    pthread_t thread;
};

/* Each socket that this thread opens receives only its own greeting. */
static void *open_and_greet(void *argument)
{
    struct opener *opener = argument;
    int ends[2];
    char byte = 0;

    while (!opener->stop) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
            continue;
        }
        opener->failed = opener->failed || write(ends[0], "g", 1) != 1 ||
                         read(ends[1], &byte, 1) != 1 || byte != 'g';
        close(ends[0]);
        close(ends[1]);
    }
    return NULL;
}

static void nobody_reads_the_descriptor_of_a_stranger(void **state)
{
    struct opener opener = {0};

    assert_int_equal(pthread_create(&opener.thread, NULL, open_and_greet, &opener), 0);
    for (int i = 0; i < 20; i++) {
        struct pair pair;
        struct caller reader;

        dial_pair(template_of(state), &pair);
        caller_launch(&reader, call_recv, pair.client, soon());
        nap(i % 3);
        net_cancel(pair.client);
        caller_join(&reader);
        close_pair(&pair);
        if (reader.result != NET_CANCELED) {
            opener.failed = true;
        }
    }
    opener.stop = true;
    pthread_join(opener.thread, NULL);
    assert_false(opener.failed);
}

int main(void)
{
    static const struct test streams[] = {TEST(a_cancel_ends_every_call_of_a_stream)};
    static const struct test datagrams[] = {TEST(a_cancel_ends_every_call_of_a_datagram_socket)};
    static const struct test none[] = {
        TEST(a_cancel_ends_a_dial),
        TEST(a_cancel_does_not_wait_for_the_resolver),
    };
    static const struct test any[] = {
        TEST(a_cancel_leaves_the_other_sockets_alone),     TEST(every_call_after_a_cancel_says_so),
        TEST(an_accept_is_canceled_although_a_call_waits), TEST(a_signal_handler_may_cancel),
        TEST(nobody_reads_the_descriptor_of_a_stranger),
    };

    return run_over(stream_templates, streams) + run_over(datagram_templates, datagrams) +
           run_once(none) + run_over(all_templates, any);
}

/* driven: skip, what matters is the descriptor */
/* A socket hands over its descriptor as the system would have made it, and is freed. */
#include "foreign.h"
#include "watching.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

static void assert_no_timeout(int fd, int name)
{
    struct timeval timeout = {1, 1};
    socklen_t size = sizeof timeout;

    assert_int_equal(getsockopt(fd, SOL_SOCKET, name, &timeout, &size), 0);
    assert_int_equal(timeout.tv_sec, 0);
    assert_int_equal(timeout.tv_usec, 0);
}

static bool blocks(int fd)
{
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

static bool is_inherited(int fd)
{
    return (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0;
}

/* Blocking, as connect(2) or accept(2) leaves it, and with SOCK_CLOEXEC. */
static void assert_plain(int fd)
{
    struct linger linger = {1, 1};
    socklen_t size = sizeof linger;

    assert_true(blocks(fd));
    assert_false(is_inherited(fd));
    assert_no_timeout(fd, SO_RCVTIMEO);
    assert_no_timeout(fd, SO_SNDTIMEO);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size), 0);
    assert_int_equal(linger.l_onoff, 0);
    assert_int_equal(option(fd, SOL_SOCKET, SO_OOBINLINE), 0);
    assert_int_equal(option(fd, SOL_SOCKET, SO_RCVLOWAT), 1);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &size, sizeof size), -1);
    assert_int_equal(errno, ENOENT);
}

static int release(net_socket **socket)
{
    int fd = (int)assert_ok(net_release(*socket));

    *socket = NULL;
    return fd;
}

/* One end uses plain system calls, the other the library. */
static void talk(int fd, net_socket *peer)
{
    char buffer[8];

    assert_int_equal(send(fd, "ping", 4, MSG_NOSIGNAL), 4);
    assert_count(net_recv(peer, buffer, sizeof buffer, soon()), 4);
    assert_memory_equal(buffer, "ping", 4);
    assert_count(net_send(peer, "pong!", 5, soon()), 5);
    assert_int_equal(recv(fd, buffer, sizeof buffer, 0), 5);
    assert_memory_equal(buffer, "pong!", 5);
}

/* Makes calls with deadlines, which may be set on the descriptor. On a stream it also makes one
 * that peeks. */
static void use(net_socket *socket, net_socket *peer, bool stream)
{
    char buffer[8];

    assert_code(net_recv(socket, buffer, sizeof buffer, net_after(60)), NET_TIMEOUT);
    ping_pong(socket, peer);
    if (stream) {
        assert_count(net_send(peer, "a\n", 2, soon()), 2);
        assert_count(net_recv_until(socket, buffer, sizeof buffer, '\n', net_after(10000)), 2);
        assert_code(net_recv_until(socket, buffer, sizeof buffer, '\n', net_after(60)),
                    NET_TIMEOUT);
    }
}

static void a_dialed_connection_is_plain_and_goes_on(void **state)
{
    struct pair pair;
    net_deadline deadlines[] = {NET_FOREVER, NET_NOW};

    for (size_t i = 0; i < COUNT(deadlines); i++) {
        char target[ADDRESS_MAX];

        dial_pair(template_of(state), &pair);
        if (deadlines[i] == NET_NOW) { /* the descriptor of a dial that a poller drove */
            net_close(pair.client, NET_NOW);
            net_close(pair.server, NET_NOW);
            dial_address(pair.listener, target);
            pair.client = assert_socket(net_connect(target, NET_NOW));
            assert_ok(net_send(pair.client, "hi", 2, soon()));
            pair.server = assert_socket(net_accept(pair.listener, soon()));
            assert_count(net_recv(pair.server, target, sizeof target, soon()), 2);
        }
        use(pair.client, pair.server, is_stream(template_of(state)));
        int expected = net_fd(pair.client);
        int fd = release(&pair.client);

        assert_int_equal(fd, expected);
        assert_plain(fd);
        talk(fd, pair.server);
        close(fd);
        close_pair(&pair);
    }
}

static void an_accepted_connection_is_plain_and_goes_on(void **state)
{
    struct pair pair;
    char buffer[8];

    dial_pair(template_of(state), &pair);
    use(pair.server, pair.client, true);
    int fd = release(&pair.server);

    assert_plain(fd);
    talk(fd, pair.client);
    close(fd);
    assert_code(net_recv(pair.client, buffer, sizeof buffer, soon()), NET_EOF);
    close_pair(&pair);
}

static void a_dial_that_is_decided_is_handed_over(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    net_poller *poller = open_poller();
    char target[ADDRESS_MAX];

    dial_address(listener, target);
    net_socket *client = assert_socket(net_connect(target, NET_NOW));

    watch(poller, client, NET_WRITABLE);
    expect_event(poller, client, NET_WRITABLE);
    int fd = release(&client);

    assert_plain(fd);
    expect_quiet(poller, 20);
    net_socket *server = assert_socket(net_accept(listener, soon()));

    talk(fd, server);
    close(fd);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

static void the_options_of_the_address_are_kept(void **state)
{
    struct pair pair;

    dial_pair_with(template_of(state), "nodelay=off&keepalive=9s", "nodelay=on&keepalive=7s",
                   &pair);
    use(pair.client, pair.server, true);
    assert_ok(net_set(pair.server, "reset", "on")); /* it is for net_close, which is never called */
    int client = release(&pair.client);
    int server = release(&pair.server);

    assert_plain(server);
    assert_int_not_equal(option(client, IPPROTO_TCP, TCP_NODELAY), 0);
    assert_int_equal(option(client, IPPROTO_TCP, TCP_KEEPIDLE), 7);
    assert_int_not_equal(option(client, SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_int_equal(option(server, IPPROTO_TCP, TCP_NODELAY), 0);
    assert_int_equal(option(server, IPPROTO_TCP, TCP_KEEPIDLE), 9);
    close(client);
    close(server);
    close_pair(&pair);
}

/* The library asks the kernel for trains when many datagrams come. The new owner of the
 * descriptor does not know trains. */
static void no_trains_come_afterwards(void **state)
{
    struct pair pair;
    char byte;
    net_message message = {.data = &byte, .capacity = 1};

    dial_pair(template_of(state), &pair);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 64; i++) {
            assert_count(net_send(pair.server, "x", 1, soon()), 1);
        }
        for (int i = 0; i < 64; i++) {
            assert_count(net_recv_messages(pair.client, &message, 1, soon()), 1);
        }
    }
    int fd = release(&pair.client);

    assert_plain(fd);
    assert_int_equal(option(fd, IPPROTO_UDP, UDP_GRO), 0);
    close(fd);
    close_pair(&pair);
}

/* What arrived and was not received stays in the descriptor, and so does the end. */
static void nothing_that_came_is_lost(void **state)
{
    struct pair pair;
    char buffer[8];

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.server, "abcdef", 6, soon()), 6);
    assert_count(net_recv(pair.client, buffer, 2, soon()), 2);
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    int fd = release(&pair.client);

    assert_int_equal(recv(fd, buffer, sizeof buffer, 0), 4);
    assert_memory_equal(buffer, "cdef", 4);
    assert_int_equal(recv(fd, buffer, sizeof buffer, 0), 0);
    close(fd);
    close_pair(&pair);
}

static void one_whose_end_was_heard_is_handed_over(void **state)
{
    struct pair pair;
    char buffer[8];

    dial_pair(template_of(state), &pair);
    assert_ok(net_shutdown(pair.server));
    assert_code(net_recv(pair.client, buffer, sizeof buffer, soon()), NET_EOF);
    int fd = release(&pair.client);

    assert_plain(fd);
    assert_int_equal(send(fd, "more", 4, MSG_NOSIGNAL), 4);
    assert_count(net_recv(pair.server, buffer, sizeof buffer, soon()), 4);
    close(fd);
    close_pair(&pair);
}

/* As STARTTLS does it: first in the clear with this library, then with another, then with this
 * one again. */
static void it_is_adopted_again(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (int round = 0; round < 3; round++) {
        use(pair.client, pair.server, is_stream(template_of(state)));
        int fd = release(&pair.client);

        assert_true(blocks(fd));
        assert_false(is_inherited(fd));
        talk(fd, pair.server);
        pair.client = adopt_connection(fd);
        assert_int_equal(net_fd(pair.client), fd);
    }
    ping_pong(pair.client, pair.server);
    close_pair(&pair);
}

/* ---- Adopted sockets ---- */

enum { FLAGS = 4 }; /* blocking or not, inherited or not */

static void set_flags(int fd, int which)
{
    assert_int_equal(fcntl(fd, F_SETFL, (which & 1) != 0 ? O_NONBLOCK : 0), 0);
    assert_int_equal(fcntl(fd, F_SETFD, (which & 2) != 0 ? FD_CLOEXEC : 0), 0);
}

static void assert_flags(int fd, int which)
{
    assert_int_equal(blocks(fd), (which & 1) == 0);
    assert_int_equal(is_inherited(fd), (which & 2) == 0);
}

static void an_adopted_connection_is_as_it_came(void **state)
{
    bool stream = is_stream(template_of(state));

    for (int which = 0; which < FLAGS; which++) {
        struct pair pair = {.listener = assert_socket(net_listen(template_of(state)))};
        struct timeval patience = {.tv_sec = 77};
        struct timeval after = {0};
        socklen_t size = sizeof after;
        char hi[8];
        int raw = foreign_dial(pair.listener);

        set_flags(raw, which);
        assert_int_equal(setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
        pair.client = adopt_connection(raw);
        assert_count(net_send(pair.client, "hi", 2, soon()), 2);
        pair.server = assert_socket(net_accept(pair.listener, soon()));
        assert_count(net_recv(pair.server, hi, sizeof hi, soon()), 2);
        use(pair.client, pair.server, stream);
        assert_int_equal(release(&pair.client), raw);
        assert_flags(raw, which);
        assert_int_equal(getsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &after, &size), 0);
        assert_int_equal(after.tv_sec, 77);
        assert_int_equal(option(raw, SOL_SOCKET, SO_OOBINLINE), 0);
        close(raw);
        close_pair(&pair);
    }
}

/* The library sets these options on its sockets. A release gives an adopted socket back the value
 * it came with. */
static void an_adopted_connection_keeps_its_options(void **state)
{
    bool local = is_unix(template_of(state));
    int level = local ? SOL_SOCKET : IPPROTO_TCP;
    int name = local ? SO_OOBINLINE : TCP_NODELAY;

    for (int value = 0; value < 2; value++) {
        struct pair pair = {.listener = assert_socket(net_listen(template_of(state)))};
        int raw = foreign_dial(pair.listener);

        pair.server = assert_socket(net_accept(pair.listener, soon()));
        for (int round = 0; round < 2; round++) {
            assert_int_equal(setsockopt(raw, level, name, &value, sizeof value), 0);
            pair.client = adopt_connection(raw);
            use(pair.client, pair.server, true);
            assert_int_equal(option(raw, level, name), 1);
            assert_int_equal(release(&pair.client), raw);
            assert_int_equal(option(raw, level, name) != 0, value);
        }
        close(raw);
        close_pair(&pair);
    }
}

/* An option that was set since stays. */
static void nodelay_that_was_asked_for_stays(void **state)
{
    static const char *const options[] = {"", "?nodelay=on"};

    for (size_t i = 0; i < COUNT(options); i++) {
        struct pair pair = {.listener = assert_socket(net_listen(template_of(state)))};
        int raw = foreign_dial(pair.listener);
        int listening = foreign_listener(template_of(state));
        char address[ADDRESS_MAX];

        pair.client = assert_socket(net_connect(foreign_address(raw, options[i], address), soon()));
        net_socket *listener =
            assert_socket(net_listen(foreign_address(listening, options[i], address)));

        if (i == 0) {
            assert_ok(net_set(pair.client, "nodelay", "on"));
            assert_ok(net_set(listener, "nodelay", "on"));
        }
        assert_int_equal(release(&pair.client), raw);
        assert_int_equal(release(&listener), listening);
        assert_int_not_equal(option(raw, IPPROTO_TCP, TCP_NODELAY), 0);
        assert_int_not_equal(option(listening, IPPROTO_TCP, TCP_NODELAY), 0);
        close(raw);
        close(listening);
        close_pair(&pair);
    }
}

static void trains_that_an_adopted_one_had_stay(void **state)
{
    struct pair pair = {.listener = assert_socket(net_listen(template_of(state)))};
    int raw = foreign_dial(pair.listener);
    int on = 1;

    if (setsockopt(raw, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0) {
        pair.client = adopt_connection(raw);
        assert_int_equal(release(&pair.client), raw);
        assert_int_equal(option(raw, IPPROTO_UDP, UDP_GRO), 1);
    }
    close(raw);
    close_pair(&pair);
}

/* ---- Listeners ---- */

static void a_listener_goes_on_without_blocking(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char target[ADDRESS_MAX];

    dial_address(listener, target);
    int fd = release(&listener);

    assert_false(blocks(fd));
    assert_false(is_inherited(fd));
    net_socket *client = assert_socket(net_connect(target, soon()));

    await_events(fd, POLLIN); /* a dial may be won before its last packet has arrived here */
    int call = accept(fd, NULL, NULL);

    assert_true(call >= 0);
    talk(call, client);
    close(call);
    net_close(client, NET_NOW);
    listener = adopt_listener(fd);
    client = assert_socket(net_connect(target, soon()));
    net_socket *server = assert_socket(net_accept(listener, soon()));

    ping_pong(client, server);
    net_close(server, NET_NOW);
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
    if (strncmp(target, "unix:///", 8) == 0) {
        assert_int_equal(unlink(target + 7), 0);
    }
}

static void an_adopted_listener_is_as_it_came(void **state)
{
    for (int which = 0; which < FLAGS; which++) {
        int raw = foreign_listener(template_of(state));

        set_flags(raw, which);
        net_socket *listener = adopt_listener(raw);

        assert_code((net_accept(listener, net_after(1)) == NULL) ? net_error() : 0, NET_TIMEOUT);
        assert_int_equal(release(&listener), raw);
        assert_flags(raw, which);
        assert_int_equal(option(raw, SOL_SOCKET, SO_ACCEPTCONN), 1);
        if (!is_unix(template_of(state))) {
            assert_int_equal(option(raw, IPPROTO_TCP, TCP_NODELAY), 0);
        }
        close(raw);
    }
}

static void the_file_of_a_listener_is_the_callers(void **state)
{
    const char *address = template_of(state);
    struct stat status;

    if (strncmp(address, "unix:///", 8) != 0) {
        return;
    }
    net_socket *listener = assert_socket(net_listen(address));
    int fd = release(&listener);

    assert_int_equal(stat(address + 7, &status), 0);
    close(fd);
    assert_int_equal(stat(address + 7, &status), 0);
    assert_int_equal(unlink(address + 7), 0);
}

int main(void)
{
    static const struct test all[] = {
        TEST(a_dialed_connection_is_plain_and_goes_on),
        TEST(it_is_adopted_again),
    };
    static const struct test streams[] = {
        TEST(an_accepted_connection_is_plain_and_goes_on),
        TEST(a_dial_that_is_decided_is_handed_over),
        TEST(nothing_that_came_is_lost),
        TEST(one_whose_end_was_heard_is_handed_over),
        TEST(a_listener_goes_on_without_blocking),
        TEST(the_file_of_a_listener_is_the_callers),
    };
    static const struct test of_tcp[] = {
        TEST(the_options_of_the_address_are_kept),
        TEST(nodelay_that_was_asked_for_stays),
    };
    static const struct test of_udp[] = {
        TEST(no_trains_come_afterwards),
        TEST(trains_that_an_adopted_one_had_stay),
    };
    static const struct test adopted[] = {TEST(an_adopted_connection_is_as_it_came)};
    static const struct test listeners[] = {
        TEST(an_adopted_listener_is_as_it_came),
        TEST(an_adopted_connection_keeps_its_options),
    };

    return run_over(kernel_templates, all) + run_over(kernel_streams, streams) +
           run_over(tcp_templates, of_tcp) + run_over(udp_templates, of_udp) +
           run_over(foreign_sockets, adopted) + run_over(foreign_streams, listeners);
}

/* wrap: connect getpeername getaddrinfo */
/* Dialing numeric addresses: refusals, deadlines, answers of the system, self-connects and
 * source addresses. */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int __real_connect(int fd, const struct sockaddr *name, socklen_t length);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t length);
int __real_getpeername(int fd, struct sockaddr *name, socklen_t *length);
int __wrap_getpeername(int fd, struct sockaddr *name, socklen_t *length);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found);

/* ---- The system calls of this test ---- */

static struct {
    int failures;   /* connects that are still to fail */
    int error;      /* with this errno */
    bool in_kernel; /* ... while the dial goes on in the kernel */
    int not_yet;    /* getpeernames that are still to say ENOTCONN */
    int connects;   /* calls so far */
    int lookups;    /* calls so far */
    int peer_lookups;
} system_now;

/* A datagram socket tells whether this host has an address of the family, and always may. */
static bool is_stream_socket(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

int __wrap_connect(int fd, const struct sockaddr *name, socklen_t length)
{
    system_now.connects += is_stream_socket(fd) ? 1 : 0;
    if (system_now.failures == 0 || !is_stream_socket(fd)) {
        return __real_connect(fd, name, length);
    }
    system_now.failures--;
    if (system_now.in_kernel) {
        int flags = fcntl(fd, F_GETFL);

        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
        __real_connect(fd, name, length);
        fcntl(fd, F_SETFL, flags);
    }
    errno = system_now.error;
    return -1;
}

int __wrap_getpeername(int fd, struct sockaddr *name, socklen_t *length)
{
    system_now.peer_lookups++;
    if (system_now.not_yet > 0) {
        system_now.not_yet--;
        errno = ENOTCONN;
        return -1;
    }
    return __real_getpeername(fd, name, length);
}

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found)
{
    (void)host;
    (void)service;
    (void)hints;
    (void)found;
    system_now.lookups++;
    return EAI_NONAME;
}

static void reset_system(void)
{
    memset(&system_now, 0, sizeof system_now);
}

static void fail_connects(int failures, int error, bool in_kernel)
{
    reset_system();
    system_now.failures = failures;
    system_now.error = error;
    system_now.in_kernel = in_kernel;
}

/* ---- Addresses to dial ---- */

/* An address without a listener. */
static void closed_port(const char *template, char address[ADDRESS_MAX])
{
    net_socket *listener = assert_socket(net_listen(template));

    dial_address(listener, address);
    net_close(listener, NET_NOW);
}

/* ---- The tests ---- */

static void nobody_listens_is_refused_at_once(void **state)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", "tcp://[::1]:0",
                                            "tcp://localhost:0"};

    (void)state;
    for (size_t i = 0; i < COUNT(templates); i++) {
        char address[ADDRESS_MAX];
        double since = now_ms();

        closed_port(templates[i], address);
        assert_no_socket(net_connect(address, soon()), NET_REFUSED);
        assert_took(elapsed_ms(since), 0, 2000);
        assert_says("connect tcp://");
        assert_says(address);
        assert_says("refused");
    }
}

static void a_deadline_ends_a_dial_that_hangs(void **state)
{
    struct black_hole hole;

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    double since = now_ms();

    assert_no_socket(net_connect(hole.address, net_after(200)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), 200, 2000);
    in_time(strstr(net_error_text(),
                   is_driven() ? "still dialing" : "127.0.0.1: no answer after 2") != NULL);
    close_black_hole(&hole);
}

static void deadlines_at_the_ends_of_time_are_kept(void **state)
{
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    struct black_hole hole;
    char address[ADDRESS_MAX];
    double since = now_ms();

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    assert_no_socket(net_connect(hole.address, net_after(-1)), NET_TIMEOUT);
    assert_no_socket(net_connect(hole.address, net_after(INT64_MIN)), NET_TIMEOUT);
    assert_no_socket(net_connect(hole.address, net_after(0)), NET_TIMEOUT);
    assert_no_socket(net_connect(hole.address, net_after(0) + 1), NET_TIMEOUT);
    assert_took(elapsed_ms(since), 0, 1000);
    dial_address(listener, address);
    net_close(assert_socket(net_connect(address, net_after(INT64_MAX))), NET_NOW);
    net_close(assert_socket(net_connect(address, NET_FOREVER)), NET_NOW);
    net_close(assert_socket(net_connect(address, NET_FOREVER - 1)), NET_NOW);
    assert_no_socket(net_connect(address, 5000), NET_MISUSE);
    assert_no_socket(net_connect(address, -1), NET_MISUSE);
    net_close(listener, NET_NOW);
    close_black_hole(&hole);
}

/* The runner counts descriptors, so a leak fails the test. */
static void many_dials_that_time_out_leave_nothing(void **state)
{
    struct black_hole hole;

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    for (int i = 0; i < 300; i++) {
        assert_no_socket(net_connect(hole.address, net_after(i % 3)), NET_TIMEOUT);
    }
    close_black_hole(&hole);
}

/* The dial goes on in the kernel. A second connect would be wrong. */
static void a_signal_in_connect_does_not_dial_again(void **state)
{
    static const int errors[] = {EINTR, EINPROGRESS, EALREADY};
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    char address[ADDRESS_MAX];

    (void)state;
    dial_address(listener, address);
    for (size_t i = 0; i < COUNT(errors); i++) {
        fail_connects(1, errors[i], true);
        net_socket *call = assert_socket(net_connect(address, soon()));

        assert_int_equal(system_now.connects, 1);
        net_socket *answered = assert_socket(net_accept(listener, soon()));

        assert_count(net_send(call, "x", 1, soon()), 1);
        assert_count(net_recv(answered, address + 100, 1, soon()), 1);
        net_close(answered, NET_NOW);
        net_close(call, NET_NOW);
    }
    net_close(listener, NET_NOW);
    reset_system();
}

static void a_refusal_after_a_signal_is_found(void **state)
{
    char address[ADDRESS_MAX];

    (void)state;
    closed_port("tcp://127.0.0.1:0", address);
    fail_connects(1, EINTR, true);
    assert_no_socket(net_connect(address, soon()), NET_REFUSED);
    assert_int_equal(system_now.connects, 1);
    reset_system();
}

/* A socket without an error is not yet proof of a connection. */
static void a_spurious_wake_is_no_connection(void **state)
{
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    char address[ADDRESS_MAX];

    (void)state;
    dial_address(listener, address);
    fail_connects(1, EINTR, true);
    system_now.not_yet = 5;
    net_close(assert_socket(net_connect(address, soon())), NET_NOW);
    assert_true(system_now.peer_lookups > 5);
    fail_connects(1, EINTR, true);
    system_now.not_yet = 1 << 30;
    assert_no_socket(net_connect(address, net_after(100)), NET_TIMEOUT);
    reset_system();
    net_close(listener, NET_NOW);
}

/* The dialed port is also the local one. */
static void a_call_that_reaches_itself_is_refused(void **state)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", "tcp://[::1]:0"};

    (void)state;
    for (size_t i = 0; i < COUNT(templates); i++) {
        char target[ADDRESS_MAX];
        char address[2 * ADDRESS_MAX + 16];
        char byte;

        closed_port(templates[i], target);
        snprintf(address, sizeof address, "%s?source=%s", target, target + strlen("tcp://"));
        assert_no_socket(net_connect(address, soon()), NET_REFUSED);
        closed_port(templates[i], target);
        snprintf(address, sizeof address, "%s?source=%s", target, target + strlen("tcp://"));
        net_socket *dialing = assert_socket(net_connect(address, NET_NOW));

        assert_code(net_recv(dialing, &byte, 1, soon()), NET_REFUSED);
        net_close(dialing, NET_NOW);
    }
}

/* Sometimes the system has no free port, and has one a moment later. */
static void local_ports_used_up_are_a_limit_that_passes(void **state)
{
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    char address[ADDRESS_MAX];

    (void)state;
    dial_address(listener, address);
    fail_connects(1, EADDRNOTAVAIL, false);
    net_close(assert_socket(net_connect(address, soon())), NET_NOW);
    fail_connects(1000, EADDRNOTAVAIL, false);
    assert_no_socket(net_connect(address, soon()), NET_LIMIT);
    assert_true(system_now.connects <= 3);
    assert_says("no local port is free");
    reset_system();
    net_close(assert_socket(net_connect(address, soon())), NET_NOW);
    net_close(listener, NET_NOW);
}

static void what_the_system_says_of_a_route_becomes_a_code(void **state)
{
    static const struct {
        int error;
        int code;
    } cases[] = {
        {ENETUNREACH, NET_UNREACHABLE},
        {EHOSTUNREACH, NET_UNREACHABLE},
        {EINVAL, NET_UNREACHABLE},
        {ENETDOWN, NET_UNREACHABLE},
        {EACCES, NET_DENIED},
        {EPERM, NET_DENIED},
        {ETIMEDOUT, NET_UNREACHABLE},
        {ECONNREFUSED, NET_REFUSED},
        {ECONNRESET, NET_RESET},
        {ECONNABORTED, NET_RESET},
        {ENOBUFS, NET_LIMIT},
        {ENOMEM, NET_LIMIT},
        {EAGAIN, NET_LIMIT},
        {EPROTO, NET_SYSTEM},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        double since = now_ms();

        fail_connects(1000, cases[i].error, false);
        print_message("errno %d\n", cases[i].error);
        assert_no_socket(net_connect("tcp://127.0.0.1:9", net_after(2000)), cases[i].code);
        assert_took(elapsed_ms(since), 0, 1000);
        assert_says("connect tcp://127.0.0.1:9: ");
    }
    fail_connects(1, EPROTO, false);
    assert_no_socket(net_connect("tcp://127.0.0.1:9", soon()), NET_SYSTEM);
    assert_says("errno 71");
    reset_system();
}

static void a_numeric_address_touches_no_resolver(void **state)
{
    static const char *const addresses[] = {
        "tcp://127.0.0.1:9", "tcp://[::1]:9",        "tcp://[::ffff:127.0.0.1]:9",
        "udp://127.0.0.1:9", "udp://[::1]:9",        "tcp://localhost:9",
        "udp://localhost:9", "tcp://127.0.0.1:http",
    };

    (void)state;
    reset_system();
    for (size_t i = 0; i < COUNT(addresses); i++) {
        net_endpoint endpoints[4];

        net_close(net_connect(addresses[i], soon()), NET_NOW);
        net_close(assert_socket(net_connect(addresses[i], NET_NOW)), NET_NOW);
        assert_ok(net_resolve(addresses[i], endpoints, 4, NET_NOW));
        net_close(net_listen(addresses[i]), NET_NOW);
    }
    assert_int_equal(system_now.lookups, 0);
}

/* Refused before any name is looked up or any packet is sent. */
static void what_cannot_be_dialed_is_no_address(void **state)
{
    static const char *const bad[] = {
        "tcp://*:80",           "tcp://:80",          "tcp://0.0.0.0:80",
        "tcp://[::]:80",        "udp://*:80",         "udp://[::ffff:0.0.0.0]:80",
        "tcp://127.0.0.1:0",    "udp://[::1]:0",      "tcp://localhost:0",
        "tcp://example.org:0",  "tcp://127.1:80",     "tcp://0x7f.1:80",
        "tcp://2130706433:80",  "tcp://a..b:80",      "tcp://127.0.0.1",
        "tcp://127.0.0.1:80?x", "sctp://127.0.0.1:1", "tcp://[fe80::1%no-such-if]:80",
    };
    char name[10100];
    net_endpoint endpoint;

    (void)state;
    reset_system();
    for (size_t i = 0; i < COUNT(bad); i++) {
        print_message("%s\n", bad[i]);
        assert_no_socket(net_connect(bad[i], soon()), NET_ADDRESS);
        assert_says(bad[i]);
        assert_no_socket(net_connect(bad[i], NET_NOW), NET_ADDRESS);
        assert_code(net_resolve(bad[i], &endpoint, 1, soon()), NET_ADDRESS);
    }
    for (int length = 64; length <= 10000; length += length < 300 ? 64 : 4850) {
        memset(name, 'a', sizeof name);
        memcpy(name, "tcp://", 6);
        snprintf(name + 6 + length, 8, ":80");
        assert_no_socket(net_connect(name, soon()), NET_ADDRESS);
        assert_true(strlen(net_error_text()) < 1000);
    }
    assert_int_equal(system_now.connects, 0);
    assert_int_equal(system_now.lookups, 0);
}

static void a_source_is_where_the_call_comes_from(void **state)
{
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    net_socket *other = assert_socket(net_listen("tcp://127.0.0.2:0"));
    char target[ADDRESS_MAX];
    char address[ADDRESS_MAX + 64];
    char text[ADDRESS_MAX];
    char peer[ADDRESS_MAX];

    (void)state;
    dial_address(listener, target);
    snprintf(address, sizeof address, "%s?source=127.0.0.2", target);
    net_socket *call = assert_socket(net_connect(address, soon()));
    net_socket *answered = assert_socket(net_accept(listener, soon()));

    assert_ok(net_get(call, "local", text, sizeof text));
    assert_ok(net_get(answered, "peer", peer, sizeof peer));
    assert_string_equal(text, peer);
    assert_memory_equal(text, "tcp://127.0.0.2:", 16);
    assert_ok(net_get(call, "source", text, sizeof text));
    assert_string_equal(text, "127.0.0.2");
    net_close(answered, NET_NOW);
    net_close(call, NET_NOW);
    snprintf(address, sizeof address, "%s?source=127.0.0.2:%lld", target, number_of(other, "port"));
    assert_no_socket(net_connect(address, soon()), NET_INUSE);
    snprintf(address, sizeof address, "%s?source=[::1]", target);
    assert_no_socket(net_connect(address, soon()), NET_UNREACHABLE);
    snprintf(address, sizeof address, "%s?source=192.0.2.1", target);
    assert_no_socket(net_connect(address, soon()), NET_ADDRESS);
    net_close(other, NET_NOW);
    net_close(listener, NET_NOW);
}

static void a_listener_that_closes_breaks_the_calls_in_its_queue(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
        char address[ADDRESS_MAX];
        char byte;

        dial_address(listener, address);
        net_socket *call = assert_socket(net_connect(address, NET_NOW));

        net_close(listener, NET_NOW);
        ssize_t n = net_recv(call, &byte, 1, soon());

        if (n != NET_RESET && n != NET_REFUSED) {
            fail_msg("%zd: %s", n, net_error_text());
        }
        net_close(call, NET_NOW);
    }
}

/* A dial of datagrams sends nothing and takes no time. */
static void dialing_datagrams_sends_nothing(void **state)
{
    net_socket *listener = assert_socket(net_listen("udp://127.0.0.1:0"));
    char address[ADDRESS_MAX];
    char text[ADDRESS_MAX];

    (void)state;
    dial_address(listener, address);
    net_socket *call = assert_socket(net_connect(address, net_after(0)));

    assert_ok(net_get(call, "peer", text, sizeof text));
    assert_string_equal(text, address);
    assert_null(net_accept(listener, net_after(50)));
    assert_int_equal(net_error(), NET_TIMEOUT);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
}

int main(void)
{
    const struct test tests[] = {
        TEST(nobody_listens_is_refused_at_once),
        TEST(a_deadline_ends_a_dial_that_hangs),
        TEST(deadlines_at_the_ends_of_time_are_kept),
        TEST(many_dials_that_time_out_leave_nothing),
        TEST(a_signal_in_connect_does_not_dial_again),
        TEST(a_refusal_after_a_signal_is_found),
        TEST(a_spurious_wake_is_no_connection),
        TEST(a_call_that_reaches_itself_is_refused),
        TEST(local_ports_used_up_are_a_limit_that_passes),
        TEST(what_the_system_says_of_a_route_becomes_a_code),
        TEST(a_numeric_address_touches_no_resolver),
        TEST(what_cannot_be_dialed_is_no_address),
        TEST(a_source_is_where_the_call_comes_from),
        TEST(a_listener_that_closes_breaks_the_calls_in_its_queue),
        TEST(dialing_datagrams_sends_nothing),
    };

    return run_once(tests);
}

/* wrap: socket setsockopt */
/* Both families on one socket, one family on its own, and systems that have only one. */
#include "support.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);

static bool without_ipv6;
static int v6only_told; /* the value set last; -1: none */

int __wrap_socket(int domain, int type, int protocol)
{
    if (without_ipv6 && domain == AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    return __real_socket(domain, type, protocol);
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) {
        memcpy(&v6only_told, value, sizeof v6only_told);
    }
    return __real_setsockopt(fd, level, name, value, size);
}

static net_socket *dial_port(net_socket *listener, const char *scheme, const char *host)
{
    char address[ADDRESS_MAX];

    snprintf(address, sizeof address, "%s://%s:%lld", scheme, host, number_of(listener, "port"));
    return net_connect(address, soon());
}

static void assert_property(net_socket *socket, const char *name, const char *beginning)
{
    char text[ADDRESS_MAX];

    assert_ok(net_get(socket, name, text, sizeof text));
    if (strncmp(text, beginning, strlen(beginning)) != 0) {
        fail_msg("%s is %s, not %s", name, text, beginning);
    }
}

/* A listener receives from a caller by this host, and shows it as `peer`. */
static void check_caller(const char *listened, const char *scheme, const char *host)
{
    net_socket *listener = assert_socket(net_listen(listened));
    net_socket *call = assert_socket(dial_port(listener, scheme, host));
    char peer[ADDRESS_MAX];
    char byte;

    assert_count(net_send(call, "x", 1, soon()), 1);
    net_socket *answered = assert_socket(net_accept(listener, soon()));

    assert_ok(net_get(call, "local", peer, sizeof peer));
    assert_property(answered, "peer", peer);
    snprintf(peer, sizeof peer, "%s://%s:", scheme, host);
    assert_property(answered, "peer", peer);
    assert_property(answered, "local", peer);
    assert_count(net_recv(answered, &byte, 1, soon()), 1);
    assert_count(net_send(answered, &byte, 1, soon()), 1);
    assert_count(net_recv(call, &byte, 1, soon()), 1);
    net_close(answered, NET_NOW);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
}

static void a_wildcard_hears_both_families(void **state)
{
    static const char *const wildcards[] = {"*:0", ":0", "[::]:0", "*:0?v6only=off"};

    (void)state;
    for (size_t i = 0; i < COUNT(wildcards); i++) {
        char address[ADDRESS_MAX];

        for (int udp = 0; udp < 2; udp++) {
            const char *scheme = udp == 1 ? "udp" : "tcp";

            snprintf(address, sizeof address, "%s://%s", scheme, wildcards[i]);
            check_caller(address, scheme, "127.0.0.1");
            check_caller(address, scheme, "[::1]");
        }
    }
}

static void a_listener_for_ipv6_only_does_not_hear_ipv4(void **state)
{
    enum { TRIES = 3 };
    net_socket *tcp = assert_socket(net_listen("tcp://[::]:0?v6only=on"));
    net_socket *udp = assert_socket(net_listen("udp://*:0?v6only=on"));
    net_socket *call = NULL;
    char byte;

    (void)state;
    /* A dial may get the number that it dials for its own. */
    for (int i = 0; i < TRIES && call == NULL; i++) {
        call = dial_port(udp, "udp", "127.0.0.1");
    }
    assert_socket(call);
    assert_no_socket(dial_port(tcp, "tcp", "127.0.0.1"), NET_REFUSED);
    net_close(assert_socket(dial_port(tcp, "tcp", "[::1]")), NET_NOW);
    assert_count(net_send(call, "x", 1, soon()), 1);
    assert_code(net_recv(call, &byte, 1, soon()), NET_REFUSED);
    assert_property(tcp, "v6only", "on");
    assert_property(udp, "v6only", "on");
    net_close(call, NET_NOW);
    net_close(udp, NET_NOW);
    net_close(tcp, NET_NOW);
}

/* The system picks the port of the first. Another socket on this machine may hold the same port,
 * so only refusals of several ports mean that the two exclude each other. */
static bool may_both_listen(const char *scheme, const char *host, const char *beside)
{
    enum { PORTS = 5 };
    bool both = false;

    for (int i = 0; i < PORTS && !both; i++) {
        char address[ADDRESS_MAX];

        snprintf(address, sizeof address, "%s://%s:0", scheme, host);
        net_socket *first = assert_socket(net_listen(address));

        snprintf(address, sizeof address, "%s://%s:%lld", scheme, beside, number_of(first, "port"));
        net_socket *second = net_listen(address);

        both = second != NULL;
        assert_true(both || net_error() == NET_INUSE);
        net_close(second, NET_NOW);
        net_close(first, NET_NOW);
    }
    return both;
}

/* Which addresses may be listened on together on one port. */
static void what_may_listen_together_on_one_port(void **state)
{
    static const struct {
        const char *first;
        const char *second;
        bool both;
    } cases[] = {{"*", "*", false},
                 {"*", "0.0.0.0", false},
                 {"*", "[::]", false},
                 {"*", "127.0.0.1", false},
                 {"*", "[::1]", false},
                 {"0.0.0.0", "*", false},
                 {"0.0.0.0", "0.0.0.0", false},
                 {"0.0.0.0", "127.0.0.1", false},
                 {"0.0.0.0", "[::1]", true},
                 {"127.0.0.1", "127.0.0.1", false},
                 {"127.0.0.1", "[::ffff:127.0.0.1]", false},
                 {"127.0.0.1", "localhost", false},
                 {"127.0.0.1", "127.0.0.2", true},
                 {"127.0.0.1", "[::1]", true},
                 {"[::1]", "[::1]", false}};

    (void)state;
    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        const char *scheme = i % 2 == 0 ? "tcp" : "udp";
        bool both = may_both_listen(scheme, cases[i / 2].first, cases[i / 2].second);

        if (both != cases[i / 2].both) {
            fail_msg("%s: %s beside %s: %s", scheme, cases[i / 2].second, cases[i / 2].first,
                     both ? "listens" : net_error_text());
        }
    }
    net_socket *v6 = assert_socket(net_listen("tcp://[::]:0?v6only=on"));
    char address[ADDRESS_MAX];

    snprintf(address, sizeof address, "tcp://0.0.0.0:%lld", number_of(v6, "port"));
    net_close(assert_socket(net_listen(address)), NET_NOW);
    net_close(v6, NET_NOW);
}

static void without_ipv6_a_wildcard_hears_ipv4(void **state)
{
    (void)state;
    without_ipv6 = true;
    check_caller("tcp://*:0", "tcp", "127.0.0.1");
    check_caller("udp://*:0", "udp", "127.0.0.1");
    check_caller("tcp://localhost:0", "tcp", "127.0.0.1");
    assert_no_socket(net_listen("tcp://[::1]:0"), NET_UNSUPPORTED);
    assert_no_socket(net_connect("tcp://[::1]:9", soon()), NET_UNREACHABLE);
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));

    net_close(assert_socket(dial_port(listener, "tcp", "localhost")), NET_NOW);
    net_close(listener, NET_NOW);
    without_ipv6 = false;
}

static void a_dual_stack_socket_sends_to_both_families(void **state)
{
    net_socket *to_v4 = assert_socket(net_listen("udp://127.0.0.1:0"));
    net_socket *to_v6 = assert_socket(net_listen("udp://[::1]:0"));
    net_socket *both = assert_socket(net_listen("udp://*:0"));
    net_socket *one = assert_socket(net_listen("udp://*:0?v6only=on"));
    net_message message[2] = {{.data = (char[]){"a"}, .size = 1},
                              {.data = (char[]){"b"}, .size = 1}};
    char address[ADDRESS_MAX];

    (void)state;
    dial_address(to_v4, address);
    assert_count(net_resolve(address, &message[0].endpoint, 1, NET_NOW), 1);
    dial_address(to_v6, address);
    assert_count(net_resolve(address, &message[1].endpoint, 1, NET_NOW), 1);
    assert_count(net_send_messages(both, message, 2, soon()), 2);
    net_close(assert_socket(net_accept(to_v4, soon())), NET_NOW);
    net_close(assert_socket(net_accept(to_v6, soon())), NET_NOW);
    assert_true(net_send_messages(one, message, 1, soon()) < 0);
    assert_count(net_send_messages(one, message + 1, 1, soon()), 1);
    net_close(one, NET_NOW);
    net_close(both, NET_NOW);
    net_close(to_v6, NET_NOW);
    net_close(to_v4, NET_NOW);
}

/* The system's default does not matter, because the library always sets the option, on or off. */
static void v6only_is_always_said(void **state)
{
    static const char *const listeners[] = {"tcp://*:0", "udp://*:0", "tcp://[::1]:0"};

    (void)state;
    for (size_t i = 0; i < COUNT(listeners); i++) {
        char address[ADDRESS_MAX];

        v6only_told = -1;
        net_close(assert_socket(net_listen(listeners[i])), NET_NOW);
        assert_int_equal(v6only_told, 0);
        snprintf(address, sizeof address, "%s?v6only=on", listeners[i]);
        net_close(assert_socket(net_listen(address)), NET_NOW);
        assert_int_equal(v6only_told, 1);
    }
}

int main(void)
{
    const struct test tests[] = {
        TEST(a_wildcard_hears_both_families),
        TEST(a_listener_for_ipv6_only_does_not_hear_ipv4),
        TEST(what_may_listen_together_on_one_port),
        TEST(without_ipv6_a_wildcard_hears_ipv4),
        TEST(a_dual_stack_socket_sends_to_both_families),
        TEST(v6only_is_always_said),
    };

    return run_once(tests);
}

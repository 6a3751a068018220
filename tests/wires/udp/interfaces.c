/* wrap: setsockopt */
/* What is visible on a wire: the interface, the marks of packets, the path MTU, broadcasts, and
 * link-local peers. */
#include "hosts.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANY_SIZE = 4000, IPV4_HEADERS = 28, IPV6_HEADERS = 48 };

int __real_setsockopt(int fd, int level, int name, const void *value, unsigned size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, unsigned size);

static int forbidden;     /* an option of SOL_SOCKET that needs a privilege; the test has none */
static unsigned bound_to; /* the device set last */
static char in[ANY_SIZE];
static char out[ANY_SIZE];

int __wrap_setsockopt(int fd, int level, int name, const void *value, unsigned size)
{
    if (level == SOL_SOCKET && name == forbidden) {
        errno = EPERM;
        return -1;
    }
    if (level == SOL_SOCKET && name == SO_BINDTOIFINDEX) {
        memcpy(&bound_to, value, sizeof bound_to);
    }
    return __real_setsockopt(fd, level, name, value, size);
}

/* Dial the port of a listener at a host, with options. */
static net_socket *dial(const char *scheme, const char *host, net_socket *listener,
                        const char *options)
{
    char address[ADDRESS_MAX];

    snprintf(address, sizeof address, "%s://%s:%lld%s", scheme, host, number_of(listener, "port"),
             options);
    return net_connect(address, soon());
}

static net_socket *listen_on(enum host host, const char *address)
{
    go_to(host);
    net_socket *listener = assert_socket(net_listen(address));

    go_to(NEAR);
    return listener;
}

/* ---- device ---- */

static void a_listener_on_a_device_is_reached_through_it_alone(void **state)
{
    net_socket *tcp = assert_socket(net_listen("tcp://*:0?device=eth0"));
    net_socket *udp = assert_socket(net_listen("udp://*:0?device=eth0"));

    (void)state;
    assert_reads(tcp, "device", "eth0");
    assert_no_socket(dial("tcp", "127.0.0.1", tcp, ""), NET_REFUSED);
    go_to(FAR);
    assert_no_socket(dial("tcp", "10.78.0.1", tcp, ""), NET_REFUSED);
    net_socket *call = assert_socket(dial("tcp", "10.77.0.1", tcp, ""));
    net_socket *deaf = assert_socket(dial("udp", "10.78.0.1", udp, ""));
    net_socket *heard = assert_socket(dial("udp", "10.77.0.1", udp, ""));

    go_to(NEAR);
    net_socket *answered = assert_socket(net_accept(tcp, soon()));

    assert_reads(answered, "device", "eth0");
    assert_code(net_set(answered, "device", "eth1"), NET_MISUSE);
    assert_reads(call, "device", "off");
    assert_count(net_send(deaf, "x", 1, soon()), 1);
    assert_code(net_recv(deaf, in, sizeof in, soon()), NET_REFUSED);
    assert_count(net_send(heard, "y", 1, soon()), 1);
    net_socket *peer = assert_socket(net_accept(udp, soon()));

    assert_count(net_recv(peer, in, sizeof in, soon()), 1);
    assert_int_equal(in[0], 'y');
    assert_reads(peer, "device", "eth0");
    bound_to = 0;
    assert_reads(peer, "mtu", "1500"); /* sent by a socket on the same device */
    assert_int_equal(bound_to, if_nametoindex("eth0"));
    net_close(peer, NET_NOW);
    net_close(heard, NET_NOW);
    net_close(deaf, NET_NOW);
    net_close(answered, NET_NOW);
    net_close(call, NET_NOW);
    net_close(udp, NET_NOW);
    net_close(tcp, NET_NOW);
}

/* The far host answers for all its addresses on every wire. */
static void a_dial_goes_through_its_device(void **state)
{
    static const char *const schemes[] = {"tcp", "udp"};

    (void)state;
    for (size_t i = 0; i < COUNT(schemes); i++) {
        char address[ADDRESS_MAX];
        char local[ADDRESS_MAX];

        snprintf(address, sizeof address, "%s://*:0", schemes[i]);
        net_socket *listener = listen_on(FAR, address);
        net_socket *plain = assert_socket(dial(schemes[i], "10.78.0.2", listener, ""));
        net_socket *bound = assert_socket(dial(schemes[i], "10.78.0.2", listener, "?device=eth0"));

        assert_reads(plain, "device", "off");
        assert_reads(bound, "device", "eth0");
        assert_ok(net_get(plain, "local", local, sizeof local));
        assert_non_null(strstr(local, "//10.78.0.1:"));
        assert_ok(net_get(bound, "local", local, sizeof local));
        assert_non_null(strstr(local, "//10.77.0.1:"));
        net_close(bound, NET_NOW);
        net_close(plain, NET_NOW);
        net_close(listener, NET_NOW);
    }
}

static void a_device_that_is_none_or_forbidden_is_told(void **state)
{
    (void)state;
    assert_no_socket(net_listen("tcp://*:0?device=eth9"), NET_ADDRESS);
    assert_says("eth9");
    assert_no_socket(net_connect("udp://10.77.0.2:9?device=eth9", soon()), NET_ADDRESS);
    assert_says("eth9");
    forbidden = SO_BINDTOIFINDEX;
    assert_no_socket(net_listen("tcp://*:0?device=eth0"), NET_DENIED);
    assert_no_socket(net_listen("udp://*:0?device=eth0"), NET_DENIED);
    assert_no_socket(net_connect("udp://10.77.0.2:9?device=eth0", soon()), NET_DENIED);
    assert_no_socket(net_connect("tcp://10.77.0.2:9?device=eth0", soon()), NET_DENIED);
    forbidden = 0;
}

/* ---- dscp and ttl ---- */

static void assert_marked(int tap, int port, int dscp, int ttl)
{
    struct packet packet;

    tap_next(tap, port, &packet);
    assert_int_equal(packet.traffic_class, dscp << 2);
    if (ttl != 0) {
        assert_int_equal(packet.ttl, ttl);
    }
}

static void datagrams_carry_dscp_and_ttl(void **state)
{
    static const char *const hosts[] = {"10.77.0.2", "[fd77::2]"};
    net_socket *listener = listen_on(FAR, "udp://*:0?dscp=12&ttl=99");
    int port = (int)number_of(listener, "port");
    int tap = tap_open("eth0");

    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        net_socket *call = assert_socket(dial("udp", hosts[i], listener, "?dscp=46&ttl=9"));

        assert_reads(call, "dscp", "46");
        assert_reads(call, "ttl", "9");
        assert_count(net_send(call, "a", 1, soon()), 1);
        assert_marked(tap, port, 46, 9);
        assert_ok(net_set(call, "dscp", "0"));
        assert_ok(net_set(call, "ttl", "255"));
        assert_count(net_send(call, "b", 1, soon()), 1);
        assert_marked(tap, port, 0, 255);
        net_socket *peer = assert_socket(net_accept(listener, soon()));

        assert_reads(peer, "dscp", "12");
        assert_reads(peer, "ttl", "99");
        assert_count(net_send(peer, "c", 1, soon()), 1);
        assert_marked(tap, port, 12, 99);
        assert_ok(net_set(listener, "dscp", "63"));
        assert_ok(net_set(listener, "ttl", "1"));
        assert_count(net_send(peer, "d", 1, soon()), 1);
        assert_marked(tap, port, 63, 1);
        assert_ok(net_set(listener, "dscp", "12"));
        assert_ok(net_set(listener, "ttl", "99"));
        net_close(peer, NET_NOW);
        net_close(call, NET_NOW);
    }
    close(tap);
    net_close(listener, NET_NOW);
}

/* From the first packet on, in both directions. TCP uses the ECN bits itself. */
static void streams_carry_dscp(void **state)
{
    static const char *const hosts[] = {"10.77.0.2", "[fd77::2]"};
    net_socket *listener = listen_on(FAR, "tcp://*:0?dscp=12");
    int port = (int)number_of(listener, "port");

    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        int tap = tap_open("eth0");
        net_socket *call = assert_socket(dial("tcp", hosts[i], listener, "?dscp=46"));
        net_socket *answered = assert_socket(net_accept(listener, soon()));

        assert_marked(tap, port, 46, 0); /* SYN */
        assert_marked(tap, port, 12, 0);
        assert_marked(tap, port, 46, 0);
        assert_reads(answered, "dscp", "12");
        assert_reads(call, "dscp", "46");
        assert_ok(net_set(answered, "dscp", "63"));
        assert_count(net_send(answered, "x", 1, soon()), 1);
        assert_marked(tap, port, 63, 0);
        close(tap);
        net_close(answered, NET_NOW);
        net_close(call, NET_NOW);
    }
    net_close(listener, NET_NOW);
}

/* ---- The path MTU ---- */

static void assert_arrives(net_socket *from, net_socket *to, size_t size)
{
    assert_count(net_send(from, out, size, soon()), (long long)size);
    assert_count(net_recv(to, in, sizeof in, soon()), (long long)size);
}

static void await_mtu(net_socket *socket, int mtu)
{
    net_deadline deadline = soon();

    while (number_of(socket, "mtu") != mtu && deadline > net_after(0)) {
        nap(1);
    }
    assert_int_equal(number_of(socket, "mtu"), mtu);
}

/* The failure belongs to the datagram that the path dropped, not to the next one. From then on a
 * datagram that does not fit is refused. */
static void check_path(const char *scheme_host, const char *dialed, size_t headers)
{
    net_socket *listener = listen_on(BEYOND, scheme_host);
    net_socket *call = assert_socket(dial("udp", dialed, listener, "?fragment=off"));
    size_t fits = SMALL_MTU - headers;

    assert_reads(call, "fragment", "off");
    assert_count(net_send(call, "first", 5, soon()), 5);
    net_socket *peer = assert_socket(net_accept(listener, soon()));

    assert_count(net_recv(peer, in, sizeof in, soon()), 5);
    assert_reads(call, "mtu", "1500");
    assert_code(net_send(call, out, 1501 - headers, soon()), NET_TOOBIG);
    assert_says("mtu");
    assert_says("fragment");
    assert_count(net_send(call, out, 1500 - headers, soon()), (long long)(1500 - headers));
    await_mtu(call, SMALL_MTU);
    assert_arrives(call, peer, 3);
    assert_arrives(call, peer, fits);
    assert_code(net_send(call, out, fits + 1, soon()), NET_TOOBIG);
    assert_ok(net_set(call, "fragment", "on"));
    assert_arrives(call, peer, fits + 1);
    assert_arrives(call, peer, ANY_SIZE);
    assert_ok(net_set(call, "fragment", "off"));
    assert_code(net_send(call, out, fits + 1, soon()), NET_TOOBIG);
    net_close(peer, NET_NOW);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
}

/* The near listener knows the path MTU that another socket of its host has met. */
static void check_listener(const char *host, size_t headers)
{
    net_socket *listener = assert_socket(net_listen("udp://*:0?fragment=off"));
    size_t fits = SMALL_MTU - headers;
    char text[ADDRESS_MAX];

    go_to(BEYOND);
    net_socket *call = assert_socket(dial("udp", host, listener, ""));

    go_to(NEAR);
    assert_count(net_send(call, "x", 1, soon()), 1);
    net_socket *peer = assert_socket(net_accept(listener, soon()));

    await_mtu(peer, SMALL_MTU);
    assert_reads(peer, "fragment", "off");
    assert_arrives(peer, call, fits);
    assert_code(net_send(peer, out, fits + 1, soon()), NET_TOOBIG);
    assert_ok(net_set(listener, "fragment", "on"));
    assert_arrives(peer, call, fits + 1);
    assert_code(net_get(listener, "mtu", text, sizeof text), NET_MISUSE);
    assert_code(net_set(peer, "mtu", "9"), NET_MISUSE);
    net_close(peer, NET_NOW);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
}

static void check_stream(const char *host)
{
    net_socket *listener = listen_on(BEYOND, "tcp://*:0");
    net_socket *call = assert_socket(dial("tcp", host, listener, ""));
    net_socket *answered = assert_socket(net_accept(listener, soon()));
    char text[ADDRESS_MAX];

    assert_reads(call, "mtu", "1300");
    assert_reads(answered, "mtu", "1300");
    assert_code(net_get(listener, "mtu", text, sizeof text), NET_MISUSE);
    net_close(answered, NET_NOW);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
}

static void a_path_tells_what_it_takes(void **state)
{
    (void)state;
    check_path("udp://10.79.0.2:0", "10.79.0.2", IPV4_HEADERS);
    check_path("udp://[fd79::2]:0", "[fd79::2]", IPV6_HEADERS);
    check_listener("10.77.0.1", IPV4_HEADERS);
    check_listener("[fd77::1]", IPV6_HEADERS);
    check_stream("10.79.0.2");
    check_stream("[fd79::2]");
}

/* Also where datagrams may be fragmented, the first large one is lost and reported. */
static void a_complaint_of_the_path_is_no_failure_of_the_next_datagram(void **state)
{
    net_socket *listener = listen_on(BEYOND, "udp://10.79.0.3:0");
    net_socket *call = assert_socket(dial("udp", "10.79.0.3", listener, ""));

    (void)state;
    assert_reads(call, "fragment", "on");
    assert_count(net_send(call, out, 1400, soon()), 1400);
    await_mtu(call, SMALL_MTU);
    assert_count(net_send(call, out, 1400, soon()), 1400);
    net_socket *peer = assert_socket(net_accept(listener, soon()));

    assert_count(net_recv(peer, in, sizeof in, soon()), 1400);
    net_close(peer, NET_NOW);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
}

/* ---- broadcast ---- */

static void a_broadcast_is_heard_and_answered_by_a_host(void **state)
{
    static const char *const everybody[] = {"255.255.255.255", "10.77.0.255"};
    net_socket *listener = assert_socket(net_listen("udp://*:0"));

    (void)state;
    for (size_t i = 0; i < COUNT(everybody); i++) {
        net_message message = {.data = (char[]){"who?"}, .size = 4};
        char address[ADDRESS_MAX];
        char expected[ADDRESS_MAX];
        net_socket *asker = listen_on(FAR, "udp://*:0?device=eth0");

        go_to(FAR);
        assert_no_socket(dial("udp", everybody[i], listener, "?device=eth0"), NET_DENIED);
        net_socket *call =
            assert_socket(dial("udp", everybody[i], listener, "?device=eth0&broadcast=on"));

        go_to(NEAR);
        assert_count(net_send(call, "dialed", 6, soon()), 6);
        message = (net_message){.data = in, .capacity = sizeof in};
        assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
        assert_int_equal(message.size, 6);

        snprintf(address, sizeof address, "udp://%s:%lld", everybody[i],
                 number_of(listener, "port"));
        message = (net_message){.data = (char[]){"who?"}, .size = 4};
        assert_count(net_resolve(address, &message.endpoint, 1, NET_NOW), 1);
        assert_code(net_send_messages(asker, &message, 1, soon()), NET_DENIED);
        assert_ok(net_set(asker, "broadcast", "on"));
        assert_count(net_send_messages(asker, &message, 1, soon()), 1);
        net_socket *peer = assert_socket(net_accept(listener, soon()));

        assert_count(net_send(peer, "me", 2, soon()), 2);
        message = (net_message){.data = in, .capacity = sizeof in};
        assert_count(net_recv_messages(asker, &message, 1, soon()), 1);
        assert_ok(net_endpoint_text(&message.endpoint, address, sizeof address));
        snprintf(expected, sizeof expected, "10.77.0.1:%lld", number_of(listener, "port"));
        assert_string_equal(address, expected);
        net_close(peer, NET_NOW);
        net_close(call, NET_NOW);
        net_close(asker, NET_NOW);
    }
    net_close(listener, NET_NOW);
}

/* ---- Link-local peers ---- */

/* The address that `local` shows on one host is dialed on the other, and the zone is kept. */
static void link_local_peers_talk_and_keep_their_zone(void **state)
{
    static const char *const listeners[] = {"tcp://[fe80::2%eth0]:0", "udp://[fe80::2%eth0]:0",
                                            "tcp://[fe80::2]:0?device=eth0",
                                            "udp://[fe80::2]:0?device=eth0"};

    (void)state;
    for (size_t i = 0; i < COUNT(listeners); i++) {
        net_socket *listener = listen_on(FAR, listeners[i]);
        char address[ADDRESS_MAX];
        char local[ADDRESS_MAX];

        go_to(FAR);
        assert_ok(net_get(listener, "local", address, sizeof address));
        assert_non_null(strstr(address, "//[fe80::2%eth0]:"));
        go_to(NEAR);
        net_socket *call = assert_socket(net_connect(address, soon()));

        assert_count(net_send(call, "x", 1, soon()), 1);
        net_socket *answered = assert_socket(net_accept(listener, soon()));

        assert_count(net_recv(answered, in, sizeof in, soon()), 1);
        assert_count(net_send(answered, "yz", 2, soon()), 2);
        assert_count(net_recv(call, in, sizeof in, soon()), 2);
        assert_reads(call, "peer", address);
        assert_ok(net_get(call, "local", local, sizeof local));
        assert_non_null(strstr(local, "//[fe80::1%eth0]:"));
        go_to(FAR);
        assert_reads(answered, "peer", local);
        assert_reads(answered, "local", address);
        go_to(NEAR);
        net_close(answered, NET_NOW);
        net_close(call, NET_NOW);
        net_close(listener, NET_NOW);
    }
}

static void a_wildcard_answers_link_local_peers_on_their_link(void **state)
{
    net_socket *listener = assert_socket(net_listen("udp://*:0"));

    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *host = i == 0 ? "[fe80::1%eth0]" : "[fe80::11%eth1]";
        net_message message = {.data = in, .capacity = sizeof in};
        char text[ADDRESS_MAX];

        go_to(FAR);
        net_socket *call = assert_socket(dial("udp", host, listener, ""));

        go_to(NEAR);
        assert_count(net_send(call, "x", 1, soon()), 1);
        assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
        assert_ok(net_endpoint_text(&message.endpoint, text, sizeof text));
        assert_memory_equal(text, i == 0 ? "[fe80::2%eth0]:" : "[fe80::12%eth1]:", 15);
        assert_count(net_send_messages(listener, &message, 1, soon()), 1);
        assert_count(net_recv(call, in, sizeof in, soon()), 1);
        net_close(call, NET_NOW);
    }
    net_close(listener, NET_NOW);
}

int main(void)
{
    const struct test tests[] = {
        TEST(a_listener_on_a_device_is_reached_through_it_alone),
        TEST(a_dial_goes_through_its_device),
        TEST(a_device_that_is_none_or_forbidden_is_told),
        TEST(datagrams_carry_dscp_and_ttl),
        TEST(streams_carry_dscp),
        TEST(a_path_tells_what_it_takes),
        TEST(a_complaint_of_the_path_is_no_failure_of_the_next_datagram),
        TEST(a_broadcast_is_heard_and_answered_by_a_host),
        TEST(link_local_peers_talk_and_keep_their_zone),
        TEST(a_wildcard_answers_link_local_peers_on_their_link),
    };

    return run_on_hosts(tests, COUNT(tests));
}

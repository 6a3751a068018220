/* LIF-11: fd:// adopts a descriptor that is open already. What does not fit is refused with a
 * sentence and left exactly as it was; what fits keeps its number and is the library's from then
 * on. */
#include "foreign.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- What fits ---- */

static void a_listening_descriptor_is_a_listener(void **state)
{
    const char *template = template_of(state);
    int fd = foreign_listener(template);
    net_socket *listener = adopt_listener(fd);
    char text[ADDRESS_MAX];
    char again[ADDRESS_MAX];

    assert_int_equal(net_fd(listener), fd);
    assert_ok(net_get(listener, "scheme", text, sizeof text));
    assert_int_equal(strncmp(text, template, strlen(text)), 0);
    dial_address(listener, text);
    net_socket *client = assert_socket(net_connect(text, soon()));

    assert_count(net_send(client, "hi", 2, soon()), 2);
    net_socket *server = assert_socket(net_accept(listener, soon()));

    assert_count(net_recv(server, again, sizeof again, soon()), 2);
    ping_pong(client, server);
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
    errno = 0;
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* It prints as what it is, so that it can be dialed, and a wildcard says for which families. */
static void an_adopted_listener_has_the_name_of_its_descriptor(void **state)
{
    const char *template = template_of(state);
    int fd = foreign_listener(template);
    net_socket *listener = adopt_listener(fd);
    net_socket *same = assert_socket(net_listen(template));
    char local[ADDRESS_MAX];
    char expected[ADDRESS_MAX];

    assert_ok(net_get(listener, "local", local, sizeof local));
    assert_ok(net_get(same, "local", expected, sizeof expected));
    if (is_unix(template)) {
        assert_int_equal(strlen(local),
                         strlen(expected)); /* other digits, of the system's choice */
    } else {
        *strrchr(local, ':') = '\0';
        *strrchr(expected, ':') = '\0';
        assert_string_equal(local, expected);
        assert_true(number_of(listener, "port") > 0);
    }
    net_close(same, NET_NOW);
    net_close(listener, NET_NOW);
}

static void a_connected_descriptor_is_a_connection(void **state)
{
    struct pair pair;
    char name[ADDRESS_MAX];
    char peer[ADDRESS_MAX];

    dial_adopted(template_of(state), &pair);
    ping_pong(pair.client, pair.server);
    ping_pong(pair.server, pair.client);
    assert_ok(net_get(pair.client, "peer", peer, sizeof peer));
    dial_address(pair.listener, name);
    assert_string_equal(strrchr(peer, ':'), strrchr(name, ':')); /* of a wildcard the port alone */
    if (!is_unix(template_of(state))) {                          /* there who dials has no name */
        assert_ok(net_get(pair.server, "peer", peer, sizeof peer));
        assert_ok(net_get(pair.client, "local", name, sizeof name));
        assert_string_equal(peer, name);
    }
    assert_int_equal(number_of(pair.client, "bytes-sent"), is_stream(template_of(state)) ? 9 : 11);
    close_pair(&pair);
}

static void an_adopted_connection_takes_options(void **state)
{
    bool is_tcp = strncmp(template_of(state), "tcp", 3) == 0;
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int fd = foreign_dial(listener);
    char address[ADDRESS_MAX];
    int small = 0;
    int on = 0;
    socklen_t size = sizeof on;
    net_socket *client = assert_socket(net_connect(
        foreign_address(fd, is_tcp ? "?rcvbuf=8KiB&keepalive=30s" : "?rcvbuf=8KiB", address),
        soon()));

    assert_int_equal(number_of(client, "rcvbuf") > 0, 1);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, &size), 0);
    assert_true(small <= 4 * 8192);
    if (is_tcp) {
        assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &size), 0);
        assert_true(on != 0);
    }
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
}

/* ---- What does not ---- */

struct state {
    int descriptor;
    int file;
};

static struct state look_at(int fd)
{
    return (struct state){fcntl(fd, F_GETFD), fcntl(fd, F_GETFL)};
}

typedef net_socket *open_call(const char *address);

static net_socket *dial(const char *address)
{
    return net_connect(address, soon());
}

/* Refused, in all states that its flags may have, and then as it was. */
static void expect_refusal(open_call *call, int fd, const char *options, int code,
                           const char *words)
{
    char address[ADDRESS_MAX];

    foreign_address(fd, options, address);
    for (int flags = 0; flags < 4; flags++) {
        assert_int_equal(fcntl(fd, F_SETFD, (flags & 1) != 0 ? FD_CLOEXEC : 0), 0);
        assert_int_equal(fcntl(fd, F_SETFL, (flags & 2) != 0 ? O_NONBLOCK : 0), 0);
        struct state before = look_at(fd);

        assert_no_socket(call(address), code);
        assert_says(words);
        struct state after = look_at(fd);

        assert_int_equal(before.descriptor, after.descriptor);
        assert_int_equal(before.file, after.file);
    }
}

static void a_number_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {"fd://",   "fd://-1", "fd://+1",         "fd://3x",
                                      "fd://03", "fd://*",  "fd://4294967299", "fd://2147483648"};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_no_socket(net_listen(bad[i]), NET_ADDRESS);
        assert_says("fd://3");
        assert_no_socket(net_connect(bad[i], NET_NOW), NET_ADDRESS);
    }
    assert_no_socket(net_listen("fs://3"), NET_ADDRESS);
    assert_says("'fd'");
    assert_no_socket(net_listen("system://3"), NET_ADDRESS);
    assert_says("'systemd'");
}

static void a_number_that_is_not_open_is_refused(void **state)
{
    int fd = dup(0);
    char address[ADDRESS_MAX];

    (void)state;
    close(fd);
    foreign_address(fd, "", address);
    assert_no_socket(net_listen(address), NET_ADDRESS);
    assert_says("no descriptor of this process is numbered");
    assert_no_socket(net_connect(address, soon()), NET_ADDRESS);
    assert_says("no descriptor of this process is numbered");
    assert_no_socket(net_listen("fd://2147483647"), NET_ADDRESS);
}

static void what_is_no_socket_is_refused(void **state)
{
    int ends[2];
    int path = open("/", O_PATH | O_CLOEXEC);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    expect_refusal(net_listen, ends[0], "", NET_ADDRESS, "is no socket");
    expect_refusal(dial, ends[1], "", NET_ADDRESS, "is no socket");
    assert_true(path >= 0);
    char address[ADDRESS_MAX];

    assert_no_socket(net_listen(foreign_address(path, "", address)), NET_ADDRESS);
    assert_says("is no socket");
    close(path);
    close(ends[0]);
    close(ends[1]);
}

static void a_socket_of_a_foreign_kind_is_refused(void **state)
{
    int netlink = socket(AF_NETLINK, SOCK_RAW, 0);
    int packets[2];
    int sctp = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP);
    int ping = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    int raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);

    (void)state;
    assert_true(netlink >= 0);
    expect_refusal(net_listen, netlink, "", NET_ADDRESS, "netlink raw");
    expect_refusal(dial, netlink, "", NET_ADDRESS, "netlink raw");
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets), 0);
    expect_refusal(dial, packets[0], "", NET_ADDRESS, "unix seqpacket");
    if (sctp >= 0) {
        expect_refusal(net_listen, sctp, "", NET_ADDRESS, "IPv4 stream, protocol 132");
        close(sctp);
    }
    if (ping >= 0) {
        expect_refusal(dial, ping, "", NET_ADDRESS, "IPv4 datagram, protocol 1");
        close(ping);
    }
    if (raw >= 0) {
        expect_refusal(dial, raw, "", NET_ADDRESS, "IPv4 raw, protocol 17");
        close(raw);
    }
    close(netlink);
    close(packets[0]);
    close(packets[1]);
}

static void a_socket_in_the_wrong_state_is_refused(void **state)
{
    const char *template = template_of(state);
    bool stream = is_stream(template);
    net_socket *listener = assert_socket(net_listen(template));
    int listening = foreign_listener(template);
    int fresh = socket(is_unix(template) ? AF_UNIX : AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
    int connected = foreign_dial(listener);

    expect_refusal(net_listen, connected, "", NET_MISUSE, "is connected");
    expect_refusal(dial, listening, "", NET_MISUSE, stream ? "listens" : "is not connected");
    expect_refusal(dial, fresh, "", NET_MISUSE, "is not connected");
    expect_refusal(net_listen, fresh, "", NET_MISUSE,
                   stream ? "does not listen" : "bound to no address");
    if (stream) {
        int quiet = foreign_bound(template);

        expect_refusal(net_listen, quiet, "", NET_MISUSE, "does not listen");
        close(quiet);
    }
    net_close(adopt_listener(listening), NET_NOW);
    net_close(adopt_connection(connected), NET_NOW);
    close(fresh);
    net_close(listener, NET_NOW);
}

static void a_connection_that_is_over_is_refused(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int fd = foreign_dial(listener);
    char scrap = 0;

    if (is_unix(template_of(state))) {
        close(fd); /* there it goes on having a peer */
        net_close(listener, NET_NOW);
        return;
    }

    await_events(net_fd(listener), POLLIN);
    raw_reset(accept(net_fd(listener), NULL, NULL));
    await_events(fd, POLLIN);
    assert_int_equal(recv(fd, &scrap, 1, 0), -1);
    expect_refusal(dial, fd, "", NET_MISUSE, "not any more");
    close(fd);
    net_close(listener, NET_NOW);
}

static void an_option_that_does_not_fit_is_refused(void **state)
{
    const char *template = template_of(state);
    net_socket *listener = assert_socket(net_listen(template));
    int listening = foreign_listener(template);
    int connected = foreign_dial(listener);

    expect_refusal(net_listen, listening, "?nonsense=1", NET_ADDRESS, "nonsense");
    expect_refusal(dial, connected, "?rcvbuf=many", NET_ADDRESS, "rcvbuf");
    if (is_unix(template)) {
        expect_refusal(net_listen, listening, "?mode=0600", NET_ADDRESS, "bound already");
        expect_refusal(net_listen, listening, "?unlink=on", NET_ADDRESS, "bound already");
    } else {
        expect_refusal(net_listen, listening, "?reuseport=on", NET_ADDRESS, "bound already");
        expect_refusal(net_listen, listening, "?v6only=on", NET_ADDRESS, "bound already");
        expect_refusal(dial, connected, "?source=127.0.0.1", NET_ADDRESS, "bound already");
    }
    if (strncmp(template, "tcp", 3) == 0) {
        expect_refusal(net_listen, listening, "?peers=1", NET_ADDRESS, "peers");
        expect_refusal(dial, connected, "?congestion=nosuch", NET_ADDRESS, "nosuch");
    } else {
        expect_refusal(net_listen, listening, "?nodelay=on", NET_ADDRESS, "nodelay");
    }
    net_close(adopt_listener(listening), NET_NOW);
    net_close(adopt_connection(connected), NET_NOW);
    net_close(listener, NET_NOW);
}

/* The last of what may fail: there is no descriptor left for the bell. */
static void a_failure_for_want_of_descriptors_leaves_it_as_it_was(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int listening = foreign_listener(template_of(state));
    int connected = foreign_dial(listener);
    struct rlimit limit;
    struct rlimit none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    expect_refusal(net_listen, listening, "", NET_LIMIT, "");
    expect_refusal(dial, connected, "", NET_LIMIT, "");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    net_close(adopt_listener(listening), NET_NOW);
    net_close(adopt_connection(connected), NET_NOW);
    net_close(listener, NET_NOW);
}

static void a_descriptor_is_not_resolved(void **state)
{
    net_endpoint endpoint;
    int fd = foreign_listener(template_of(state));
    char address[ADDRESS_MAX];

    assert_code(net_resolve(foreign_address(fd, "", address), &endpoint, 1, soon()), NET_MISUSE);
    close(fd);
}

/* ---- Ownership ---- */

static void an_adopted_descriptor_is_closed_at_an_exec(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int listening = foreign_listener(template_of(state));
    int connected = foreign_dial(listener);

    assert_int_equal(fcntl(listening, F_SETFD, 0), 0);
    assert_int_equal(fcntl(connected, F_SETFD, 0), 0);
    net_socket *adopted = adopt_listener(listening);
    net_socket *client = adopt_connection(connected);

    assert_int_equal(fcntl(listening, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(connected, F_GETFD), FD_CLOEXEC);
    net_close(adopted, NET_NOW);
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
    assert_int_equal(fcntl(listening, F_GETFD), -1);
    assert_int_equal(fcntl(connected, F_GETFD), -1);
}

/* What belongs to the open file is seen by all who have it: flags, timeouts, and marks. */
static void what_others_rely_on_stays(void **state)
{
    const char *template = template_of(state);
    struct timeval patience = {.tv_sec = 7};
    struct timeval after = {0};
    socklen_t size = sizeof after;
    char line[64];
    int mark = 0;

    for (int blocking = 0; blocking < 2; blocking++) {
        net_socket *listener = assert_socket(net_listen(template));
        int fd = foreign_dial(listener);
        int copy = dup(fd);

        assert_int_equal(fcntl(fd, F_SETFL, blocking ? 0 : O_NONBLOCK), 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
        int flags = fcntl(copy, F_GETFL);
        net_socket *client = adopt_connection(fd);

        assert_code(net_recv(client, line, sizeof line, NET_NOW), NET_TIMEOUT);
        assert_code(net_recv(client, line, sizeof line, net_after(40)), NET_TIMEOUT);
        if (is_stream(template)) {
            net_socket *server = assert_socket(net_accept(listener, soon()));

            assert_count(net_send(server, "no end", 6, soon()), 6);
            assert_code(net_recv_until(client, line, sizeof line, '\n', net_after(40)),
                        NET_TIMEOUT);
            net_close(server, NET_NOW);
        }
        net_close(client, NET_NOW);
        assert_int_equal(fcntl(copy, F_GETFL), flags);
        assert_int_equal(getsockopt(copy, SOL_SOCKET, SO_RCVTIMEO, &after, &size), 0);
        assert_int_equal(after.tv_sec, 7);
        size = sizeof mark;
        assert_int_equal(getsockopt(copy, SOL_SOCKET, SO_RCVLOWAT, &mark, &size), 0);
        assert_int_equal(mark, 1);
        size = sizeof after;
        close(copy);
        net_close(listener, NET_NOW);
    }
}

/* The receiver who has a copy, too, knows of datagrams only. */
static void no_train_comes_to_another_reader(void **state)
{
    enum { DATAGRAMS = 64 };
    struct pair pair;
    char data[DATAGRAMS][8];
    net_message messages[DATAGRAMS] = {0};
    int trains = 1;
    socklen_t size = sizeof trains;

    dial_adopted(template_of(state), &pair);
    for (int i = 0; i < DATAGRAMS; i++) {
        messages[i].data = data[i];
        messages[i].capacity = sizeof data[i];
    }
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < DATAGRAMS; i++) {
            assert_count(net_send(pair.server, "12345678", 8, soon()), 8);
        }
        for (int n = 0; n < DATAGRAMS;) {
            n += (int)assert_ok(net_recv_messages(pair.client, messages, DATAGRAMS, soon()));
        }
    }
    if (getsockopt(net_fd(pair.client), IPPROTO_UDP, 104, &trains, &size) == 0) { /* UDP_GRO */
        assert_int_equal(trains, 0);
    }
    close_pair(&pair);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_listening_descriptor_is_a_listener),
        TEST(an_adopted_listener_has_the_name_of_its_descriptor),
        TEST(a_connected_descriptor_is_a_connection),
        TEST(an_adopted_connection_takes_options),
        TEST(a_socket_in_the_wrong_state_is_refused),
        TEST(an_option_that_does_not_fit_is_refused),
        TEST(a_failure_for_want_of_descriptors_leaves_it_as_it_was),
        TEST(a_descriptor_is_not_resolved),
        TEST(an_adopted_descriptor_is_closed_at_an_exec),
        TEST(what_others_rely_on_stays),
    };
    static const struct test datagrams[] = {TEST(no_train_comes_to_another_reader)};
    static const struct test once[] = {
        TEST(a_number_that_is_none_is_refused),
        TEST(a_number_that_is_not_open_is_refused),
        TEST(what_is_no_socket_is_refused),
        TEST(a_socket_of_a_foreign_kind_is_refused),
    };

    static const struct test streams[] = {TEST(a_connection_that_is_over_is_refused)};

    return run_over(foreign_sockets, any) + run_over(foreign_streams, streams) +
           run_over(foreign_datagrams, datagrams) + run_once(once);
}

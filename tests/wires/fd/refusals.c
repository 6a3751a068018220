/* A descriptor that does not fit fd:// is refused. The sentence says what it is, and the descriptor
 * is unchanged. */
#include "foreign.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* It is refused with every combination of its flags, and the flags are unchanged afterwards. */
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

static void what_nobody_can_listen_to_is_refused(void **state)
{
    int ends[2];
    int path = open("/", O_PATH | O_CLOEXEC);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    expect_refusal(net_listen, ends[0], "", NET_MISUSE, "net_connect adopts such");
    expect_refusal(dial, ends[1], "", NET_MISUSE, "open for writing alone");
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
        close(fd); /* here it still has a peer */
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

/* The last step that can fail: no descriptor is left for the wake. */
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

int main(void)
{
    static const struct test any[] = {
        TEST(a_socket_in_the_wrong_state_is_refused),
        TEST(an_option_that_does_not_fit_is_refused),
        TEST(a_failure_for_want_of_descriptors_leaves_it_as_it_was),
        TEST(a_descriptor_is_not_resolved),
    };
    static const struct test streams[] = {TEST(a_connection_that_is_over_is_refused)};
    static const struct test once[] = {
        TEST(a_number_that_is_none_is_refused),
        TEST(a_number_that_is_not_open_is_refused),
        TEST(what_nobody_can_listen_to_is_refused),
        TEST(a_socket_of_a_foreign_kind_is_refused),
    };

    return run_over(foreign_sockets, any) + run_over(foreign_streams, streams) + run_once(once);
}

/* fd:// adopts a descriptor that is open already. The descriptor keeps its number and belongs to
 * the library from then on. It works like one that the library has opened. Other owners of the same
 * open file are not affected. */
#include "foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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

/* The name of an adopted listener can be dialed, and a wildcard shows which families it is for. */
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
        assert_int_equal(strlen(local), strlen(expected)); /* the system chooses other digits */
    } else {
        *strrchr(local, ':') = '\0';
        *strrchr(expected, ':') = '\0';
        assert_string_equal(local, expected);
        assert_true(number_of(listener, "port") > 0);
    }
    net_close(same, NET_NOW);
    net_close(listener, NET_NOW);
}

/* Unless the address asks for another one. */
static void an_adopted_listener_keeps_its_backlog(void **state)
{
    int fd = foreign_listener(template_of(state));
    char address[ADDRESS_MAX];
    net_socket *listener = assert_socket(net_listen(foreign_address(fd, "", address)));

    if (!is_unix(template_of(state))) { /* here the system does not tell it */
        assert_int_equal(number_of(listener, "backlog"), FOREIGN_BACKLOG);
    }
    net_close(listener, NET_NOW);
    fd = foreign_listener(template_of(state));
    listener = assert_socket(net_listen(foreign_address(fd, "?backlog=5", address)));
    if (!is_unix(template_of(state))) {
        assert_int_equal(number_of(listener, "backlog"), 5);
    }
    net_close(listener, NET_NOW);
}

/* The file belongs to the program that made it. */
static void a_file_of_somebody_else_is_not_removed(void **state)
{
    static const char *const options[] = {"", "?backlog=3"};
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/adopt.XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(name.sun_path, sizeof name.sun_path, "%s/socket", folder);
    for (int i = 0; i < 4; i++) {
        int type = i < 2 ? SOCK_STREAM : SOCK_DGRAM;
        int fd = socket(AF_UNIX, type, 0);
        char text[ADDRESS_MAX];
        char expected[ADDRESS_MAX];

        assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
        assert_true(type == SOCK_DGRAM || listen(fd, 4) == 0);
        foreign_address(fd, type == SOCK_STREAM ? options[i] : "", text);
        net_socket *listener = assert_socket(net_listen(text));

        snprintf(expected, sizeof expected, "%s://%s", type == SOCK_STREAM ? "unix" : "unixgram",
                 name.sun_path);
        assert_ok(net_get(listener, "local", text, sizeof text));
        assert_string_equal(text, expected);
        assert_ok(net_get(listener, "unlink", text, sizeof text));
        assert_string_equal(text, "off");
        net_close(listener, NET_NOW);
        assert_int_equal(unlink(name.sun_path), 0);
    }
    rmdir(folder);
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
    assert_string_equal(strrchr(peer, ':'),
                        strrchr(name, ':')); /* with a wildcard, only the port counts */
    if (!is_unix(template_of(state))) {      /* here the dialing end has no name */
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

/* All owners of an open file share its flags and timeouts, so these do not change. */
static void what_others_rely_on_stays(void **state)
{
    const char *template = template_of(state);
    struct timeval patience = {.tv_sec = 7};
    struct timeval after = {0};
    socklen_t size = sizeof after;
    char line[64];

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
        size = sizeof after;
        close(copy);
        net_close(listener, NET_NOW);
    }
}

static void expect_no_trains(net_socket *socket)
{
    enum { UDP_GRO_OPTION = 104 };
    int trains = 0;
    socklen_t size = sizeof trains;

    getsockopt(net_fd(socket), IPPROTO_UDP, UDP_GRO_OPTION, &trains, &size);
    assert_int_equal(trains, 0);
}

/* Another process that has a copy expects single datagrams, never a train. */
static void no_train_comes_to_another_reader(void **state)
{
    enum { DATAGRAMS = 64 };
    struct pair pair;
    char data[DATAGRAMS][8];
    net_message messages[DATAGRAMS] = {0};
    net_socket *listener = adopt_listener(foreign_listener(template_of(state)));

    expect_no_trains(listener);
    net_close(listener, NET_NOW);
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
    expect_no_trains(pair.client);
    close_pair(&pair);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_listening_descriptor_is_a_listener),
        TEST(an_adopted_listener_has_the_name_of_its_descriptor),
        TEST(a_connected_descriptor_is_a_connection),
        TEST(an_adopted_connection_takes_options),
        TEST(an_adopted_descriptor_is_closed_at_an_exec),
        TEST(what_others_rely_on_stays),
    };
    static const struct test streams[] = {TEST(an_adopted_listener_keeps_its_backlog)};
    static const struct test datagrams[] = {TEST(no_train_comes_to_another_reader)};
    static const struct test once[] = {TEST(a_file_of_somebody_else_is_not_removed)};

    return run_over(foreign_sockets, any) + run_over(foreign_streams, streams) +
           run_over(foreign_datagrams, datagrams) + run_once(once);
}

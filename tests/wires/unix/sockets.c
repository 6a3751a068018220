/* What only unix sockets have: names without files, the identity of the peer, and descriptors that
 * arrive unasked. */
#include "passed.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const schemes[] = {"unix://", "unixgram://", NULL};

static char in[4096];

static void expect_text(net_socket *socket, const char *name, const char *expected)
{
    char text[2 * ADDRESS_MAX];

    assert_ok(net_get(socket, name, text, sizeof text));
    assert_string_equal(text, expected);
}

/* ---- Names ---- */

/* The bytes of the name by which the system knows a socket. */
static void expect_raw_name(net_socket *socket, const char *bytes, size_t size)
{
    struct sockaddr_un name;
    socklen_t length = sizeof name;

    assert_int_equal(getsockname(net_fd(socket), (struct sockaddr *)&name, &length), 0);
    assert_int_equal(length - offsetof(struct sockaddr_un, sun_path), size);
    assert_memory_equal(name.sun_path, bytes, size);
}

static void expect_reachable(net_socket *listener)
{
    net_socket *client;
    net_socket *server;

    dial_again(listener, &client, &server);
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
}

static void a_name_may_have_any_byte(void **state)
{
    char address[ADDRESS_MAX];
    char again[2 * ADDRESS_MAX];

    for (int byte = 0; byte < 256; byte++) {
        const char bytes[] = {'\0', 'n', (char)byte, (char)byte, 'x'};

        snprintf(address, sizeof address, "%s@n%%%02X%%%02xx", template_of(state), (unsigned)byte,
                 (unsigned)byte);
        net_socket *listener = assert_socket(net_listen(address));

        expect_raw_name(listener, bytes, sizeof bytes);
        assert_ok(net_get(listener, "local", again, sizeof again));
        assert_no_socket(net_listen(again), NET_INUSE); /* the printed form is accepted again */
        expect_reachable(listener);
        net_close(listener, NET_NOW);
        listener = assert_socket(net_listen(again));
        expect_text(listener, "local", again);
        net_close(listener, NET_NOW);
    }
}

/* A NUL inside a name or at its end is part of the name. */
static void names_differ_in_their_nuls(void **state)
{
    static const char *const names[] = {"@a", "@a%00", "@a%00%00", "@a%00b", "@%00", "@%00%00"};
    net_socket *listener[COUNT(names)];
    char address[ADDRESS_MAX];

    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(address, sizeof address, "%s%s", template_of(state), names[i]);
        listener[i] = assert_socket(net_listen(address));
        expect_text(listener[i], "local", address);
    }
    for (size_t i = 0; i < COUNT(names); i++) {
        expect_reachable(listener[i]);
        net_close(listener[i], NET_NOW);
    }
}

static void a_name_has_at_most_107_bytes(void **state)
{
    for (size_t size = 106; size < 110; size++) {
        char address[ADDRESS_MAX] = "";

        snprintf(address, sizeof address, "%s@%0*d", template_of(state), (int)size, 7);
        if (size > 107) {
            assert_no_socket(net_listen(address), NET_ADDRESS);
            assert_no_socket(net_connect(address, soon()), NET_ADDRESS);
            continue;
        }
        net_socket *listener = assert_socket(net_listen(address));

        expect_text(listener, "local", address);
        expect_reachable(listener);
        net_close(listener, NET_NOW);
    }
}

static void any_name_is_one_that_nobody_has(void **state)
{
    char any[ADDRESS_MAX];
    char text[2][ADDRESS_MAX];
    net_socket *listener[2];

    snprintf(any, sizeof any, "%s@", template_of(state));
    for (int i = 0; i < 2; i++) {
        listener[i] = assert_socket(net_listen(any));
        assert_ok(net_get(listener[i], "local", text[i], ADDRESS_MAX));
        assert_true(strlen(text[i]) > strlen(any));
        assert_no_socket(net_listen(text[i]), NET_INUSE);
    }
    assert_string_not_equal(text[0], text[1]);
    assert_no_socket(net_connect(any, soon()), NET_ADDRESS);
    for (int i = 0; i < 2; i++) {
        expect_reachable(listener[i]);
        net_close(listener[i], NET_NOW);
    }
}

static void what_is_no_name_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",     "name",  "./path",    "~/path",       "%2",        "@%",
        "@a%0", "@a%0g", "/a%00b",    "%00a",         "/a%",       "//%",
        " /a",  "@a?x",  "@a?port=1", "/a?mode=1000", "/a?mode=8", "/a?unlink=maybe"};
    char address[ADDRESS_MAX];
    net_endpoint endpoint;

    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(address, sizeof address, "%s%s", template_of(state), wrong[i]);
        net_socket *made = net_listen(address);

        if (made != NULL || net_error() != NET_ADDRESS) {
            fail_msg("listen %s: %p, %s", address, (void *)made, net_error_text());
        }
        made = net_connect(address, soon());
        if (made != NULL || net_error() != NET_ADDRESS) {
            fail_msg("connect %s: %p, %s", address, (void *)made, net_error_text());
        }
        assert_code(net_resolve(address, &endpoint, 1, soon()), NET_ADDRESS);
    }
}

static void a_name_resolves_to_itself(void **state)
{
    static const struct {
        const char *name;
        const char *text;
    } cases[] = {{"/run/x", "/run/x"},
                 {"/a%20b%3F", "/a%20b%3F"},
                 {"@n", "@n"},
                 {"@a%00b", "@a%00b"},
                 {"/%61", "/a"},
                 {"@%41%0a", "@A%0A"},
                 {"/\xc3\xa9", "/\xc3\xa9"},
                 {"/a?mode=660", "/a"},
                 {"/@", "/@"},
                 {"@a#b&c", "@a%23b&c"}};
    net_endpoint endpoints[2];
    char address[ADDRESS_MAX];
    char text[ADDRESS_MAX];

    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(address, sizeof address, "%s%s", template_of(state), cases[i].name);
        assert_count(net_resolve(address, endpoints, 2, NET_NOW), 1);
        assert_count(net_endpoint_text(endpoints, text, sizeof text),
                     (long long)strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
        assert_count(net_endpoint_text(endpoints, text, 3), (long long)strlen(cases[i].text));
        /* no character is cut */
        assert_int_equal(strlen(text), cases[i].text[1] == '\xc3' ? 1 : 2);
        assert_memory_equal(text, cases[i].text, strlen(text));
    }
}

static void a_caller_without_a_name_has_none(void **state)
{
    struct pair pair;

    (void)state;
    dial_pair("unix://@", &pair);
    expect_text(pair.server, "peer", "unix://");
    expect_text(pair.client, "local", "unix://");
    close_pair(&pair);
}

/* A datagram socket made without the library has no name. It is received from, but it cannot be
 * answered. */
static void a_sender_without_a_name_is_heard_and_not_answered(void **state)
{
    net_socket *listener = assert_socket(net_listen("unixgram://@"));
    net_message message = {.data = in, .capacity = sizeof in};
    int fd = raw_dial(listener);
    char text[ADDRESS_MAX] = "garbage";

    (void)state;
    assert_int_equal(send(fd, "who?", 4, 0), 4);
    assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
    assert_int_equal(message.size, 4);
    assert_count(net_endpoint_text(&message.endpoint, text, sizeof text), 0);
    assert_string_equal(text, "");
    assert_code(net_send_messages(listener, &message, 1, soon()), NET_UNREACHABLE);
    close(fd);
    net_close(listener, NET_NOW);
}

enum { NOBODY = 65534, NOT_ROOT = 77 };

static void expect_peer(net_socket *socket, long long process, long long user, long long group)
{
    assert_int_equal(number_of(socket, "peer-pid"), process);
    assert_int_equal(number_of(socket, "peer-uid"), user);
    assert_int_equal(number_of(socket, "peer-gid"), group);
}

static void each_side_knows_whose_the_other_is(void **state)
{
    struct pair pair;
    char text[16];

    (void)state;
    dial_pair("unix://@", &pair);
    expect_peer(pair.client, getpid(), geteuid(), getegid());
    expect_peer(pair.server, getpid(), geteuid(), getegid());
    assert_code(net_get(pair.listener, "peer-pid", text, sizeof text), NET_MISUSE);
    assert_code(net_get(pair.listener, "peer-uid", text, sizeof text), NET_MISUSE);
    assert_code(net_set(pair.server, "peer-uid", "0"), NET_MISUSE);
    assert_code(net_set(pair.listener, "peer-gid", "0"), NET_MISUSE);
    net_cancel(pair.server);
    expect_peer(pair.server, getpid(), geteuid(), getegid());
    close_pair(&pair);
}

static int call_as_nobody(void *argument)
{
    long long told[3] = {getpid(), NOBODY, NOBODY};

    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0) {
        return NOT_ROOT;
    }
    net_socket *client = net_connect(argument, soon());

    if (client == NULL || net_send(client, told, sizeof told, soon()) != sizeof told) {
        return 1;
    }
    return net_recv(client, in, sizeof in, soon()) == NET_EOF ? 0 : 2;
}

struct visit {
    char address[ADDRESS_MAX];
    int result;
    pthread_t thread;
};

static void *send_child(void *argument)
{
    struct visit *visit = argument;

    visit->result = in_child(call_as_nobody, visit->address);
    return NULL;
}

static void a_child_is_told_by_its_own_numbers(void **state)
{
    net_socket *listener = assert_socket(net_listen("unix://@"));
    struct visit visit;
    long long told[3];

    (void)state;
    if (geteuid() != 0) {
        net_close(listener, NET_NOW);
        return;
    }
    dial_address(listener, visit.address);
    assert_int_equal(pthread_create(&visit.thread, NULL, send_child, &visit), 0);
    net_socket *server = assert_socket(net_accept(listener, soon()));

    assert_count(net_recv_all(server, told, sizeof told, soon()), sizeof told);
    expect_peer(server, told[0], told[1], told[2]);
    net_close(server, NET_NOW);
    pthread_join(visit.thread, NULL);
    assert_int_equal(visit.result, 0);
    net_close(listener, NET_NOW);
}

/* Let peers pass descriptors, as they always may before Linux 6.16. */
static void let_pass(net_socket *socket)
{
    int passes = 1;

    setsockopt(net_fd(socket), SOL_SOCKET, SO_PASSRIGHTS, &passes, sizeof passes);
}

/* Send bytes together with `count` descriptors. */
static void pass(int to, const char *bytes, int count)
{
    static const int passed[PASSED_MOST] = {0};
    ssize_t size = (ssize_t)strlen(bytes);

    assert_int_equal(pass_descriptors(to, bytes, (size_t)size, passed, count, 0), size);
}

static void descriptors_that_come_along_are_not_kept(void **state)
{
    static const int counts[] = {1, 7, PASSED_MOST};
    net_socket *listener = assert_socket(net_listen("unix://@"));
    int peer = raw_dial(listener);
    net_socket *server = assert_socket(net_accept(listener, soon()));
    int before = open_descriptors();

    (void)state;
    let_pass(server);
    for (size_t i = 0; i < COUNT(counts); i++) {
        pass(peer, "some", counts[i]);
        assert_count(net_recv(server, in, sizeof in, soon()), 4);
        pass(peer, "all of it", counts[i]);
        assert_count(net_recv_all(server, in, 9, soon()), 9);
        pass(peer, "a li", counts[i]);
        assert_code(net_recv_until(server, in, sizeof in, '\n', NET_NOW), NET_TIMEOUT);
        pass(peer, "ne\n", counts[i]);
        assert_count(net_recv_until(server, in, sizeof in, '\n', soon()), 7);
        assert_int_equal(open_descriptors(), before);
    }
    pass(peer, "never read", PASSED_MOST);
    net_close(server, NET_NOW);
    assert_int_equal(open_descriptors(), before - 1);
    close(peer);
    net_close(listener, NET_NOW);
}

static void descriptors_in_datagrams_are_not_kept(void **state)
{
    net_socket *listener = assert_socket(net_listen("unixgram://@"));
    net_message message = {.data = in, .capacity = sizeof in};
    struct sockaddr any = {.sa_family = AF_UNIX};
    int peer = raw_dial(listener);
    int before = open_descriptors();

    (void)state;
    let_pass(listener);
    pass(peer, "unnamed", PASSED_MOST);
    assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
    assert_int_equal(message.size, 7);
    assert_int_equal(bind(peer, &any, sizeof any.sa_family), 0);
    pass(peer, "named", 3);
    net_socket *server = assert_socket(net_accept(listener, soon()));

    assert_count(net_recv(server, in, sizeof in, soon()), 5);
    pass(peer, "more", PASSED_MOST);
    assert_count(net_recv(server, in, sizeof in, soon()), 4);
    pass(peer, "too long", 3);
    assert_code(net_recv(server, in, 1, soon()), NET_TOOBIG);
    assert_int_equal(open_descriptors(), before);
    close(peer);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
}

static void a_dialed_socket_keeps_no_descriptors(void **state)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t length = sizeof name.sun_family;
    int peer = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char address[ADDRESS_MAX];

    (void)state;
    assert_int_equal(bind(peer, (struct sockaddr *)&name, length), 0);
    length = sizeof name;
    assert_int_equal(getsockname(peer, (struct sockaddr *)&name, &length), 0);
    snprintf(address, sizeof address, "unixgram://@%.5s", name.sun_path + 1);
    net_socket *client = assert_socket(net_connect(address, soon()));

    let_pass(client);
    assert_count(net_send(client, "hi", 2, soon()), 2);
    length = sizeof name;
    assert_int_equal(recvfrom(peer, in, sizeof in, 0, (struct sockaddr *)&name, &length), 2);
    assert_int_equal(connect(peer, (struct sockaddr *)&name, length), 0);
    int before = open_descriptors();

    for (int i = 0; i < 4; i++) {
        net_message message = {.data = in, .capacity = sizeof in};

        pass(peer, "more", PASSED_MOST);
        pass(peer, "more", 1);
        assert_count(net_recv(client, in, sizeof in, soon()), 4);
        assert_count(net_recv_messages(client, &message, 1, soon()), 1);
    }
    assert_int_equal(open_descriptors(), before);
    close(peer);
    net_close(client, NET_NOW);
}

static void a_close_with_unread_bytes_resets_after_what_had_arrived(void **state)
{
    struct pair pair;

    (void)state;
    dial_pair("unix://@", &pair);
    assert_count(net_send(pair.server, "arrived", 7, soon()), 7);
    assert_count(net_send(pair.client, "unread", 6, soon()), 6);
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    assert_count(net_recv_all(pair.client, in, 100, soon()), 7);
    assert_code(net_recv(pair.client, in, sizeof in, soon()), NET_RESET);
    assert_code(net_send(pair.client, "x", 1, soon()), NET_RESET);
    close_pair(&pair);
}

int main(void)
{
    static const struct test named[] = {
        TEST(a_name_may_have_any_byte),     TEST(names_differ_in_their_nuls),
        TEST(a_name_has_at_most_107_bytes), TEST(any_name_is_one_that_nobody_has),
        TEST(what_is_no_name_is_refused),   TEST(a_name_resolves_to_itself),
    };
    static const struct test once[] = {
        TEST(a_caller_without_a_name_has_none),
        TEST(a_sender_without_a_name_is_heard_and_not_answered),
        TEST(each_side_knows_whose_the_other_is),
        TEST(a_child_is_told_by_its_own_numbers),
        TEST(descriptors_that_come_along_are_not_kept),
        TEST(descriptors_in_datagrams_are_not_kept),
        TEST(a_dialed_socket_keeps_no_descriptors),
        TEST(a_close_with_unread_bytes_resets_after_what_had_arrived),
    };

    return run_over(schemes, named) + run_once(once);
}

/* valgrind: skip, it takes a path of 108 bytes for one that a NUL ends */
/* Datagrams between names. A dialed socket has a name, so it gets answers. A sender without a name
 * is only received from. Names come and go. */
#include "raw_unix.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const templates[] = {"unixgram://@", "unixgram://{path}", NULL};

static char in[4096];

static void get(net_socket *socket, const char *name, char text[ADDRESS_MAX])
{
    assert_ok(net_get(socket, name, text, ADDRESS_MAX));
}

static void expect(net_socket *to, const char *words)
{
    assert_count(net_recv(to, in, sizeof in, soon()), (long long)strlen(words));
    assert_memory_equal(in, words, strlen(words));
}

static void expect_conversation(net_socket *one, net_socket *other)
{
    say(one, "ping");
    expect(other, "ping");
    say(other, "pong!");
    expect(one, "pong!");
}

/* A program without the library sends a datagram and is accepted. */
static net_socket *accept_foreign(net_socket *listener, int fd)
{
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    assert_int_equal(raw_unix_send(fd, address, "hi", 2), 2);
    net_socket *server = assert_socket(net_accept(listener, soon()));

    expect(server, "hi");
    return server;
}

/* ---- Names of dialed sockets ---- */

static void a_dialed_socket_has_a_name_of_its_own(void **state)
{
    enum { MANY = 8 };
    net_socket *client[MANY];
    char name[MANY][ADDRESS_MAX];
    char text[ADDRESS_MAX];
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    dial_address(listener, text);
    for (int i = 0; i < MANY; i++) {
        client[i] = assert_socket(net_connect(text, i % 2 == 0 ? soon() : NET_NOW));
        get(client[i], "local", name[i]);
        assert_memory_equal(name[i], "unixgram://@", strlen("unixgram://@"));
        assert_true(strlen(name[i]) > strlen("unixgram://@"));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(name[i], name[j]);
        }
    }
    for (int i = 0; i < MANY; i++) {
        say(client[i], "hi");
        net_socket *server = assert_socket(net_accept(listener, soon()));

        get(server, "peer", text);
        assert_string_equal(text, name[i]);
        expect(server, "hi");
        say(server, "answer");
        expect(client[i], "answer");
        net_close(server, NET_NOW);
        net_close(client[i], NET_NOW);
    }
    net_close(listener, NET_NOW);
}

/* Also while the peer is gone: the system would then deliver datagrams of any sender. */
static void a_dialed_socket_hears_its_peer_alone(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];
    char name[ADDRESS_MAX];
    int stranger = raw_unix_open("unixgram://@");

    dial_pair(template_of(state), &pair);
    dial_address(pair.listener, address);
    get(pair.client, "local", name);
    assert_int_equal(raw_unix_send(stranger, name, "evil", 4), -1);
    assert_int_equal(errno, EPERM);
    net_close(pair.server, NET_NOW);
    net_close(pair.listener, NET_NOW);
    assert_int_equal(raw_unix_send(stranger, name, "evil", 4), -1);
    for (int i = 0; i < 3; i++) {
        assert_code(net_send(pair.client, "a", 1, soon()), NET_REFUSED);
        raw_unix_send(stranger, name, "evil",
                      4); /* refused by the system, or dropped by the library */
        assert_code(net_recv(pair.client, in, sizeof in, NET_NOW), NET_TIMEOUT);
    }
    pair.listener = assert_socket(net_listen(address));
    say(pair.client, "again");
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    expect(pair.server, "again");
    expect_conversation(pair.server, pair.client);
    assert_int_equal(raw_unix_send(stranger, name, "evil", 4), -1);
    close(stranger);
    close_pair(&pair);
}

/* ---- Names that disappear ---- */

/* A program that restarts under a name gets the clients of the program before. */
static void a_name_has_another_owner_unnoticed(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];

    dial_pair(template_of(state), &pair);
    dial_address(pair.listener, address);
    for (int i = 0; i < 3; i++) {
        net_message message = {.data = in, .size = 4};

        net_close(pair.server, NET_NOW);
        net_close(pair.listener, NET_NOW);
        pair.listener = assert_socket(net_listen(address));
        memcpy(in, "more", 4);
        if (i % 2 == 0) {
            say(pair.client, "more");
        } else {
            assert_count(net_send_messages(pair.client, &message, 1, soon()), 1);
        }
        pair.server = assert_socket(net_accept(pair.listener, soon()));
        expect(pair.server, "more");
        expect_conversation(pair.client, pair.server);
    }
    close_pair(&pair);
}

/* A dialed socket is connected to the other socket, not to its file. */
static void a_file_that_is_gone_does_not_disturb_a_dialed_socket(void **state)
{
    struct pair pair;
    char text[ADDRESS_MAX];

    dial_pair(template_of(state), &pair);
    get(pair.listener, "local", text);
    assert_int_equal(unlink(strchr(text, '/') + 2), 0);
    expect_conversation(pair.client, pair.server);
    assert_no_socket(net_connect(text, soon()), NET_REFUSED);
    close_pair(&pair);
}

static void a_peer_whose_file_is_gone_cannot_be_answered(void **state)
{
    net_socket *listener = assert_socket(net_listen("unixgram://@"));
    const char *name = template_of(state);
    const char *path = strstr(name, "//") + 2;
    int before = raw_unix_open(name);
    net_socket *server = accept_foreign(listener, before);
    int other = raw_unix_open("unixgram://@");
    net_socket *neighbour = accept_foreign(listener, other);
    net_message message = {.data = in, .capacity = sizeof in};
    char text[ADDRESS_MAX];

    get(server, "peer", text);
    assert_string_equal(text, name);
    say(server, "answer");
    raw_unix_expect(before, "answer");
    dial_address(listener, text);
    assert_int_equal(raw_unix_send(before, text, "last", 4), 4);
    assert_int_equal(unlink(path), 0);
    expect(server, "last");
    assert_code(net_send(server, "x", 1, soon()), NET_REFUSED);
    assert_code(net_send_messages(server, &(net_message){.data = in, .size = 1}, 1, soon()),
                NET_REFUSED);
    say(neighbour, "as before");
    raw_unix_expect(other, "as before");
    int after = raw_unix_open(name);

    say(server, "to the next");
    raw_unix_expect(after, "to the next");
    close(before);
    close(after);
    assert_code(net_send(server, "x", 1, soon()), NET_REFUSED);
    assert_code(net_recv_messages(listener, &message, 1, NET_NOW), NET_TIMEOUT);
    unlink(path);
    close(other);
    net_close(server, NET_NOW);
    net_close(neighbour, NET_NOW);
    net_close(listener, NET_NOW);
}

static void peers_outlive_the_file_of_their_listener(void **state)
{
    const char *address = template_of(state);
    struct pair old;
    struct pair new;

    dial_pair(address, &old);
    net_close(old.listener, NET_NOW);
    old.listener = NULL;
    assert_int_equal(access(strstr(address, "//") + 2, F_OK), -1);
    assert_no_socket(net_connect(address, soon()), NET_REFUSED);
    expect_conversation(old.client, old.server);
    dial_pair(address, &new);
    expect_conversation(new.client, new.server);
    expect_conversation(old.client, old.server);
    close_pair(&old);
    assert_int_equal(access(strstr(address, "//") + 2, F_OK), 0);
    expect_conversation(new.client, new.server);
    close_pair(&new);
}

/* ---- Names of other programs ---- */

/* The longest possible names, with bytes that a text cannot have. */
static void a_peer_may_have_any_name(void **state)
{
    static const struct {
        char bytes[sizeof((struct sockaddr_un *)0)->sun_path];
        size_t size;
    } names[] = {{"\0a", 2}, {"\0a\0", 3}, {"\0\0", 2}, {"\0a\0b\0\0\xff", 7}, {{0}, 108}};
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    net_socket *server[COUNT(names)];
    int fd[COUNT(names)];

    for (size_t i = 0; i < COUNT(names); i++) {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        char text[4 * ADDRESS_MAX];

        memcpy(name.sun_path, names[i].bytes, names[i].size);
        fd[i] = raw_unix_open(NULL);
        assert_int_equal(bind(fd[i], (struct sockaddr *)&name,
                              (socklen_t)(sizeof name.sun_family + names[i].size)),
                         0);
        server[i] = accept_foreign(listener, fd[i]);
        assert_ok(net_get(server[i], "peer", text, sizeof text));
        net_endpoint endpoint;
        char again[4 * ADDRESS_MAX];

        assert_count(net_resolve(text, &endpoint, 1, soon()), 1);
        assert_ok(net_endpoint_text(&endpoint, again, sizeof again));
        assert_string_equal(again, strstr(text, "//") + 2);
    }
    for (size_t i = 0; i < COUNT(names); i++) {
        say(server[i], "you");
        raw_unix_expect(fd[i], "you");
        net_close(server[i], NET_NOW);
        close(fd[i]);
    }
    net_close(listener, NET_NOW);
}

/* Linux accepts a path without a NUL that is one byte longer than on other systems. A path that is
 * not absolute depends on the peer's directory, which may not be ours. */
static void a_peer_may_have_a_path_that_is_none_of_ours(void **state)
{
    const char *address = template_of(state);
    net_socket *listener = assert_socket(net_listen("unixgram://@"));
    char path[sizeof((struct sockaddr_un *)0)->sun_path + 1];
    char text[ADDRESS_MAX];

    snprintf(path, sizeof path, "%s", strstr(address, "//") + 2);
    for (size_t i = strlen(path); i < sizeof path - 1; i++) {
        path[i] = 'x';
    }
    path[sizeof path - 1] = '\0';
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = raw_unix_open(NULL);

    memcpy(name.sun_path, path, sizeof name.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    net_socket *server = accept_foreign(listener, fd);

    get(server, "peer", text);
    assert_string_equal(strstr(text, "//") + 2, path);
    say(server, "you");
    raw_unix_expect(fd, "you");
    assert_int_equal(unlink(path), 0);
    close(fd);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
}

/* ---- Senders without a name ---- */

/* All senders without a name are the same peer. */
static void a_peer_without_a_name_is_accepted_and_not_answered(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int nameless[2] = {raw_unix_open(NULL), raw_unix_open(NULL)};
    net_socket *server = accept_foreign(listener, nameless[0]);
    net_message message = {.data = in, .capacity = sizeof in};
    int named = raw_unix_open("unixgram://@");
    net_socket *neighbour = accept_foreign(listener, named);
    char text[ADDRESS_MAX];

    get(server, "peer", text);
    assert_string_equal(text, "unixgram://");
    dial_address(listener, text);
    assert_int_equal(raw_unix_send(nameless[1], text, "other", 5), 5);
    assert_count(net_recv_messages(server, &message, 1, soon()), 1);
    assert_int_equal(message.size, 5);
    assert_count(net_endpoint_text(&message.endpoint, text, sizeof text), 0);
    assert_code(net_send(server, "x", 1, soon()), NET_UNREACHABLE);
    assert_says("no name");
    assert_code(net_send_messages(server, &message, 1, soon()), NET_UNREACHABLE);
    message.endpoint = (net_endpoint){0};
    assert_code(net_send_messages(server, &message, 1, soon()), NET_UNREACHABLE);
    say(neighbour, "you");
    raw_unix_expect(named, "you");
    for (int i = 0; i < 2; i++) {
        close(nameless[i]);
    }
    close(named);
    net_close(neighbour, NET_NOW);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
}

/* In a batch of answers, one that cannot be sent stops the batch, as any failure does. */
static void a_batch_stops_at_a_peer_without_a_name(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int fd[2] = {raw_unix_open("unixgram://@"), raw_unix_open(NULL)};
    net_message messages[2];
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    for (int i = 0; i < 2; i++) {
        messages[i] = (net_message){.data = in + i, .capacity = 1};
        assert_int_equal(raw_unix_send(fd[i], address, "q", 1), 1);
        assert_count(net_recv_messages(listener, &messages[i], 1, soon()), 1);
    }
    assert_memory_not_equal(messages[0].endpoint.remote, messages[1].endpoint.remote,
                            sizeof messages[0].endpoint.remote);
    assert_count(net_send_messages(listener, messages, 2, soon()), 1);
    raw_unix_expect(fd[0], "q");
    assert_code(net_send_messages(listener, messages + 1, 1, soon()), NET_UNREACHABLE);
    assert_says("no name");
    for (int i = 0; i < 2; i++) {
        close(fd[i]);
    }
    net_close(listener, NET_NOW);
}

/* ---- admit ---- */

static void a_path_can_be_admitted(void **state)
{
    const char *name = template_of(state);
    net_socket *listener = assert_socket(net_listen("unixgram://@"));
    int fd = raw_unix_open(name);
    int before = raw_unix_open("unixgram://@");
    char address[ADDRESS_MAX];
    char text[ADDRESS_MAX];

    dial_address(listener, address);
    assert_int_equal(raw_unix_send(before, address, "me", 2), 2);
    assert_int_equal(raw_unix_send(fd, address, "hi", 2), 2);
    assert_ok(net_set(listener, "admit", strstr(name, "//") + 2));
    net_socket *server = assert_socket(net_accept(listener, soon()));

    get(server, "peer", text);
    assert_string_equal(text, name);
    net_close(server, NET_NOW);
    unlink(strstr(name, "//") + 2);
    close(before);
    close(fd);
    net_close(listener, NET_NOW);
}

static void what_is_no_peer_is_not_admitted(void **state)
{
    static const char *const wrong[] = {"",     "@",   "name",     "./path", "/a%00b",
                                        "/a%2", "/a%", "%2Fa",     "@%zz",   "off",
                                        "*",    " @a", "[::1]:80", "*:0",    "127.0.0.1:80"};
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    net_socket *udp = assert_socket(net_listen("udp://127.0.0.1:0"));
    char name[128];

    for (size_t i = 0; i < COUNT(wrong); i++) {
        if (net_set(listener, "admit", wrong[i]) != NET_ADDRESS) {
            fail_msg("admit '%s': %s", wrong[i], net_error_text());
        }
    }
    snprintf(name, sizeof name, "@%0*d", 108, 7);
    assert_code(net_set(listener, "admit", name), NET_ADDRESS);
    assert_ok(net_set(listener, "admit", "@%00"));
    net_close(assert_socket(net_accept(listener, soon())), NET_NOW);
    name[108] = '\0';
    assert_ok(net_set(listener, "admit", name));
    net_close(assert_socket(net_accept(listener, soon())), NET_NOW);
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    assert_code(net_set(udp, "admit", "@name"), NET_ADDRESS);
    assert_code(net_set(udp, "admit", "/path"), NET_ADDRESS);
    net_close(udp, NET_NOW);
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_dialed_socket_has_a_name_of_its_own),
        TEST(a_dialed_socket_hears_its_peer_alone),
        TEST(a_name_has_another_owner_unnoticed),
        TEST(a_peer_may_have_any_name),
        TEST(a_peer_without_a_name_is_accepted_and_not_answered),
        TEST(a_batch_stops_at_a_peer_without_a_name),
        TEST(what_is_no_peer_is_not_admitted),
    };
    static const struct test of_files[] = {
        TEST(a_file_that_is_gone_does_not_disturb_a_dialed_socket),
        TEST(a_peer_whose_file_is_gone_cannot_be_answered),
        TEST(peers_outlive_the_file_of_their_listener),
        TEST(a_peer_may_have_a_path_that_is_none_of_ours),
        TEST(a_path_can_be_admitted),
    };

    return run_over(templates, any) + run_over(templates + 1, of_files);
}

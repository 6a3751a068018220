/* A peer passed a descriptor that nobody asked for, of a TCP connection whose close lingers.
 * The last reference to it was dropped in our call, which then took as long as the linger time. */
#include "passed.h"
#include "watching.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LINGER = 1, /* s */
    DEADLINE = 100,
    OVERSHOOT = 50 /* ms */
};

/* ---- A descriptor that is slow to close ---- */

struct lingerer {
    int listener;
    int fd;
};

static void open_lingerer(struct lingerer *lingerer)
{
    lingerer->listener = -1;
    lingerer->fd = open_lingering(&lingerer->listener, LINGER);
}

/* Our own copies: that of the peer decides how long a close takes. */
static void close_lingerer(const struct lingerer *lingerer)
{
    close(lingerer->listener);
    if (lingerer->fd >= 0) {
        raw_reset(lingerer->fd);
    }
}

/* Pass the descriptor and a byte, and close it here. If the system refuses, the byte goes alone. */
static void pass(int fd, struct lingerer *lingerer)
{
    if (pass_descriptors(fd, "x", 1, &lingerer->fd, 1, 0) == 1) {
        close(lingerer->fd);
        lingerer->fd = -1;
    } else {
        assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
    }
}

/* ---- Calls beside it ---- */

static bool can_be_refused(void)
{
    bool can = can_refuse_passed();

    if (!can) {
        print_message("this system has no SO_PASSRIGHTS (Linux 6.16): it can't refuse passed "
                      "descriptors\n");
    }
    return can;
}

static void expect_on_time(double since, const char *call)
{
    double late = elapsed_ms(since) - DEADLINE;

    print_message("%s: %.1f ms beyond its deadline\n", call, late > 0 ? late : 0);
    in_time(late < OVERSHOOT * slowness());
}

static int raw_call(net_socket *listener, const char *address)
{
    char target[ADDRESS_MAX];
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, (is_stream(address) ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);

    assert_ok(net_get(listener, "local", target, sizeof target));
    const char *abstract = strchr(target, '@') + 1;

    /* bound, so that a datagram socket can be accepted as a peer */
    assert_int_equal(bind(fd, (struct sockaddr *)&name, offsetof(struct sockaddr_un, sun_path)), 0);
    memcpy(name.sun_path + 1, abstract, strlen(abstract));
    assert_int_equal(
        connect(fd, (struct sockaddr *)&name,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract))),
        0);
    return fd;
}

static void an_accept_a_receive_and_a_close_are_on_time(void **state)
{
    struct lingerer lingerer[3];
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    net_event event;
    char byte;

    if (!can_be_refused()) {
        net_close(listener, NET_NOW);
        net_poller_close(poller);
        skip();
    }
    int fd = raw_call(listener, template_of(state));

    for (size_t i = 0; i < COUNT(lingerer); i++) {
        open_lingerer(&lingerer[i]);
    }
    pass(fd, &lingerer[0]);
    double since = now_ms();
    net_socket *server = assert_socket(net_accept(listener, net_after(DEADLINE)));

    expect_on_time(since, "accept");
    since = now_ms();
    assert_count(net_recv(server, &byte, 1, net_after(DEADLINE)), 1);
    assert_code(net_recv(server, &byte, 1, net_after(DEADLINE / 2)), NET_TIMEOUT);
    expect_on_time(since, "recv");

    pass(fd, &lingerer[1]);
    watch(poller, server, NET_READABLE);
    since = now_ms();
    assert_count(net_poller_wait(poller, &event, 1, net_after(DEADLINE)), 1);
    assert_count(net_recv(server, &byte, 1, NET_NOW), 1);
    expect_on_time(since, "poller_wait and recv");

    pass(fd, &lingerer[2]);
    since = now_ms() - DEADLINE; /* NET_NOW */
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
    expect_on_time(since, "close");
    close(fd);
    for (size_t i = 0; i < COUNT(lingerer); i++) {
        close_lingerer(&lingerer[i]);
    }
    net_poller_close(poller);
}

/* A released descriptor takes passed ones again, as a new socket does. */
static void a_released_one_takes_them_again(void **state)
{
    struct pair pair;
    int takes = 0;
    socklen_t size = sizeof takes;

    if (!can_be_refused()) {
        skip();
    }
    dial_pair(template_of(state), &pair);
    assert_int_equal(getsockopt(net_fd(pair.client), SOL_SOCKET, SO_PASSRIGHTS, &takes, &size), 0);
    assert_int_equal(takes, 0);
    int fd = (int)assert_ok(net_release(pair.client));

    pair.client = NULL;
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &takes, &size), 0);
    assert_int_equal(takes, 1);
    close(fd);
    close_pair(&pair);
}

/* An adopted one refuses them while it is a socket of the library's; released, it is as it came. */
static void an_adopted_one_refuses_them(void **state)
{
    int ends[2];

    (void)state;
    if (!can_be_refused()) {
        skip();
    }
    for (int takes = 0; takes < 2; takes++) {
        char address[ADDRESS_MAX];
        int now = -1;
        socklen_t size = sizeof now;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_PASSRIGHTS, &takes, sizeof takes), 0);
        snprintf(address, sizeof address, "fd://%d", ends[0]);
        net_socket *socket = assert_socket(net_connect(address, NET_NOW));

        assert_int_equal(getsockopt(ends[0], SOL_SOCKET, SO_PASSRIGHTS, &now, &size), 0);
        assert_int_equal(now, 0);
        assert_int_equal(net_release(socket), ends[0]);
        assert_int_equal(getsockopt(ends[0], SOL_SOCKET, SO_PASSRIGHTS, &now, &size), 0);
        assert_int_equal(now, takes);
        close(ends[0]);
        close(ends[1]);
    }
}

int main(void)
{
    static const char *const templates[] = {"unix://@", "unixgram://@", NULL};
    static const struct test tests[] = {
        TEST(an_accept_a_receive_and_a_close_are_on_time),
        TEST(a_released_one_takes_them_again),
    };
    static const struct test once[] = {TEST(an_adopted_one_refuses_them)};

    return run_over(templates, tests) + run_once(once);
}

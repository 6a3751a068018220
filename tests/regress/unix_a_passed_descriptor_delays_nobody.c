/* A peer passed a descriptor that nobody asked for, of a TCP connection whose close lingers.
 * The last reference to it was dropped in our call, which then took as long as the linger time. */
#include "watching.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

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
    static const char much[64 * 1024];
    const struct linger linger = {.l_onoff = 1, .l_linger = LINGER};
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;

    lingerer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    lingerer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(lingerer->listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(lingerer->listener, 1), 0);
    assert_int_equal(getsockname(lingerer->listener, (struct sockaddr *)&name, &size), 0);
    assert_int_equal(connect(lingerer->fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(setsockopt(lingerer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    while (send(lingerer->fd, much, sizeof much, MSG_DONTWAIT) > 0) {
    }
}

/* Our own copies: that of the peer decides how long a close takes. */
static void close_lingerer(const struct lingerer *lingerer)
{
    close(lingerer->listener);
    if (lingerer->fd >= 0) {
        const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

        setsockopt(lingerer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(lingerer->fd);
    }
}

/* Pass the descriptor and a byte, and close it here. If the system refuses, the byte goes alone.
 * Whether it was passed. */
static bool pass(int fd, struct lingerer *lingerer)
{
    char byte = 'x';
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    *header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), &lingerer->fd, sizeof(int));
    if (sendmsg(fd, &message, MSG_NOSIGNAL) == 1) {
        close(lingerer->fd);
        lingerer->fd = -1;
        return true;
    }
    assert_int_equal(send(fd, &byte, 1, MSG_NOSIGNAL), 1);
    return false;
}

/* ---- Calls beside it ---- */

static bool can_be_refused(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int none = 0;
    bool can = setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &none, sizeof none) == 0;

    close(fd);
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

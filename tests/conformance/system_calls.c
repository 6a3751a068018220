/* wrap: send recv sendmsg recvmsg recvmmsg poll ppoll __ppoll_chk setsockopt fcntl malloc calloc */
/* driven: skip, it counts the system calls of calls that block */
/* A blocking call on a connection costs one system call and no memory. */
#include "support.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static __thread bool counting;
static __thread int sends;
static __thread int receives;
static __thread int others;
static __thread int allocations;
static __thread size_t largest; /* size that a receive asked for */

static void count(int *counter)
{
    *counter += counting ? 1 : 0;
}

ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
    count(&sends);
    return __real_send(fd, data, size, flags);
}

ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags)
{
    count(&receives);
    largest = size > largest ? size : largest;
    return __real_recv(fd, data, size, flags);
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    count(&sends);
    return __real_sendmsg(fd, message, flags);
}

ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
    count(&receives);
    return __real_recvmsg(fd, message, flags);
}

int __real_recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags,
                    struct timespec *timeout)
{
    count(&receives);
    return __real_recvmmsg(fd, messages, n, flags, timeout);
}

int __real_poll(struct pollfd *set, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *set, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *set, nfds_t n, int timeout)
{
    count(&others);
    return __real_poll(set, n, timeout);
}

int __real_ppoll(struct pollfd *set, nfds_t n, const struct timespec *timeout,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *set, nfds_t n, const struct timespec *timeout,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *set, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
    count(&others);
    return __real_ppoll(set, n, timeout, mask);
}

int __real___ppoll_chk(struct pollfd *set, nfds_t n, const struct timespec *timeout,
                       const sigset_t *mask, size_t size);
int __wrap___ppoll_chk(struct pollfd *set, nfds_t n, const struct timespec *timeout,
                       const sigset_t *mask, size_t size);
int __wrap___ppoll_chk(struct pollfd *set, nfds_t n, const struct timespec *timeout,
                       const sigset_t *mask, size_t size)
{
    (void)size;
    count(&others);
    return __real_ppoll(set, n, timeout, mask);
}

int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    count(&others);
    return __real_setsockopt(fd, level, option, value, size);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, long argument);
int __wrap_fcntl(int fd, int command, long argument)
{
    count(&others);
    return __real_fcntl(fd, command, argument);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    count(&allocations);
    return __real_malloc(size);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    count(&allocations);
    return __real_calloc(n, size);
}

/* ---- The peer, whose calls are not counted ---- */

struct echo {
    net_socket *socket;
    pthread_t thread;
};

/* The peer answers late, so that the receiver has to block. */
static void *answer_slowly(void *argument)
{
    struct echo *echo = argument;
    char buffer[64];
    ssize_t n = net_recv(echo->socket, buffer, sizeof buffer, soon());

    while (n > 0) {
        nap(1);
        net_send(echo->socket, buffer, (size_t)n, soon());
        n = net_recv(echo->socket, buffer, sizeof buffer, soon());
    }
    return NULL;
}

/* Counts the calls on a connection. A dialed datagram socket now and then takes memory for a
 * moment, to look whether more than one datagram waits. It does so less and less often. */
static void expect_costs(net_socket *socket, int rounds, net_deadline (*deadline)(void), int most)
{
    char buffer[64];

    assert_count(net_send(socket, "first", 5, deadline()), 5);
    assert_count(net_recv(socket, buffer, sizeof buffer, deadline()), 5);
    sends = receives = others = allocations = 0;
    counting = true;
    for (int i = 0; i < rounds; i++) {
        ssize_t sent = net_send(socket, "ping", 4, deadline());
        ssize_t got = net_recv(socket, buffer, sizeof buffer, deadline());

        if (sent != 4 || got != 4) {
            break;
        }
    }
    counting = false;
    assert_in_range(allocations, 0, most);
    in_time(sends == rounds && receives == rounds); /* a stop of the process ends a call, too */
    in_time(others == 0);                           /* less time left is another timeout */
}

static net_deadline in_five_seconds(void)
{
    return net_after(5000);
}

static net_deadline in_a_minute(void)
{
    return net_after(60000);
}

static net_deadline never(void)
{
    return NET_FOREVER;
}

/* An occasional shorter deadline costs an adjustment. The longer ones after it cost nothing. */
static void a_blocking_call_is_one_system_call(void **state)
{
    struct pair pair;
    struct echo echo;
    int looks = is_stream(template_of(state)) ? 0 : 5; /* after 1, 3, 7, ... receives */

    dial_pair(template_of(state), &pair);
    echo.socket = pair.server;
    assert_int_equal(pthread_create(&echo.thread, NULL, answer_slowly, &echo), 0);
    expect_costs(pair.client, 30, in_five_seconds, looks);
    expect_costs(pair.client, 30, never, looks);
    expect_costs(pair.client, 30, in_a_minute, looks);
    expect_costs(pair.client, 30, in_five_seconds, looks);
    net_cancel(pair.client);
    net_cancel(pair.server);
    pthread_join(echo.thread, NULL);
    close_pair(&pair);
}

static void a_call_that_finds_nothing_allocates_nothing(void **state)
{
    struct pair pair;
    char buffer[8];

    dial_pair(template_of(state), &pair);
    sends = receives = others = allocations = 0;
    counting = true;
    for (int i = 0; i < 20; i++) {
        assert_code(net_recv(pair.client, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT);
        assert_code(net_recv(pair.server, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT);
    }
    counting = false;
    assert_int_equal(receives, 40);
    assert_int_equal(others, 0);
    assert_int_equal(allocations, 0);
    close_pair(&pair);
}

/* Two receives: one looks for the delimiter through a window that is small whatever the size of
 * the buffer, the other takes the line. */
static void a_short_line_is_two_system_calls(void **state)
{
    enum { LINES = 1000, LINE = 11, ROOM = 1 << 20, WINDOW = 1024 };
    static char text[LINES * LINE];
    static char line[ROOM];
    struct pair pair;

    for (size_t at = 0; at < sizeof text; at += LINE) {
        memcpy(text + at, "0123456789\n", LINE);
    }
    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.client, text, LINE, soon()), LINE);
    assert_count(net_recv_until(pair.server, line, LINE, '\n', in_five_seconds()), LINE);
    for (size_t room = LINE; room <= ROOM; room = room == LINE ? 64 : room * ROOM / 64) {
        assert_count(net_send(pair.client, text, sizeof text, soon()), sizeof text);
        await_bytes(pair.server, sizeof text); /* nothing is kept of a line that came whole */
        sends = receives = others = allocations = 0;
        largest = 0;
        counting = true;
        for (int i = 0; i < LINES; i++) {
            net_deadline deadline = i % 2 == 0 ? NET_FOREVER : in_five_seconds();

            if (net_recv_until(pair.server, line, room, '\n', deadline) != LINE) {
                break;
            }
        }
        counting = false;
        assert_code(net_recv(pair.server, line, 1, NET_NOW), NET_TIMEOUT);
        assert_int_equal(allocations, 0);
        assert_in_range(largest, 1, WINDOW);
        in_time(receives == 2 * LINES); /* a stop of the process ends a call, too */
        in_time(others == 0);           /* less time left is another timeout */
    }
    close_pair(&pair);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_blocking_call_is_one_system_call),
        TEST(a_call_that_finds_nothing_allocates_nothing),
    };

    static const struct test streams[] = {
        TEST(a_short_line_is_two_system_calls),
    };

    return run_over(kernel_templates, any) + run_over(kernel_streams, streams);
}

/* wrap: send recv sendmsg */
/* The system moves one byte where more was asked for, or is interrupted, at every n-th call.
 * Nothing is lost and nothing is doubled. */
#include "support.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static int every; /* cut each n-th call; 0: none */
static int calls;
static bool interrupts;

/* 0: as asked; 1: one byte; -1: an interrupt */
static int what_now(void)
{
    bool cut = every > 0 && ++calls % every == 0;

    return !cut ? 0 : interrupts ? -1 : 1;
}

ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
    int now = what_now();

    if (now < 0) {
        errno = EINTR;
        return -1;
    }
    return __real_send(fd, data, now > 0 && size > 0 ? 1 : size, flags);
}

ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags)
{
    int now = what_now();

    if (now < 0) {
        errno = EINTR;
        return -1;
    }
    return __real_recv(fd, data, now > 0 && size > 0 && (flags & MSG_PEEK) == 0 ? 1 : size, flags);
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct msghdr cut = *message;
    struct iovec byte = {0};
    int now = what_now();

    if (now < 0) {
        errno = EINTR;
        return -1;
    }
    if (now > 0 && message->msg_iovlen > 0) {
        byte = message->msg_iov[0];
        byte.iov_len = byte.iov_len > 0 ? 1 : 0;
        cut.msg_iov = &byte;
        cut.msg_iovlen = 1;
    }
    return __real_sendmsg(fd, &cut, flags);
}

enum { MOST = 20000, FEWEST = 200 };

/* As much as the wire holds when it is sent byte by byte and no call reads. */
static void send_and_compare(struct pair *pair, const char *template)
{
    static char text[MOST];
    static char got[MOST];
    const size_t size = is_ip(template) ? MOST : FEWEST;
    net_slice slices[] = {
        {text, 1}, {NULL, 0}, {text + 1, 2}, {text + 3, size / 4}, {text + 3 + size / 4, 0}};
    size_t at = 0;

    slices[4].size = size - 3 - size / 4;
    write_pattern(text, size, 0);
    assert_count(net_send(pair->client, text, size, soon()), (long long)size);
    memset(got, 0, size);
    assert_count(net_recv_all(pair->server, got, size, soon()), (long long)size);
    assert_memory_equal(got, text, size);
    assert_count(net_send_vector(pair->client, slices, COUNT(slices), soon()), (long long)size);
    memset(got, 0, size);
    while (at < size) {
        at += (size_t)assert_ok(net_recv(pair->server, got + at, size - at, soon()));
    }
    assert_memory_equal(got, text, size);
}

/* A line is taken by a receive of known length. If that receive were cut short, so would be the
 * line. */
static void send_lines(struct pair *pair)
{
    char buffer[64];

    assert_count(net_send(pair->client, "one\ntwo\n", 8, soon()), 8);
    assert_count(net_recv_until(pair->server, buffer, sizeof buffer, '\n', soon()), 4);
    assert_memory_equal(buffer, "one\n", 4);
    assert_count(net_recv_until(pair->server, buffer, sizeof buffer, '\n', soon()), 4);
    assert_memory_equal(buffer, "two\n", 4);
}

static void short_counts_lose_nothing(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    interrupts = false;
    for (every = 30; every > 0; every--) {
        calls = 0;
        send_and_compare(&pair, template_of(state));
    }
    close_pair(&pair);
}

/* If every second call is interrupted and none waits, a line is peeked at and never taken. But
 * only this test interrupts calls that do not wait. */
static void interrupted_calls_lose_nothing(void **state)
{
    const int last = is_driven() ? 3 : 2;
    struct pair pair;

    dial_pair(template_of(state), &pair);
    interrupts = true;
    for (every = 30; every >= last; every--) {
        calls = 0;
        send_and_compare(&pair, template_of(state));
        send_lines(&pair);
    }
    every = 0;
    interrupts = false;
    close_pair(&pair);
}

int main(void)
{
    static const struct test streams[] = {
        TEST(short_counts_lose_nothing),
        TEST(interrupted_calls_lose_nothing),
    };

    return run_over(kernel_streams, streams);
}

/* For a test of what a call costs: it counts the system calls of this thread, by kinds. The first
 * lines of the test name what the linker replaces; COUNTED_CALL replaces one more. */
#ifndef COUNTED_CALLS_H
#define COUNTED_CALLS_H

#include "support.h"

#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

enum counted { SEND, RECEIVE, WAIT, OTHER, ALLOCATE, COUNTED_KINDS };

static __thread bool counting;
static __thread int counts[COUNTED_KINDS];

static inline void count_call(enum counted kind)
{
    counts[kind] += counting ? 1 : 0;
}

static inline void start_counting(void)
{
    memset(counts, 0, sizeof counts);
    counting = true;
}

#define COUNTED_CALL(kind, result, name, parameters, arguments)                                    \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters                                                                \
    {                                                                                              \
        count_call(kind);                                                                          \
        return __real_##name arguments;                                                            \
    }

COUNTED_CALL(SEND, ssize_t, send, (int fd, const void *data, size_t size, int flags),
             (fd, data, size, flags))
COUNTED_CALL(SEND, ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
             (fd, message, flags))
COUNTED_CALL(RECEIVE, ssize_t, recv, (int fd, void *data, size_t size, int flags),
             (fd, data, size, flags))
COUNTED_CALL(RECEIVE, ssize_t, recvmsg, (int fd, struct msghdr *message, int flags),
             (fd, message, flags))
COUNTED_CALL(WAIT, int, poll, (struct pollfd * set, nfds_t n, int timeout), (set, n, timeout))
COUNTED_CALL(WAIT, int, ppoll,
             (struct pollfd * set, nfds_t n, const struct timespec *timeout, const sigset_t *mask),
             (set, n, timeout, mask))
COUNTED_CALL(WAIT, int, __ppoll_chk,
             (struct pollfd * set, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
              size_t size),
             (set, n, timeout, mask, size))
COUNTED_CALL(OTHER, int, setsockopt,
             (int fd, int level, int option, const void *value, socklen_t size),
             (fd, level, option, value, size))

/* The body of a thread: a peer that answers late, so that the receiver has to block. Its calls are
 * not counted. */
static inline void *answer_slowly(void *argument)
{
    net_socket *socket = argument;
    char buffer[64];
    ssize_t n = net_recv(socket, buffer, sizeof buffer, soon());

    while (n > 0) {
        nap(1);
        net_send(socket, buffer, (size_t)n, soon());
        n = net_recv(socket, buffer, sizeof buffer, soon());
    }
    return NULL;
}

static inline bool there_and_back(net_socket *socket, net_deadline deadline)
{
    char buffer[64] = {0};

    return net_send(socket, buffer, sizeof buffer, deadline) == sizeof buffer &&
           net_recv(socket, buffer, sizeof buffer, deadline) == sizeof buffer;
}

/* A send is one system call and a receive that blocks another, whatever the deadline: of the
 * pair's client, while its server answers late. A round allocates at most so many times. Cancels
 * both. */
static inline void expect_one_system_call_each(const struct pair *pair, int allocations)
{
    enum { ROUNDS = 30 };
    static const int deadlines[] = {5000, 60000, 5000};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, answer_slowly, pair->server), 0);
    for (size_t i = 0; i < COUNT(deadlines); i++) {
        int rounds = there_and_back(pair->client, net_after(deadlines[i])) ? 0 : ROUNDS;

        start_counting();
        while (rounds < ROUNDS && there_and_back(pair->client, net_after(deadlines[i]))) {
            rounds++;
        }
        counting = false;
        assert_int_equal(rounds, ROUNDS);
        assert_in_range(counts[ALLOCATE], 0, allocations * ROUNDS);
        in_time(counts[SEND] == ROUNDS && counts[RECEIVE] == ROUNDS); /* a stop ends a call, too */
        in_time(counts[WAIT] == 0 && counts[OTHER] == 0); /* less time left is another timeout */
    }
    net_cancel(pair->client);
    net_cancel(pair->server);
    pthread_join(thread, NULL);
}

#endif

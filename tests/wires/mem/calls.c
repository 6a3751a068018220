/* wrap: syscall malloc calloc realloc socket socketpair pipe pipe2 eventfd close poll ppoll */
/* driven: skip, it counts the system calls of calls that block */
/* The cost of a conversation inside the process. It uses no descriptor, it allocates no memory to
 * send and receive, and it makes no system call while no thread sleeps. */
#include "forward.h"
#include "support.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>

static __thread bool counting;
static __thread int calls;
static __thread int allocations;
static __thread int descriptors;

static void count(int *counter)
{
    *counter += counting ? 1 : 0;
}

/* The arguments of futex(2). */
long __wrap_syscall(long number, ...)
{
    va_list list;

    count(&calls);
    va_start(list, number);
    long result = forward_syscall(number, list);

    va_end(list);
    return result;
}

#define COUNTED(counter, type, name, parameters, arguments)                                        \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        count(&(counter));                                                                         \
        return __real_##name arguments;                                                            \
    }

COUNTED(allocations, void *, malloc, (size_t size), (size))
COUNTED(allocations, void *, calloc, (size_t n, size_t size), (n, size))
COUNTED(allocations, void *, realloc, (void *old, size_t size), (old, size))
COUNTED(descriptors, int, socket, (int domain, int type, int protocol), (domain, type, protocol))
COUNTED(descriptors, int, socketpair, (int domain, int type, int protocol, int *fds),
        (domain, type, protocol, fds))
COUNTED(descriptors, int, pipe, (int *fds), (fds))
COUNTED(descriptors, int, pipe2, (int *fds, int flags), (fds, flags))
COUNTED(descriptors, int, eventfd, (unsigned initial, int flags), (initial, flags))
COUNTED(descriptors, int, close, (int fd), (fd))
COUNTED(calls, int, poll, (struct pollfd * set, nfds_t n, int timeout), (set, n, timeout))
COUNTED(calls, int, ppoll,
        (struct pollfd * set, nfds_t n, const struct timespec *timeout, const sigset_t *mask),
        (set, n, timeout, mask))

static char in[256];

static void begin_to_count(void)
{
    calls = allocations = descriptors = 0;
    counting = true;
}

static void nobody_sleeps_and_nobody_is_called(void **state)
{
    struct pair pair;

    (void)state;
    dial_pair("mem://", &pair);
    begin_to_count();
    for (int i = 0; i < 1000; i++) {
        net_send(pair.client, "a line\nand more", 15, soon());
        assert_count(net_recv_until(pair.server, in, sizeof in, '\n', soon()), 7);
        assert_count(net_recv(pair.server, in, sizeof in, NET_NOW), 8);
        assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_TIMEOUT);
        net_send(pair.server, "answer", 6, NET_FOREVER);
        assert_count(net_recv_all(pair.client, in, 6, NET_FOREVER), 6);
        assert_code(net_recv_until(pair.client, in, sizeof in, '\n', NET_NOW), NET_TIMEOUT);
    }
    counting = false;
    assert_int_equal(number_of(pair.client, "bytes-received"), 6000);
    assert_int_equal(number_of(pair.server, "bytes-received"), 15000);
    assert_int_equal(calls, 0);
    assert_int_equal(allocations, 0);
    close_pair(&pair);
}

static void no_descriptor_is_opened_from_beginning_to_end(void **state)
{
    struct pair pair;
    int before = open_descriptors();

    (void)state;
    begin_to_count();
    dial_pair("mem://", &pair);
    net_send(pair.client, "hello", 5, soon());
    assert_count(net_recv(pair.server, in, sizeof in, soon()), 5);
    assert_code(net_recv(pair.server, in, sizeof in, net_after(5)), NET_TIMEOUT);
    counting = false;
    assert_int_equal(descriptors, 0);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(net_fd(pair.listener), -1);
    assert_int_equal(net_fd(pair.client), -1);
    assert_int_equal(net_fd(pair.server), -1);
    begin_to_count();
    net_cancel(pair.server);
    close_pair(&pair);
    counting = false;
    assert_int_equal(descriptors, 0);
}

/* Only a line that is longer than the buffers allocates memory. */
static void only_a_very_long_line_takes_memory(void **state)
{
    enum { SIZE = 400 * 1024 };
    static char line[SIZE];
    struct pair pair;

    (void)state;
    dial_pair("mem://", &pair);
    begin_to_count();
    size_t sent = fill(pair.client);

    counting = false;
    assert_int_equal(allocations, 0);
    assert_in_range(sent, 1, SIZE - 1);
    begin_to_count();
    assert_code(net_recv_until(pair.server, line, SIZE, '\n', NET_NOW), NET_TIMEOUT);
    counting = false;
    assert_in_range(allocations, 1, 10);
    assert_int_equal(number_of(pair.server, "bytes-received"), 0);
    assert_int_equal(fill(pair.client), sent);
    assert_count(net_recv_all(pair.server, line, 2 * sent, soon()), 2 * sent);
    assert_true(line[0] == 'f' && line[2 * sent - 1] == 'f');
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(nobody_sleeps_and_nobody_is_called),
        TEST(no_descriptor_is_opened_from_beginning_to_end),
        TEST(only_a_very_long_line_takes_memory),
    };

    return run_once(tests);
}

/* wrap: accept4 accept */
/* A caller hung up before it was accepted. An accept with NET_NOW then timed out, although the next
 * caller was waiting behind it. */
#include "support.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

static int leaving; /* callers that have hung up */
static int error;   /* what the system reports for each */

int __real_accept4(int fd, struct sockaddr *name, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *name, socklen_t *length, int flags);
int __real_accept(int fd, struct sockaddr *name, socklen_t *length);
int __wrap_accept(int fd, struct sockaddr *name, socklen_t *length);

static bool has_left(void)
{
    errno = error;
    return leaving > 0 && leaving-- > 0;
}

int __wrap_accept4(int fd, struct sockaddr *name, socklen_t *length, int flags)
{
    return has_left() ? -1 : __real_accept4(fd, name, length, flags);
}

/* The library tries the plain call where the other is refused. */
int __wrap_accept(int fd, struct sockaddr *name, socklen_t *length)
{
    return has_left() ? -1 : __real_accept(fd, name, length);
}

static void dial_and_wait(net_socket *listener, net_socket **client)
{
    struct pollfd set = {.fd = net_fd(listener), .events = POLLIN};
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    *client = assert_socket(net_connect(address, soon()));
    assert_int_equal(poll(&set, 1, 10000), 1);
}

static void the_second_caller_is_picked_up_at_once(void **state)
{
    static const int errors[] = {ECONNABORTED, EPROTO, ENETDOWN, EHOSTUNREACH, EPERM};
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    for (size_t i = 0; i < COUNT(errors); i++) {
        for (int gone = 1; gone <= 3; gone++) {
            net_socket *client;

            dial_and_wait(listener, &client);
            leaving = gone;
            error = errors[i];
            net_socket *server = assert_socket(net_accept(listener, NET_NOW));

            assert_int_equal(leaving, 0);
            net_close(server, NET_NOW);
            net_close(client, NET_NOW);
        }
    }
    net_close(listener, NET_NOW);
}

/* However many callers leave, an accept must not spin for ever, and it must not lose the one that
 * stays. */
static void many_callers_that_leave_are_waited_out(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    net_socket *client;

    leaving = 1000000;
    error = ECONNABORTED;
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    assert_no_socket(net_accept(listener, net_after(30)), NET_TIMEOUT);
    dial_and_wait(listener, &client);
    leaving = 60;
    net_socket *server = assert_socket(net_accept(listener, soon()));

    assert_int_equal(leaving, 0);
    net_close(server, NET_NOW);
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(the_second_caller_is_picked_up_at_once),
        TEST(many_callers_that_leave_are_waited_out),
    };

    return run_over(kernel_streams, tests);
}

/* wrap: send */
/* The system reports a reset once. A send got it, and a receive looked before that send had
 * recorded it. The receive took what it saw for the peer's orderly end, from then on. */
#include "support.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>

static _Atomic bool armed;
static _Atomic bool failed; /* the sender's system call has returned the reset */
static _Atomic bool goes_on;

ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
    ssize_t n = __real_send(fd, data, size, flags);
    int error = errno;

    if (n < 0 && error == ECONNRESET && atomic_exchange(&armed, false)) {
        failed = true;
        while (!goes_on) {
            nap(1);
        }
    }
    errno = error;
    return n;
}

/* The first failure is the reset. An earlier call may return what was sent. */
static long long send_until_it_fails(struct caller *caller)
{
    long long n = call_send(caller);

    while (n > 0) {
        n = call_send(caller);
    }
    return n;
}

static void a_reset_that_a_send_was_told_is_no_end_to_a_receive(void **state)
{
    struct pair pair;
    struct caller sender;
    char byte;

    dial_pair(template_of(state), &pair);
    failed = false;
    goes_on = false;
    armed = true;
    caller_start(&sender, send_until_it_fails, pair.client, soon());
    int fd = net_fd(pair.server);
    struct linger none = {.l_onoff = 1, .l_linger = 0};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    while (!failed && !sender.done) {
        nap(1);
    }
    ssize_t first = net_recv(pair.client, &byte, 1, soon());

    goes_on = true;
    caller_join(&sender);
    assert_true(failed);
    assert_int_equal(first, NET_RESET);
    assert_int_equal(sender.result, NET_RESET);
    assert_code(net_recv(pair.client, &byte, 1, soon()), NET_RESET);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_reset_that_a_send_was_told_is_no_end_to_a_receive),
    };

    return run_over(tcp_templates, tests);
}

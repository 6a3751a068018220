/* wrap: sendmsg recvmsg send recv sendto sendmmsg recvmmsg ppoll getsockopt getpeername */
/* The calls that move bytes, wait and query fail, one by one, with each error that they may have.
 * Nothing crashes, hangs or leaves a descriptor behind. */
#include "support.h"
#include "torture.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

enum { SENDMSG, RECVMSG, SEND, RECV, SENDTO, SENDMMSG, RECVMMSG, PPOLL, GETSOCKOPT, GETPEERNAME };

static const struct victim victims[] = {
    {"sendmsg", SENDMSG, {EAGAIN, EINTR, ENOBUFS, EPIPE, ECONNRESET, EPERM, EMSGSIZE}},
    {"recvmsg", RECVMSG, {EAGAIN, EINTR, ENOMEM, ECONNREFUSED, ENETDOWN}},
    {"send", SEND, {EAGAIN, EINTR, ENOBUFS, EPIPE, ECONNRESET, EPERM, ECONNREFUSED}},
    {"recv", RECV, {EAGAIN, EINTR, ENOMEM, ECONNRESET, ETIMEDOUT, ECONNREFUSED}},
    {"sendto", SENDTO, {EAGAIN, EINTR, ENOBUFS, EPERM, EINVAL, EMSGSIZE, ENETUNREACH}},
    {"sendmmsg", SENDMMSG, {EAGAIN, EINTR, ENOBUFS, EPERM, EINVAL, EIO, ECONNREFUSED}},
    {"recvmmsg", RECVMMSG, {EAGAIN, EINTR, ENOMEM, ECONNREFUSED, EMSGSIZE, ENETDOWN}},
    {"ppoll", PPOLL, {EINTR, ENOMEM}},
    {"getsockopt", GETSOCKOPT, {ENOPROTOOPT, ENOBUFS}},
    {"getpeername", GETPEERNAME, {ENOTCONN, ENOBUFS}}};

TORTURE_WRAP(SENDMSG, ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
             (fd, message, flags))
TORTURE_WRAP(RECVMSG, ssize_t, recvmsg, (int fd, struct msghdr *message, int flags),
             (fd, message, flags))
TORTURE_WRAP(SEND, ssize_t, send, (int fd, const void *data, size_t size, int flags),
             (fd, data, size, flags))
TORTURE_WRAP(RECV, ssize_t, recv, (int fd, void *buffer, size_t size, int flags),
             (fd, buffer, size, flags))
TORTURE_WRAP(SENDTO, ssize_t, sendto,
             (int fd, const void *data, size_t size, int flags, const struct sockaddr *name,
              socklen_t length),
             (fd, data, size, flags, name, length))
TORTURE_WRAP(SENDMMSG, int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags),
             (fd, messages, count, flags))
TORTURE_WRAP(RECVMMSG, int, recvmmsg,
             (int fd, struct mmsghdr *messages, unsigned count, int flags,
              struct timespec *timeout),
             (fd, messages, count, flags, timeout))
TORTURE_WRAP(PPOLL, int, ppoll,
             (struct pollfd * polls, nfds_t count, const struct timespec *left,
              const sigset_t *mask),
             (polls, count, left, mask))
TORTURE_WRAP(GETSOCKOPT, int, getsockopt,
             (int fd, int level, int name, void *value, socklen_t *size),
             (fd, level, name, value, size))
TORTURE_WRAP(GETPEERNAME, int, getpeername, (int fd, struct sockaddr *name, socklen_t *length),
             (fd, name, length))

static void each_call_fails_once(void **state)
{
    (void)state;
    torture_all(victims, COUNT(victims), false, true, NULL);
}

static void each_call_fails_from_some_moment_on(void **state)
{
    (void)state;
    torture_all(victims, COUNT(victims), true, true, NULL);
}

int main(void)
{
    const struct test tests[] = {
        TEST(each_call_fails_once),
        TEST(each_call_fails_from_some_moment_on),
    };

    return run_once(tests);
}

/* wrap: socket bind listen accept4 connect getsockname setsockopt eventfd close fcntl shutdown */
/* The calls that create and end sockets fail, one by one, with each error that they may have.
 * Nothing crashes, hangs or leaves a descriptor behind. */
#include "support.h"
#include "torture.h"

#include <errno.h>
#include <sys/socket.h>

enum {
    SOCKET,
    BIND,
    LISTEN,
    ACCEPT4,
    CONNECT,
    GETSOCKNAME,
    SETSOCKOPT,
    EVENTFD,
    CLOSE,
    FCNTL,
    FIN
};

static const struct victim victims[] = {
    {"socket", SOCKET, {EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES, EAFNOSUPPORT}},
    {"bind", BIND, {EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOMEM}},
    {"listen", LISTEN, {EADDRINUSE, ENOBUFS}},
    {"accept4", ACCEPT4, {EMFILE, ENOMEM, ECONNABORTED, EINTR, EAGAIN, EPROTO, EINVAL}},
    {"connect", CONNECT, {ECONNREFUSED, EADDRNOTAVAIL, ENETUNREACH, ETIMEDOUT, EINTR, EAGAIN}},
    {"getsockname", GETSOCKNAME, {ENOBUFS}},
    {"setsockopt", SETSOCKOPT, {ENOPROTOOPT, ENOMEM, EINVAL, EPERM}},
    {"eventfd", EVENTFD, {EMFILE, ENFILE, ENOMEM}},
    {"close", CLOSE, {EINTR, EIO}},
    {"fcntl", FCNTL, {EINVAL, EBADF}},
    {"shutdown", FIN, {ENOTCONN, ENOBUFS}}};

TORTURE_WRAP(SOCKET, int, socket, (int domain, int type, int protocol), (domain, type, protocol))
TORTURE_WRAP(BIND, int, bind, (int fd, const struct sockaddr *name, socklen_t length),
             (fd, name, length))
TORTURE_WRAP(LISTEN, int, listen, (int fd, int backlog), (fd, backlog))
TORTURE_WRAP(ACCEPT4, int, accept4, (int fd, struct sockaddr *name, socklen_t *length, int flags),
             (fd, name, length, flags))
TORTURE_WRAP(CONNECT, int, connect, (int fd, const struct sockaddr *name, socklen_t length),
             (fd, name, length))
TORTURE_WRAP(GETSOCKNAME, int, getsockname, (int fd, struct sockaddr *name, socklen_t *length),
             (fd, name, length))
TORTURE_WRAP(SETSOCKOPT, int, setsockopt,
             (int fd, int level, int name, const void *value, socklen_t size),
             (fd, level, name, value, size))
TORTURE_WRAP(EVENTFD, int, eventfd, (unsigned count, int flags), (count, flags))
TORTURE_WRAP(FCNTL, int, fcntl, (int fd, int command, long argument), (fd, command, argument))
TORTURE_WRAP(FIN, int, shutdown, (int fd, int how), (fd, how))

int __real_close(int fd);
int __wrap_close(int fd);

static bool every_close_fails;

/* The descriptor is closed even when close(2) fails. A second close of it would be a bug. */
int __wrap_close(int fd)
{
    int code = __real_close(fd);

    if (code != 0) {
        print_error("close(%d) of what is not open\n", fd);
        _fail(__FILE__, __LINE__);
    }
    if (torture_runs() && every_close_fails) {
        errno = EIO;
        return -1;
    }
    return torture_strikes(CLOSE) ? -1 : code;
}

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

/* An error while an error is handled. */
static void each_call_fails_and_every_close_too(void **state)
{
    (void)state;
    every_close_fails = true;
    torture_all(victims, COUNT(victims), false, false, NULL);
    every_close_fails = false;
}

int main(void)
{
    const struct test tests[] = {
        TEST(each_call_fails_once),
        TEST(each_call_fails_from_some_moment_on),
        TEST(each_call_fails_and_every_close_too),
    };

    return run_once(tests);
}

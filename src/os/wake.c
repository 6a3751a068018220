/* An eventfd(2) that records which process made it. Where eventfd is missing or a filter refuses
 * it, a datagram socket that is connected to itself stands in: a post sends to it, and it is then
 * readable. */
#define _GNU_SOURCE
#include "os/wake.h"
#include "os/cause.h"
#include "os/process.h"
#include "os/socket.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    FD_BITS = 32,
    IS_SOCKET = 1 << 30 /* beside the descriptor: no eventfd, so one read does not empty it */
};

static int fd_of(uint64_t owner)
{
    return (int)(uint32_t)owner & ~IS_SOCKET;
}

static bool is_ours(uint64_t owner)
{
    return owner >> FD_BITS == (uint64_t)nf_process();
}

/* The system chooses the name, and a connected socket receives from its peer only. unix(7) */
static int open_socket(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t length = sizeof name;
    int fd = nf_fd_above(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    bool works = fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name.sun_family) == 0 &&
                 getsockname(fd, (struct sockaddr *)&name, &length) == 0 &&
                 connect(fd, (struct sockaddr *)&name, length) == 0;

    if (!works && fd >= 0) {
        nf_fd_close(fd);
        return -1;
    }
    return fd;
}

static int make(uint64_t *owner)
{
    int fd = nf_fd_above(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    uint32_t kind = 0;

    if (fd < 0 && nf_is_missing(errno)) {
        fd = open_socket();
        kind = IS_SOCKET;
    }
    if (fd < 0) {
        return nf_fail_errno(errno);
    }
    *owner = (uint64_t)nf_process() << FD_BITS | kind | (uint32_t)fd;
    return 0;
}

int nf_wake_open(struct nf_wake *wake)
{
    uint64_t owner = 0;
    int code = make(&owner);

    atomic_store(&wake->owner, owner);
    return code;
}

/* By syscall(2), which is no cancellation point: a thread that pthread_cancel(3) ends here would
 * leave what it posts in use for ever. */
static void post(int fd)
{
    uint64_t one = 1;
    long written = syscall(SYS_write, fd, &one, sizeof one);

    (void)written; /* fails only when it is full, and then it is posted already */
}

/* A post in the child while the descriptor was still the parent's did not reach it, so post the new
 * one. */
int nf_wake_fd(struct nf_wake *wake)
{
    uint64_t owner = atomic_load(&wake->owner);
    uint64_t own = 0;

    if (is_ours(owner)) {
        return fd_of(owner);
    }
    int code = make(&own);

    if (code < 0) {
        return code;
    }
    uint64_t inherited = owner;

    if (!atomic_compare_exchange_strong(&wake->owner, &inherited, own)) {
        close(fd_of(own));
        return fd_of(inherited);
    }
    if (owner != 0) {
        close(fd_of(owner));
    }
    if (atomic_load(&wake->posted)) {
        post(fd_of(own));
    }
    return fd_of(own);
}

/* The parent's descriptor is not posted: no thread of this process waits on it. */
void nf_wake_post(struct nf_wake *wake)
{
    int saved = errno;

    atomic_store(&wake->posted, true);
    uint64_t owner = atomic_load(&wake->owner);

    if (is_ours(owner)) {
        post(fd_of(owner));
    }
    errno = saved;
}

void nf_wake_drain(struct nf_wake *wake)
{
    uint64_t owner = atomic_load(&wake->owner);
    uint64_t count = 0;
    ssize_t got = 0;

    if (!is_ours(owner)) {
        return; /* what is posted there is the parent's; `posted` stays for our own */
    }
    atomic_store(&wake->posted, false);
    do {
        got = read(fd_of(owner), &count, sizeof count); /* fails when there are none */
    } while (got > 0 && (owner & IS_SOCKET) != 0);
}

void nf_wake_close(struct nf_wake *wake)
{
    uint64_t owner = atomic_exchange(&wake->owner, 0);

    if (owner != 0) {
        close(fd_of(owner));
    }
}

/* For a torture of one conversation with one fault: which call fails now, and what replaces the
 * calls. The first line of the test names malloc calloc realloc free send sendmsg recv ppoll. */
#ifndef ONE_FAULT_H
#define ONE_FAULT_H

#include "allocations.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>

enum victim_id { ALLOCATION, SEND, RECV, POLL, OPEN, READ };

/* Which call fails now. */
static struct {
    bool is_armed;
    enum victim_id id;
    int error;
    int which;     /* the number of the first that fails, from 1 */
    bool for_good; /* all after it fail too */
    bool is_short; /* it takes a part, and the next one fails */
    int seen;
    bool fails_next;
} plan;

/* The calls of the system that send, receive and wait, and the errors that each may have, 0 after
 * the last. */
static const struct victim_call {
    enum victim_id id;
    int errors[8];
} victim_calls[] = {{SEND, {EAGAIN, EINTR, ENOBUFS, ENOMEM, EPERM, ECONNRESET, EPIPE}},
                    {RECV, {EAGAIN, EINTR, ENOMEM, ECONNRESET, ETIMEDOUT}},
                    {POLL, {EINTR, ENOMEM}}};

static inline bool fails(enum victim_id id)
{
    if (!plan.is_armed || plan.id != id) {
        return false;
    }
    plan.seen++;
    bool is_after = plan.is_short && !plan.fails_next;
    bool does = plan.is_short ? plan.fails_next : plan.seen == plan.which;

    does = does || (plan.for_good && plan.seen > plan.which);
    plan.fails_next = is_after && plan.seen == plan.which;
    errno = does ? plan.error : errno;
    return does;
}

/* What a test asks in its place for a call on a connection; NULL: the same. */
static bool (*fails_on)(enum victim_id id, int fd);

static inline bool fails_there(enum victim_id id, int fd)
{
    return fails_on != NULL ? fails_on(id, fd) : fails(id);
}

/* How much of it a call that does not fail takes. */
static inline size_t part_of(size_t size)
{
    return plan.is_armed && plan.fails_next && size > 1 ? size / 2 : size;
}

void *__wrap_malloc(size_t size)
{
    return fails(ALLOCATION) ? NULL : count_in(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails(ALLOCATION) ? NULL : count_in(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (fails(ALLOCATION)) {
        return NULL;
    }
    return memory != NULL ? __real_realloc(memory, size) : count_in(__real_malloc(size));
}

void __wrap_free(void *memory)
{
    __real_free(count_out(memory));
}

ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_recv(int fd, void *buffer, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags);
int __real_ppoll(struct pollfd *polls, nfds_t count, const struct timespec *left,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *polls, nfds_t count, const struct timespec *left,
                 const sigset_t *mask);

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
    return fails_there(SEND, fd) ? -1 : __real_send(fd, data, part_of(size), flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct msghdr first = *message;
    struct iovec part[2];

    if (fails_there(SEND, fd)) {
        return -1;
    }
    if (plan.is_armed && plan.fails_next && message->msg_iovlen > 1) {
        part[0] = message->msg_iov[0];
        part[1] = message->msg_iov[1];
        part[1].iov_len = part_of(part[1].iov_len);
        first.msg_iov = part;
        first.msg_iovlen = 2;
    }
    return __real_sendmsg(fd, &first, flags);
}

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags)
{
    return fails_there(RECV, fd) ? -1 : __real_recv(fd, buffer, part_of(size), flags);
}

int __wrap_ppoll(struct pollfd *polls, nfds_t count, const struct timespec *left,
                 const sigset_t *mask)
{
    return fails(POLL) ? -1 : __real_ppoll(polls, count, left, mask);
}

#endif

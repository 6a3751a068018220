/* Passing descriptors, and a descriptor that is slow to close. */
#include "passed.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

bool can_refuse_passed(void)
{
    int none = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool can = setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &none, sizeof none) == 0;

    close(fd);
    return can;
}

ssize_t pass_descriptors(int over, const void *bytes, size_t size, const int *passed, int count,
                         int flags)
{
    union {
        char bytes[CMSG_SPACE(PASSED_MOST * sizeof(int))];
        struct cmsghdr header;
    } control = {.header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    size_t passed_size = (size_t)count * sizeof(int);
    struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(passed_size)};

    control.header.cmsg_len = CMSG_LEN(passed_size);
    memcpy(CMSG_DATA(&control.header), passed, passed_size);
    return sendmsg(over, &message, flags | MSG_NOSIGNAL);
}

int open_lingering(int *listener, int seconds)
{
    static const char much[64 * 1024];
    const struct linger linger = {.l_onoff = 1, .l_linger = seconds};
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (*listener < 0) {
        *listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bind(*listener, (struct sockaddr *)&name, sizeof name);
        listen(*listener, 1024);
    }
    getsockname(*listener, (struct sockaddr *)&name, &length);
    connect(fd, (struct sockaddr *)&name, length);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    while (send(fd, much, sizeof much, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    return fd;
}

/* What an open descriptor is, as far as the system reports it. socket(7) */
#define _GNU_SOURCE
#include "os/descriptor.h"
#include "os/cause.h"
#include "os/rawopt.h"
#include "os/ready.h"
#include "os/sockaddr.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

struct kind {
    int domain;
    int type;
    int protocol;
};

struct label {
    int number;
    char text[12];
};

static const struct label domains[] = {
    {AF_INET, "IPv4"},       {AF_INET6, "IPv6"},    {AF_UNIX, "unix"},
    {AF_NETLINK, "netlink"}, {AF_PACKET, "packet"}, {AF_VSOCK, "vsock"},
};

static const struct label types[] = {
    {SOCK_STREAM, "stream"},
    {SOCK_DGRAM, "datagram"},
    {SOCK_RAW, "raw"},
    {SOCK_SEQPACKET, "seqpacket"},
};

static const char *label_of(const struct label *labels, size_t count, int number)
{
    for (size_t i = 0; i < count; i++) {
        if (labels[i].number == number) {
            return labels[i].text;
        }
    }
    return "foreign";
}

#define LABEL_OF(labels, number) label_of((labels), sizeof(labels) / sizeof((labels)[0]), (number))

/* Whether this library can use the socket. Streams and datagrams may also run over other protocols,
 * such as SCTP or ICMP (ping). */
static bool is_ours(const struct kind *kind)
{
    bool stream = kind->type == SOCK_STREAM;

    if (kind->domain == AF_UNIX) {
        return stream || kind->type == SOCK_DGRAM;
    }
    if (kind->domain != AF_INET && kind->domain != AF_INET6) {
        return false;
    }
    return stream ? kind->protocol == IPPROTO_TCP || kind->protocol == IPPROTO_MPTCP
                  : kind->type == SOCK_DGRAM && kind->protocol == IPPROTO_UDP;
}

static enum nf_family family_of(int domain)
{
    return domain == AF_INET ? NF_IPV4 : domain == AF_INET6 ? NF_IPV6 : NF_UNIX;
}

/* A device without a poll operation is always ready, and epoll refuses it. epoll_ctl(2), EPERM */
static bool can_be_polled(int fd)
{
    struct nf_ready *ready = nf_ready_best()->open();
    bool can = ready != NULL && nf_ready_best()->set(ready, fd, 0, NF_IN, NULL) == 0;

    if (ready != NULL) {
        nf_ready_best()->close(ready);
    }
    return can;
}

/* `fd` is not a socket. A directory can be opened, but nothing can be received from it. */
static int ask_file(int fd, int flags, struct nf_descriptor *what)
{
    struct stat status;

    if (fstat(fd, &status) != 0 || S_ISDIR(status.st_mode) || (flags & O_PATH) != 0) {
        return nf_fail_because(NET_ADDRESS, "descriptor %d is no socket, pipe, terminal or file",
                               fd);
    }
    if ((flags & O_ACCMODE) == O_WRONLY) {
        return nf_fail_because(NET_MISUSE, "descriptor %d is open for writing alone", fd);
    }
    what->is_file = true;
    what->never_waits = S_ISREG(status.st_mode) || S_ISBLK(status.st_mode) ||
                        (S_ISCHR(status.st_mode) && !can_be_polled(fd));
    return 0;
}

int nf_descriptor_ask(int fd, struct nf_descriptor *what)
{
    const struct kind kind = {nf_rawopt_get(fd, SOL_SOCKET, SO_DOMAIN),
                              nf_rawopt_get(fd, SOL_SOCKET, SO_TYPE),
                              nf_rawopt_get(fd, SOL_SOCKET, SO_PROTOCOL)};
    int inherited = fcntl(fd, F_GETFD);
    int flags = fcntl(fd, F_GETFL);
    union nf_sockaddr peer;
    socklen_t length = sizeof peer;

    *what = (struct nf_descriptor){.family = NF_NOWHERE};
    if (inherited < 0 || flags < 0) {
        return nf_fail_because(NET_ADDRESS, "no descriptor of this process is numbered %d", fd);
    }
    what->blocks = (flags & O_NONBLOCK) == 0;
    what->is_inherited = (inherited & FD_CLOEXEC) == 0;
    if (kind.type < 0) {
        return ask_file(fd, flags, what);
    }
    what->family = is_ours(&kind) ? family_of(kind.domain) : NF_NOWHERE;
    what->transport = kind.type == SOCK_STREAM ? NF_STREAM : NF_DATAGRAM;
    what->is_listening = nf_rawopt_get(fd, SOL_SOCKET, SO_ACCEPTCONN) > 0;
    what->is_connected = getpeername(fd, &peer.any, &length) == 0;
    snprintf(what->summary, sizeof what->summary, "%s %s, protocol %d",
             LABEL_OF(domains, kind.domain), LABEL_OF(types, kind.type), kind.protocol);
    return 0;
}

/* Major numbers of the slaves of pseudoterminals: the system's list of devices. Another open of any
 * other device may do more than to open it. */
static bool is_pseudoterminal(const struct stat *status)
{
    enum { FIRST = 136, LAST = 143 };

    return S_ISCHR(status->st_mode) && major(status->st_rdev) >= FIRST &&
           major(status->st_rdev) <= LAST;
}

/* A pipe is in a file system of its own. It can be read without waiting, and needs no second
 * descriptor. */
static bool is_named_fifo(int fd, const struct stat *status)
{
    struct statfs system;

    return S_ISFIFO(status->st_mode) && fstatfs(fd, &system) == 0 && system.f_type != PIPEFS_MAGIC;
}

int nf_descriptor_open_again(int fd)
{
    struct stat status;
    char link[NF_FD_LINK_MAX];

    if (fstat(fd, &status) != 0 || (!is_pseudoterminal(&status) && !is_named_fifo(fd, &status))) {
        return -1;
    }
    nf_fd_link(fd, link);
    return nf_fd_above(open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

int nf_descriptor_close_on_exec(int fd)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? 0 : nf_fail_errno(errno);
}

int nf_descriptor_take(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0 && nf_rawopt_get(fd, SOL_SOCKET, SO_ACCEPTCONN) > 0 &&
        fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return nf_fail_errno(errno);
    }
    return nf_descriptor_close_on_exec(fd);
}

int nf_descriptor_give_back(int fd, bool blocks, bool is_inherited)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 ||
        (blocks && (flags & O_NONBLOCK) != 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)) {
        return nf_fail_errno(errno);
    }
    if (is_inherited && fcntl(fd, F_SETFD, 0) != 0) {
        return nf_fail_errno(errno);
    }
    return 0;
}

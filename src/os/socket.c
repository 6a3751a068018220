/* The system's socket calls and the codes that their errors map to. Data is moved in transfer.c. */
#define _GNU_SOURCE
#include "os/socket.h"
#include "os/cause.h"
#include "os/message.h"
#include "os/sockaddr.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A system without IPv6, and a sandbox that refuses it, say so in different ways. */
static int open_failure(int domain, int error)
{
    bool refused = domain == AF_INET6 && (error == EACCES || error == EPERM);

    if (domain == AF_UNIX || (error != EAFNOSUPPORT && !refused)) {
        return nf_fail_errno(error);
    }
    return nf_fail_because_of(NET_UNSUPPORTED, error, "this process can open no %s socket",
                              domain == AF_INET6 ? "IPv6" : "IPv4");
}

/* Whether a number below NF_FD_LEAST was free when a descriptor was opened last. */
static _Atomic bool low_is_free;

/* fcntl(2): EINVAL says that the process may have no number as high as NF_FD_LEAST. */
static int duplicate_above(int fd)
{
    int above = fcntl(fd, F_DUPFD_CLOEXEC, NF_FD_LEAST);

    if (above < 0 && errno == EINVAL) {
        errno = EMFILE;
    }
    return above;
}

int nf_fd_move_up(int fd)
{
    int above = duplicate_above(fd);

    atomic_store_explicit(&low_is_free, true, memory_order_relaxed);
    nf_fd_close(fd);
    return above;
}

int nf_fd_open(enum nf_family family, enum nf_transport transport, bool blocking)
{
    int domain = family == NF_IPV4 ? AF_INET : family == NF_UNIX ? AF_UNIX : AF_INET6;
    int type = transport == NF_STREAM ? SOCK_STREAM : SOCK_DGRAM;
    int fd = nf_fd_above(socket(domain, type | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0));

    if (fd >= 0 && domain == AF_UNIX) {
        const int none = 0;

        setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &none, sizeof none);
    }
    return fd >= 0 ? fd : open_failure(domain, errno);
}

bool nf_fd_is_v6(int fd)
{
    int domain = AF_INET;
    socklen_t size = sizeof domain;

    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    return domain == AF_INET6;
}

int nf_fd_bind(int fd, const struct nf_addr *addr)
{
    union nf_sockaddr name;
    socklen_t length = nf_to_sockaddr(addr, nf_fd_is_v6(fd), &name);

    if (bind(fd, &name.any, length) == 0) {
        return 0;
    }
    if (errno == EADDRNOTAVAIL) {
        return nf_fail_because(NET_ADDRESS, "no interface of this system has it%s",
                               addr->family == NF_IPV6 ? ", or IPv6 is switched off" : "");
    }
    if (errno == EADDRINUSE && addr->port == 0) {
        return nf_fail_because(NET_LIMIT, "no local port is free");
    }
    return nf_fail_errno(errno);
}

int nf_fd_listen(int fd, int backlog)
{
    return listen(fd, backlog) == 0 ? 0 : nf_fail_errno(errno);
}

/* Errors of a peer that is gone, or of its network. They do not concern the listener
 * (accept(2)). */
static bool is_peers_error(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

/* Convert an address. A unix name is copied into the caller's `room`. */
static void copy_out(const union nf_sockaddr *name, socklen_t length, struct nf_addr *addr,
                     char *room)
{
    nf_from_sockaddr(name, length, addr);
    if (addr->family != NF_UNIX) {
        return;
    }
    addr->size = room != NULL ? addr->size : 0;
    addr->name = addr->size > 0 ? memcpy(room, addr->name, addr->size) : NULL;
}

/* accept4(2); or accept(2), where the first is missing or a filter refuses it. */
static int accept_next(int fd, union nf_sockaddr *name, socklen_t *length)
{
    int accepted = accept4(fd, &name->any, length, SOCK_CLOEXEC);

    if (accepted < 0 && nf_is_missing(errno)) {
        *length = sizeof *name;
        accepted = accept(fd, &name->any, length);
        if (accepted >= 0) {
            fcntl(accepted, F_SETFD, FD_CLOEXEC);
        }
    }
    return accepted;
}

/* While a low number is free, accept4(2) takes that and succeeds also at the descriptor limit. Then
 * the connection could not be moved up and would be lost. So a number above is taken first, and a
 * connection that gets no number stays in the queue. */
static int accept_above(int fd, union nf_sockaddr *name, socklen_t *length)
{
    int above = duplicate_above(fd);

    if (above < 0) {
        return above;
    }
    int accepted = accept_next(fd, name, length);
    int moved = accepted;

    if (accepted >= 0 && accepted < NF_FD_LEAST) {
        moved = dup3(accepted, above, O_CLOEXEC);
        nf_fd_close(accepted);
    } else if (accepted >= 0 || errno == EMFILE) {
        atomic_store_explicit(&low_is_free, false, memory_order_relaxed);
    }
    if (moved != above) {
        nf_fd_close(above);
    }
    if (accepted < 0 && errno == EMFILE) { /* no low number is free: `above` was the last one */
        *length = sizeof *name;
        return nf_fd_above(accept_next(fd, name, length));
    }
    return moved;
}

int nf_fd_accept(int fd, struct nf_addr *peer, char *room)
{
    union nf_sockaddr name = {.any.sa_family = AF_UNSPEC};
    socklen_t length = sizeof name;
    int accepted = atomic_load_explicit(&low_is_free, memory_order_relaxed)
                       ? accept_above(fd, &name, &length)
                       : nf_fd_above(accept_next(fd, &name, &length));

    if (accepted >= 0) {
        copy_out(&name, length, peer, room);
        return accepted;
    }
    if (errno == EAGAIN) {
        return NF_WOULD_BLOCK;
    }
    if (is_peers_error(errno)) {
        nf_fail_as(NET_TIMEOUT, errno);
        return NF_PEER_GONE;
    }
    return nf_fail_errno(errno);
}

/* connect(2) failed with EADDRNOTAVAIL, which means three things. A datagram socket fails so only
 * if this host has no address for the target. Else the local port counts: it is 0 if none was free.
 */
static int no_address(int fd, const union nf_sockaddr *to, socklen_t length)
{
    struct nf_addr local = {0};
    int probe = nf_fd_above(socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    bool lacks_address =
        probe >= 0 && connect(probe, &to->any, length) != 0 && errno == EADDRNOTAVAIL;

    nf_fd_close(probe);
    if (lacks_address) {
        return nf_fail_because(NET_UNREACHABLE, "this host has no address of that family");
    }
    if (nf_fd_local(fd, &local, NULL) == 0 && local.port != 0) {
        return nf_fail_because(NET_INUSE, "a connection from the same port to the same target");
    }
    return nf_fail_because(NET_LIMIT, "no local port is free");
}

/* Map the errno of a failed connect, which may mean something else than on an established
 * connection. */
static int dial_failure(int error)
{
    switch (error) {
    case EAGAIN: /* from a datagram socket */
        return nf_fail_because(NET_LIMIT, "no local port is free");
    case ENOENT: /* from a unix socket */
        return nf_fail_as(NET_REFUSED, error);
    case EPROTOTYPE:
        return nf_fail_because(NET_ADDRESS, "the socket there is of another type");
    case ETIMEDOUT: /* the system's own time limit, not our deadline */
    case EINVAL:    /* a blackhole route */
    case EAFNOSUPPORT:
        return nf_fail_as(NET_UNREACHABLE, error);
    default:
        return nf_fail_errno(error);
    }
}

int nf_fd_connect(int fd, const struct nf_addr *addr)
{
    union nf_sockaddr name;
    socklen_t length = nf_to_sockaddr(addr, addr->family == NF_IPV6, &name);

    if (connect(fd, &name.any, length) == 0) {
        return 0;
    }
    if (addr->family == NF_UNIX && (errno == EAGAIN || errno == EINTR)) {
        return NF_CONGESTED; /* no attempt is in progress */
    }
    if (errno == EINPROGRESS || errno == EINTR || errno == EALREADY) {
        return NF_WOULD_BLOCK;
    }
    return errno == EADDRNOTAVAIL ? no_address(fd, &name, length) : dial_failure(errno);
}

/* SO_ERROR 0 does not prove a connection, since a poll may return without a reason. So ask for the
 * peer as well. */
int nf_fd_connected(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    union nf_sockaddr name;
    socklen_t length = sizeof name;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        return nf_fail_errno(errno);
    }
    if (error != 0) {
        return dial_failure(error);
    }
    if (getpeername(fd, &name.any, &length) == 0) {
        return 0;
    }
    return errno == ENOTCONN ? NF_WOULD_BLOCK : nf_fail_errno(errno);
}

int nf_fd_local(int fd, struct nf_addr *addr, char *room)
{
    union nf_sockaddr name = {.any.sa_family = AF_UNSPEC};
    socklen_t length = sizeof name;

    if (getsockname(fd, &name.any, &length) != 0) {
        return nf_fail_errno(errno);
    }
    copy_out(&name, length, addr, room);
    return 0;
}

int nf_fd_peer(int fd, struct nf_addr *addr, char *room)
{
    union nf_sockaddr name = {.any.sa_family = AF_UNSPEC};
    socklen_t length = sizeof name;

    if (getpeername(fd, &name.any, &length) != 0) {
        return nf_fail_errno(errno);
    }
    copy_out(&name, length, addr, room);
    return 0;
}

/* O_NONBLOCK is the only flag that F_SETFL can change and that our sockets may have, so 0 clears
 * just that. */
int nf_fd_block(int fd)
{
    return fcntl(fd, F_SETFL, 0) == 0 ? 0 : nf_fail_errno(errno);
}

bool nf_fd_has_room(int count)
{
    int fds[NF_FD_ROOM_MAX];
    int opened = 0;

    while (opened < count && (fds[opened] = nf_fd_above(eventfd(0, EFD_CLOEXEC))) >= 0) {
        opened++;
    }
    bool has_room = opened == count || nf_is_missing(errno);

    for (int i = 0; i < opened; i++) {
        nf_fd_close(fds[i]);
    }
    return has_room;
}

int nf_fd_finish(int fd)
{
    return shutdown(fd, SHUT_WR) == 0 ? 0 : nf_fail_errno(errno);
}

void nf_fd_break(int fd)
{
    int saved = errno;

    shutdown(fd, SHUT_RDWR);
    errno = saved;
}

/* Connecting to AF_UNSPEC sends a reset (RFC 9293, 3.10.5; tcp_disconnect of Linux). A family that
 * does not support this is shut down. */
void nf_fd_abort(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    const struct sockaddr unspecified = {.sa_family = AF_UNSPEC};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (connect(fd, &unspecified, sizeof unspecified) != 0) {
        nf_fd_break(fd);
    }
}

/* After an end was received, TCP can still send in two states only. Other families report nothing
 * beyond what an end shows. */
bool nf_fd_is_gone(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_state != TCP_ESTABLISHED && info.tcpi_state != TCP_CLOSE_WAIT;
}

bool nf_fd_has_unread(int fd)
{
    int bytes = 0;

    return ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

/* For a datagram socket this is SIOCOUTQ. unix(7), udp(7) */
int64_t nf_fd_unsent(int fd)
{
    int bytes = 0;

    return ioctl(fd, TIOCOUTQ, &bytes) == 0 ? bytes : -1;
}

void nf_fd_link(int fd, char link[NF_FD_LINK_MAX])
{
    snprintf(link, NF_FD_LINK_MAX, "/proc/self/fd/%d", fd);
}

/* Linux frees the descriptor even when close fails. A second try could close a descriptor that
 * another thread has opened since (close(2)). */
void nf_fd_close(int fd)
{
    int saved = errno;

    if (fd >= 0) {
        close(fd);
    }
    errno = saved;
}

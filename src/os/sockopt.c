/* One table from our options to the kernel's, and the few that need more than one call. */
#define _GNU_SOURCE
#include "os/sockopt.h"
#include "os/cause.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
    KEEPALIVE_PROBES = 3, /* unanswered ones after which the peer is given up */
    MILLISECONDS = 1000,
    MICROSECONDS = 1000000
};

/* The options that are one int of the kernel's. */
static const struct {
    int level;
    int name;
} plain[] = {
    [NF_SO_NODELAY] = {IPPROTO_TCP, TCP_NODELAY},
    [NF_SO_USER_TIMEOUT] = {IPPROTO_TCP, TCP_USER_TIMEOUT},
    [NF_SO_REUSEPORT] = {SOL_SOCKET, SO_REUSEPORT},
    [NF_SO_V6ONLY] = {IPPROTO_IPV6, IPV6_V6ONLY},
    [NF_SO_BROADCAST] = {SOL_SOCKET, SO_BROADCAST},
    [NF_SO_REUSEADDR] = {SOL_SOCKET, SO_REUSEADDR},
    [NF_SO_LATE_PORT] = {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT},
    [NF_SO_GRO] = {IPPROTO_UDP, UDP_GRO},
    [NF_SO_LOWAT] = {SOL_SOCKET, SO_RCVLOWAT},
};

static int set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : nf_fail_errno(errno);
}

static int get_int(int fd, int level, int name, int64_t *value)
{
    int number = 0;
    socklen_t size = sizeof number;

    if (getsockopt(fd, level, name, &number, &size) != 0) {
        return nf_fail_errno(errno);
    }
    *value = number;
    return 0;
}

/* After `value` of silence a probe, another after each further `value`, and the third unanswered
 * one ends it. */
static int set_keepalive(int fd, int64_t value)
{
    int seconds = (int)(value / MILLISECONDS);
    int code = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, value != 0);

    if (code == 0 && value != 0) {
        code = set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
    }
    if (code == 0 && value != 0) {
        code = set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds);
    }
    if (code == 0 && value != 0) {
        code = set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    }
    return code;
}

static int get_keepalive(int fd, int64_t *value)
{
    int code = get_int(fd, SOL_SOCKET, SO_KEEPALIVE, value);

    if (code == 0 && *value != 0) {
        code = get_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, value);
        *value *= MILLISECONDS;
    }
    return code;
}

/* The privileged form passes the system's maximum; who may not use it gets as much as the plain one
 * grants. */
static int set_buffer(int fd, int forced, int name, int64_t value)
{
    return set_int(fd, SOL_SOCKET, forced, (int)value) == 0
               ? 0
               : set_int(fd, SOL_SOCKET, name, (int)value);
}

/* A dual-stack socket tells IPv4 destinations by either message, so ask for both; an IPv4 socket
 * has only one. */
static int set_pktinfo(int fd)
{
    int v6 = set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    int v4 = set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);

    return v6 == 0 || v4 == 0 ? 0 : v4;
}

static int set_patience(int fd, int name, int64_t value)
{
    struct timeval time = {.tv_sec = (time_t)(value / (MICROSECONDS * (int64_t)1000)),
                           .tv_usec = (suseconds_t)(value / 1000 % MICROSECONDS)};

    return setsockopt(fd, SOL_SOCKET, name, &time, sizeof time) == 0 ? 0 : nf_fail_errno(errno);
}

int nf_sockopt_set(int fd, enum nf_sockopt option, int64_t value)
{
    switch (option) {
    case NF_SO_KEEPALIVE:
        return set_keepalive(fd, value);
    case NF_SO_SNDBUF:
        return set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, value);
    case NF_SO_RCVBUF:
        return set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, value);
    case NF_SO_PKTINFO:
        return set_pktinfo(fd);
    case NF_SO_RCVTIMEO:
        return set_patience(fd, SO_RCVTIMEO, value);
    case NF_SO_SNDTIMEO:
        return set_patience(fd, SO_SNDTIMEO, value);
    case NF_SO_RTT:
    case NF_SO_RETRANSMITS:
    case NF_SO_BACKLOG:
        return nf_fail(NET_MISUSE);
    default:
        return set_int(fd, plain[option].level, plain[option].name, (int)value);
    }
}

static int get_tcp_info(int fd, size_t at, int64_t *value)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        return nf_fail_errno(errno);
    }
    *value = *(const uint32_t *)(const void *)((const char *)&info + at);
    return 0;
}

static int get_buffer(int fd, int name, int64_t *value)
{
    int code = get_int(fd, SOL_SOCKET, name, value);

    *value /= 2;
    return code;
}

int nf_sockopt_get(int fd, enum nf_sockopt option, int64_t *value)
{
    int64_t domain = AF_INET;

    *value = 0;
    switch (option) {
    case NF_SO_KEEPALIVE:
        return get_keepalive(fd, value);
    case NF_SO_SNDBUF:
        return get_buffer(fd, SO_SNDBUF, value);
    case NF_SO_RCVBUF:
        return get_buffer(fd, SO_RCVBUF, value);
    case NF_SO_RTT:
        return get_tcp_info(fd, offsetof(struct tcp_info, tcpi_rtt), value);
    case NF_SO_RETRANSMITS:
        return get_tcp_info(fd, offsetof(struct tcp_info, tcpi_total_retrans), value);
    case NF_SO_BACKLOG: /* where the kernel reports it for a listener */
        return get_tcp_info(fd, offsetof(struct tcp_info, tcpi_sacked), value);
    case NF_SO_V6ONLY:
        get_int(fd, SOL_SOCKET, SO_DOMAIN, &domain);
        return domain == AF_INET6 ? get_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, value) : 0;
    case NF_SO_PKTINFO:
    case NF_SO_RCVTIMEO:
    case NF_SO_SNDTIMEO:
        return nf_fail(NET_MISUSE);
    default:
        return get_int(fd, plain[option].level, plain[option].name, value);
    }
}

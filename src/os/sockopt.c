/* One table from our options to the kernel's, and functions for those that need more than one
 * call. */
#define _GNU_SOURCE
#include "os/sockopt.h"
#include "os/cause.h"
#include "os/message.h"
#include "os/sockaddr.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
    KEEPALIVE_PROBES = 3, /* unanswered probes after which the connection fails */
    MILLISECONDS = 1000,
    MICROSECONDS = 1000000,
    DISCARDED_MAX = 4096, /* datagrams: more than a queue of the default size holds */
    ECN_BITS = 2,         /* bits below the DSCP (RFC 3168, 5) */
    MEMINFO_DROPS = 8     /* SK_MEMINFO_DROPS, the last of nine (linux/sock_diag.h) */
};

/* Options that map to one int option of the kernel. Some have a second one for IPv6 sockets, which
 * may carry both families. */
static const struct {
    uint16_t level;
    uint16_t name;
    uint16_t v6;    /* 0: none */
    uint16_t shift; /* left shift of the value */
} plain[] = {
    [NF_SO_NODELAY] = {IPPROTO_TCP, TCP_NODELAY, 0, 0},
    [NF_SO_USER_TIMEOUT] = {IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 0},
    [NF_SO_REUSEPORT] = {SOL_SOCKET, SO_REUSEPORT, 0, 0},
    [NF_SO_V6ONLY] = {IPPROTO_IPV6, IPV6_V6ONLY, 0, 0},
    [NF_SO_BROADCAST] = {SOL_SOCKET, SO_BROADCAST, 0, 0},
    [NF_SO_DEVICE] = {SOL_SOCKET, SO_BINDTOIFINDEX, 0, 0},
    [NF_SO_DSCP] = {IPPROTO_IP, IP_TOS, IPV6_TCLASS, ECN_BITS},
    [NF_SO_TTL] = {IPPROTO_IP, IP_TTL, IPV6_UNICAST_HOPS, 0},
    [NF_SO_GROUP_TTL] = {IPPROTO_IP, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, 0},
    [NF_SO_GROUP_LOOP] = {IPPROTO_IP, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, 0},
    [NF_SO_FRAGMENT] = {IPPROTO_IP, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, 0},
    [NF_SO_MTU] = {IPPROTO_IP, IP_MTU, IPV6_MTU, 0},
    [NF_SO_PKTINFO] = {IPPROTO_IP, IP_PKTINFO, IPV6_RECVPKTINFO, 0},
    [NF_SO_REUSEADDR] = {SOL_SOCKET, SO_REUSEADDR, 0, 0},
    [NF_SO_LATE_PORT] = {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0, 0},
    [NF_SO_GRO] = {IPPROTO_UDP, UDP_GRO, 0, 0},
    [NF_SO_URGENT] = {SOL_SOCKET, SO_OOBINLINE, 0, 0},
    [NF_SO_RIGHTS] = {SOL_SOCKET, SO_PASSRIGHTS, 0, 0},
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

/* The kernel sends a probe after `value` of silence and another after each further `value`. The
 * connection fails when the third one is unanswered. */
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

/* The privileged option may exceed the system's maximum. Without the privilege you get as much as
 * the plain option grants. */
static int set_buffer(int fd, int forced, int name, int64_t value)
{
    return set_int(fd, SOL_SOCKET, forced, (int)value) == 0
               ? 0
               : set_int(fd, SOL_SOCKET, name, (int)value);
}

/* An IPv6 socket takes both options of a pair, and one of them must succeed. An IPv4 socket takes
 * only its own. */
static int set_plain(int fd, enum nf_sockopt option, int64_t value)
{
    int number = (int)value << plain[option].shift;
    bool v6 = plain[option].v6 != 0 &&
              setsockopt(fd, IPPROTO_IPV6, plain[option].v6, &number, sizeof number) == 0;
    int code = set_int(fd, plain[option].level, plain[option].name, number);

    return v6 ? 0 : code;
}

static int get_plain(int fd, enum nf_sockopt option, int64_t *value)
{
    bool v6 = plain[option].v6 != 0 && nf_fd_is_v6(fd);
    int code = get_int(fd, v6 ? IPPROTO_IPV6 : plain[option].level,
                       v6 ? plain[option].v6 : plain[option].name, value);

    *value >>= plain[option].shift;
    return code;
}

static int set_ttl(int fd, int64_t value)
{
    int code = set_plain(fd, NF_SO_TTL, value);

    return code == 0 ? set_plain(fd, NF_SO_GROUP_TTL, value) : code;
}

/* IPv4 takes the index in a struct; it would read an int as an address (ip(7)). */
static int set_group_interface(int fd, int value)
{
    struct ip_mreqn request = {.imr_ifindex = value};
    bool v6 = setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &value, sizeof value) == 0;
    bool v4 = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) == 0;

    return v6 || v4 ? 0 : nf_fail_errno(errno);
}

static int set_timeout(int fd, int name, int64_t value)
{
    struct timeval time = {.tv_sec = (time_t)(value / (MICROSECONDS * (int64_t)1000)),
                           .tv_usec = (suseconds_t)(value / 1000 % MICROSECONDS)};

    return setsockopt(fd, SOL_SOCKET, name, &time, sizeof time) == 0 ? 0 : nf_fail_errno(errno);
}

/* Attach a filter that keeps so many bytes of each datagram, none of which drops it. socket(7),
 * SO_ATTACH_FILTER */
static int attach_filter(int fd, uint32_t kept)
{
    struct sock_filter keep = {.code = BPF_RET | BPF_K, .k = kept};
    const struct sock_fprog program = {.len = 1, .filter = &keep};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0
               ? 0
               : nf_fail_errno(errno);
}

static int detach_filter(int fd)
{
    const int unused = 0;

    return setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused) == 0
               ? 0
               : nf_fail_errno(errno);
}

/* Asked without room for it, the kernel returns the length of the filter. It denies this of an eBPF
 * program. */
static int get_filter(int fd, int64_t *value)
{
    socklen_t length = 0;
    int code = getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &length);

    *value = code == 0 ? length > 0 : errno == EACCES;
    return code == 0 || errno == EACCES ? 0 : nf_fail_errno(errno);
}

/* Discard the datagrams that wait. No more than a queue holds: new ones may come all the time. */
static void discard(int fd)
{
    char byte;

    for (int i = 0; i < DISCARDED_MAX && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0; i++) {
    }
}

/* Attach a filter that drops everything; or discard what came before it, and detach it. On a system
 * without filters, or where a sandbox refuses them, what came meanwhile is discarded, too. */
static int set_drop_all(int fd, bool drop_all)
{
    int64_t has_filter = 0;

    if (drop_all) {
        attach_filter(fd, 0);
        return 0;
    }
    discard(fd);
    int code = detach_filter(fd);

    return code < 0 && get_filter(fd, &has_filter) == 0 && has_filter != 0 ? code : 0;
}

/* A close with a linger time of 0 sends a reset. tcp(7), socket(7): SO_LINGER */
static int set_reset(int fd, bool resets)
{
    const struct linger linger = {.l_onoff = resets, .l_linger = 0};

    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0
               ? 0
               : nf_fail_errno(errno);
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
    case NF_SO_TTL:
        return set_ttl(fd, value);
    case NF_SO_GROUP_INTERFACE:
        return set_group_interface(fd, (int)value);
    case NF_SO_FRAGMENT:
        return set_plain(fd, option, value != 0 ? IP_PMTUDISC_WANT : IP_PMTUDISC_DO);
    case NF_SO_DROP_ALL:
        return set_drop_all(fd, value != 0);
    case NF_SO_FILTER:
        return value != 0 ? attach_filter(fd, UINT32_MAX) : detach_filter(fd);
    case NF_SO_RESET:
        return set_reset(fd, value != 0);
    case NF_SO_RCVTIMEO:
        return set_timeout(fd, SO_RCVTIMEO, value);
    case NF_SO_SNDTIMEO:
        return set_timeout(fd, SO_SNDTIMEO, value);
    case NF_SO_RTT:
    case NF_SO_RETRANSMITS:
    case NF_SO_BACKLOG:
    case NF_SO_MTU:
    case NF_SO_DROPPED:
        return nf_fail(NET_MISUSE);
    default:
        return set_plain(fd, option, value);
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

static int get_dropped(int fd, int64_t *value)
{
    uint32_t info[MEMINFO_DROPS + 1] = {0};
    socklen_t size = sizeof info;

    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) != 0) {
        return nf_fail_errno(errno);
    }
    *value = info[MEMINFO_DROPS];
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
    int code = 0;

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
    case NF_SO_BACKLOG: /* tcpi_sacked is the backlog of a listener */
        return get_tcp_info(fd, offsetof(struct tcp_info, tcpi_sacked), value);
    case NF_SO_V6ONLY:
        return nf_fd_is_v6(fd) ? get_plain(fd, option, value) : 0;
    case NF_SO_FRAGMENT:
        code = get_plain(fd, option, value);
        *value = *value != IP_PMTUDISC_DO;
        return code;
    case NF_SO_DROPPED:
        return get_dropped(fd, value);
    case NF_SO_FILTER:
        return get_filter(fd, value);
    case NF_SO_GROUP_INTERFACE:
    case NF_SO_RCVTIMEO:
    case NF_SO_SNDTIMEO:
        return nf_fail(NET_MISUSE);
    default:
        return get_plain(fd, option, value);
    }
}

int64_t nf_backlog_granted(int64_t asked)
{
    char text[16] = "";
    int fd = nf_fd_above(open("/proc/sys/net/core/somaxconn", O_RDONLY | O_CLOEXEC));
    bool is_read = fd >= 0 && read(fd, text, sizeof text - 1) > 0;
    int64_t most = is_read ? strtoll(text, NULL, 10) : 0;

    nf_fd_close(fd);
    return most > 0 && most < asked ? most : asked;
}

/* struct group_req is the beginning of struct group_source_req, so one request serves both calls.
 * For an IPv6 group Linux delivers what arrives on any interface that joined it. The descriptor is
 * therefore bound to `interface`, if that is permitted. */
int nf_group_join(int fd, const struct nf_addr *group, int64_t interface,
                  const struct nf_addr *source)
{
    bool v6 = group->family == NF_IPV6;
    bool any = source->family == NF_NOWHERE;
    int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
    struct group_source_req request = {.gsr_interface = (uint32_t)interface};
    int code = set_int(fd, level, v6 ? IPV6_MULTICAST_ALL : IP_MULTICAST_ALL, 0);

    if (v6 && interface != 0) {
        set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)interface);
    }
    nf_to_sockaddr(group, v6, (void *)&request.gsr_group);
    nf_to_sockaddr(source, v6, (void *)&request.gsr_source);
    if (code < 0 || setsockopt(fd, level, any ? MCAST_JOIN_GROUP : MCAST_JOIN_SOURCE_GROUP,
                               &request, any ? sizeof(struct group_req) : sizeof request) == 0) {
        return code;
    }
    return errno == ENODEV || errno == EADDRNOTAVAIL
               ? nf_fail_because(NET_ADDRESS, "no interface hears the group: name one, as in "
                                              "interface=eth0")
               : nf_fail_errno(errno);
}

int nf_congestion_set(int fd, const char *name)
{
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) == 0) {
        return 0;
    }
    return errno == ENOENT ? nf_fail_because(NET_ADDRESS,
                                             "this system has no congestion control '%s'; "
                                             "/proc/sys/net/ipv4/tcp_available_congestion_control "
                                             "lists those it has",
                                             name)
                           : nf_fail_errno(errno);
}

int nf_congestion_get(int fd, char name[NF_CONGESTION_MAX])
{
    socklen_t size = NF_CONGESTION_MAX;

    if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size) != 0) {
        return nf_fail_errno(errno);
    }
    name[NF_CONGESTION_MAX - 1] = '\0';
    return 0;
}

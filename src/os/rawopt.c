/* The system's names for those options whose value is one int, and the call that sets them. */
#define _GNU_SOURCE
#include "os/rawopt.h"
#include "os/cause.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* An option that is missing here can be given as a number. When two names are the same level, the
 * first is used to print it. */
static const struct {
    int32_t number;
    char name[16];
} levels[] = {
    {SOL_SOCKET, "SOL_SOCKET"},   {IPPROTO_IP, "IPPROTO_IP"},   {IPPROTO_IPV6, "IPPROTO_IPV6"},
    {IPPROTO_TCP, "IPPROTO_TCP"}, {IPPROTO_UDP, "IPPROTO_UDP"}, {IPPROTO_IP, "SOL_IP"},
    {IPPROTO_IPV6, "SOL_IPV6"},   {IPPROTO_TCP, "SOL_TCP"},     {IPPROTO_UDP, "SOL_UDP"},
};

#define OF(level, name)                                                                            \
    {                                                                                              \
        level, name, #name                                                                         \
    }

static const struct {
    uint16_t level; /* more than 255 on MIPS and SPARC; on PA-RISC the numbers are, too */
    uint16_t number;
    char name[26];
} options[] = {
    OF(SOL_SOCKET, SO_BROADCAST),
    OF(SOL_SOCKET, SO_BUSY_POLL),
    OF(SOL_SOCKET, SO_DEBUG),
    OF(SOL_SOCKET, SO_DONTROUTE),
    OF(SOL_SOCKET, SO_INCOMING_CPU),
    OF(SOL_SOCKET, SO_KEEPALIVE),
    OF(SOL_SOCKET, SO_LOCK_FILTER),
    OF(SOL_SOCKET, SO_MARK),
    OF(SOL_SOCKET, SO_MAX_PACING_RATE),
    OF(SOL_SOCKET, SO_NO_CHECK),
    OF(SOL_SOCKET, SO_OOBINLINE),
    OF(SOL_SOCKET, SO_PASSCRED),
    OF(SOL_SOCKET, SO_PASSSEC),
    OF(SOL_SOCKET, SO_PRIORITY),
    OF(SOL_SOCKET, SO_RCVBUF),
    OF(SOL_SOCKET, SO_RCVBUFFORCE),
    OF(SOL_SOCKET, SO_RCVLOWAT),
    OF(SOL_SOCKET, SO_REUSEADDR),
    OF(SOL_SOCKET, SO_REUSEPORT),
    OF(SOL_SOCKET, SO_SNDBUF),
    OF(SOL_SOCKET, SO_SNDBUFFORCE),
    OF(SOL_SOCKET, SO_TIMESTAMP),
    OF(SOL_SOCKET, SO_ZEROCOPY),
    OF(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT),
    OF(IPPROTO_IP, IP_FREEBIND),
    OF(IPPROTO_IP, IP_MINTTL),
    OF(IPPROTO_IP, IP_MTU_DISCOVER),
    OF(IPPROTO_IP, IP_MULTICAST_ALL),
    OF(IPPROTO_IP, IP_MULTICAST_LOOP),
    OF(IPPROTO_IP, IP_MULTICAST_TTL),
    OF(IPPROTO_IP, IP_NODEFRAG),
    OF(IPPROTO_IP, IP_PKTINFO),
    OF(IPPROTO_IP, IP_RECVERR),
    OF(IPPROTO_IP, IP_RECVORIGDSTADDR),
    OF(IPPROTO_IP, IP_RECVTOS),
    OF(IPPROTO_IP, IP_RECVTTL),
    OF(IPPROTO_IP, IP_TOS),
    OF(IPPROTO_IP, IP_TRANSPARENT),
    OF(IPPROTO_IP, IP_TTL),
    OF(IPPROTO_IP, IP_UNICAST_IF),
    OF(IPPROTO_IPV6, IPV6_ADDR_PREFERENCES),
    OF(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL),
    OF(IPPROTO_IPV6, IPV6_DONTFRAG),
    OF(IPPROTO_IPV6, IPV6_FREEBIND),
    OF(IPPROTO_IPV6, IPV6_MINHOPCOUNT),
    OF(IPPROTO_IPV6, IPV6_MTU),
    OF(IPPROTO_IPV6, IPV6_MTU_DISCOVER),
    OF(IPPROTO_IPV6, IPV6_MULTICAST_HOPS),
    OF(IPPROTO_IPV6, IPV6_MULTICAST_IF),
    OF(IPPROTO_IPV6, IPV6_MULTICAST_LOOP),
    OF(IPPROTO_IPV6, IPV6_RECVERR),
    OF(IPPROTO_IPV6, IPV6_RECVPKTINFO),
    OF(IPPROTO_IPV6, IPV6_TCLASS),
    OF(IPPROTO_IPV6, IPV6_TRANSPARENT),
    OF(IPPROTO_IPV6, IPV6_UNICAST_HOPS),
    OF(IPPROTO_IPV6, IPV6_UNICAST_IF),
    OF(IPPROTO_IPV6, IPV6_V6ONLY),
    OF(IPPROTO_TCP, TCP_CORK),
    OF(IPPROTO_TCP, TCP_DEFER_ACCEPT),
    OF(IPPROTO_TCP, TCP_FASTOPEN),
    OF(IPPROTO_TCP, TCP_FASTOPEN_CONNECT),
    OF(IPPROTO_TCP, TCP_INQ),
    OF(IPPROTO_TCP, TCP_KEEPCNT),
    OF(IPPROTO_TCP, TCP_KEEPIDLE),
    OF(IPPROTO_TCP, TCP_KEEPINTVL),
    OF(IPPROTO_TCP, TCP_LINGER2),
    OF(IPPROTO_TCP, TCP_MAXSEG),
    OF(IPPROTO_TCP, TCP_NODELAY),
    OF(IPPROTO_TCP, TCP_NOTSENT_LOWAT),
    OF(IPPROTO_TCP, TCP_QUICKACK),
    OF(IPPROTO_TCP, TCP_SAVE_SYN),
    OF(IPPROTO_TCP, TCP_SYNCNT),
    OF(IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS),
    OF(IPPROTO_TCP, TCP_USER_TIMEOUT),
    OF(IPPROTO_TCP, TCP_WINDOW_CLAMP),
    OF(IPPROTO_UDP, UDP_CORK),
};

enum {
    LEVELS = sizeof levels / sizeof levels[0],
    OPTIONS = sizeof options / sizeof options[0],
    SPELLING_MAX = 64
};

const char *nf_rawopt_level(int i, int32_t *number)
{
    if (i >= LEVELS) {
        return NULL;
    }
    *number = levels[i].number;
    return levels[i].name;
}

const char *nf_rawopt_name(int32_t level, int i, int32_t *number)
{
    if (i >= OPTIONS) {
        return NULL;
    }
    *number = options[i].number;
    return options[i].level == level ? options[i].name : "";
}

static int refuse(const struct nf_rawopt *option, int error)
{
    const char *name = NULL;
    char spelling[SPELLING_MAX];
    int code = nf_fail_errno(error);

    for (int i = 0; i < OPTIONS && name == NULL; i++) {
        if (options[i].level == option->level && options[i].number == option->name) {
            name = options[i].name;
        }
    }
    if (name != NULL) {
        snprintf(spelling, sizeof spelling, "%s", name);
    } else {
        snprintf(spelling, sizeof spelling, "%d/%d", (int)option->level, (int)option->name);
    }
    return nf_fail_because_of(code, error, "%s/%d", spelling, (int)option->value);
}

int nf_rawopt_get(int fd, int level, int name)
{
    int value = 0;
    socklen_t size = sizeof value;

    return getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

int nf_rawopts_set(int fd, const struct nf_rawopts *options_asked)
{
    for (int i = 0; i < options_asked->count; i++) {
        const struct nf_rawopt *each = &options_asked->option[i];
        int value = each->value;

        if (setsockopt(fd, each->level, each->name, &value, sizeof value) != 0) {
            return refuse(each, errno);
        }
    }
    return 0;
}

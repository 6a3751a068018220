/* Options are compared as the system prints them, byte by byte. Buffers need more: the system
 * doubles what it is given, and a size that was set no longer adapts itself. Of IPv4's interface
 * for groups the system tells only the address, not the index, so it is written back without
 * comparing; an index of the caller's is lost. IP_TOS sets SO_PRIORITY, too. socket(7), ip(7) */
#define _GNU_SOURCE
#include "os/snapshot.h"
#include "os/message.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

enum { SNDBUF_LOCK = 1, RCVBUF_LOCK = 2, OVERHEAD = 2 };

static const struct {
    int level;
    int name;
} known[] = {
    {IPPROTO_TCP, TCP_NODELAY},
    {SOL_SOCKET, SO_KEEPALIVE},
    {IPPROTO_TCP, TCP_KEEPIDLE},
    {IPPROTO_TCP, TCP_KEEPINTVL},
    {IPPROTO_TCP, TCP_KEEPCNT},
    {IPPROTO_TCP, TCP_USER_TIMEOUT},
    {IPPROTO_TCP, TCP_CONGESTION},
    {SOL_SOCKET, SO_BROADCAST},
    {IPPROTO_IP, IP_TOS},
    {IPPROTO_IPV6, IPV6_TCLASS},
    {SOL_SOCKET, SO_PRIORITY}, /* after the two above, which change it */
    {IPPROTO_IP, IP_TTL},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    {IPPROTO_IP, IP_MULTICAST_TTL},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS},
    {IPPROTO_IP, IP_MULTICAST_LOOP},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP},
    {IPPROTO_IP, IP_MULTICAST_IF},
    {IPPROTO_IPV6, IPV6_MULTICAST_IF},
    {IPPROTO_IP, IP_MTU_DISCOVER},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER},
    {IPPROTO_IP, IP_PKTINFO},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {SOL_SOCKET, SO_BINDTOIFINDEX},
};

enum { KNOWN = sizeof known / sizeof known[0] };

_Static_assert(KNOWN + (int)NF_RAWOPTS_MAX <= (int)NF_SNAPSHOT_OPTIONS, "there is room for all");

static void read_option(int fd, int level, int name, struct nf_snapshot_option *option)
{
    socklen_t size = sizeof option->value;

    *option = (struct nf_snapshot_option){.level = level, .name = name};
    option->size = getsockopt(fd, level, name, option->value, &size) == 0 ? size : 0;
}

static bool is_buffer(const struct nf_rawopt *option)
{
    return option->level == SOL_SOCKET &&
           (option->name == SO_SNDBUF || option->name == SO_RCVBUF ||
            option->name == SO_SNDBUFFORCE || option->name == SO_RCVBUFFORCE);
}

void nf_snapshot_take(struct nf_snapshot *snapshot, int fd, const struct nf_rawopts *raw,
                      bool has_interface)
{
    struct nf_snapshot_option *next = snapshot->option;

    snapshot->fd = fd;
    snapshot->has_interface = has_interface;
    snapshot->sndbuf = nf_rawopt_get(fd, SOL_SOCKET, SO_SNDBUF);
    snapshot->rcvbuf = nf_rawopt_get(fd, SOL_SOCKET, SO_RCVBUF);
    snapshot->locks = nf_rawopt_get(fd, SOL_SOCKET, SO_BUF_LOCK);
    for (int i = 0; i < KNOWN; i++) {
        read_option(fd, known[i].level, known[i].name, next++);
    }
    for (int i = 0; i < raw->count; i++) {
        if (!is_buffer(&raw->option[i])) {
            read_option(fd, raw->option[i].level, raw->option[i].name, next++);
        }
    }
    snapshot->count = (int)(next - snapshot->option);
}

static void restore_option(int fd, const struct nf_snapshot_option *before, bool has_interface)
{
    struct nf_snapshot_option now;
    bool is_hidden =
        has_interface && before->level == IPPROTO_IP && before->name == IP_MULTICAST_IF;

    read_option(fd, before->level, before->name, &now);
    if (before->size > 0 && (is_hidden || memcmp(before, &now, sizeof now) != 0)) {
        setsockopt(fd, before->level, before->name, before->value, before->size);
    }
}

/* Give a buffer its size back if it was set since. The size of one that adapts itself changes
 * without us. The privileged option may exceed the system's maximum. */
static void restore_buffer(const struct nf_snapshot *snapshot, int forced, int name, int lock,
                           int before)
{
    int locks = nf_rawopt_get(snapshot->fd, SOL_SOCKET, SO_BUF_LOCK);
    int size = before / OVERHEAD;
    bool was_set = (snapshot->locks & lock) != 0;

    if (((locks & lock) != 0) == was_set &&
        (!was_set || nf_rawopt_get(snapshot->fd, SOL_SOCKET, name) == before)) {
        return;
    }
    if (setsockopt(snapshot->fd, SOL_SOCKET, forced, &size, sizeof size) != 0) {
        setsockopt(snapshot->fd, SOL_SOCKET, name, &size, sizeof size);
    }
}

void nf_snapshot_restore(const struct nf_snapshot *snapshot)
{
    int fd = snapshot->fd;

    for (int i = 0; i < snapshot->count; i++) {
        restore_option(fd, &snapshot->option[i], snapshot->has_interface);
    }
    restore_buffer(snapshot, SO_SNDBUFFORCE, SO_SNDBUF, SNDBUF_LOCK, snapshot->sndbuf);
    restore_buffer(snapshot, SO_RCVBUFFORCE, SO_RCVBUF, RCVBUF_LOCK, snapshot->rcvbuf);
    if (snapshot->locks >= 0 && nf_rawopt_get(fd, SOL_SOCKET, SO_BUF_LOCK) != snapshot->locks) {
        setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &snapshot->locks, sizeof snapshot->locks);
    }
}

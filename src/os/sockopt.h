/* Options that the kernel keeps for a descriptor, each as one number. On a dual-stack socket an
 * option is set for both families. */
#ifndef NF_OS_SOCKOPT_H
#define NF_OS_SOCKOPT_H

#include "os/address.h"

#include <stdint.h>

enum nf_sockopt {
    NF_SO_NODELAY,
    NF_SO_KEEPALIVE,    /* milliseconds, rounded down to whole seconds; 0: off */
    NF_SO_USER_TIMEOUT, /* milliseconds; 0: off */
    NF_SO_REUSEPORT,
    NF_SO_V6ONLY, /* reads 0 on an IPv4 socket */
    NF_SO_SNDBUF, /* bytes of payload, which is half of what the kernel counts with its overhead
                     (socket(7)) */
    NF_SO_RCVBUF,
    NF_SO_BROADCAST,
    NF_SO_DEVICE, /* index of the interface that it is bound to; 0: none */
    NF_SO_DSCP,
    NF_SO_TTL,             /* set: unicast and multicast; read: unicast */
    NF_SO_GROUP_TTL,       /* multicast alone */
    NF_SO_GROUP_LOOP,      /* whether this host receives what it sends to groups */
    NF_SO_GROUP_INTERFACE, /* index of the interface for sending to groups; write-only */
    NF_SO_FRAGMENT,        /* whether datagrams may be fragmented on their way */
    NF_SO_MTU,             /* of the path to the peer, in bytes; read-only */
    NF_SO_DROPPED,         /* datagrams dropped because the receive buffer was full; read-only */
    NF_SO_RTT,             /* microseconds; read-only */
    NF_SO_RETRANSMITS,     /* TCP segments; read-only */
    NF_SO_BACKLOG,         /* of a listener, as the kernel granted it; read-only */
    NF_SO_REUSEADDR,
    NF_SO_LATE_PORT, /* choose the local port at connect, so it is unique for the address pair only
                        (ip(7)) */
    NF_SO_PKTINFO,   /* report each datagram's destination, in both families */
    NF_SO_DROP_ALL,  /* 1: the kernel drops all that arrives; 0: discard what came
                        before, then no longer; write-only */
    NF_SO_FILTER,    /* 1: attach a filter that drops nothing; 0: detach the filter; reads whether
                        there is one. With a filter the kernel checks the checksum of a datagram
                        when it arrives, else when it is received (socket(7), SO_ATTACH_FILTER) */
    NF_SO_GRO,       /* deliver joined datagrams (udp(7), UDP_GRO) */
    NF_SO_RESET,     /* close sends a reset; write-only */
    NF_SO_URGENT,    /* receive urgent bytes in the normal stream */
    NF_SO_RIGHTS,    /* of a unix socket: its peers may pass descriptors (unix(7), SCM_RIGHTS) */
    NF_SO_RCVTIMEO,  /* nanoseconds; timeout of a blocking receive; write-only */
    NF_SO_SNDTIMEO   /* the same for a blocking send or connect */
};

/* Set or read an option. 0 or a code; NET_MISUSE when a read-only option is set. Do not read a
 * write-only one. setsockopt(2), getsockopt(2) */
int nf_sockopt_set(int fd, enum nf_sockopt option, int64_t value);
int nf_sockopt_get(int fd, enum nf_sockopt option, int64_t *value);

/* What the system makes of a backlog that is asked for: at most net.core.somaxconn, if /proc tells
 * it. For listeners that have no NF_SO_BACKLOG. */
int64_t nf_backlog_granted(int64_t asked);

/* Join a multicast group on one interface (0: the one that the route to the group takes), and
 * receive from every source or from `source` alone. The descriptor then gets no other group's
 * datagrams. Call it before bind. 0; NET_ADDRESS when no interface fits; another code. RFC 3678 */
int nf_group_join(int fd, const struct nf_addr *group, int64_t interface,
                  const struct nf_addr *source);

/* The congestion control algorithm of a stream, by name. Get ends the name with a NUL. 0;
 * NET_ADDRESS when the system does not have it; another code. */
enum { NF_CONGESTION_MAX = 16 };
int nf_congestion_set(int fd, const char *name);
int nf_congestion_get(int fd, char name[NF_CONGESTION_MAX]);

#endif

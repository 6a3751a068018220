/* Options that the kernel keeps for a descriptor, each as one number; on a dual-stack socket for
 * both families. */
#ifndef NF_OS_SOCKOPT_H
#define NF_OS_SOCKOPT_H

#include "os/address.h"

#include <stdint.h>

enum nf_sockopt {
    NF_SO_NODELAY,
    NF_SO_KEEPALIVE,    /* milliseconds, whole seconds of them; 0 is off */
    NF_SO_USER_TIMEOUT, /* milliseconds; 0 is off */
    NF_SO_REUSEPORT,
    NF_SO_V6ONLY, /* reads 0 on an IPv4 socket */
    NF_SO_SNDBUF, /* bytes of payload: half of what the kernel counts, its overhead included
                     (socket(7)) */
    NF_SO_RCVBUF,
    NF_SO_BROADCAST,
    NF_SO_DEVICE, /* the number of the interface it is bound to; 0: none */
    NF_SO_DSCP,
    NF_SO_TTL,             /* set: to single hosts and to groups; read: to single hosts */
    NF_SO_GROUP_TTL,       /* to groups alone */
    NF_SO_GROUP_LOOP,      /* whether this host hears what it sends to groups */
    NF_SO_GROUP_INTERFACE, /* the number of the one they are sent through; only to be set */
    NF_SO_FRAGMENT,        /* whether datagrams may be cut on their way */
    NF_SO_MTU,             /* of the path to the peer, bytes; only to be read */
    NF_SO_DROPPED,         /* datagrams that found no room; only to be read */
    NF_SO_RTT,             /* microseconds; only to be read */
    NF_SO_RETRANSMITS,     /* segments; only to be read */
    NF_SO_BACKLOG,         /* of a listener, as the system granted it; only to be read */
    NF_SO_REUSEADDR,
    NF_SO_LATE_PORT, /* choose the local port at connect, by the whole pair of addresses (ip(7)) */
    NF_SO_PKTINFO,   /* tell the destination of each datagram, of either family */
    NF_SO_DROP_ALL,  /* nothing is received any more, or again; only to be set */
    NF_SO_GRO,       /* hand over trains of datagrams (udp(7), UDP_GRO) */
    NF_SO_RESET,     /* a close breaks the connection off; it can only be set */
    NF_SO_URGENT,    /* urgent bytes are bytes like others */
    NF_SO_RCVTIMEO,  /* nanoseconds; patience of a blocking receive */
    NF_SO_SNDTIMEO   /* and of a blocking send or connect */
};

/* 0 or a code. setsockopt(2), getsockopt(2) */
int nf_sockopt_set(int fd, enum nf_sockopt option, int64_t value);
int nf_sockopt_get(int fd, enum nf_sockopt option, int64_t *value);

/* Hear a multicast group, and no other, through an interface (0: the one that leads to it), from
 * everybody or from `source` alone. To be called before bind. 0;
 * NET_ADDRESS when no interface fits; another code. RFC 3678 */
int nf_group_join(int fd, const struct nf_addr *group, int64_t interface,
                  const struct nf_addr *source);

/* How a stream shares a full_until path, by its name, NUL and all. 0; NET_ADDRESS: the system has
 * none of that name; another code. */
enum { NF_CONGESTION_MAX = 16 };
int nf_congestion_set(int fd, const char *name);
int nf_congestion_get(int fd, char name[NF_CONGESTION_MAX]);

#endif

/* Options that the kernel keeps for a descriptor, each as one number. */
#ifndef NF_OS_SOCKOPT_H
#define NF_OS_SOCKOPT_H

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
    NF_SO_RTT,         /* microseconds; only to be read */
    NF_SO_RETRANSMITS, /* segments; only to be read */
    NF_SO_BACKLOG,     /* of a listener, as the system granted it; only to be read */
    NF_SO_REUSEADDR,
    NF_SO_LATE_PORT, /* choose the local port at connect, by the whole pair of addresses (ip(7)) */
    NF_SO_PKTINFO,   /* tell the destination of each datagram, of either family */
    NF_SO_GRO,       /* hand over trains of datagrams (udp(7), UDP_GRO) */
    NF_SO_LOWAT,     /* readable from so many bytes on */
    NF_SO_RCVTIMEO,  /* nanoseconds; patience of a blocking receive */
    NF_SO_SNDTIMEO   /* and of a blocking send or connect */
};

/* 0 or a code. setsockopt(2), getsockopt(2) */
int nf_sockopt_set(int fd, enum nf_sockopt option, int64_t value);
int nf_sockopt_get(int fd, enum nf_sockopt option, int64_t *value);

#endif

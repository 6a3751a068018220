/* Three hosts in one process, each a network namespace, for tests that need a wire:
 *
 *     NEAR  eth0 ---- eth0  FAR  eth2 ---- eth0  BEYOND
 *           eth1 ---- eth1
 *
 *     eth0  10.77.0.1, fd77::1, fe80::1  to  10.77.0.2 and .3, fd77::2 and ::3, fe80::2
 *     eth1  10.78.0.1, fd78::1, fe80::11 to  10.78.0.2, fd78::2, fe80::12
 *     FAR forwards from eth0 to 10.79.0.2, fd79::2, over a wire with an MTU of SMALL_MTU.
 *
 * A socket stays on the host where it was opened. So one thread acts for all hosts: it enters a
 * host, opens a socket, and enters the next. The name of an interface means the one of the host
 * that the thread is in. */
#ifndef HOSTS_H
#define HOSTS_H

#include "support.h"

enum host { NEAR, FAR, BEYOND, HOSTS };
enum { SMALL_MTU = 1300 };

/* For main: makes the hosts and runs the tests, or prints why it may not and returns 77. */
int run_on_hosts(const struct test *tests, size_t count);

void go_to(enum host host);

/* A packet seen on a wire: IPv4 or IPv6, without options. */
struct packet {
    int version;
    int traffic_class; /* DSCP and the ECN bits */
    int ttl;
};

/* Listen on an interface of this host. Close the descriptor by close(). */
int tap_open(const char *interface);
/* The next packet to or from the port. */
void tap_next(int fd, int port, struct packet *packet);

#endif

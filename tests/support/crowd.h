/* A sender with many source addresses: one plain socket whose datagrams come from any address of
 * 127.16.0.0/12. See IP_PKTINFO in ip(7). */
#ifndef CROWD_H
#define CROWD_H

#include "support.h"

enum { FACES = 1 << 20, CROWD_MOST = 64 /* datagrams in one call */ };

/* Open a socket that sends to the listener. The listener is reached at 127.0.0.1. */
int crowd_dial(net_socket *listener);

/* Send one datagram, or a train of datagrams of `segment` bytes each (0: no train), from the
 * address with this number. */
void crowd_send(int fd, unsigned number, const void *data, size_t size, size_t segment);

/* Send the same datagram from `count` addresses, beginning with number `first`. */
void crowd_flood(int fd, unsigned first, unsigned count, const void *data, size_t size);

#endif

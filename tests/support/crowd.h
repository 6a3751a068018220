/* A sender of many faces: one plain socket whose datagrams come from any address of 127.16.0.0/12.
 * ip(7), IP_PKTINFO */
#ifndef CROWD_H
#define CROWD_H

#include "support.h"

enum { FACES = 1 << 20, CROWD_MOST = 64 /* datagrams in one call */ };

/* A socket to send by, to the listener, which hears 127.0.0.1. */
int crowd_dial(net_socket *listener);

/* One datagram, or a train of datagrams of `segment` bytes (0: it is none), from face `number`. */
void crowd_send(int fd, unsigned number, const void *data, size_t size, size_t segment);

/* The same datagram from `count` faces, from `first` on. */
void crowd_flood(int fd, unsigned first, unsigned count, const void *data, size_t size);

#endif

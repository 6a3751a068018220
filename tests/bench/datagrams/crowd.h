/* Many peers out of one raw socket. Each has a source address of its own in 127.0.0.0/8, and puts
 * its number into the first bytes of a datagram of SMALL bytes. Nothing here is measured. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <netfacade.h>

#include <stdint.h>

enum { CROWD_STRANGERS = 4 * 1024 * 1024 }; /* numbers from here on are never accepted */

/* Send from at most 64 of the crowd to a port of 127.0.0.1, in this order. */
void crowd_say(int port, const uint32_t *senders, int count);

/* Receive: each of them must get its own datagram back, in this order. */
void crowd_hear(const uint32_t *senders, int count);

/* Fill in the next `count` numbers of `first` to `first` + `size` - 1, again from `first` after the
 * last. `*next` is the position, and is advanced. */
void crowd_choose(uint32_t *senders, int count, uint32_t first, uint32_t size, uint32_t *next);

/* Make the listener accept the first `count` of the crowd; the first datagram of each is received.
 * Returns the sockets by number. The caller closes and frees them. */
net_socket **crowd_accept(net_socket *listener, uint32_t count);

/* Close the sockets, and free the array. */
void crowd_close(net_socket **sockets, uint32_t count);

#endif

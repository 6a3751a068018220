/* Many peers out of one raw socket: each has a source address of its own in 127.0.0.0/8, and says
 * its number in the first bytes of a datagram of SMALL bytes. None of it is measured. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <netfacade.h>

#include <stdint.h>

enum { CROWD_STRANGERS = 4 * 1024 * 1024 }; /* numbers from here on are nobody that is accepted */

/* At most 64 of the crowd write to a port of 127.0.0.1, in this order. */
void crowd_say(int port, const uint32_t *who, int count);

/* Each of them must get its own datagram back, in this order. */
void crowd_hear(const uint32_t *who, int count);

/* The next `count` of `first` to `first` + `size` - 1, round and round; `*next` counts on. */
void crowd_choose(uint32_t *who, int count, uint32_t first, uint32_t size, uint32_t *next);

/* Make the listener accept the first `count` of the crowd, each with its first datagram received.
 * The sockets by number; the caller closes them, and frees. */
net_socket **crowd_accept(net_socket *listener, uint32_t count);

/* Close them all, and free. */
void crowd_close(net_socket **sockets, uint32_t count);

#endif

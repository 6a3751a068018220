/* Many datagrams by raw calls. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

/* Room for any one control message that is used here. */
struct control {
    _Alignas(struct cmsghdr) char room[64];
};

/* Make this the only control message of a message. */
void wire_attach(struct msghdr *message, struct control *control, int level, int type,
                 const void *value, size_t length);

/* On a connected socket (`to` NULL) or to an address, send `count` datagrams, at most 64, of `size`
 * bytes each. They lie one after the other at `data`. */

/* Send them as trains, which the kernel or the card cuts: UDP_SEGMENT. */
void wire_send_trains(int fd, const struct sockaddr_in *to, char *data, size_t size, int count);

/* Send each by itself, all by one call: sendmmsg. */
void wire_send_singles(int fd, const struct sockaddr_in *to, char *data, size_t size, int count);

#endif

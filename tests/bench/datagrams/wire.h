/* Many datagrams by raw calls. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

/* Room for one control message, of those that are used here. */
struct control {
    _Alignas(struct cmsghdr) char room[64];
};

/* Make a control message all that goes with a message. */
void wire_attach(struct msghdr *message, struct control *control, int level, int type,
                 const void *value, size_t length);

/* On a connected socket (`to` NULL) or to somebody: `count` datagrams, at most 64, that lie one
 * after the other at `data`, `size` bytes each. */

/* As trains, which the kernel or the card cuts: UDP_SEGMENT. */
void wire_send_trains(int fd, const struct sockaddr_in *to, char *data, size_t size, int count);

/* Each by itself, all in one call: sendmmsg. */
void wire_send_singles(int fd, const struct sockaddr_in *to, char *data, size_t size, int count);

#endif

/* Datagrams in trains, sent and received by plain system calls, for peers that the library knows
 * nothing of. udp(7), UDP_SEGMENT */
#ifndef TRAINS_H
#define TRAINS_H

#include "support.h"

#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { TRAIN_ROOM = 65536 /* bytes, more than a train has */ };

/* Sends `size` bytes in datagrams of `segment`, the last perhaps shorter, as one train; one by one
 * where the system has no trains. */
void raw_send_train(int fd, const void *data, size_t size, size_t segment);

/* The same with what write_pattern writes; and what such a train is to its receiver, datagram by
 * datagram. Returns where the next begins in the text. */
void send_pattern(int fd, size_t size, size_t segment, size_t offset);
size_t hear_pattern(net_socket *socket, size_t size, size_t segment, size_t offset);
/* There is nothing to receive now. */
void hear_nothing(net_socket *socket);

/* A raw peer of a listener, who was accepted; a socket that is dialed to a raw peer, who knows it.
 * Both have said "hi", and it was heard. */
net_socket *accept_raw(net_socket *listener, int *fd);
net_socket *dial_raw(const char *template, int *fd);

/* Whether a message asks for a train: the size of its datagrams, or 0. */
size_t train_of(const struct msghdr *message);

/* A plain socket bound to a port of this loopback, "127.0.0.1" or "::1"; and the address to dial
 * it. */
int raw_bind(const char *host, char address[ADDRESS_MAX]);

/* Whether the loopback is this program's own, to be changed as it likes; and the most that a packet
 * on it has. */
bool set_loopback_mtu(int bytes);

#endif

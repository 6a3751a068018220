/* Datagrams in trains, sent and received by plain system calls, for peers that do not use the
 * library. See UDP_SEGMENT in udp(7). */
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

enum { TRAIN_ROOM = 65536 /* bytes: more than a train has */ };

/* Sends `size` bytes as one train of datagrams of `segment` bytes; the last may be shorter. Sends
 * one by one if the system has no trains. */
void raw_send_train(int fd, const void *data, size_t size, size_t segment);

/* The same with the bytes of write_pattern; and the receiver of such a train, which checks it
 * datagram by datagram. Both return the offset of the next byte in the text. */
void send_pattern(int fd, size_t size, size_t segment, size_t offset);
size_t hear_pattern(net_socket *socket, size_t size, size_t segment, size_t offset);
/* There is nothing to receive now. */
void hear_nothing(net_socket *socket);

/* A raw peer that the listener accepts; and a socket dialed to a raw peer that is connected back to
 * it. Each side has sent "hi", and the other has received it. */
net_socket *accept_raw(net_socket *listener, int *fd);
net_socket *dial_raw(const char *template, int *fd);

/* Whether a message asks for a train: the size of its datagrams, or 0. */
size_t train_of(const struct msghdr *message);

/* A plain socket bound to a port of this loopback, "127.0.0.1" or "::1". `address` is the one to
 * dial. */
int raw_bind(const char *host, char address[ADDRESS_MAX]);

/* Sets how many bytes a packet on the loopback may have. False if the loopback is not this
 * program's own. */
bool set_loopback_mtu(int bytes);

#endif

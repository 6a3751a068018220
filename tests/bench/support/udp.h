/* UDP sockets on loopback for the benchmarks, raw ones and the facade's, on ports that the kernel
 * chose. All ask for the same receive buffer, and none waits longer than PATIENCE. */
#ifndef BENCH_UDP_H
#define BENCH_UDP_H

#include <netfacade.h>

#include <netinet/in.h>

#define UDP_ROOM "rcvbuf=4MiB"

/* The address of this port at 127.0.0.1. */
struct sockaddr_in udp_name(int port);

/* A raw socket bound to an address in host byte order. */
int udp_open(uint32_t address);
int udp_port(int fd);
void udp_dial(int fd, int port);

/* How many datagrams of this many bytes may be queued in such a socket without one being dropped: a
 * multiple of 64, at most `most`. */
int udp_pile(size_t size, int most);

/* A socket of the facade: listening at a host (which may be followed by options, "&idle=off") or
 * dialed to 127.0.0.1. */
net_socket *udp_listen(const char *host, const char *options);
net_socket *udp_facade_dial(int port, const char *options);
int udp_facade_port(net_socket *socket);

/* Two sockets dialed to each other. */
void udp_raw_pair(int fds[2]);
void udp_facade_pair(net_socket *sockets[2]);

#endif

/* UDP sockets on loopback for the benchmarks, raw and the facade's, on ports that the kernel chose.
 * All ask for the same room for what they have not received yet, and none waits longer than
 * PATIENCE. */
#ifndef BENCH_UDP_H
#define BENCH_UDP_H

#include <netfacade.h>

#include <netinet/in.h>

#define UDP_ROOM "rcvbuf=4MiB"

/* 127.0.0.1 and a port. */
struct sockaddr_in udp_name(int port);

/* A raw socket bound to an address in host byte order. */
int udp_open(uint32_t address);
int udp_port(int fd);
void udp_dial(int fd, int port);

/* How many datagrams of so many bytes may wait in such a socket without one being dropped: a
 * multiple of 64, at most `most`. */
int udp_pile(size_t size, int most);

/* The facade's, listening at a host (with options after it, from the second on: "&idle=off") or
 * dialed to 127.0.0.1. */
net_socket *udp_listen(const char *host, const char *options);
net_socket *udp_facade_dial(int port, const char *options);
int udp_facade_port(net_socket *socket);

/* Two sockets dialed to each other. */
void udp_raw_pair(int fds[2]);
void udp_facade_pair(net_socket *sockets[2]);

#endif

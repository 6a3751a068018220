/* Plain datagram sockets of the unix family, opened without the library. */
#ifndef RAW_UNIX_H
#define RAW_UNIX_H

#include "support.h"

#include <sys/socket.h>
#include <sys/un.h>

/* The name in an address without percent-encoding and options. "unixgram://@" means any free name.
 */
socklen_t raw_unix_name(const char *address, struct sockaddr_un *name);

/* A socket bound to the name in the address, or without a name (NULL). */
int raw_unix_open(const char *address);

/* Send one datagram to the name. Returns what sendto(2) returns. */
ssize_t raw_unix_send(int fd, const char *address, const void *data, size_t size);

/* The next datagram that it receives is this text. */
void raw_unix_expect(int fd, const char *words);

#endif

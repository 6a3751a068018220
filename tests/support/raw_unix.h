/* Plain datagram sockets of the unix family, which the library knows nothing of. */
#ifndef RAW_UNIX_H
#define RAW_UNIX_H

#include "support.h"

#include <sys/socket.h>
#include <sys/un.h>

/* The name in an address, which has nothing encoded in it and no options; that of "unixgram://@" is
 * any. */
socklen_t raw_unix_name(const char *address, struct sockaddr_un *name);

/* A socket with the name in the address, or with none (NULL). */
int raw_unix_open(const char *address);

/* One datagram to the name: what sendto(2) says. */
ssize_t raw_unix_send(int fd, const char *address, const void *data, size_t size);

/* It hears these words next. */
void raw_unix_expect(int fd, const char *words);

#endif

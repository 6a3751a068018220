/* Descriptors that were opened without the library, for the library to adopt. */
#ifndef FOREIGN_H
#define FOREIGN_H

#include "support.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* The templates of the wires that have descriptors. */
extern const char *const foreign_streams[];
extern const char *const foreign_datagrams[];
extern const char *const foreign_sockets[];

/* An address of tcp or udp, as the system has it. */
union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

enum { FOREIGN_BACKLOG = 16 };

bool is_unix(const char *template);

/* A blocking socket of the template's kind, bound to its host and a port that the system chooses.
 */
int foreign_bound(const char *template);
/* The same, ready for net_listen. */
int foreign_listener(const char *template);

/* A socket of the same kind, connected to a listener of the library. It has a name. */
int foreign_dial(net_socket *listener);

/* Write fd://N and the options, which begin with `?` or are empty. Returns `address`. */
char *foreign_address(int fd, const char *options, char address[ADDRESS_MAX]);
net_socket *adopt_listener(int fd);
net_socket *adopt_connection(int fd);

/* A listener of the library, an adopted client of it, and the peer that it accepted. */
void dial_adopted(const char *template, struct pair *pair);

/* Each end sends something to the other. */
void ping_pong(net_socket *one, net_socket *other);

#endif

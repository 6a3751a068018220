/* Questions about what a socket carries. For the examples; a program that copies one of them
 * needs this file, too. */
#ifndef EXAMPLES_WIRES_H
#define EXAMPLES_WIRES_H

#include <netfacade.h>

#include <stdbool.h>

/* One send is one receive, 0 is an empty message, and NET_TOOBIG is a message as well, which did
 * not fit. Only such sockets have the option `queue`. */
static inline bool wire_has_messages(net_socket *socket)
{
    return net_get(socket, "queue", NULL, 0) >= 0;
}

/* NET_EOF comes after the last byte or message, and net_shutdown sends it: true of streams, and of
 * messages over a stream, which have a `frame`. Datagrams have no end. */
static inline bool wire_has_end(net_socket *socket)
{
    return !wire_has_messages(socket) || net_get(socket, "frame", NULL, 0) >= 0;
}

/* The socket may hold back a part of what a send took: the rest of a message over a stream, or of
 * an encrypted record. It is out when the socket is writable again, and a close with NET_NOW before
 * that would lose it. Encrypted sockets have the option `min-version`. */
static inline bool wire_holds_back(net_socket *socket)
{
    return net_get(socket, "frame", NULL, 0) >= 0 || net_get(socket, "min-version", NULL, 0) >= 0;
}

/* What a counter of the socket says: 0 if there is no socket. */
static inline long long wire_count(net_socket *socket, const char *counter)
{
    int64_t count = 0;

    net_get_number(socket, counter, &count);
    return count;
}

#endif

/* Receiving from a stream, whatever carries it: some bytes, a whole buffer, or a line.
 *
 * A line is looked at where it waits, through a window of bounded size, and taken with two calls.
 * What is known of a line that is not whole yet is taken, too, and kept in the socket: so only new
 * bytes are ever looked at, no system buffer is too small for a line, and what the kernel calls
 * readable is news. The next receive, of whatever kind, hands out first what is kept. */
#ifndef NF_SOCKET_UNTIL_H
#define NF_SOCKET_UNTIL_H

#include "socket/backend.h"

/* How a stream takes what comes next: at least one byte and at most `size`, or a code. `how` is of
 * NF_PEEK (leave the bytes where they are), NF_WHOLE (better all of `size`) and NF_DONTWAIT. The
 * caller has the turn of those who receive. */
typedef ssize_t nf_take(net_socket *socket, void *buffer, size_t size, int how,
                        net_deadline deadline);

/* The recv slot of a stream, `size` being over 0 unless `until` is a delimiter. The caller has the
 * turn, and counts what is returned, but not of NF_LOOK. */
ssize_t nf_receive(net_socket *socket, nf_take *take, void *buffer, size_t size, int until,
                   net_deadline deadline);

#endif

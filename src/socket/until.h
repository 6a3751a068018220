/* Receiving from a stream on any wire: some bytes, a whole buffer, or a line.
 *
 * A search for a delimiter peeks at the bytes through a window of bounded size. Two calls then
 * take a line: one peeks, one receives. A part of a line without its delimiter is received too,
 * and stored in the socket (`kept`). Therefore each search sees only new bytes, a line may be
 * longer than any system buffer, and a readable descriptor always means new bytes. The next
 * receive of any kind returns the stored part first. */
#ifndef NF_SOCKET_UNTIL_H
#define NF_SOCKET_UNTIL_H

#include "socket/backend.h"

/* How a stream receives: at least one byte and at most `size`, or a code. `how` is of NF_PEEK
 * (leave the bytes unread), NF_WHOLE (all of `size`, where the system can) and NF_DONTWAIT. The
 * caller holds the turn of the receivers. */
typedef ssize_t nf_take(net_socket *socket, void *buffer, size_t size, int how,
                        net_deadline deadline);

/* The body of a recv slot. `size` is above 0 unless `until` is a delimiter. The caller holds
 * the turn, and counts the bytes returned, except for NF_LOOK. */
ssize_t nf_receive(net_socket *socket, nf_take *take, void *buffer, size_t size, int until,
                   net_deadline deadline);

#endif

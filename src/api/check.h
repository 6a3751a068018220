/* Checks of the arguments of public functions, made before a backend is called. Each check returns
 * 0, or records a sentence and returns NET_MISUSE. */
#ifndef NF_API_CHECK_H
#define NF_API_CHECK_H

#include "socket/backend.h"
#include "wait/deadline.h"

#define NF_SIZE_MOST (SIZE_MAX / 2) /* SSIZE_MAX, which standard C does not have */

/* The slow path of the two checks below: record which argument is wrong. */
int nf_check_failed(const void *socket, const void *data, size_t size, net_deadline deadline);

static inline bool nf_data_is_good(const net_socket *socket, const void *data, size_t size,
                                   net_deadline deadline)
{
    return socket != NULL && (data != NULL || size == 0) && size <= NF_SIZE_MOST &&
           nf_deadline_is_valid(deadline);
}

static inline int nf_check_data(const net_socket *socket, const void *data, size_t size,
                                net_deadline deadline)
{
    return nf_data_is_good(socket, data, size, deadline)
               ? 0
               : nf_check_failed(socket, data, size, deadline);
}

/* Check a socket, poller or address for NULL, and a deadline. */
static inline int nf_check_call(const void *socket, net_deadline deadline)
{
    bool good = socket != NULL && nf_deadline_is_valid(deadline);

    return good ? 0 : nf_check_failed(socket, NULL, 0, deadline);
}

/* The two below check as many as the call can move: `count` becomes less when the deadline passes
 * while they are checked. */

/* Slices, and at least up to the first byte. A message is sent whole or not at all, so those of a
 * message are all checked. Adds their sizes to `total`, which is 0 before the call. */
int nf_check_slices(const net_socket *socket, const net_slice *slices, int *count,
                    net_deadline deadline, size_t *total);

/* Messages, to send or to receive. */
int nf_check_messages(const net_socket *socket, const net_message *messages, int *count, bool sends,
                      net_deadline deadline);
int nf_check_array(const void *first, const void *array, int count, net_deadline deadline);
int nf_check_release(net_socket *socket); /* or NET_CANCELED */
int nf_check_kept(const net_socket *socket);
int nf_check_delimiter(int delimiter);
int nf_check_text(const void *first, const void *second, const char *buffer, size_t size);

#endif

/* Did the caller ask for something that makes sense? Each check is 0, or NET_MISUSE with a
 * sentence. */
#ifndef NF_API_CHECK_H
#define NF_API_CHECK_H

#include "socket/backend.h"
#include "wait/deadline.h"

#define NF_SIZE_MOST (SIZE_MAX / 2) /* SSIZE_MAX, which standard C does not have */

/* The slow half: say which of the arguments is wrong. */
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

/* A socket or an address, and a deadline. */
static inline int nf_check_call(const void *socket, net_deadline deadline)
{
    bool good = socket != NULL && nf_deadline_is_valid(deadline);

    return good ? 0 : nf_check_failed(socket, NULL, 0, deadline);
}

/* `total`, 0 before, is how many bytes they are together. */
int nf_check_slices(const net_socket *socket, const net_slice *slices, int count,
                    net_deadline deadline, size_t *total);
int nf_check_messages_out(const net_socket *socket, const net_message *messages, int count,
                          net_deadline deadline);
int nf_check_messages_in(const net_socket *socket, const net_message *messages, int count,
                         net_deadline deadline);
int nf_check_array(const void *first, const void *array, int count, net_deadline deadline);
int nf_check_release(net_socket *socket); /* also NET_CANCELED */
int nf_check_delimiter(int delimiter);
int nf_check_text(const void *first, const void *second, const char *buffer, size_t size);

#endif

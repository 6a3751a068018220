/* Checks of the arguments of public functions: see check.h. */
#include "api/check.h"
#include "os/process.h"

#include <limits.h>

/* A call moves no more once its deadline has passed. */
enum { MESSAGES_AT_ONCE = 4096, SLICES_AT_ONCE = 16384 };

int nf_check_failed(const void *socket, const void *data, size_t size, net_deadline deadline)
{
    if (socket == NULL) {
        return nf_fail_because(NET_MISUSE, "the socket or address is NULL");
    }
    if (!nf_deadline_is_valid(deadline)) {
        return nf_fail_because(NET_MISUSE, "%lld is no deadline: make one with net_after",
                               (long long)deadline);
    }
    if (size > NF_SIZE_MOST) {
        return nf_fail_because(NET_MISUSE, "a size of %zu is over SSIZE_MAX", size);
    }
    return data == NULL ? nf_fail_because(NET_MISUSE, "the buffer is NULL") : 0;
}

int nf_check_array(const void *first, const void *array, int count, net_deadline deadline)
{
    int code = nf_check_call(first, deadline);

    if (code == 0 && count < 1) {
        return nf_fail_because(NET_MISUSE, "a count of %d", count);
    }
    if (code == 0 && array == NULL) {
        return nf_fail_because(NET_MISUSE, "the array is NULL");
    }
    return code;
}

/* Whether to check no more than these `i`, of which a call moves `at_once`. */
static bool are_enough(int i, int at_once, net_deadline deadline)
{
    return i > 0 && i % at_once == 0 && nf_deadline_passed(deadline);
}

int nf_check_slices(const net_socket *socket, const net_slice *slices, int *count,
                    net_deadline deadline, size_t *total)
{
    int code = nf_check_array(socket, slices, *count, deadline);
    int at_once = code == 0 && nf_is_stream(socket->kind) ? SLICES_AT_ONCE : INT_MAX;
    int i = 0;

    for (; code == 0 && i < *count && (*total == 0 || !are_enough(i, at_once, deadline)); i++) {
        code = nf_check_data(socket, slices[i].data, slices[i].size, deadline);
        if (code == 0 && slices[i].size > NF_SIZE_MOST - *total) {
            return nf_fail_because(NET_MISUSE, "the slices together are over SSIZE_MAX");
        }
        *total += slices[i].size;
    }
    *count = i;
    return code;
}

int nf_check_messages(const net_socket *socket, const net_message *messages, int *count, bool sends,
                      net_deadline deadline)
{
    int code = nf_check_array(socket, messages, *count, deadline);
    int i = 0;

    for (; code == 0 && i < *count && !are_enough(i, MESSAGES_AT_ONCE, deadline); i++) {
        size_t size = sends ? messages[i].size : messages[i].capacity;

        code = nf_check_data(socket, messages[i].data, size, deadline);
    }
    *count = i;
    return code;
}

int nf_check_delimiter(int delimiter)
{
    return delimiter >= 0 && delimiter <= UCHAR_MAX
               ? 0
               : nf_fail_because(NET_MISUSE, "the delimiter %d is no byte", delimiter);
}

int nf_check_release(net_socket *socket)
{
    int code = nf_check_call(socket, NET_NOW);

    if (code < 0) {
        return code;
    }
    if (socket->process != (uint16_t)nf_process()) {
        return nf_fail_because(NET_MISUSE, "the socket belongs to the process that made it");
    }
    return nf_is_canceled(socket) ? nf_fail(NET_CANCELED) : 0;
}

int nf_check_kept(const net_socket *socket)
{
    return socket->kept == NULL ? 0
                                : nf_fail_because(NET_MISUSE, "a part of a line is kept in the "
                                                              "socket: receive it first");
}

int nf_check_text(const void *first, const void *second, const char *buffer, size_t size)
{
    if (first == NULL || second == NULL || (buffer == NULL && size > 0)) {
        return nf_fail_because(NET_MISUSE, "an argument is NULL");
    }
    if (size > NF_SIZE_MOST) {
        return nf_fail_because(NET_MISUSE, "a size of %zu is over SSIZE_MAX", size);
    }
    return 0;
}

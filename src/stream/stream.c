/* Sending and receiving on a stream. The socket is a struct nf_connection, with one lane for each
 * direction: a turn, which one thread at a time holds, and `end`, the code that stays.
 *
 * A failed send ends the lane `out` only. Receives still return the bytes that had arrived. The
 * kernel reports the error of a reset once; where the send got it, the receive sees a plain end,
 * and the code here makes that NET_RESET instead of NET_EOF. */
#include "stream/stream.h"
#include "socket/connection.h"
#include "socket/socket.h"
#include "os/socket.h"

enum {
    CONGESTION_PAUSE = 1, /* ms before the kernel is asked for buffers again */
    OWN_END_SLICE = 50,   /* ms of one wait to send */
    SMALL = 16 * 1024     /* bytes: a fraction of any buffer */
};

static const size_t most_at_once = (size_t)1 << 30; /* some systems refuse more in one call */

/* Record a failure that ends the lane. An earlier code has priority: after our own shutdown the
 * send returns NET_MISUSE, whatever error the kernel reports. */
static ssize_t record_failure(struct nf_connection *connection, struct nf_lane *lane, ssize_t code)
{
    int8_t end = 0;

    if (nf_is_canceled(&connection->head)) {
        return nf_fail(NET_CANCELED);
    }
    if (!atomic_compare_exchange_strong(&lane->end, &end, (int8_t)code)) {
        return nf_fail_ended(end);
    }
    return code;
}

/* A system call found no room. Waits; 0: try again with NF_DONTWAIT; or a code. It waits in slices:
 * poll does not tell that another thread has shut down our own direction of a unix socket. */
static int wait_to_send(struct nf_connection *connection, ssize_t code, net_deadline deadline)
{
    if (code == NF_CONGESTED && !nf_is_canceled(&connection->head)) {
        return nf_pause(nf_connection_wake(connection), CONGESTION_PAUSE, deadline);
    }
    net_deadline slice = nf_deadline_after(nf_now(), OWN_END_SLICE);

    return nf_lane_wait(connection, NF_OUT, nf_earlier(slice, deadline));
}

/* One system call. It waits only if there is no deadline and no other process has the descriptor:
 * the kernel would start SO_SNDTIMEO again with each buffer that it fills on a unix socket. */
static ssize_t send_some(struct nf_connection *connection, const net_slice *slices, int count,
                         size_t skip, net_deadline deadline)
{
    int how = deadline == NET_FOREVER ? connection->out.how : NF_DONTWAIT;
    size_t most = deadline == NET_FOREVER ? most_at_once : NF_AT_ONCE;

    if (count == 1) {
        size_t left = slices->size - skip;

        return nf_transfer_send(connection->fd, (const char *)slices->data + skip,
                                left < most ? left : most, how);
    }
    return nf_transfer_send_slices(connection->fd, slices, count, skip, most, how);
}

/* Send the rest after a first system call returned `n`. The caller holds the turn. Returns how many
 * bytes were sent in all, or, if none were, a code. */
static ssize_t send_rest(struct nf_connection *connection, const net_slice *slices, int count,
                         ssize_t n, net_deadline deadline)
{
    struct nf_pace pace = {.least = NF_SEND_LEAST};
    size_t sent = 0;
    size_t skip = 0;

    for (;;) {
        if (n < 0) {
            bool may_wait = n == NF_WOULD_BLOCK || n == NF_CONGESTED;

            n = may_wait ? wait_to_send(connection, n, deadline)
                         : record_failure(connection, &connection->out, n);
            if (n < 0) {
                return sent > 0 ? (ssize_t)sent : n;
            }
        }
        nf_count(&connection->bytes_out, n);
        sent += (size_t)n;
        skip += (size_t)n;
        while (count > 0 && skip >= slices->size) {
            skip -= slices->size;
            slices++;
            count--;
        }
        if (count == 0 ||
            (n > 0 && nf_socket_go_on(&connection->head, &pace, (size_t)n, deadline) < 0)) {
            return (ssize_t)sent;
        }
        n = send_some(connection, slices, count, skip, deadline);
    }
}

/* The general case: no bytes, many bytes or many slices; or the turn is taken or the lane
 * has ended. */
static __attribute__((noinline)) ssize_t send_slices(struct nf_connection *connection,
                                                     const net_slice *slices, int count,
                                                     net_deadline deadline)
{
    while (count > 0 && slices->size == 0) {
        slices++;
        count--;
    }
    if (count == 0) {
        return nf_is_canceled(&connection->head) ? nf_fail(NET_CANCELED) : 0;
    }
    ssize_t n = nf_lane_enter(connection, &connection->out, deadline);

    if (n == 0) {
        n = send_rest(connection, slices, count, send_some(connection, slices, count, 0, deadline),
                      deadline);
        nf_lane_leave(&connection->out);
    }
    return n;
}

/* A small slice that the first system call did not send whole. Leaves the turn, which the caller
 * holds. */
static __attribute__((noinline)) ssize_t send_small_rest(struct nf_connection *connection,
                                                         const net_slice *slice, ssize_t n,
                                                         net_deadline deadline)
{
    n = send_rest(connection, slice, 1, n, deadline);
    nf_lane_leave(&connection->out);
    return n;
}

/* The lane had ended: leave the turn, and let the general case return the reason. */
static __attribute__((noinline)) ssize_t
leave_and_send(struct nf_connection *connection, const net_slice *slice, net_deadline deadline)
{
    nf_lane_leave(&connection->out);
    return send_slices(connection, slice, 1, deadline);
}

/* The short way: a small slice nearly always fits at once, and needs no clock. All other cases are
 * calls of functions that are not inlined, so that this one saves few registers. */
ssize_t nf_stream_send(net_socket *socket, const net_slice *slices, int count,
                       net_deadline deadline)
{
    struct nf_connection *connection = (struct nf_connection *)socket;
    bool small = count == 1 && slices->size - 1 < SMALL;

    if (!small || !nf_turn_try(&connection->out.turn)) {
        return send_slices(connection, slices, count, deadline);
    }
    if (nf_lane_is_shut(connection, &connection->out)) {
        return leave_and_send(connection, slices, deadline);
    }
    ssize_t n = nf_transfer_send(connection->fd, slices->data, slices->size, NF_DONTWAIT);

    if (n != (ssize_t)slices->size) {
        return send_small_rest(connection, slices, n, deadline);
    }
    nf_count(&connection->bytes_out, n);
    return nf_turn_leave_with(&connection->out.turn, n);
}

/* Whether the whole connection is gone, and not only the peer's half. The kernel reports a reset
 * once, and a send in another thread may have got the error. After our own shutdown
 * (`end` is NET_MISUSE) the kernel's answer is the same without a reset, and is ignored. */
static bool is_connection_gone(struct nf_connection *connection)
{
    int sending = atomic_load(&connection->out.end);
    bool gone = sending == 0 && nf_fd_is_gone(connection->fd);

    sending = atomic_load(&connection->out.end); /* a shutdown may have come since */
    return sending != NET_MISUSE && (sending != 0 || gone);
}

/* The kernel reports the end of the stream. Record NET_EOF, or NET_RESET if the peer is gone. */
static int record_end(struct nf_connection *connection)
{
    int code = is_connection_gone(connection) ? NET_RESET : NET_EOF;

    atomic_store_explicit(&connection->in.end, (int8_t)code, memory_order_relaxed);
    return nf_fail(code);
}

/* A receive returned `n`, and no bytes. Waits if that helps; 0: try again with NF_DONTWAIT; or a
 * code. */
static ssize_t wait_to_receive(struct nf_connection *connection, ssize_t n, net_deadline deadline)
{
    if (n == NF_WOULD_BLOCK) {
        return nf_lane_wait(connection, NF_IN, deadline);
    }
    if (n == 0) {
        return nf_is_canceled(&connection->head) ? nf_fail(NET_CANCELED) : record_end(connection);
    }
    return n == NF_CONGESTED ? nf_fail(NET_LIMIT) : record_failure(connection, &connection->in, n);
}

/* Receive until there are bytes, after a first system call returned `n`. */
static ssize_t receive_first(struct nf_connection *connection, void *buffer, size_t size, int how,
                             ssize_t n, net_deadline deadline)
{
    while (n <= 0) {
        n = wait_to_receive(connection, n, deadline);
        if (n < 0) {
            return n;
        }
        n = nf_transfer_recv(connection->fd, buffer, size, how | NF_DONTWAIT);
    }
    return n;
}

ssize_t nf_stream_take(net_socket *socket, void *buffer, size_t size, int how,
                       net_deadline deadline)
{
    struct nf_connection *connection = (struct nf_connection *)socket;

    how |= nf_lane_set_timeout(connection->fd, &connection->in, NF_SO_RCVTIMEO, deadline);
    ssize_t n = nf_transfer_recv(connection->fd, buffer, size, how);

    return n > 0 ? n : receive_first(connection, buffer, size, how, n, deadline);
}

ssize_t nf_stream_receive(struct nf_connection *connection, nf_take *take, void *buffer,
                          size_t size, int until, net_deadline deadline)
{
    if (size == 0 && until < 0) {
        return nf_is_canceled(&connection->head) ? nf_fail(NET_CANCELED) : 0;
    }
    ssize_t n = nf_lane_enter(connection, &connection->in, deadline);

    if (n < 0) {
        return n;
    }
    n = nf_receive(&connection->head, take, buffer, size, until, deadline);
    if (n > 0 && until != NF_LOOK) {
        nf_count(&connection->bytes_in, n);
    }
    nf_lane_leave(&connection->in);
    return n;
}

/* The general case: a whole buffer, a delimiter or a look; or the turn is taken or the lane
 * has ended. */
static __attribute__((noinline)) ssize_t receive(struct nf_connection *connection, void *buffer,
                                                 size_t size, int until, net_deadline deadline)
{
    return nf_stream_receive(connection, nf_stream_take, buffer, size, until, deadline);
}

/* The first system call returned no bytes, but `n`. Leaves the turn, which the caller holds. */
static __attribute__((noinline)) ssize_t receive_waiting(struct nf_connection *connection,
                                                         void *buffer, size_t size, ssize_t n,
                                                         net_deadline deadline)
{
    n = receive_first(connection, buffer, size, 0, n, deadline);
    if (n > 0) {
        nf_count(&connection->bytes_in, n);
    }
    nf_lane_leave(&connection->in);
    return n;
}

/* The lane had ended, bytes are stored in the socket, or the timeout in force does not fit: leave
 * the turn and begin again with the general case. */
static __attribute__((noinline)) ssize_t leave_and_receive(struct nf_connection *connection,
                                                           void *buffer, size_t size,
                                                           net_deadline deadline)
{
    nf_lane_leave(&connection->in);
    return receive(connection, buffer, size, NF_SOME, deadline);
}

/* The short way: any bytes, with NET_NOW, without a deadline or with the timeout in force. */
ssize_t nf_stream_recv(net_socket *socket, void *buffer, size_t size, int until,
                       net_deadline deadline)
{
    struct nf_connection *connection = (struct nf_connection *)socket;
    bool some = until == NF_SOME && size - 1 < NF_AT_ONCE;
    int how = NF_DONTWAIT;

    if (!some || !nf_turn_try(&connection->in.turn)) {
        return receive(connection, buffer, size, until, deadline);
    }
    if (nf_lane_is_shut(connection, &connection->in) || socket->kept != NULL) {
        return leave_and_receive(connection, buffer, size, deadline);
    }
    if (deadline != NET_NOW) {
        if (!nf_lane_timeout_fits(&connection->in, deadline) && deadline != NET_FOREVER) {
            return leave_and_receive(connection, buffer, size, deadline);
        }
        how = connection->in.how;
    }
    ssize_t n = nf_transfer_recv(connection->fd, buffer, size, how);

    if (n <= 0) {
        return receive_waiting(connection, buffer, size, n, deadline);
    }
    nf_count(&connection->bytes_in, n);
    return nf_turn_leave_with(&connection->in.turn, n);
}

int nf_stream_shutdown(net_socket *socket)
{
    struct nf_connection *connection = (struct nf_connection *)socket;
    int8_t none = 0;

    if (nf_is_canceled(socket)) {
        return nf_fail(NET_CANCELED);
    }
    if (!atomic_compare_exchange_strong(&connection->out.end, &none, NET_MISUSE)) {
        return none == NET_MISUSE ? 0 : nf_fail(none);
    }
    int code = nf_fd_finish(connection->fd);

    if (code < 0) {
        atomic_store(&connection->out.end, (int8_t)code);
    }
    return code;
}

/* Finish sending, then read and discard until the peer closes too. A close with unread bytes would
 * send a reset, and a reset can destroy the last bytes we sent before the peer reads them (RFC
 * 1122, 4.2.2.13). */
static int drain(struct nf_connection *connection, net_deadline deadline)
{
    char discarded[4096];

    if (nf_fd_finish(connection->fd) < 0) {
        return 0;
    }
    for (;;) {
        ssize_t n = nf_transfer_recv(connection->fd, discarded, sizeof discarded, NF_DONTWAIT);

        if (n == 0 || (n < 0 && n != NF_WOULD_BLOCK)) {
            return 0;
        }
        if (n > 0 && nf_deadline_passed(deadline)) {
            return nf_fail(NET_TIMEOUT);
        }
        if (n < 0 && nf_lane_wait(connection, NF_IN, deadline) < 0) {
            return nf_cause_pending()->code == NET_TIMEOUT ? NET_TIMEOUT : 0;
        }
    }
}

/* A reset is sent at once, even where a child process has the descriptor, too. Otherwise a close
 * with a deadline drains first, and blocks until then at most. */
int nf_stream_close(net_socket *socket, net_deadline deadline)
{
    struct nf_connection *connection = (struct nf_connection *)socket;
    int code = 0;

    if (nf_connection_resets(connection)) {
        nf_fd_abort(connection->fd);
    } else if (deadline != NET_NOW && !nf_is_canceled(socket)) {
        code = drain(connection, deadline);
    }
    nf_connection_close(connection);
    return code;
}

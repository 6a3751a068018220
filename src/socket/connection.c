/* Lanes, and what all connections on a descriptor share. Moves no bytes: see stream/stream.c and
 * datagram/connection.c. */
#include "socket/connection.h"
#include "socket/kernel.h"
#include "os/descriptor.h"
#include "os/ready.h"
#include "os/socket.h"

#include <stdlib.h>

enum { MOST_DOUBLINGS = 25 }; /* more than three days */

int nf_lane_enter(struct nf_connection *connection, struct nf_lane *lane, net_deadline deadline)
{
    if (nf_is_canceled(&connection->head)) {
        return nf_fail(NET_CANCELED);
    }
    if (!nf_turn_take(&lane->turn, deadline)) {
        return nf_fail(nf_is_canceled(&connection->head) ? NET_CANCELED : NET_TIMEOUT);
    }
    int end = atomic_load_explicit(&lane->end, memory_order_relaxed);

    if (nf_is_canceled(&connection->head)) {
        end = NET_CANCELED;
    }
    if (end == 0) {
        return 0;
    }
    nf_turn_leave(&lane->turn);
    return nf_fail_ended(end);
}

/* The timeout is NF_TIMEOUT_LEAST times a power of two: the same one serves all deadlines
 * between it and its double. */
static int set_timeout(int fd, struct nf_lane *lane, enum nf_sockopt option, int64_t left)
{
    uint8_t timeout = 1;

    if (lane->how != 0) {
        return lane->how;
    }
    while (nf_lane_longest_wait(timeout) <= left && timeout < MOST_DOUBLINGS) {
        timeout++;
    }
    if (nf_sockopt_set(fd, option, NF_TIMEOUT_LEAST << (timeout - 1)) < 0) {
        return NF_DONTWAIT;
    }
    lane->timeout = timeout;
    return 0;
}

bool nf_lane_timeout_fits(const struct nf_lane *lane, net_deadline deadline)
{
    return lane->timeout != 0 &&
           nf_lane_longest_wait(lane->timeout - 1) <= deadline - nf_now_roughly() - NF_TICK;
}

/* Not inlined, so that a call with NET_FOREVER does not pay for it. */
static __attribute__((noinline)) int bound_wait(int fd, struct nf_lane *lane,
                                                enum nf_sockopt option, net_deadline deadline)
{
    if (deadline == NET_NOW) {
        return NF_DONTWAIT;
    }
    if (nf_lane_timeout_fits(lane, deadline)) {
        return 0;
    }
    int64_t left = deadline - nf_now_roughly() - NF_TICK;

    return left < nf_lane_longest_wait(0) ? NF_DONTWAIT : set_timeout(fd, lane, option, left);
}

int nf_lane_set_timeout(int fd, struct nf_lane *lane, enum nf_sockopt option, net_deadline deadline)
{
    return deadline == NET_FOREVER ? lane->how : bound_wait(fd, lane, option, deadline);
}

int nf_lane_wait(struct nf_connection *connection, unsigned want, net_deadline deadline)
{
    if (nf_is_canceled(&connection->head)) {
        return nf_fail(NET_CANCELED);
    }
    int got = nf_wait(connection->fd, want, nf_connection_wake(connection), deadline);

    return got < 0 ? got : 0;
}

/* No other process uses a connection that was made by connect or accept, so a cancel may break
 * it. */
void nf_connection_cancel(net_socket *socket)
{
    struct nf_connection *connection = (struct nf_connection *)socket;

    if (connection->is_adopted) {
        nf_wake_post(connection->wake);
    } else {
        nf_fd_break(connection->fd);
    }
}

void nf_connection_free_wake(struct nf_connection *connection)
{
    if (connection->is_adopted && connection->wake != NULL) {
        nf_wake_close(connection->wake);
        free(connection->wake);
        connection->wake = NULL;
    }
}

static void close_dial_set(struct nf_connection *connection)
{
    if (atomic_load(&connection->has_dial_set)) {
        nf_ready_best()->close(connection->dial_set);
        atomic_store(&connection->has_dial_set, false);
    }
}

void nf_connection_close(struct nf_connection *connection)
{
    close_dial_set(connection);
    nf_connection_free_wake(connection);
    nf_fd_close(connection->fd);
}

/* All readiness of a connection is the kernel's. A poller may still watch what it watched during
 * the dial. That stays open until the second query after the dial, when the poller watches the
 * descriptor instead. */
void nf_connection_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    struct nf_connection *connection = (struct nf_connection *)socket;

    if (atomic_load(&connection->has_dial_set)) {
        if (nf_connection_mark(connection, NF_DIAL_SET_REPLACED) != 0) {
            close_dial_set(connection);
        }
        nf_connection_set_mark(connection, 0, NF_DIAL_SET_REPLACED);
    }
    *out = (struct nf_readiness){
        .ready = nf_is_canceled(socket) ? interest : 0,
        .fd = connection->fd,
        .want = interest,
        .again = NET_FOREVER,
    };
}

static int get_source(struct nf_connection *connection, struct nf_value *value)
{
    value->has_port = connection->has_source_port;
    return connection->has_source ? nf_fd_local(connection->fd, &value->addr, NULL) : 0;
}

static int set_reset(struct nf_connection *connection, bool resets)
{
    int code = nf_sockopt_set(connection->fd, NF_SO_RESET, resets);

    if (code == 0) {
        nf_connection_mark_reset(connection, resets);
    }
    return code;
}

/* A value that the caller sets stays when the descriptor is released. */
static int nodelay(struct nf_connection *connection, struct nf_value *value, bool write)
{
    if (write) {
        nf_connection_set_mark(connection, NF_WAS_DELAYED, 0);
    }
    return nf_kernel_property(connection->fd, NF_NODELAY, value, write);
}

/* Release the descriptor, and undo what the library set on it. An adopted one has no timeouts to
 * undo. */
static int release(struct nf_connection *connection, struct nf_value *value)
{
    int code = 0;

    if (connection->in.timeout != 0) {
        code = nf_sockopt_set(connection->fd, NF_SO_RCVTIMEO, 0);
        connection->in.timeout = 0;
    }
    if (connection->out.timeout != 0 && code == 0) {
        code = nf_sockopt_set(connection->fd, NF_SO_SNDTIMEO, 0);
        connection->out.timeout = 0;
    }
    if (nf_connection_mark(connection, NF_INLINE | NF_WAS_INLINE) == NF_INLINE && code == 0) {
        code = nf_sockopt_set(connection->fd, NF_SO_URGENT, 0);
        nf_connection_set_mark(connection, NF_INLINE, 0);
    }
    if (nf_connection_mark(connection, NF_WAS_DELAYED) != 0 && code == 0) {
        code = nf_sockopt_set(connection->fd, NF_SO_NODELAY, 0);
        nf_connection_set_mark(connection, NF_WAS_DELAYED, 0);
    }
    if (nf_connection_mark(connection, NF_RESETS) != 0 && code == 0) {
        code = set_reset(connection, false);
    }
    if (connection->took_rights && code == 0) {
        nf_sockopt_set(connection->fd, NF_SO_RIGHTS, 1); /* older systems do not have it */
    }
    if (connection->is_adopted && code == 0) {
        code = nf_descriptor_give_back(connection->fd, false, connection->was_inherited);
    }
    if (code == 0) {
        value->number = connection->fd;
        connection->fd = -1;
    }
    return code;
}

int nf_connection_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                           bool write)
{
    struct nf_connection *connection = (struct nf_connection *)socket;

    switch (property) {
    case NF_FD:
        value->number = connection->fd;
        return 0;
    case NF_ABORT:
        nf_fd_abort(connection->fd);
        return 0;
    case NF_RELEASE:
        return write ? release(connection, value) : 0;
    case NF_RESET:
        if (write) {
            return set_reset(connection, value->number != 0);
        }
        value->number = nf_connection_mark(connection, NF_RESETS) != 0;
        return 0;
    case NF_NODELAY:
        return nodelay(connection, value, write);
    case NF_SOURCE:
        return get_source(connection, value);
    case NF_PEER:
        value->addr = socket->name;
        return 0;
    case NF_BYTES_SENT:
        value->number = atomic_load_explicit(&connection->bytes_out, memory_order_relaxed);
        return 0;
    case NF_BYTES_RECEIVED:
        value->number = atomic_load_explicit(&connection->bytes_in, memory_order_relaxed);
        return 0;
    default:
        return nf_kernel_property(connection->fd, property, value, write);
    }
}

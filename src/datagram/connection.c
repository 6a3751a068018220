/* The slots of a dialed datagram socket. RFC 768 */
#include "datagram/connection.h"
#include "socket/kernel.h"
#include "socket/socket.h"
#include "open/dialing.h"
#include "name/endpoint.h"
#include "os/socket.h"

#include <string.h>

/* Errors of earlier sends that a receive may skip even after its deadline. */
enum { SEND_ERRORS_MAX = 16 };

int nf_connected_open(net_socket *socket, const struct nf_target *target, const struct nf_addr *to,
                      const struct nf_datagram_kind *kind, net_deadline deadline)
{
    struct nf_datagram_connection *self = (struct nf_datagram_connection *)socket;

    memcpy(self->option, target->options.value, sizeof self->option);
    self->kind = kind;
    self->burst.plain_between = kind->fits_batches ? 0 : UINT8_MAX; /* then it never probes */
    int code = nf_dialing_connect(&self->connection, target, NF_DATAGRAM, to, deadline);

    if (code == 0 && target->adopted >= 0) {
        nf_transfer_discard_errors(target->adopted);
        nf_burst_share(&self->burst, target->adopted);
    }
    return code;
}

/* An adopted descriptor is not dialed again, which would change the peer for all processes that
 * share it. */
static bool redials(const struct nf_datagram_connection *self)
{
    return self->kind->redials && !self->connection.is_adopted;
}

/* The kernel sends a datagram whole or not at all, so senders need no turn. */
static ssize_t send_slices(struct nf_datagram_connection *self, const net_slice *slices, int count,
                           net_deadline deadline)
{
    struct nf_connection *connection = &self->connection;
    struct nf_retry retry = {0};

    for (;;) {
        if (nf_is_canceled(&connection->head)) {
            return nf_fail(NET_CANCELED);
        }
        ssize_t n =
            count == 1
                ? nf_transfer_send(connection->fd, slices->data, slices->size, NF_DONTWAIT)
                : nf_transfer_send_slices(connection->fd, slices, count, 0, SIZE_MAX, NF_DONTWAIT);

        if (n >= 0) {
            nf_add(&connection->bytes_out, n);
            nf_add(&self->messages_out, 1);
            return n;
        }
        retry.redials = redials(self);
        int code = nf_datagram_retry(&connection->head, connection->fd, n, &retry, deadline);

        if (code < 0) {
            return code;
        }
    }
}

static ssize_t send_one(net_socket *socket, const net_slice *slices, int count,
                        net_deadline deadline)
{
    struct nf_datagram_connection *self = (struct nf_datagram_connection *)socket;
    int code = nf_is_canceled(socket) ? 0 : nf_deferred_take(&self->deferred_out);

    return code < 0 ? code : send_slices(self, slices, count, deadline);
}

static int find_route(net_socket *socket, const net_endpoint *endpoint, struct nf_route *route)
{
    route->to = socket->name;
    route->is_open = false;
    route->says_from = false;
    return nf_datagram_check_peer(socket, endpoint);
}

/* Before the first timeout: make sure that the kernel counts it once for the whole call. If it does
 * not let us, no receive waits in the kernel: poll does all the waiting. A filter of the program's
 * stays, and serves as well. */
static void check_early(struct nf_datagram_connection *self)
{
    struct nf_lane *lane = &self->connection.in;
    int fd = self->connection.fd;
    int64_t has_filter = 0;

    self->checks_early = true;
    if (!self->kind->checks_late || lane->how != 0 ||
        (nf_sockopt_get(fd, NF_SO_FILTER, &has_filter) == 0 && has_filter != 0)) {
        return;
    }
    self->has_filter = nf_sockopt_set(fd, NF_SO_FILTER, 1) == 0;
    lane->how = self->has_filter ? 0 : NF_DONTWAIT;
}

/* The flags of a receive until `deadline`, with a timeout if need be. Not inlined, so that a call
 * with a timeout that fits does not pay for it. */
static __attribute__((noinline)) int bound_wait(struct nf_datagram_connection *self,
                                                net_deadline deadline)
{
    struct nf_connection *connection = &self->connection;

    if (!self->checks_early && deadline != NET_NOW && deadline != NET_FOREVER) {
        check_early(self);
    }
    return nf_lane_set_timeout(connection->fd, &connection->in, NF_SO_RCVTIMEO, deadline);
}

/* Receive one datagram; the caller has the turn. A refusal (ICMP port unreachable) is returned and
 * not recorded: the peer may be there the next time. */
static ssize_t receive(struct nf_datagram_connection *self, void *buffer, size_t size,
                       net_deadline deadline, bool many)
{
    struct nf_connection *connection = &self->connection;
    int send_errors = 0;
    int how = NF_LENGTH;

    if (!nf_lane_timeout_fits(&connection->in, deadline)) {
        how |= bound_wait(self, deadline);
    }
    for (;;) {
        ssize_t n = nf_burst_recv(&self->burst, connection->fd, buffer, size, how, many);

        if (n > 0) {
            return n;
        }
        if (nf_is_canceled(&connection->head)) {
            return nf_fail(NET_CANCELED);
        }
        if (n == NF_CONGESTED) {
            return nf_fail(NET_LIMIT);
        }
        if (n < 0 && n != NF_WOULD_BLOCK) { /* else the descriptor would look ready */
            nf_transfer_discard_errors(connection->fd);
        }
        if (n == NET_DENIED) { /* ICMPv6 says so of a peer behind a firewall */
            return nf_fail_as(NET_UNREACHABLE, nf_cause_pending()->error);
        }
        bool of_a_send = n == NET_TOOBIG; /* the path's MTU is less than an earlier send */

        if (n != NF_WOULD_BLOCK && !of_a_send) {
            return n;
        }
        bool goes_on =
            of_a_send && (++send_errors < SEND_ERRORS_MAX || !nf_deadline_passed(deadline));
        int code = goes_on ? 0 : nf_lane_wait(connection, NF_IN, deadline);

        if (code < 0) {
            return code;
        }
        how |= NF_DONTWAIT;
    }
}

/* Take a datagram that is here, or receive one; the caller has the turn. */
static ssize_t take_one(struct nf_datagram_connection *self, void *buffer, size_t size,
                        net_deadline deadline, bool many)
{
    int code = nf_deferred_take(&self->deferred_in);

    if (code < 0) {
        return code;
    }
    ssize_t n = nf_burst_is_waiting(&self->burst) ? nf_burst_take(&self->burst, buffer, size)
                                                  : receive(self, buffer, size, deadline, many);

    if (n >= 0) {
        nf_count(&self->connection.bytes_in, n);
        nf_count(&self->messages_in, 1);
        if ((size_t)n > size) {
            nf_count(&self->truncated, 1);
        }
    }
    return n;
}

ssize_t nf_connected_send(net_socket *socket, const net_slice *slices, int count,
                          net_deadline deadline)
{
    return nf_datagram_send(socket, slices, count, deadline, send_one);
}

/* Whether a datagram or a deferred failure is here, which the descriptor's readiness does not show.
 */
static bool has_buffered(struct nf_datagram_connection *self)
{
    return nf_burst_is_waiting(&self->burst) || nf_deferred_waits(&self->deferred_in);
}

/* Pollers cannot see it at the descriptor, so they are notified. */
static void notify_if_buffered(struct nf_datagram_connection *self)
{
    if (has_buffered(self)) {
        nf_socket_notify(&self->connection.head);
    }
}

ssize_t nf_connected_recv(net_socket *socket, void *buffer, size_t size, int until,
                          net_deadline deadline)
{
    struct nf_datagram_connection *self = (struct nf_datagram_connection *)socket;
    struct nf_lane *lane = &self->connection.in;

    if (until != NF_SOME) {
        return nf_datagram_refuse_until();
    }
    if (!nf_lane_is_clear(&self->connection, lane)) {
        int code = nf_lane_enter(&self->connection, lane, deadline);

        if (code < 0) {
            return code;
        }
    }
    ssize_t n = take_one(self, buffer, size, deadline, false);

    nf_lane_leave(lane);
    notify_if_buffered(self);
    return nf_datagram_received(n, size);
}

int nf_connected_send_messages(net_socket *socket, const net_message *messages, int count,
                               net_deadline deadline)
{
    struct nf_datagram_connection *self = (struct nf_datagram_connection *)socket;
    struct nf_datagram_sender sender = {.socket = socket,
                                        .fd = self->connection.fd,
                                        .has_trains = self->kind->has_trains,
                                        .size_max = self->kind->size_max,
                                        .retry = {.redials = redials(self)},
                                        .find_route = find_route,
                                        .bytes = &self->connection.bytes_out,
                                        .messages = &self->messages_out,
                                        .deferred = &self->deferred_out,
                                        .refusal = &self->refusal};

    int n = nf_datagram_send_messages(&sender, messages, count, deadline);

    if (nf_deferred_waits(&self->deferred_out)) {
        nf_socket_notify(socket);
    }
    return n;
}

/* Receive up to `count` messages; the caller has the turn. The kernel is not asked again once it
 * had no more. */
static int take_many(struct nf_datagram_connection *self, net_message *messages, int count,
                     net_deadline deadline)
{
    struct nf_datagram_pace pace = {0};
    ssize_t n = 0;
    bool goes_on = true;
    int i = 0;

    if (self->local.family == NF_NOWHERE) {
        nf_fd_local(self->connection.fd, &self->local, NULL);
        self->local.port = 0;
    }
    self->burst.drained = false; /* more may have arrived since the last receive */
    while (i < count && goes_on && (i == 0 || nf_burst_has_more(&self->burst))) {
        n = take_one(self, messages[i].data, messages[i].capacity, i == 0 ? deadline : NET_NOW,
                     self->kind->fits_batches);
        if (n < 0) {
            break;
        }
        nf_endpoint_make(&messages[i].endpoint, &self->connection.head.name, &self->local);
        messages[i++].size = (size_t)n;
        goes_on = !nf_is_canceled(&self->connection.head) &&
                  nf_datagram_goes_on(&pace, (size_t)n, deadline);
    }
    return n < 0 ? nf_datagram_stop(i, (int)n, &self->deferred_in) : i;
}

int nf_connected_recv_messages(net_socket *socket, net_message *messages, int count,
                               net_deadline deadline)
{
    struct nf_datagram_connection *self = (struct nf_datagram_connection *)socket;
    int code = nf_lane_enter(&self->connection, &self->connection.in, deadline);

    if (code == 0) {
        code = take_many(self, messages, count, deadline);
        nf_lane_leave(&self->connection.in);
        notify_if_buffered(self);
    }
    return code;
}

/* Nothing needs finishing: the kernel has every datagram that was sent. */
int nf_connected_close(net_socket *socket, net_deadline deadline)
{
    (void)deadline;
    nf_burst_free(&((struct nf_datagram_connection *)socket)->burst);
    nf_connection_close((struct nf_connection *)socket);
    return 0;
}

static int refuse_release(void)
{
    return nf_fail_because(NET_MISUSE, "datagrams wait in the socket: receive them first");
}

/* Turn UDP_GRO off. Joined datagrams that the kernel has queued stay joined, and a plain receive
 * would take them for one: then refuse. */
static int turn_gro_off(struct nf_datagram_connection *self)
{
    nf_sockopt_set(self->connection.fd, NF_SO_GRO, 0);
    if (!nf_fd_has_unread(self->connection.fd)) {
        self->burst.has_trains = false;
        return 0;
    }
    nf_sockopt_set(self->connection.fd, NF_SO_GRO, 1);
    return refuse_release();
}

/* Release would lose what was received ahead, and a deferred failure, so it is refused until the
 * program has received them. */
static int release(struct nf_datagram_connection *self, struct nf_value *value, bool write)
{
    if (has_buffered(self) || nf_deferred_waits(&self->deferred_out)) {
        return refuse_release();
    }
    int code = !write && self->burst.has_trains && !self->burst.is_shared ? turn_gro_off(self) : 0;

    if (code == 0 && write && self->has_filter) {
        nf_sockopt_set(self->connection.fd, NF_SO_FILTER, 0); /* fails if it is gone already */
    }
    return code < 0 ? code
                    : nf_connection_property(&self->connection.head, NF_RELEASE, value, write);
}

int nf_connected_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                          bool write)
{
    struct nf_datagram_connection *self = (struct nf_datagram_connection *)socket;

    switch (property) {
    case NF_MESSAGES_SENT:
        value->number = atomic_load_explicit(&self->messages_out, memory_order_relaxed);
        return 0;
    case NF_MESSAGES_RECEIVED:
        value->number = atomic_load_explicit(&self->messages_in, memory_order_relaxed);
        return 0;
    case NF_TRUNCATED:
        value->number = atomic_load_explicit(&self->truncated, memory_order_relaxed);
        return 0;
    case NF_RELEASE:
        return release(self, value, write);
    case NF_ADMIT:
        return nf_fail_because(NET_MISUSE, "only a listener has peers to admit");
    case NF_PEERS:
    case NF_QUEUE:
    case NF_TOTAL:
    case NF_STRANGERS:
    case NF_IDLE:
        if (write) {
            return nf_fail_because(NET_MISUSE, "only a listener has peers to bound");
        }
        value->number = self->option[property];
        return 0;
    case NF_FAMILY:
        value->number = self->option[property];
        return 0;
    case NF_INTERFACE:
        value->number = nf_kernel_interface(self->option, &socket->name);
        return 0;
    case NF_TTL:
        if (!write && nf_addr_is_group(&socket->name)) {
            return nf_sockopt_get(self->connection.fd, NF_SO_GROUP_TTL, &value->number);
        }
        return nf_connection_property(socket, property, value, write);
    default:
        return nf_connection_property(socket, property, value, write);
    }
}

/* Datagrams received ahead and deferred failures are ready, whatever the descriptor's readiness is.
 */
void nf_connected_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    struct nf_datagram_connection *self = (struct nf_datagram_connection *)socket;

    nf_connection_ready(socket, interest, out);
    if (has_buffered(self)) {
        out->ready |= interest & NF_IN;
    }
    if (nf_deferred_waits(&self->deferred_out)) {
        out->ready |= interest & NF_OUT;
    }
}

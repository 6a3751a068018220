/* fd://N - a descriptor that is no socket: a pipe, a FIFO, a terminal, a device or a file. It is
 * for receiving only, so that standard input can be in a poller beside sockets. Other processes may
 * share the descriptor, so its blocking mode is not changed. */
#include "wires/wires.h"
#include "open/adopt.h"
#include "socket/connection.h"
#include "socket/socket.h"
#include "stream/stream.h"

#include <stdio.h>

struct file_end {
    struct nf_connection connection;
    int again;        /* the same, opened once more for reads that do not wait; -1: it is not */
    bool never_waits; /* a file or a device: a read returns at once, and poll cannot wait for it */
    _Atomic bool has_peeked;
    char peeked; /* a byte that was peeked at: such a descriptor has no MSG_PEEK, so it is read and
                    kept here */
    char name[12];
};

static int refuse(const char *what)
{
    return nf_fail_because(NET_MISUSE, "%s", what);
}

static int file_connect(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    struct file_end *self = (struct file_end *)socket;
    struct nf_descriptor what;
    int code = nf_descriptor_ask(target->adopted, &what);

    (void)deadline;
    self->connection.fd = target->adopted;
    self->connection.is_adopted = true;
    self->connection.was_inherited = what.is_inherited;
    self->never_waits = what.never_waits;
    self->again = -1;
    if (code == 0) {
        int size = snprintf(self->name, sizeof self->name, "%d", target->adopted);

        socket->name = (struct nf_addr){.family = NF_MEM, .size = (uint16_t)size};
        socket->name.name = self->name;
        code = nf_adopt_wake(&self->connection);
    }
    code = nf_adopt_settle(target, self->connection.fd, code);
    if (code < 0) {
        nf_connection_free_wake(&self->connection);
    } else {
        self->again = nf_descriptor_open_again(target->adopted);
    }
    return code;
}

/* One read, without waiting: the number of bytes, 0 at the end, NF_WOULD_BLOCK, or a code. */
static ssize_t read_some(struct file_end *self, void *buffer, size_t size)
{
    return self->never_waits ? nf_transfer_read(self->connection.fd, buffer, size)
                             : nf_transfer_read_now(self->connection.fd, self->again, buffer, size);
}

static int record_end(struct file_end *self)
{
    atomic_store(&self->connection.in.end, NET_EOF);
    return nf_fail(NET_EOF);
}

static ssize_t read_or_wait(struct file_end *self, void *buffer, size_t size, net_deadline deadline)
{
    for (;;) {
        ssize_t n = read_some(self, buffer, size);

        if (n == 0) {
            return record_end(self);
        }
        if (n != NF_WOULD_BLOCK) {
            return n != NF_CONGESTED ? n : nf_fail(NET_LIMIT);
        }
        int code = nf_lane_wait(&self->connection, NF_IN, deadline);

        if (code < 0) {
            return code;
        }
    }
}

/* Take bytes, or peek; the caller has the turn. A peek reads one byte only: others may have the
 * descriptor, and the bytes behind a delimiter must stay for them. */
static ssize_t take(net_socket *socket, void *buffer, size_t size, int how, net_deadline deadline)
{
    struct file_end *self = (struct file_end *)socket;
    bool peeks = (how & NF_PEEK) != 0;

    if (!peeks && !self->has_peeked) {
        return read_or_wait(self, buffer, size, deadline);
    }
    if (!self->has_peeked) {
        ssize_t n = read_or_wait(self, &self->peeked, 1, deadline);

        if (n < 0) {
            return n;
        }
    }
    *(char *)buffer = self->peeked;
    self->has_peeked = peeks;
    return 1;
}

/* What the descriptor's readiness does not show: a byte that was peeked at, or the end. A terminal
 * reports its end only once, perhaps while a last line without a newline is received. */
static bool has_buffered(const struct file_end *self)
{
    return self->has_peeked || atomic_load(&self->connection.in.end) != 0;
}

static ssize_t file_recv(net_socket *socket, void *buffer, size_t size, int until,
                         net_deadline deadline)
{
    struct file_end *self = (struct file_end *)socket;

    ssize_t n = nf_stream_receive(&self->connection, take, buffer, size, until, deadline);

    if (has_buffered(self)) {
        nf_socket_notify(socket);
    }
    return n;
}

static ssize_t file_send(net_socket *socket, const net_slice *slices, int count,
                         net_deadline deadline)
{
    (void)socket;
    (void)slices;
    (void)count;
    (void)deadline;
    return refuse("a pipe, a terminal or a file that was adopted is for receiving alone");
}

static int file_close(net_socket *socket, net_deadline deadline)
{
    struct file_end *self = (struct file_end *)socket;

    (void)deadline;
    nf_fd_close(self->again);
    nf_connection_close(&self->connection);
    return 0;
}

static int file_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                         bool write)
{
    struct file_end *self = (struct file_end *)socket;

    if (property == NF_RELEASE && self->has_peeked) {
        return refuse("a byte waits in the socket: receive it first");
    }
    return nf_connection_property(socket, property, value, write);
}

static void file_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    struct file_end *self = (struct file_end *)socket;

    nf_connection_ready(socket, interest, out);
    out->want &= NF_IN;
    if (self->never_waits || has_buffered(self)) {
        out->ready |= interest & NF_IN;
    }
    if (self->never_waits) {
        out->fd = -1;
    }
}

static int file_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    (void)socket;
    (void)target;
    (void)deadline;
    return refuse("nobody dials a pipe, a terminal or a file: net_connect adopts such");
}

static int file_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                        net_deadline deadline)
{
    (void)target;
    (void)endpoints;
    (void)count;
    (void)deadline;
    return refuse("a descriptor is nobody's address");
}

#define COMMON                                                                                     \
    .scheme = "fd", .size = sizeof(struct file_end),                                               \
    .properties = {.others = NF_PROPERTY(NF_SCHEME) | NF_PROPERTY(NF_BYTES_RECEIVED)},             \
    .resolve = file_resolve, .accept = nf_refuse_accept, .send = file_send, .recv = file_recv,     \
    .send_messages = nf_refuse_send_messages, .recv_messages = nf_refuse_recv_messages,            \
    .shutdown = nf_refuse_shutdown, .cancel = nf_connection_cancel, .close = file_close,           \
    .property = file_property, .ready = file_ready

/* Never opened: a net_listen gets the refusal of file_listen. */
static const struct nf_backend file_listener = {
    COMMON,
    .listener = &file_listener,
    .open = file_listen,
};

const struct nf_backend nf_file = {
    COMMON,
    .listener = &file_listener,
    .open = file_connect,
};

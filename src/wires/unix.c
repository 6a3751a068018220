/* unix:// - streams between processes of one machine, by a path or an abstract name. unix(7) */
#include "wires/unix.h"
#include "socket/kernel.h"
#include "wires/wires.h"
#include "open/adopt.h"
#include "open/dialing.h"
#include "socket/connection.h"
#include "stream/stream.h"
#include "stream/listener.h"
#include "name/endpoint.h"
#include "name/path.h"
#include "os/process.h"
#include "os/sockopt.h"

#include <string.h>

#define PROPERTIES                                                                                 \
    {                                                                                              \
        .options = NF_UNIX_OPTIONS | NF_OPTION(NF_BACKLOG),                                        \
        .others = NF_UNIX_PROPERTIES | NF_PROPERTY(NF_PEER_PID) | NF_PROPERTY(NF_PEER_UID) |       \
                  NF_PROPERTY(NF_PEER_GID) | NF_PROPERTY(NF_RESET)                                 \
    }

#define BUFFER_OPTIONS (NF_OPTION(NF_SNDBUF) | NF_OPTION(NF_RCVBUF))

struct connection {
    struct nf_connection connection;
    uint16_t mode; /* the options as its listener or its address gave them */
    bool unlink;
};

struct listener {
    struct nf_stream_listener stream;
    struct nf_unix_file file;
    _Atomic bool has_buffers; /* the program has set the sizes of its buffers */
    bool is_adopted;
};

/* ---- Names ---- */

static int refuse_address(const char *what)
{
    return nf_fail_because(NET_ADDRESS, "%s", what);
}

int nf_unix_target(const struct nf_target *target, bool listening, struct nf_addr *addr, char *room)
{
    room[0] = '\0';
    int size = nf_path_parse(target->url.target, target->url.target_length, room);

    if (size < 0) {
        return size;
    }
    char first = size > 0 ? *target->url.target : '\0'; /* undecoded: %40 is no @ */

    if (first != '/' && first != '@') {
        return refuse_address("a unix address is unix:///path, or unix://@name without a file");
    }
    if (room[0] == '/' && size == NF_ADDR_NAME_MAX) {
        return nf_fail_because(NET_ADDRESS, "a path has less than %d bytes", NF_ADDR_NAME_MAX);
    }
    if (room[0] == '/' && memchr(room, '\0', (size_t)size) != NULL) {
        return refuse_address("a path has no NUL in it");
    }
    bool any = room[0] == '@' && size == 1;

    if (any && !listening) {
        return refuse_address("a name is missing: unix://@ is any, to listen on");
    }
    room[0] = room[0] == '@' ? '\0' : room[0];
    *addr = (struct nf_addr){.family = NF_UNIX, .size = any ? 0 : (uint16_t)size, .name = room};
    return 0;
}

int nf_unix_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                    net_deadline deadline)
{
    char room[NF_ADDR_NAME_MAX];
    struct nf_addr addr;
    int code = nf_unix_target(target, false, &addr, room);

    (void)deadline;
    (void)count;
    if (code == 0) {
        nf_endpoint_make(endpoints, &addr, NULL);
    }
    return code == 0 ? 1 : code;
}

/* ---- Listening ---- */

static int bind_name(int fd, const struct nf_target *target, const struct nf_addr *addr,
                     struct nf_unix_file *file)
{
    int code = nf_kernel_apply(fd, target);

    if (code < 0 || addr->size == 0 || addr->name[0] == '\0') {
        return code < 0 ? code : nf_fd_bind(fd, addr);
    }
    return nf_localfile_bind(fd, addr, file->mode, &file->file);
}

int nf_unix_bind(const struct nf_target *target, enum nf_transport transport, struct nf_addr *name,
                 struct nf_unix_file *file)
{
    char room[NF_ADDR_NAME_MAX];
    struct nf_addr addr = {.family = NF_UNIX};

    *file = (struct nf_unix_file){.process = nf_process(),
                                  .mode = (int)target->options.value[NF_MODE],
                                  .unlink = target->options.value[NF_UNLINK] != 0};
    if (target->adopted >= 0) {
        file->unlink = false;
        return nf_adopt_bound(target, name);
    }
    int code = nf_unix_target(target, true, &addr, room);
    int fd = code == 0 ? nf_fd_open(NF_UNIX, transport, false) : code;

    if (fd < 0) {
        return fd;
    }
    code = bind_name(fd, target, &addr, file);
    if (code == 0) {
        code = nf_fd_local(fd, &addr, room);
    }
    if (code == 0) {
        code = nf_addr_keep(&addr);
    }
    *name = addr;
    if (code < 0) {
        nf_localfile_remove(&file->file, &addr);
        nf_fd_close(fd);
    }
    return code == 0 ? fd : code;
}

static bool refuse_rights(int fd)
{
    int64_t takes = 0;

    return nf_sockopt_get(fd, NF_SO_RIGHTS, &takes) == 0 && takes != 0 &&
           nf_sockopt_set(fd, NF_SO_RIGHTS, 0) == 0;
}

bool nf_unix_refuse_rights(const struct nf_target *target, int fd)
{
    return target->adopted < 0 || refuse_rights(fd);
}

/* Called while the descriptor is open: another process then does not take the file for a stale one.
 */
void nf_unix_unlink(const struct nf_unix_file *file, const struct nf_addr *name)
{
    if (file->unlink && file->process == nf_process()) {
        nf_localfile_remove(&file->file, name);
    }
}

static int unix_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    struct listener *self = (struct listener *)socket;

    (void)deadline;
    self->has_buffers = (target->options.given & BUFFER_OPTIONS) != 0;
    self->stream.fd = nf_unix_bind(target, NF_STREAM, &socket->name, &self->file);
    if (self->stream.fd < 0) {
        return self->stream.fd;
    }
    socket->owns_name = true;
    int code = nf_stream_listen(&self->stream, target);

    if (code < 0) {
        nf_localfile_remove(&self->file.file, &socket->name); /* see nf_unix_unlink */
        return nf_adopt_settle(target, self->stream.fd, code);
    }
    self->is_adopted = target->adopted >= 0;
    self->stream.took_rights = nf_unix_refuse_rights(target, self->stream.fd);
    return 0;
}

/* The kernel gives accepted sockets buffers of its default size, not of the listener's. */
static void copy_buffer_sizes(struct listener *self, int fd)
{
    static const enum nf_sockopt buffers[] = {NF_SO_SNDBUF, NF_SO_RCVBUF};

    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        int64_t size;

        if (nf_sockopt_get(self->stream.fd, buffers[i], &size) == 0) {
            nf_sockopt_set(fd, buffers[i], size);
        }
    }
}

static net_socket *unix_accept(net_socket *socket, net_deadline deadline)
{
    struct listener *self = (struct listener *)socket;
    struct connection *accepted =
        (struct connection *)nf_stream_accept(&self->stream, &nf_unix, deadline);

    if (accepted != NULL) {
        accepted->connection.head.name.family = NF_UNIX; /* also if the peer has no name */
        accepted->connection.backlog = self->stream.backlog;
        accepted->mode = (uint16_t)self->file.mode;
        accepted->unlink = self->file.unlink;
        accepted->connection.took_rights = self->stream.took_rights;
        if (self->is_adopted) { /* it may have called before the listener was ours */
            refuse_rights(accepted->connection.fd);
        }
        if (atomic_load_explicit(&self->has_buffers, memory_order_relaxed)) {
            copy_buffer_sizes(self, accepted->connection.fd);
        }
    }
    return (net_socket *)accepted;
}

static int unix_listener_close(net_socket *socket, net_deadline deadline)
{
    nf_unix_unlink(&((struct listener *)socket)->file, &socket->name);
    return nf_stream_listener_close(socket, deadline);
}

/* The new owner of the descriptor owns the file, too. */
static int release(struct listener *self, struct nf_value *value, bool write)
{
    int code = nf_stream_listener_property(&self->stream.head, NF_RELEASE, value, write);

    if (write && code == 0) {
        self->file.unlink = false;
    }
    return code;
}

static int unix_listener_property(net_socket *socket, enum nf_property property,
                                  struct nf_value *value, bool write)
{
    struct listener *self = (struct listener *)socket;

    switch (property) {
    case NF_MODE:
        value->number = self->file.mode;
        return 0;
    case NF_UNLINK:
        value->number = self->file.unlink;
        return 0;
    case NF_PEER_PID:
    case NF_PEER_UID:
    case NF_PEER_GID:
        return nf_fail_because(NET_MISUSE, "a listener has no peer");
    case NF_RELEASE:
        return release(self, value, write);
    case NF_SNDBUF:
    case NF_RCVBUF:
        self->has_buffers = self->has_buffers || write;
        return nf_stream_listener_property(socket, property, value, write);
    default:
        return nf_stream_listener_property(socket, property, value, write);
    }
}

static const struct nf_backend unix_listener = {
    .scheme = "unix",
    .size = sizeof(struct listener),
    .properties = PROPERTIES,
    .listener = &unix_listener,
    .open = unix_listen,
    .resolve = nf_unix_resolve,
    .accept = unix_accept,
    .send = nf_refuse_send,
    .recv = nf_refuse_recv,
    .send_messages = nf_refuse_send_messages,
    .recv_messages = nf_refuse_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = nf_stream_listener_cancel,
    .close = unix_listener_close,
    .property = unix_listener_property,
    .ready = nf_stream_listener_ready,
};

/* ---- Connections ---- */

static int unix_connect(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    struct connection *self = (struct connection *)socket;
    char room[NF_ADDR_NAME_MAX];
    struct nf_addr to;
    int code = target->adopted < 0 ? nf_unix_target(target, false, &to, room) : 0;

    self->connection.backlog = (int)target->options.value[NF_BACKLOG];
    self->mode = (uint16_t)target->options.value[NF_MODE];
    self->unlink = target->options.value[NF_UNLINK] != 0;
    if (code == 0) {
        code = nf_dialing_connect(&self->connection, target, NF_STREAM, &to, deadline);
    }
    self->connection.took_rights = code == 0 && nf_unix_refuse_rights(target, self->connection.fd);
    return code;
}

/* With MSG_WAITALL the system loses a reset that comes before all bytes are there, so NF_WHOLE is
 * left out. And unless urgent bytes are inline, poll reports one that a peek does not see, so they
 * are made inline. */
static ssize_t take(net_socket *socket, void *buffer, size_t size, int how, net_deadline deadline)
{
    struct nf_connection *connection = (struct nf_connection *)socket;
    int64_t is_inline = 0;

    if ((how & NF_PEEK) != 0 && nf_connection_mark(connection, NF_INLINE) == 0 &&
        nf_sockopt_get(connection->fd, NF_SO_URGENT, &is_inline) == 0 &&
        (is_inline != 0 || nf_sockopt_set(connection->fd, NF_SO_URGENT, 1) == 0)) {
        nf_connection_set_mark(connection, 0,
                               NF_INLINE | (is_inline != 0 ? (unsigned)NF_WAS_INLINE : 0));
    }
    return nf_stream_take(socket, buffer, size, how & ~(int)NF_WHOLE, deadline);
}

static ssize_t unix_recv(net_socket *socket, void *buffer, size_t size, int until,
                         net_deadline deadline)
{
    return until == NF_SOME ? nf_stream_recv(socket, buffer, size, until, deadline)
                            : nf_stream_receive((struct nf_connection *)socket, take, buffer, size,
                                                until, deadline);
}

/* Close, or reset if that is asked for. On a unix stream the system sends a reset only if something
 * received is unread at the close; there is no other way. */
static int unix_close(net_socket *socket, net_deadline deadline)
{
    struct nf_connection *connection = (struct nf_connection *)socket;

    if (!nf_connection_resets(connection)) {
        return nf_stream_close(socket, deadline);
    }
    int code = nf_fd_has_unread(connection->fd)
                   ? 0
                   : nf_fail_because(NET_UNSUPPORTED,
                                     "the peer sees an end: the system resets a unix stream only "
                                     "while something of the peer's is unread");

    nf_connection_close(connection);
    return code;
}

static int get_peer(const struct connection *self, enum nf_property property,
                    struct nf_value *value)
{
    struct nf_credentials peer = {0};
    int code = nf_localfile_peer(self->connection.fd, &peer);

    value->number = property == NF_PEER_PID   ? peer.process
                    : property == NF_PEER_UID ? peer.user
                                              : peer.group;
    return code;
}

static int unix_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                         bool write)
{
    struct connection *self = (struct connection *)socket;

    switch (property) {
    case NF_BACKLOG:
        value->number = self->connection.backlog;
        return 0;
    case NF_MODE:
        value->number = self->mode;
        return 0;
    case NF_UNLINK:
        value->number = self->unlink;
        return 0;
    case NF_PEER_PID:
    case NF_PEER_UID:
    case NF_PEER_GID:
        return get_peer(self, property, value);
    case NF_RESET: /* unix_close does it: SO_LINGER, by which TCP resets, means nothing here */
        if (write) {
            nf_connection_mark_reset(&self->connection, value->number != 0);
            return 0;
        }
        return nf_connection_property(socket, property, value, write);
    case NF_RELEASE:
        if (write) {
            nf_connection_mark_reset(&self->connection, false);
        }
        return nf_connection_property(socket, property, value, write);
    default:
        return nf_connection_property(socket, property, value, write);
    }
}

const struct nf_backend nf_unix = {
    .scheme = "unix",
    .size = sizeof(struct connection),
    .properties = PROPERTIES,
    .listener = &unix_listener,
    .open = unix_connect,
    .resolve = nf_unix_resolve,
    .accept = nf_refuse_accept,
    .send = nf_stream_send,
    .recv = unix_recv,
    .send_messages = nf_refuse_send_messages,
    .recv_messages = nf_refuse_recv_messages,
    .shutdown = nf_stream_shutdown,
    .cancel = nf_connection_cancel,
    .close = unix_close,
    .property = unix_property,
    .ready = nf_connection_ready,
};

/* unixgram:// - datagrams between processes of one machine: the hubs and the dialed sockets of udp,
 * with names for addresses. unix(7) */
#include "datagram/connection.h"
#include "hub/descriptor.h"
#include "hub/listener.h"
#include "hub/peer.h"
#include "open/adopt.h"
#include "wires/unix.h"
#include "wires/wires.h"
#include "os/batch.h"

#define PROPERTIES                                                                                 \
    {                                                                                              \
        .options = NF_HUB_OPTIONS | NF_UNIX_OPTIONS,                                               \
        .others = NF_HUB_PROPERTIES | NF_UNIX_PROPERTIES                                           \
    }

/* The sockets. Those without a file only record the options mode and unlink, to return them. */
struct listener {
    struct nf_member member;
    struct nf_unix_file file;
};

struct peer {
    struct nf_peer peer;
    struct nf_standing standing;
    uint16_t mode;
    bool unlink;
};

_Static_assert(offsetof(struct peer, standing) == sizeof(struct nf_peer),
               "descriptor.c finds it there");
_Static_assert(sizeof(void *) > 8 || sizeof(struct peer) <= 248,
               "a peer and what malloc adds are 256 bytes");

struct connection {
    struct nf_datagram_connection datagram;
    uint16_t mode;
    bool unlink;
};

static const struct nf_backend unixgram_peer;

/* The system allows longer datagrams, but a hub's batch has no room for them. */
static const struct nf_datagram_kind kind = {
    .size_max = NF_DATAGRAM_MAX, .redials = true, .peer_has_queue = true};

/* ---- Sending ---- */

static ssize_t check(const net_slice *slices, int count)
{
    return nf_datagram_check_size(nf_slices_size(slices, count), kind.size_max);
}

static ssize_t unixgram_send(net_socket *socket, const net_slice *slices, int count,
                             net_deadline deadline)
{
    ssize_t code = check(slices, count);

    return code < 0 ? code : nf_connected_send(socket, slices, count, deadline);
}

static ssize_t unixgram_peer_send(net_socket *socket, const net_slice *slices, int count,
                                  net_deadline deadline)
{
    ssize_t code = check(slices, count);

    return code < 0 ? code : nf_peer_send(socket, slices, count, deadline);
}

/* ---- Listening ---- */

static int unixgram_listen(net_socket *socket, const struct nf_target *target,
                           net_deadline deadline)
{
    struct listener *self = (struct listener *)socket;
    char room[NF_ADDR_NAME_MAX];
    struct nf_addr name;
    int fd = nf_unix_bind(target, NF_DATAGRAM, &name, &self->file);
    int code = fd < 0 ? fd : nf_hub_open(socket, target, fd, &name, &kind, &unixgram_peer);

    (void)deadline;
    if (code == 0) {
        nf_unix_refuse_rights(target, fd);
    }
    if (fd < 0 || code == 0) {
        return code;
    }
    if (target->adopted < 0 && nf_unix_target(target, true, &name, room) == 0) {
        nf_localfile_remove(&self->file.file, &name); /* see nf_unix_unlink */
    }
    return nf_adopt_settle(target, fd, code);
}

static net_socket *unixgram_accept(net_socket *socket, net_deadline deadline)
{
    struct listener *self = (struct listener *)socket;
    struct peer *accepted = (struct peer *)nf_hub_listener_accept(socket, deadline);

    if (accepted != NULL) {
        accepted->mode = (uint16_t)self->file.mode;
        accepted->unlink = self->file.unlink;
    }
    return (net_socket *)accepted;
}

static int unixgram_listener_close(net_socket *socket, net_deadline deadline)
{
    nf_unix_unlink(&((struct listener *)socket)->file, &socket->name);
    return nf_hub_listener_close(socket, deadline);
}

static int unixgram_listener_property(net_socket *socket, enum nf_property property,
                                      struct nf_value *value, bool write)
{
    const struct nf_unix_file *file = &((struct listener *)socket)->file;

    if (property == NF_MODE || property == NF_UNLINK) {
        value->number = property == NF_MODE ? file->mode : file->unlink;
        return 0;
    }
    return nf_hub_listener_property(socket, property, value, write);
}

static const struct nf_backend unixgram_listener = {
    .scheme = "unixgram",
    .size = sizeof(struct listener),
    .properties = PROPERTIES,
    .listener = &unixgram_listener,
    .open = unixgram_listen,
    .resolve = nf_unix_resolve,
    .accept = unixgram_accept,
    .send = nf_refuse_send,
    .recv = nf_refuse_recv,
    .send_messages = nf_hub_listener_send_messages,
    .recv_messages = nf_hub_listener_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = nf_member_cancel,
    .close = unixgram_listener_close,
    .property = unixgram_listener_property,
    .ready = nf_hub_listener_ready,
};

/* ---- Accepted peers ---- */

static int unixgram_peer_property(net_socket *socket, enum nf_property property,
                                  struct nf_value *value, bool write)
{
    const struct peer *self = (struct peer *)socket;

    if (property == NF_MODE || property == NF_UNLINK) {
        value->number = property == NF_MODE ? self->mode : self->unlink;
        return 0;
    }
    return nf_peer_property(socket, property, value, write);
}

static const struct nf_backend unixgram_peer = {
    .scheme = "unixgram",
    .size = sizeof(struct peer),
    .properties = PROPERTIES,
    .listener = &unixgram_listener,
    .open = nf_refuse_open,
    .resolve = nf_unix_resolve,
    .accept = nf_refuse_accept,
    .send = unixgram_peer_send,
    .recv = nf_peer_recv,
    .send_messages = nf_peer_send_messages,
    .recv_messages = nf_peer_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = nf_member_cancel,
    .close = nf_peer_close,
    .property = unixgram_peer_property,
    .ready = nf_peer_ready,
};

/* ---- Dialed ---- */

/* The socket binds to a name that the system chooses, so that answers reach it. */
static int unixgram_connect(net_socket *socket, const struct nf_target *target,
                            net_deadline deadline)
{
    struct connection *self = (struct connection *)socket;
    struct nf_target named = *target;
    char room[NF_ADDR_NAME_MAX];
    struct nf_addr to;
    int code = target->adopted < 0 ? nf_unix_target(target, false, &to, room) : 0;

    self->mode = (uint16_t)target->options.value[NF_MODE];
    self->unlink = target->options.value[NF_UNLINK] != 0;
    named.options.source = (struct nf_addr){.family = NF_UNIX}; /* empty: the system chooses */
    if (code == 0) {
        code = nf_connected_open(socket, &named, &to, &kind, deadline);
    }
    self->datagram.connection.took_rights =
        code == 0 && nf_unix_refuse_rights(target, self->datagram.connection.fd);
    return code;
}

static int unixgram_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                             bool write)
{
    const struct connection *self = (struct connection *)socket;

    if (property == NF_MODE || property == NF_UNLINK) {
        value->number = property == NF_MODE ? self->mode : self->unlink;
        return 0;
    }
    return nf_connected_property(socket, property, value, write);
}

const struct nf_backend nf_unixgram = {
    .scheme = "unixgram",
    .size = sizeof(struct connection),
    .properties = PROPERTIES,
    .listener = &unixgram_listener,
    .open = unixgram_connect,
    .resolve = nf_unix_resolve,
    .accept = nf_refuse_accept,
    .send = unixgram_send,
    .recv = nf_connected_recv,
    .send_messages = nf_connected_send_messages,
    .recv_messages = nf_connected_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = nf_connection_cancel,
    .close = nf_connected_close,
    .property = unixgram_property,
    .ready = nf_connected_ready,
};

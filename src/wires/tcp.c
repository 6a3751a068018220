/* tcp:// - listeners, and connections as streams. RFC 9293 */
#include "wires/wires.h"
#include "open/adopt.h"
#include "open/dialing.h"
#include "open/inet.h"
#include "socket/connection.h"
#include "stream/stream.h"
#include "stream/listener.h"
#include "os/socket.h"

#define PROPERTIES                                                                                 \
    {                                                                                              \
        .options = NF_IP_OPTIONS | NF_OPTION(NF_NODELAY) | NF_OPTION(NF_KEEPALIVE) |               \
                   NF_OPTION(NF_USER_TIMEOUT) | NF_OPTION(NF_BACKLOG) | NF_OPTION(NF_CONGESTION),  \
        .others = NF_IP_PROPERTIES | NF_PROPERTY(NF_RTT) | NF_PROPERTY(NF_RETRANSMITS) |           \
                  NF_PROPERTY(NF_RESET)                                                            \
    }

enum { FAMILY_BITS = 7 };

static int tcp_connect(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    struct nf_connection *connection = (struct nf_connection *)socket;

    connection->backlog = (int)target->options.value[NF_BACKLOG];
    connection->family = (uint8_t)(target->options.value[NF_FAMILY] & FAMILY_BITS);
    return nf_dialing_connect(connection, target, NF_STREAM, NULL, deadline);
}

static int tcp_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                        bool write)
{
    const struct nf_connection *connection = (struct nf_connection *)socket;

    if (property == NF_BACKLOG || property == NF_FAMILY) {
        value->number = property == NF_BACKLOG ? connection->backlog : connection->family;
        return 0;
    }
    return nf_connection_property(socket, property, value, write);
}

static int tcp_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    struct nf_stream_listener *self = (struct nf_stream_listener *)socket;

    (void)deadline;
    self->family = (int)target->options.value[NF_FAMILY];
    self->was_delayed = nf_adopt_is_delayed(target);
    self->fd = nf_inet_bind(target, NF_STREAM, &socket->name);
    if (self->fd < 0) {
        return self->fd;
    }
    int code = nf_stream_listen(self, target);

    return code < 0 ? nf_adopt_settle(target, self->fd, code) : 0;
}

static net_socket *tcp_accept(net_socket *socket, net_deadline deadline)
{
    struct nf_stream_listener *self = (struct nf_stream_listener *)socket;
    net_socket *accepted = nf_stream_accept(self, &nf_tcp, deadline);

    if (accepted != NULL) {
        ((struct nf_connection *)accepted)->backlog = self->backlog;
        ((struct nf_connection *)accepted)->family = (uint8_t)(self->family & FAMILY_BITS);
    }
    return accepted;
}

static const struct nf_backend tcp_listener = {
    .scheme = "tcp",
    .size = sizeof(struct nf_stream_listener),
    .properties = PROPERTIES,
    .listener = &tcp_listener,
    .open = tcp_listen,
    .resolve = nf_inet_resolve,
    .accept = tcp_accept,
    .send = nf_refuse_send,
    .recv = nf_refuse_recv,
    .send_messages = nf_refuse_send_messages,
    .recv_messages = nf_refuse_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = nf_stream_listener_cancel,
    .close = nf_stream_listener_close,
    .property = nf_stream_listener_property,
    .ready = nf_stream_listener_ready,
};

const struct nf_backend nf_tcp = {
    .scheme = "tcp",
    .size = sizeof(struct nf_connection),
    .properties = PROPERTIES,
    .listener = &tcp_listener,
    .open = tcp_connect,
    .resolve = nf_inet_resolve,
    .accept = nf_refuse_accept,
    .send = nf_stream_send,
    .recv = nf_stream_recv,
    .send_messages = nf_refuse_send_messages,
    .recv_messages = nf_refuse_recv_messages,
    .shutdown = nf_stream_shutdown,
    .cancel = nf_connection_cancel,
    .close = nf_stream_close,
    .property = tcp_property,
    .ready = nf_connection_ready,
};

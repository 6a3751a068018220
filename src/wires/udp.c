/* udp:// - dialed sockets, and hubs: a listener and the peers it accepted. RFC 768 */
#include "datagram/connection.h"
#include "hub/descriptor.h"
#include "hub/listener.h"
#include "hub/peer.h"
#include "open/inet.h"
#include "open/adopt.h"
#include "wires/wires.h"

#define PROPERTIES                                                                                 \
    {                                                                                              \
        .options = NF_IP_OPTIONS | NF_HUB_OPTIONS | NF_OPTION(NF_BROADCAST) | NF_OPTION(NF_TTL) |  \
                   NF_OPTION(NF_FRAGMENT) | NF_OPTION(NF_MULTICAST_LOOP) |                         \
                   NF_OPTION(NF_INTERFACE) | NF_OPTION(NF_GROUP_SOURCE),                           \
        .others = NF_IP_PROPERTIES | NF_HUB_PROPERTIES | NF_PROPERTY(NF_DROPPED_KERNEL)            \
    }

static const struct nf_backend udp_peer;

static const struct nf_datagram_kind kind = {
    .checks_late = true, .fits_batches = true, .has_trains = true};

static int udp_connect(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    return nf_connected_open(socket, target, NULL, &kind, deadline);
}

static int udp_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    struct nf_addr name;
    int fd = nf_inet_bind(target, NF_DATAGRAM, &name);

    (void)deadline;
    if (fd < 0) {
        return fd;
    }
    int code = nf_hub_open(socket, target, fd, &name, &kind, &udp_peer);

    return code < 0 ? nf_adopt_settle(target, fd, code) : 0;
}

static const struct nf_backend udp_listener = {
    .scheme = "udp",
    .size = sizeof(struct nf_member),
    .properties = PROPERTIES,
    .listener = &udp_listener,
    .open = udp_listen,
    .resolve = nf_inet_resolve,
    .accept = nf_hub_listener_accept,
    .send = nf_refuse_send,
    .recv = nf_refuse_recv,
    .send_messages = nf_hub_listener_send_messages,
    .recv_messages = nf_hub_listener_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = nf_member_cancel,
    .close = nf_hub_listener_close,
    .property = nf_hub_listener_property,
    .ready = nf_hub_listener_ready,
};

static const struct nf_backend udp_peer = {
    .scheme = "udp",
    .size = sizeof(struct nf_peer),
    .properties = PROPERTIES,
    .listener = &udp_listener,
    .open = nf_refuse_open,
    .resolve = nf_inet_resolve,
    .accept = nf_refuse_accept,
    .send = nf_peer_send,
    .recv = nf_peer_recv,
    .send_messages = nf_peer_send_messages,
    .recv_messages = nf_peer_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = nf_member_cancel,
    .close = nf_peer_close,
    .property = nf_peer_property,
    .ready = nf_peer_ready,
};

const struct nf_backend nf_udp = {
    .scheme = "udp",
    .size = sizeof(struct nf_datagram_connection),
    .properties = PROPERTIES,
    .listener = &udp_listener,
    .open = udp_connect,
    .resolve = nf_inet_resolve,
    .accept = nf_refuse_accept,
    .send = nf_connected_send,
    .recv = nf_connected_recv,
    .send_messages = nf_connected_send_messages,
    .recv_messages = nf_connected_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = nf_connection_cancel,
    .close = nf_connected_close,
    .property = nf_connected_property,
    .ready = nf_connected_ready,
};

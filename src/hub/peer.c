/* The slots of an accepted peer's socket. */
#include "hub/peer.h"
#include "socket/kernel.h"
#include "datagram/datagram.h"

static bool has_packets_or_ended(const struct nf_member *member)
{
    const struct nf_peer *peer = (const struct nf_peer *)member;

    return peer->remote.queue.packets.first != NULL || !peer->remote.entry.accepted;
}

static ssize_t take_packet(struct nf_member *member, void *buffer, size_t size,
                           struct nf_source *from, struct nf_addr *local)
{
    struct nf_peer *peer = (struct nf_peer *)member;

    if (peer->remote.queue.packets.first == NULL) {
        return nf_fail_because(NET_EOF, "the peer was silent too long");
    }
    from->addr = member->head.name;
    return (ssize_t)nf_queue_take(&peer->remote.queue, buffer, size, local);
}

static const struct nf_receiver receiver = {.is_met = has_packets_or_ended, .take = take_packet};

ssize_t nf_peer_recv(net_socket *socket, void *buffer, size_t size, int until,
                     net_deadline deadline)
{
    if (until != NF_SOME) {
        return nf_datagram_refuse_until();
    }
    return nf_datagram_received(
        nf_member_recv((struct nf_member *)socket, &receiver, buffer, size, deadline), size);
}

int nf_peer_recv_messages(net_socket *socket, net_message *messages, int count,
                          net_deadline deadline)
{
    return nf_member_recv_messages((struct nf_member *)socket, &receiver, messages, count,
                                   deadline);
}

/* Send from the address that the peer's last datagram was sent to. If the hub has only one address,
 * the kernel chooses it. */
static int find_route(net_socket *socket, const net_endpoint *endpoint, struct nf_route *route)
{
    struct nf_hub *hub = nf_hub_of(socket);
    int code = nf_datagram_check_peer(socket, endpoint);

    if (code == 0) {
        code = nf_member_check_remote(&socket->name);
    }
    if (code < 0) {
        return code;
    }
    route->to = socket->name;
    route->is_open = true;
    route->says_from = hub->wildcard;
    if (hub->wildcard) {
        nf_mutex_lock(&hub->lock);
        route->from = ((struct nf_peer *)socket)->local;
        nf_mutex_unlock(&hub->lock);
        route->says_from = route->from.family == route->to.family;
    }
    return 0;
}

static ssize_t send_one(net_socket *socket, const net_slice *slices, int count,
                        net_deadline deadline)
{
    struct nf_route route;
    int code = find_route(socket, NULL, &route);

    return code < 0 ? code
                    : nf_hub_of(socket)->ops->send((struct nf_member *)socket, slices, count,
                                                   &route, deadline);
}

ssize_t nf_peer_send(net_socket *socket, const net_slice *slices, int count, net_deadline deadline)
{
    return nf_datagram_send(socket, slices, count, deadline, send_one);
}

int nf_peer_send_messages(net_socket *socket, const net_message *messages, int count,
                          net_deadline deadline)
{
    return nf_hub_of(socket)->ops->send_messages((struct nf_member *)socket, find_route, messages,
                                                 count, deadline);
}

static void remove_peer(net_socket *socket)
{
    nf_hub_remove_peer((struct nf_peer *)socket);
}

int nf_peer_close(net_socket *socket, net_deadline deadline)
{
    (void)deadline;
    return nf_member_close(socket, remove_peer);
}

int nf_peer_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                     bool write)
{
    struct nf_peer *self = (struct nf_peer *)socket;
    struct nf_hub *hub = nf_hub_of(socket);

    if (property == NF_RELEASE) {
        return nf_refuse_release();
    }
    if (write) {
        return nf_fail_because(NET_MISUSE, "a peer has the listener's value: change it there");
    }
    switch (property) {
    case NF_FD:
        value->number = -1;
        return 0;
    case NF_LOCAL:
        nf_mutex_lock(&hub->lock);
        value->addr = self->local.family == NF_NOWHERE ? hub->name : self->local;
        nf_mutex_unlock(&hub->lock);
        value->addr.port = hub->name.port;
        return 0;
    case NF_PEER:
        value->addr = socket->name;
        return 0;
    case NF_MTU:
        return nf_kernel_mtu(&socket->name, hub->option[NF_DEVICE], &value->number);
    case NF_DROPPED_QUEUE:
        nf_mutex_lock(&hub->lock);
        value->number = self->remote.queue.dropped;
        nf_mutex_unlock(&hub->lock);
        return 0;
    default:
        return nf_member_property(socket, property, value, write);
    }
}

void nf_peer_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    nf_member_ready(socket, interest, out, has_packets_or_ended);
}

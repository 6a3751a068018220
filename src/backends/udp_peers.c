/* The sockets that a udp listener accepted, one for each remote peer. */
#include "backends/datagram.h"
#include "backends/inet.h"
#include "backends/udp.h"
#include "backends/udp_member.h"
#include "name/endpoint.h"
#include "os/clock.h"
#include "wait/deadline.h"

static bool has_mail_or_ended(const struct nf_member *member)
{
    const struct nf_peer *peer = (const struct nf_peer *)member;

    return peer->mail.first != NULL || peer->ended;
}

static ssize_t take_mail(net_socket *socket, void *buffer, size_t size, net_endpoint *endpoint,
                         net_deadline deadline)
{
    struct nf_hub *hub = nf_hub_of(socket);
    struct nf_letter *letter = NULL;

    nf_mutex_lock(&hub->lock);
    int code = nf_hub_wait((struct nf_member *)socket, has_mail_or_ended, deadline);

    if (code == 0) {
        letter = nf_hub_take_from((struct nf_peer *)socket);
    }
    nf_mutex_unlock(&hub->lock);
    if (letter == NULL) {
        return code < 0 ? code : nf_fail_because(NET_EOF, "the peer was silent too long");
    }
    if (endpoint != NULL) {
        nf_member_endpoint((struct nf_member *)socket, &socket->name, &letter->local, endpoint);
    }
    return nf_member_open_letter((struct nf_member *)socket, letter, buffer, size);
}

static ssize_t peer_recv(net_socket *socket, void *buffer, size_t size, int until,
                         net_deadline deadline)
{
    return nf_datagram_recv(socket, buffer, size, until, deadline, take_mail);
}

static int peer_recv_messages(net_socket *socket, net_message *messages, int count,
                              net_deadline deadline)
{
    return nf_datagram_recv_messages(socket, messages, count, deadline, take_mail, NULL);
}

static ssize_t give_to_peer(net_socket *socket, const net_slice *slices, int count,
                            const net_endpoint *endpoint, net_deadline deadline)
{
    struct nf_hub *hub = nf_hub_of(socket);
    int code = nf_datagram_check_peer(socket, endpoint);

    if (code < 0) {
        return code;
    }
    nf_mutex_lock(&hub->lock);
    struct nf_addr from = ((struct nf_peer *)socket)->local;
    nf_mutex_unlock(&hub->lock);
    return nf_member_send((struct nf_member *)socket, slices, count, &socket->name, &from,
                          deadline);
}

static ssize_t peer_send(net_socket *socket, const net_slice *slices, int count,
                         net_deadline deadline)
{
    return nf_datagram_send(socket, slices, count, deadline, give_to_peer);
}

static int peer_send_messages(net_socket *socket, const net_message *messages, int count,
                              net_deadline deadline)
{
    return nf_datagram_send_messages(socket, messages, count, deadline, give_to_peer, NULL);
}

static void remove_peer(net_socket *socket)
{
    nf_hub_remove_peer((struct nf_peer *)socket);
}

static int peer_close(net_socket *socket, net_deadline deadline)
{
    (void)deadline;
    return nf_member_close(socket, remove_peer);
}

static int peer_property(net_socket *socket, enum nf_word word, struct nf_value *value, bool write)
{
    struct nf_peer *self = (struct nf_peer *)socket;
    struct nf_hub *hub = nf_hub_of(socket);

    if (write) {
        return nf_fail_because(NET_MISUSE, "an accepted peer has its listener's: change it there");
    }
    switch (word) {
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
        return nf_inet_mtu(&socket->name, hub->bound[NF_DEVICE], &value->number);
    case NF_DROPPED_QUEUE:
        nf_mutex_lock(&hub->lock);
        value->number = self->dropped;
        nf_mutex_unlock(&hub->lock);
        return 0;
    default:
        return nf_member_property(socket, word, value, write);
    }
}

static void peer_ready(net_socket *socket, unsigned interest, struct nf_notice *notice,
                       struct nf_readiness *out)
{
    nf_member_ready(socket, interest, notice, out, has_mail_or_ended);
}

const struct nf_backend nf_udp_peer = {
    .scheme = "udp",
    .size = sizeof(struct nf_peer),
    .words = NF_UDP_WORDS,
    .listener = &nf_udp_listener,
    .open = nf_refuse_open,
    .resolve = nf_inet_resolve,
    .accept = nf_refuse_accept,
    .send = peer_send,
    .recv = peer_recv,
    .send_messages = peer_send_messages,
    .recv_messages = peer_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = nf_member_cancel,
    .close = peer_close,
    .property = peer_property,
    .ready = peer_ready,
};

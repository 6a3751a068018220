/* The slots of a hub's listener. */
#include "hub/listener.h"
#include "datagram/datagram.h"
#include "socket/socket.h"
#include "name/endpoint.h"
#include "os/clock.h"
#include "wait/deadline.h"

#include <limits.h>

enum { PLACE_TIMEOUT = 100 }; /* ms that an accept waits for a place to become free */

static bool has_strangers(const struct nf_member *member)
{
    return member->hub->strangers.packets.first != NULL;
}

static ssize_t take_stranger(struct nf_member *member, void *buffer, size_t size,
                             struct nf_source *from, struct nf_addr *local)
{
    return (ssize_t)nf_hub_take_stranger(member->hub, buffer, size, from, local);
}

static const struct nf_receiver receiver = {
    .is_met = has_strangers, .take = take_stranger, .is_direct = true};

static bool has_candidate(const struct nf_member *member)
{
    return nf_hub_has_candidate(member->hub);
}

static bool has_place(const struct nf_member *member)
{
    return member->hub->accepted < member->hub->option[NF_PEERS];
}

/* Whether a poller reports NF_IN. After an accept has failed for want of a place, strangers are not
 * reported until there is one: otherwise a poller would return at once, again and again. */
static bool is_readable(const struct nf_member *member)
{
    return has_candidate(member) && (!member->hub->lacks_place || has_place(member));
}

/* The lock held: wait a short time for a place for a stranger. NET_LIMIT if none becomes free. */
static int wait_for_place(struct nf_member *listener, net_deadline deadline)
{
    net_deadline place_until = nf_deadline_after(nf_now(), PLACE_TIMEOUT);

    int code = nf_hub_wait(listener, has_place, NULL, nf_earlier(place_until, deadline));

    listener->hub->lacks_place = code == NET_TIMEOUT;
    return code == NET_TIMEOUT ? nf_fail_because(NET_LIMIT, "all %lld peers are taken",
                                                 (long long)listener->hub->option[NF_PEERS])
                               : code;
}

/* The lock held; there is a stranger to accept, and a place for it. */
static net_socket *accept_first(struct nf_hub *hub)
{
    net_socket *accepted_socket = nf_socket_new(hub->peer_table);

    if (accepted_socket != NULL) {
        nf_hub_accept(hub, (struct nf_peer *)accepted_socket, nf_now());
    }
    return accepted_socket;
}

/* The loop is needed because another accept may take the stranger while this one waits for a place.
 */
net_socket *nf_hub_listener_accept(net_socket *socket, net_deadline deadline)
{
    struct nf_member *self = (struct nf_member *)socket;
    struct nf_hub *hub = self->hub;
    net_socket *accepted_socket = NULL;
    int code = 0;

    nf_mutex_lock(&hub->lock);
    while (code == 0 && accepted_socket == NULL) {
        code = nf_hub_wait(self, has_candidate, NULL, deadline);
        if (code == 0) {
            code = wait_for_place(self, deadline);
        }
        if (code == 0 && has_candidate(self)) {
            accepted_socket = accept_first(hub);
            code = accepted_socket != NULL ? 0 : NET_LIMIT;
        }
    }
    nf_mutex_unlock(&hub->lock);
    return accepted_socket;
}

int nf_hub_listener_recv_messages(net_socket *socket, net_message *messages, int count,
                                  net_deadline deadline)
{
    nf_hub_of(socket)->lacks_place = false; /* these datagrams are received without an accept */
    return nf_member_recv_messages((struct nf_member *)socket, &receiver, messages, count,
                                   deadline);
}

/* Whether an address is of another family than those that can send to this hub. */
static bool is_foreign(const struct nf_hub *hub, const struct nf_addr *addr)
{
    bool named = nf_addr_is_named(addr) || nf_addr_is_named(&hub->name);

    return named && addr->family != hub->name.family;
}

static int find_route(net_socket *socket, const net_endpoint *endpoint, struct nf_route *route)
{
    struct nf_hub *hub = nf_hub_of(socket);

    if (nf_endpoint_is_empty(endpoint)) {
        return nf_fail_because(NET_MISUSE, "the message has no endpoint, and a listener no peer");
    }
    nf_endpoint_remote(endpoint, &route->to);
    nf_endpoint_local(endpoint, &route->from);
    if (is_foreign(hub, &route->to)) {
        return nf_fail_because(NET_MISUSE, "the endpoint is of another kind of socket");
    }
    int code = nf_member_check_remote(&route->to);

    if (code < 0) {
        return code;
    }
    if (route->to.family == NF_IPV6 && !hub->v6) {
        return nf_fail_because(NET_UNREACHABLE, "an IPv4 listener reaches no IPv6 peer");
    }
    route->is_open = true;
    route->says_from = hub->wildcard && route->from.family == route->to.family;
    return 0;
}

int nf_hub_listener_send_messages(net_socket *socket, const net_message *messages, int count,
                                  net_deadline deadline)
{
    return nf_hub_of(socket)->ops->send_messages((struct nf_member *)socket, find_route, messages,
                                                 count, deadline);
}

static void remove_listener(net_socket *socket)
{
    nf_hub_remove_strangers(nf_hub_of(socket));
    nf_hub_of(socket)->listener = NULL;
}

int nf_hub_listener_close(net_socket *socket, net_deadline deadline)
{
    (void)deadline;
    return nf_member_close(socket, remove_listener);
}

/* A bound has changed. Wake all sleepers, the reader and all pollers: they compute anew when the
 * next peer expires, and whether there is a place. */
static void wake_all(struct nf_hub *hub)
{
    nf_mutex_lock(&hub->lock);
    for (struct nf_link *each = hub->asleep.first; each != NULL; each = each->next) {
        nf_hub_wake(NF_HOLDER(each, struct nf_sleeper, link)->member, INT_MAX);
    }
    nf_socket_notify(&hub->listener->head);
    for (struct nf_link *each = hub->heard.first; each != NULL; each = each->next) {
        nf_socket_notify(&NF_HOLDER(each, struct nf_peer, heard)->member.head);
    }
    nf_mutex_unlock(&hub->lock);
    nf_wake_post(&hub->wake);
}

static int admit(struct nf_hub *hub, const struct nf_value *value)
{
    bool has_zone = value->addr.scope != 0 || !nf_addr_is_link_local(&value->addr);

    if (value->addr.family == NF_NOWHERE || value->addr.port == 0 || !has_zone ||
        nf_addr_is_wildcard(&value->addr) || nf_addr_is_group(&value->addr)) {
        return nf_fail_because(NET_ADDRESS, "admit takes the address of a peer, HOST:PORT");
    }
    if (is_foreign(hub, &value->addr)) {
        return nf_fail_because(NET_ADDRESS, "admit takes the address of a peer of this scheme");
    }
    if (value->addr.family == NF_IPV6 && !hub->v6) {
        return nf_fail_because(NET_ADDRESS, "an IPv4 listener has no IPv6 peers");
    }
    nf_mutex_lock(&hub->lock);
    int code = nf_hub_admit(hub, &value->addr);

    nf_mutex_unlock(&hub->lock);
    nf_wake_post(&hub->wake); /* the reader waits on this wake, not on a futex word */
    return code;
}

int nf_hub_listener_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                             bool write)
{
    struct nf_hub *hub = nf_hub_of(socket);
    int code = 0;

    switch (property) {
    case NF_FD:
        value->number = hub->fd;
        return 0;
    case NF_LOCAL:
        value->addr = hub->name;
        return 0;
    case NF_RELEASE:
        return nf_refuse_release(); /* the accepted peers use the descriptor, too */
    case NF_ADMIT:
        return admit(hub, value);
    case NF_PEER:
    case NF_MTU:
        return nf_fail_because(NET_MISUSE, "a listener has no peer");
    case NF_DROPPED_QUEUE:
    case NF_DROPPED_STRANGERS:
        nf_mutex_lock(&hub->lock);
        value->number = property == NF_DROPPED_QUEUE ? hub->peers.dropped : hub->strangers.dropped;
        nf_mutex_unlock(&hub->lock);
        return 0;
    default:
        code = nf_member_property(socket, property, value, write);
        if (write && (property == NF_IDLE || property == NF_PEERS)) {
            wake_all(hub);
        }
        return code;
    }
}

void nf_hub_listener_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    nf_member_ready(socket, interest, out, is_readable);
}

/* What the listener and the peers of a hub have in common. */
#include "hub/member.h"
#include "os/futex.h"
#include "os/poll.h"
#include "socket/kernel.h"
#include "wait/deadline.h"

#include <limits.h>

int nf_member_close(net_socket *socket, void (*remove)(net_socket *socket))
{
    struct nf_hub *hub = nf_hub_of(socket);
    bool locked = nf_hub_lock_to_close(hub);

    if (locked) {
        remove(socket);
        nf_mutex_unlock(&hub->lock);
    }
    if (atomic_fetch_sub(&hub->members, 1) == 1) {
        hub->ops->close(hub);
        if (locked) {
            nf_hub_free(hub);
        }
    }
    return locked ? 0 : NF_STAYS;
}

/* ---- Receiving ---- */

ssize_t nf_member_recv(struct nf_member *member, const struct nf_receiver *receiver, void *buffer,
                       size_t size, net_deadline deadline)
{
    struct nf_source from;
    struct nf_addr local;

    nf_mutex_lock(&member->hub->lock);
    ssize_t n = nf_hub_wait(member, receiver->is_met, NULL, deadline);

    if (n == 0) {
        n = receiver->take(member, buffer, size, &from, &local);
    }
    if (n >= 0) {
        nf_member_count(member, (size_t)n, size);
    }
    nf_mutex_unlock(&member->hub->lock);
    return n;
}

/* The lock held: whether another datagram can be had without waiting. The kernel is not asked again
 * once it had no more, or once this call has read enough for others. */
static bool has_more(struct nf_pending *call)
{
    return call->is_met(call->member) ||
           (!call->member->hub->drained && nf_pace_goes_on(&call->pace, 0, NET_NOW) &&
            nf_hub_wait_again(call) == 0);
}

int nf_member_recv_messages(struct nf_member *member, const struct nf_receiver *receiver,
                            net_message *messages, int count, net_deadline deadline)
{
    struct nf_direct direct = {.listener = member, .messages = messages, .count = count};
    struct nf_pending call = {.member = member,
                              .is_met = receiver->is_met,
                              .direct = receiver->is_direct ? &direct : NULL,
                              .deadline = deadline};
    struct nf_datagram_pace pace = {0};
    bool goes_on = true;

    nf_mutex_lock(&member->hub->lock);
    member->hub->drained = false; /* more may have arrived since the last read */
    ssize_t n = nf_hub_wait_again(&call);
    int i = direct.filled;

    call.direct = NULL;
    call.deadline = NET_NOW;
    while (n >= 0 && i < count && goes_on && has_more(&call)) {
        struct nf_source from;
        struct nf_addr local;

        n = receiver->take(member, messages[i].data, messages[i].capacity, &from, &local);
        if (n >= 0) {
            nf_hub_fill(member, &messages[i++], (size_t)n, &from.addr, &local);
            goes_on = nf_datagram_goes_on(&pace, (size_t)n, deadline);
        }
    }
    nf_mutex_unlock(&member->hub->lock);
    return i > 0 ? i : (int)n;
}

/* ---- Sending ---- */

/* The system would take the wildcard for this host, so that a stranger could make us send to
 * ourselves. */
int nf_member_check_remote(const struct nf_addr *remote)
{
    bool named = nf_addr_is_named(remote);

    if (remote->port == 0) { /* of a named one: the length of the name */
        return nf_fail_because(NET_UNREACHABLE, "the sender has no %s, so nothing can reach it",
                               named ? "name" : "port");
    }
    return nf_addr_is_wildcard(remote)
               ? nf_fail_because(NET_UNREACHABLE,
                                 "the sender has no address, so nothing can reach it")
               : 0;
}

/* ---- The other slots ---- */

/* Sleepers wait on the member's futex word. The reader waits on the hub's wake, and may be a call
 * of this member. */
void nf_member_cancel(net_socket *socket)
{
    struct nf_member *member = (struct nf_member *)socket;

    atomic_fetch_add(&member->changes, 1);
    nf_futex_wake(&member->changes, INT_MAX);
    nf_wake_post(&member->hub->wake);
}

static int read_counter(_Atomic int64_t *counter, struct nf_value *value)
{
    value->number = atomic_load_explicit(counter, memory_order_relaxed);
    return 0;
}

int nf_member_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                       bool write)
{
    struct nf_member *member = (struct nf_member *)socket;
    struct nf_hub *hub = member->hub;

    switch (property) {
    case NF_PORT:
        value->number = hub->name.port;
        return 0;
    case NF_SOURCE:
        return 0;
    case NF_FAMILY:
        value->number = hub->option[property];
        return 0;
    case NF_INTERFACE:
        value->number = nf_kernel_interface(hub->option, &hub->name);
        return 0;
    case NF_GROUP_SOURCE:
        value->addr = hub->group_source;
        return 0;
    case NF_BYTES_SENT:
        return read_counter(&member->bytes_out, value);
    case NF_BYTES_RECEIVED:
        return read_counter(&member->bytes_in, value);
    case NF_MESSAGES_SENT:
        return read_counter(&member->messages_out, value);
    case NF_MESSAGES_RECEIVED:
        return read_counter(&member->messages_in, value);
    case NF_TRUNCATED:
        read_counter(&member->truncated, value);
        value->number += member == hub->listener ? hub->too_long : 0;
        return 0;
    case NF_PEERS:
    case NF_QUEUE:
    case NF_TOTAL:
    case NF_STRANGERS:
    case NF_IDLE:
        nf_mutex_lock(&hub->lock);
        if (write) {
            hub->option[property] = value->number;
        }
        value->number = hub->option[property];
        nf_mutex_unlock(&hub->lock);
        return 0;
    default:
        return nf_kernel_property(hub->fd, property, value, write);
    }
}

void nf_member_ready(net_socket *socket, unsigned interest, struct nf_readiness *out,
                     nf_condition *is_met)
{
    struct nf_member *member = (struct nf_member *)socket;
    struct nf_hub *hub = member->hub;

    *out = (struct nf_readiness){.fd = -1, .again = NET_FOREVER};
    hub->ops->ready(member, interest, out);
    nf_mutex_lock(&hub->lock);
    if ((interest & NF_IN) != 0 && is_met(member)) {
        out->ready |= NF_IN;
    }
    if (nf_is_canceled(socket)) {
        out->ready = interest;
    }
    out->pump = nf_hub_next_expiry(hub);
    nf_mutex_unlock(&hub->lock);
}

/* memgram:// - datagrams inside the process: hubs without a descriptor. A send puts the packet
 * straight into the hub that has the name, so no thread reads for others. A dialed socket is an
 * accepted peer, too: its hub has no listener, and it is the only member.
 *
 * Lock order: first the lock of the names, then that of one hub. A hub is found and locked with the
 * names locked. It is removed from the names before it is freed. */
#include "hub/listener.h"
#include "hub/peer.h"
#include "memory/names.h"
#include "os/process.h"
#include "wait/deadline.h"
#include "wires/wires.h"

#include <stdlib.h>
#include <string.h>

#define PROPERTIES                                                                                 \
    {                                                                                              \
        .options = NF_HUB_OPTIONS, .others = (NF_HUB_PROPERTIES & ~NF_PROPERTY(NF_ADMIT)) |        \
                                             NF_PROPERTY(NF_SCHEME) | NF_PROPERTY(NF_LOCAL) |      \
                                             NF_PROPERTY(NF_PEER) | NF_PROPERTY(NF_BYTES_SENT) |   \
                                             NF_PROPERTY(NF_BYTES_RECEIVED)                        \
    }

enum { DATAGRAM_MAX = 65507 }; /* bytes of a datagram, as of udp over IPv4 */

static struct nf_mem_names names;

/* A hub's entry among the names. */
struct binding {
    struct nf_mem_name entry;
    int process;  /* the process that added it */
    int64_t idle; /* the option in the address of a dialed socket */
    char name[NF_ADDR_NAME_MAX];
};

static const struct nf_backend memgram_listener;
static const struct nf_backend memgram_peer;

/* ---- Sending ---- */

static struct nf_packet *write_packet(const net_slice *slices, int count)
{
    static const struct nf_addr unknown = {0};
    size_t size = nf_slices_size(slices, count);

    if (nf_datagram_check_size(size, DATAGRAM_MAX) < 0) {
        return NULL;
    }
    struct nf_packet *packet = nf_packet_new(NULL, size, size, &unknown);

    if (packet == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    nf_slices_copy((char *)packet->data, slices, count, 0, SIZE_MAX);
    return packet;
}

/* The hub that has a name, locked; or NULL. */
static struct nf_hub *lock_hub_of(const struct nf_addr *name)
{
    nf_mem_names_lock(&names);
    struct nf_mem_name *entry = nf_mem_names_find(&names, name);
    struct nf_hub *hub = entry != NULL ? entry->owner : NULL;

    if (hub != NULL) {
        nf_mutex_lock(&hub->lock);
    }
    nf_mem_names_unlock(&names);
    return hub;
}

static ssize_t deliver(struct nf_hub *from, const struct nf_addr *to, const net_slice *slices,
                       int count)
{
    struct nf_packet *packet = write_packet(slices, count);

    if (packet == NULL) {
        return nf_cause_pending()->code;
    }
    ssize_t size = (ssize_t)packet->size;
    struct nf_hub *hub = lock_hub_of(to);

    if (hub == NULL) {
        nf_packet_free(packet);
        return nf_fail_because(NET_REFUSED, "nobody has that name");
    }
    nf_hub_deliver(hub, &from->name, nf_table_hash(&hub->table, &from->name), packet, nf_now());
    nf_mutex_unlock(&hub->lock);
    return size;
}

/* Never waits: the datagram is delivered or dropped at once. */
static ssize_t send_one(struct nf_member *member, const net_slice *slices, int count,
                        const struct nf_route *route, net_deadline deadline)
{
    ssize_t n = nf_is_canceled(&member->head) ? nf_fail(NET_CANCELED)
                                              : deliver(member->hub, &route->to, slices, count);

    (void)deadline;
    if (n >= 0) {
        nf_add(&member->bytes_out, n);
        nf_add(&member->messages_out, 1);
    }
    return n;
}

static int send_messages(struct nf_member *member, nf_datagram_find_route *find_route,
                         const net_message *messages, int count, net_deadline deadline)
{
    struct nf_datagram_pace pace = {0};

    for (int i = 0; i < count; i++) {
        net_slice slice = {messages[i].data, messages[i].size};
        struct nf_route route = {0};
        ssize_t n = find_route(&member->head, &messages[i].endpoint, &route);

        if (n == 0) {
            n = send_one(member, &slice, 1, &route, deadline);
        }
        if (n < 0) {
            return nf_datagram_stop(i, (int)n, NULL);
        }
        if (i + 1 < count && !nf_datagram_goes_on(&pace, slice.size, deadline)) {
            return i + 1;
        }
    }
    return count;
}

/* ---- Waiting, readiness, closing ---- */

/* Senders deliver, so a step is a sleep until one does, or until a peer expires. */
static int step(struct nf_pending *call)
{
    struct nf_hub *hub = call->member->hub;

    nf_hub_expire(hub, nf_now());
    if (nf_pending_is_done(call)) {
        return 0;
    }
    if (nf_deadline_passed(call->deadline)) {
        return nf_fail(NET_TIMEOUT);
    }
    nf_hub_sleep(call->member, nf_earlier(call->deadline, nf_hub_next_expiry(hub)));
    return 0;
}

/* Nothing to do: no call reads for others. */
static void leave(struct nf_hub *hub)
{
    (void)hub;
}

/* A send never waits, so NF_OUT is always ready. */
static void ready(struct nf_member *member, unsigned interest, struct nf_readiness *out)
{
    struct nf_hub *hub = member->hub;

    nf_mutex_lock(&hub->lock);
    nf_hub_expire(hub, nf_now());
    out->again = nf_hub_next_expiry(hub);
    nf_mutex_unlock(&hub->lock);
    out->ready = interest & NF_OUT;
}

/* A forked child has names of its own. A sender that found the hub before may still hold its lock:
 * locking it once waits for the end of that. */
static void close_hub(struct nf_hub *hub)
{
    struct binding *binding = hub->ops_data;

    if (binding->process == nf_process()) {
        nf_mem_names_lock(&names);
        nf_mem_names_remove(&names, &binding->entry);
        nf_mem_names_unlock(&names);
        nf_mutex_lock(&hub->lock);
        nf_mutex_unlock(&hub->lock);
    }
    free(binding);
}

static const struct nf_hub_ops ops = {
    .send = send_one,
    .send_messages = send_messages,
    .step = step,
    .leave = leave,
    .ready = ready,
    .close = close_hub,
};

/* ---- Opening ---- */

static struct binding *new_binding(const struct nf_addr *name)
{
    struct binding *binding = calloc(1, sizeof *binding);

    if (binding == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    if (name->size > 0) {
        memcpy(binding->name, name->name, name->size);
    }
    binding->process = nf_process();
    binding->entry.addr = *name;
    binding->entry.addr.name = binding->name;
    return binding;
}

/* Create the hub for an entry whose name is taken. */
static struct nf_hub *new_hub(net_socket *socket, const struct nf_target *target,
                              struct binding *binding)
{
    struct nf_addr own = binding->entry.addr;
    struct nf_hub *hub =
        nf_addr_keep(&own) == 0 ? nf_hub_new(socket, target, &own, &ops, &memgram_peer) : NULL;

    if (hub != NULL) {
        hub->ops_data = binding;
    }
    return hub;
}

/* Take a name and create a hub for it, which no sender finds yet. */
static int open_hub(net_socket *socket, const struct nf_target *target, const struct nf_addr *name)
{
    struct binding *binding = new_binding(name);

    if (binding == NULL) {
        return NET_LIMIT;
    }
    nf_mem_names_lock(&names);
    int code = nf_mem_names_add(&names, &binding->entry, binding->name);

    nf_mem_names_unlock(&names);
    if (code == 0 && new_hub(socket, target, binding) == NULL) {
        code = nf_cause_pending()->code;
        nf_mem_names_lock(&names);
        nf_mem_names_remove(&names, &binding->entry);
        nf_mem_names_unlock(&names);
    }
    if (code < 0) {
        free(binding);
    }
    return code;
}

/* Let senders find the hub. */
static void publish(struct nf_hub *hub)
{
    nf_mem_names_lock(&names);
    ((struct binding *)hub->ops_data)->entry.owner = hub;
    nf_mem_names_unlock(&names);
}

static int memgram_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    char room[NF_ADDR_NAME_MAX];
    struct nf_addr name;
    int code = nf_mem_target(&target->url, true, &name, room);

    (void)deadline;
    if (code == 0) {
        code = open_hub(socket, target, &name);
    }
    if (code == 0) {
        publish(nf_hub_of(socket));
    }
    return code;
}

/* The dialed name is admitted and accepted at once. It never expires. */
static int memgram_connect(net_socket *socket, const struct nf_target *target,
                           net_deadline deadline)
{
    char room[NF_ADDR_NAME_MAX];
    struct nf_addr to;
    struct nf_addr any = {.family = NF_MEM};
    int code = nf_mem_target(&target->url, false, &to, room);

    (void)deadline;
    if (code == 0) {
        code = open_hub(socket, target, &any);
    }
    if (code < 0) {
        return code;
    }
    struct nf_hub *hub = nf_hub_of(socket);

    code = nf_hub_admit(hub, &to);
    if (code < 0) {
        close_hub(hub);
        nf_hub_free(hub);
        return code;
    }
    nf_hub_accept(hub, (struct nf_peer *)socket, nf_now());
    hub->listener = NULL;
    atomic_store(&hub->members, 1);
    ((struct binding *)hub->ops_data)->idle = hub->option[NF_IDLE];
    hub->option[NF_IDLE] = 0;
    publish(hub);
    return 0;
}

static int memgram_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                            bool write)
{
    if (property == NF_IDLE && !write) {
        value->number = ((struct binding *)nf_hub_of(socket)->ops_data)->idle;
        return 0;
    }
    return nf_peer_property(socket, property, value, write);
}

static const struct nf_backend memgram_listener = {
    .scheme = "memgram",
    .size = sizeof(struct nf_member),
    .properties = PROPERTIES,
    .listener = &memgram_listener,
    .open = memgram_listen,
    .resolve = nf_mem_resolve,
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

static const struct nf_backend memgram_peer = {
    .scheme = "memgram",
    .size = sizeof(struct nf_peer),
    .properties = PROPERTIES,
    .listener = &memgram_listener,
    .open = nf_refuse_open,
    .resolve = nf_mem_resolve,
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

const struct nf_backend nf_memgram = {
    .scheme = "memgram",
    .size = sizeof(struct nf_peer),
    .properties = PROPERTIES,
    .listener = &memgram_listener,
    .open = memgram_connect,
    .resolve = nf_mem_resolve,
    .accept = nf_refuse_accept,
    .send = nf_peer_send,
    .recv = nf_peer_recv,
    .send_messages = nf_peer_send_messages,
    .recv_messages = nf_peer_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = nf_member_cancel,
    .close = nf_peer_close,
    .property = memgram_property,
    .ready = nf_peer_ready,
};

/* memgram:// - datagrams inside the process: hubs on memory. Whoever sends delivers, straight into
 * the hub that has the name, so nobody need read for others. A dialed socket is an accepted peer,
 * too: of a hub of its own, that nobody listens on.
 *
 * Lock order: that of the names, then that of one hub. A hub is found and locked with the names
 * locked, and taken out of them before it is freed. */
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

enum { MOST = 65507 }; /* bytes of a datagram, as of udp over IPv4 */

static struct nf_mem_names names = NF_MEM_NAMES_INIT;

/* Where a hub stands among the names. */
struct place {
    struct nf_mem_name entry;
    int process;  /* whose names these are */
    int64_t idle; /* as the address of a dialed socket had it */
    char name[NF_ADDR_NAME_MAX];
};

static const struct nf_backend memgram_listener;
static const struct nf_backend memgram_peer;

/* ---- Sending ---- */

static struct nf_packet *write_packet(const net_slice *slices, int count)
{
    static const struct nf_addr unknown = {0};
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        size += slices[i].size;
    }
    if (size > MOST) {
        nf_fail_because(NET_TOOBIG, "%zu bytes; the most is %d", size, MOST);
        return NULL;
    }
    struct nf_packet *packet = nf_packet_new(NULL, size, size, &unknown);

    if (packet == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    unsigned char *at = packet->data;

    for (int i = 0; i < count; i++) {
        if (slices[i].size > 0) {
            memcpy(at, slices[i].data, slices[i].size);
            at += slices[i].size;
        }
    }
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

/* It is there at once, or dropped. */
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
    }
    return count;
}

/* ---- The ground of these hubs ---- */

/* Others deliver: one step is to sleep until they have, or somebody was silent too long. */
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

/* Nobody reads for others. */
static void leave(struct nf_hub *hub)
{
    (void)hub;
}

/* There is always room to send. */
static void ready(struct nf_hub *hub, unsigned interest, struct nf_readiness *out)
{
    nf_mutex_lock(&hub->lock);
    nf_hub_expire(hub, nf_now());
    out->again = nf_hub_next_expiry(hub);
    nf_mutex_unlock(&hub->lock);
    out->ready = interest & NF_OUT;
}

/* In a forked child the names are others. Whoever found the hub before holds its lock still. */
static void close_ground(struct nf_hub *hub)
{
    struct place *place = hub->place;

    if (place->process == nf_process()) {
        nf_mem_names_lock(&names);
        nf_mem_names_remove(&names, &place->entry);
        nf_mem_names_unlock(&names);
        nf_mutex_lock(&hub->lock);
        nf_mutex_unlock(&hub->lock);
    }
    free(place);
}

static const struct nf_hub_ops ops = {
    .send = send_one,
    .send_messages = send_messages,
    .step = step,
    .leave = leave,
    .ready = ready,
    .close = close_ground,
};

/* ---- Coming to be ---- */

static struct place *new_place(const struct nf_addr *name)
{
    struct place *place = calloc(1, sizeof *place);

    if (place == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    if (name->size > 0) {
        memcpy(place->name, name->name, name->size);
    }
    place->process = nf_process();
    place->entry.addr = *name;
    place->entry.addr.name = place->name;
    return place;
}

/* The hub of a place whose name is taken. */
static struct nf_hub *new_hub(net_socket *socket, const struct nf_target *target,
                              struct place *place)
{
    struct nf_addr own = place->entry.addr;
    struct nf_hub *hub =
        nf_addr_keep(&own) == 0 ? nf_hub_new(socket, target, &own, &ops, &memgram_peer) : NULL;

    if (hub != NULL) {
        hub->place = place;
    }
    return hub;
}

/* A name, and a hub that has it and that nobody finds yet. */
static int open_hub(net_socket *socket, const struct nf_target *target, const struct nf_addr *name)
{
    struct place *place = new_place(name);

    if (place == NULL) {
        return NET_LIMIT;
    }
    nf_mem_names_lock(&names);
    int code = nf_mem_names_add(&names, &place->entry, place->name);

    nf_mem_names_unlock(&names);
    if (code == 0 && new_hub(socket, target, place) == NULL) {
        code = nf_cause_pending()->code;
        nf_mem_names_lock(&names);
        nf_mem_names_remove(&names, &place->entry);
        nf_mem_names_unlock(&names);
    }
    if (code < 0) {
        free(place);
    }
    return code;
}

/* From now on others deliver to it. */
static void open_to_others(struct nf_hub *hub)
{
    nf_mem_names_lock(&names);
    ((struct place *)hub->place)->entry.owner = hub;
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
        open_to_others(nf_hub_of(socket));
    }
    return code;
}

/* The one whom it dialed is admitted and accepted at once, and never silent too long. */
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
        close_ground(hub);
        nf_hub_free(hub);
        return code;
    }
    nf_hub_accept(hub, (struct nf_peer *)socket, nf_now());
    hub->listener = NULL;
    atomic_store(&hub->members, 1);
    ((struct place *)hub->place)->idle = hub->bound[NF_IDLE];
    hub->bound[NF_IDLE] = 0;
    open_to_others(hub);
    return 0;
}

static int memgram_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                            bool write)
{
    if (property == NF_IDLE && !write) {
        value->number = ((struct place *)nf_hub_of(socket)->place)->idle;
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
    .accept = nf_listener_accept,
    .send = nf_refuse_send,
    .recv = nf_refuse_recv,
    .send_messages = nf_listener_send_messages,
    .recv_messages = nf_listener_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = nf_member_cancel,
    .close = nf_listener_close,
    .property = nf_listener_property,
    .ready = nf_listener_ready,
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

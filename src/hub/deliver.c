/* Delivers packets to queues, drops what the bounds forbid, and spills the batch. Every function is
 * called with the hub's lock held. The only system calls here wake sleepers and pollers. */
#include "hub/hub.h"
#include "name/endpoint.h"
#include "os/batch.h"
#include "socket/counter.h"

#include <limits.h>
#include <string.h>

static struct nf_peer *peer_of(struct nf_remote *remote)
{
    return (struct nf_peer *)(void *)((char *)remote - offsetof(struct nf_peer, remote));
}

/* ---- Direct receive ---- */

/* On a wildcard the kernel reports which address a datagram was sent to. Otherwise the hub has one
 * address. */
void nf_hub_fill(struct nf_member *member, net_message *message, size_t length,
                 const struct nf_addr *from, const struct nf_addr *local)
{
    struct nf_addr own = member->hub->wildcard ? *local : member->hub->name;

    own.port = 0;
    nf_endpoint_make(&message->endpoint, from, &own);
    message->size = length;
    nf_member_count(member, length, message->capacity);
}

/* Whether the reader may receive a stranger's packet directly: no older one is queued, and no other
 * call sleeps for one. */
static bool goes_direct(const struct nf_hub *hub)
{
    const struct nf_direct *direct = hub->direct;

    return direct != NULL && direct->filled < direct->count &&
           hub->strangers.packets.first == NULL && hub->listener->sleepers == 0;
}

/* Receive as many datagrams of a packet as there are messages left. */
static void receive_direct(struct nf_direct *direct, const struct nf_addr *from,
                           struct nf_packet *packet)
{
    do {
        net_message *message = &direct->messages[direct->filled++];
        size_t length = nf_packet_read(packet, message->data, message->capacity);

        nf_hub_fill(direct->listener, message, length, from, &packet->local);
    } while (packet->size > 0 && direct->filled < direct->count);
}

/* ---- Delivering ---- */

static void deliver_to_peer(struct nf_peer *peer, struct nf_packet *packet, net_deadline now)
{
    struct nf_hub *hub = peer->member.hub;
    struct nf_queue *queue = &peer->remote.queue;

    peer->heard_at = now;
    peer->local = packet->local;
    nf_list_remove(&hub->heard, &peer->heard);
    nf_list_append(&hub->heard, &peer->heard);
    packet->is_over_bound = hub->sorts_for == &peer->member;
    int64_t count =
        packet->is_over_bound ? nf_packet_count(packet) : nf_pool_fit(&hub->peers, queue, packet);

    nf_queue_put(queue, &hub->peers, packet, count);
    if (count > 0) {
        nf_hub_wake(&peer->member, count < INT_MAX ? (int)count : INT_MAX);
    }
}

static void deliver_to_listener(struct nf_hub *hub, struct nf_stranger *stranger,
                                const struct nf_addr *from, struct nf_packet *packet)
{
    if (hub->listener == NULL) {
        nf_packet_free(packet); /* the listener is closed */
        return;
    }
    if (stranger == NULL && goes_direct(hub)) {
        receive_direct(hub->direct, from, packet);
        if (packet->size == 0) {
            nf_packet_free(packet);
            return;
        }
    }
    packet->is_over_bound = hub->sorts_for == hub->listener;
    int64_t count = packet->is_over_bound ? nf_packet_count(packet)
                                          : nf_pool_fit(&hub->strangers, NULL, packet);

    if (count > 0 && stranger == NULL) {
        stranger = nf_hub_add_stranger(hub, from);
    }
    if (count == 0 || stranger == NULL) {
        hub->strangers.dropped += nf_packet_count(packet);
        nf_packet_free(packet);
        return;
    }
    nf_queue_put(&stranger->remote.queue, &hub->strangers, packet, count);
    /* Normally one sleeper is woken. Without a free place, that could be an accept that waits for a
     * place and does not take the datagram: all are woken. */
    nf_hub_wake(hub->listener, hub->accepted < hub->option[NF_PEERS] ? 1 : INT_MAX);
}

void nf_hub_deliver(struct nf_hub *hub, const struct nf_addr *from, uint32_t hash,
                    struct nf_packet *packet, net_deadline now)
{
    struct nf_remote *remote = (struct nf_remote *)nf_table_find(&hub->table, from, hash);

    if (remote != NULL && remote->entry.accepted) {
        deliver_to_peer(peer_of(remote), packet, now);
    } else {
        deliver_to_listener(hub, (struct nf_stranger *)remote, from, packet);
    }
}

size_t nf_hub_take_stranger(struct nf_hub *hub, void *buffer, size_t size, struct nf_source *from,
                            struct nf_addr *local)
{
    struct nf_stranger *stranger = nf_stranger_of(nf_pool_first(&hub->strangers)->queue);

    nf_addr_copy(&from->addr, &stranger->addr, from->room);
    size_t length = nf_queue_take(&stranger->remote.queue, buffer, size, local);

    nf_hub_forget(hub, stranger);
    return length;
}

/* ---- Out of the batch ---- */

/* Spill one packet. False: no memory, and its bytes are still in the batch. */
static bool spill(struct nf_hub *hub, struct nf_packet *packet)
{
    struct nf_queue *queue = packet->queue;

    if (queue == NULL) {
        return true;
    }
    bool is_out = nf_packet_spill(packet);

    if (is_out && packet->pool == &hub->strangers) {
        nf_hub_forget(hub, nf_stranger_of(queue));
    }
    return is_out;
}

int nf_hub_spill(struct nf_hub *hub)
{
    int left = 0;

    for (int i = 0; i < hub->borrowed_count; i++) {
        nf_packet_uncharge(&hub->borrowed[i]);
    }
    for (int i = 0; i < hub->borrowed_count; i++) {
        left += spill(hub, &hub->borrowed[i]) ? 0 : 1;
    }
    hub->borrowed_count = left > 0 ? hub->borrowed_count : 0;
    return left == 0 ? 0 : nf_fail_because(NET_LIMIT, "no memory");
}

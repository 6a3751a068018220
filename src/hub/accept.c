/* How a stranger becomes a peer, and how both leave the hub. Every function is called with the
 * hub's lock held. */
#include "hub/hub.h"
#include "wait/deadline.h"

#include <limits.h>
#include <stdlib.h>

/* ---- Strangers ---- */

struct nf_stranger *nf_hub_add_stranger(struct nf_hub *hub, const struct nf_addr *from)
{
    struct nf_stranger *stranger = calloc(1, sizeof *stranger);

    if (stranger == NULL) {
        return NULL;
    }
    stranger->addr = *from;
    if (nf_addr_keep(&stranger->addr) < 0) {
        free(stranger);
        return NULL;
    }
    stranger->remote.entry.remote = &stranger->addr;
    nf_table_add(&hub->table, &stranger->remote.entry);
    return stranger;
}

void nf_hub_forget(struct nf_hub *hub, struct nf_stranger *stranger)
{
    if (stranger->remote.queue.packets.first != NULL || stranger->is_admitted) {
        return;
    }
    nf_table_remove(&hub->table, &stranger->remote.entry);
    nf_addr_drop(&stranger->addr);
    free(stranger);
}

int nf_hub_admit(struct nf_hub *hub, const struct nf_addr *remote)
{
    struct nf_entry *entry = nf_table_find(&hub->table, remote, nf_table_hash(&hub->table, remote));
    struct nf_stranger *stranger = (struct nf_stranger *)entry;

    if (entry != NULL && (entry->accepted || stranger->is_admitted)) {
        return 0;
    }
    if (hub->accepted + hub->admitted >= hub->option[NF_PEERS]) {
        return nf_fail_because(NET_LIMIT, "all %lld peers are taken or admitted",
                               (long long)hub->option[NF_PEERS]);
    }
    stranger = stranger != NULL ? stranger : nf_hub_add_stranger(hub, remote);
    if (stranger == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    stranger->is_admitted = true;
    *(hub->first_admitted != NULL ? &hub->last_admitted->next_admitted : &hub->first_admitted) =
        stranger;
    hub->last_admitted = stranger;
    hub->admitted++;
    nf_hub_wake(hub->listener, INT_MAX);
    return 0;
}

/* ---- Accepted peers ---- */

static struct nf_stranger *next_candidate(struct nf_hub *hub)
{
    struct nf_stranger *stranger = hub->first_admitted;

    if (stranger == NULL) {
        return nf_stranger_of(nf_pool_first(&hub->strangers)->queue);
    }
    hub->first_admitted = stranger->next_admitted;
    stranger->is_admitted = false;
    hub->admitted--;
    return stranger;
}

/* The first datagram is moved even if the bounds leave no room for it: the strangers' bounds have
 * let it in. */
static void move_packets(struct nf_hub *hub, struct nf_stranger *stranger, struct nf_peer *peer)
{
    struct nf_queue *queue = &peer->remote.queue;

    for (bool is_first = true; stranger->remote.queue.packets.first != NULL; is_first = false) {
        struct nf_packet *packet = nf_queue_first(&stranger->remote.queue);

        nf_queue_remove(packet);
        packet->is_over_bound = false;
        peer->local = packet->local;
        int64_t fit = nf_pool_fit(&hub->peers, queue, packet);

        nf_queue_put(queue, &hub->peers, packet, fit == 0 && is_first ? 1 : fit);
    }
}

void nf_hub_accept(struct nf_hub *hub, struct nf_peer *peer, net_deadline now)
{
    struct nf_stranger *stranger = next_candidate(hub);

    peer->member.hub = hub;
    peer->member.head.name = stranger->addr;
    peer->member.head.owns_name = true;
    peer->remote.entry.remote = &peer->member.head.name;
    peer->remote.entry.accepted = true;
    peer->heard_at = now;
    move_packets(hub, stranger, peer);
    stranger->addr = (struct nf_addr){0}; /* the peer owns the name now */
    nf_hub_forget(hub, stranger);
    nf_table_add(&hub->table, &peer->remote.entry);
    nf_list_append(&hub->heard, &peer->heard);
    hub->accepted++;
    atomic_fetch_add(&hub->members, 1);
}

/* Give up the peer's place in the hub. What is queued stays with its socket. */
static void retire(struct nf_peer *peer)
{
    struct nf_hub *hub = peer->member.hub;

    nf_table_remove(&hub->table, &peer->remote.entry);
    nf_list_remove(&hub->heard, &peer->heard);
    hub->accepted--;
    peer->remote.entry.accepted = false;
    if (hub->listener != NULL) {
        nf_hub_wake(hub->listener, INT_MAX); /* an accept may wait for the place */
    }
}

static struct nf_peer *longest_silent(const struct nf_hub *hub)
{
    return NF_HOLDER(hub->heard.first, struct nf_peer, heard);
}

net_deadline nf_hub_next_expiry(const struct nf_hub *hub)
{
    const struct nf_peer *peer = longest_silent(hub);
    int64_t idle = hub->option[NF_IDLE];

    return idle != 0 && peer != NULL ? nf_deadline_after(peer->heard_at, idle) : NET_FOREVER;
}

void nf_hub_expire(struct nf_hub *hub, net_deadline now)
{
    while (now >= nf_hub_next_expiry(hub)) {
        struct nf_peer *peer = longest_silent(hub);

        retire(peer);
        nf_hub_wake(&peer->member, INT_MAX);
    }
}

void nf_hub_remove_peer(struct nf_peer *peer)
{
    nf_queue_clear(&peer->remote.queue);
    if (peer->remote.entry.accepted) {
        retire(peer);
    }
}

void nf_hub_remove_strangers(struct nf_hub *hub)
{
    while (nf_hub_has_candidate(hub)) {
        struct nf_stranger *stranger = next_candidate(hub);

        nf_queue_clear(&stranger->remote.queue);
        nf_hub_forget(hub, stranger);
    }
}

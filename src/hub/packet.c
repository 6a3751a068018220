/* Packets, queues and pools: lists and sums. */
#include "hub/packet.h"
#include "os/batch.h"

#include <stdlib.h>
#include <string.h>

/* A bound counts bytes of payload. Without a limit on their number, many tiny datagrams would need
 * much more memory than the bound, for the structures around them. The limit is one datagram for
 * each BYTES_PER_DATAGRAM of the bound, and DATAGRAMS_EXTRA more. */
enum { BYTES_PER_DATAGRAM = 64, DATAGRAMS_EXTRA = 1024 };

struct nf_packet *nf_packet_new(const void *data, size_t size, size_t segment,
                                const struct nf_addr *local)
{
    struct nf_packet *packet = malloc(sizeof *packet + size);

    if (packet != NULL) {
        *packet = (struct nf_packet){.local = *local,
                                     .data = (unsigned char *)(packet + 1),
                                     .size = size,
                                     .segment = segment};
        if (size > 0 && data != NULL) {
            memcpy(packet->data, data, size);
        }
    }
    return packet;
}

void nf_packet_free(struct nf_packet *packet)
{
    if (packet->is_borrowed) {
        packet->queue = NULL;
    } else {
        free(packet);
    }
}

int64_t nf_packet_fit(const struct nf_packet *packet, const struct nf_load *load, int64_t bound)
{
    int64_t room = bound - load->bytes;
    int64_t places = bound / BYTES_PER_DATAGRAM + DATAGRAMS_EXTRA - load->datagrams;
    int64_t fit = nf_packet_count(packet);

    if (room < (int64_t)packet->size) {
        fit = room > 0 ? room / (int64_t)packet->segment : 0;
    }
    fit = fit < places ? fit : places;
    return fit > 0 ? fit : 0;
}

size_t nf_packet_read(struct nf_packet *packet, void *buffer, size_t size)
{
    struct nf_arrival rest = {
        .data = packet->data, .size = packet->size, .segment = packet->segment};
    size_t length = nf_arrival_read(&rest, buffer, size);

    packet->data = rest.data;
    packet->size = rest.size;
    return length;
}

int64_t nf_pool_fit(const struct nf_pool *pool, const struct nf_queue *queue,
                    const struct nf_packet *packet)
{
    int64_t fit = nf_packet_fit(packet, &pool->load, *pool->bound);

    if (queue != NULL && pool->queue_bound != NULL) {
        int64_t alone = nf_packet_fit(packet, &queue->load, *pool->queue_bound);

        fit = alone < fit ? alone : fit;
    }
    return fit;
}

/* Add to the sums of the queue and of the pool that a packet is in. */
static void charge(const struct nf_packet *packet, int64_t bytes, int64_t datagrams)
{
    packet->queue->load.bytes += bytes;
    packet->queue->load.datagrams += datagrams;
    packet->pool->load.bytes += bytes;
    packet->pool->load.datagrams += datagrams;
}

static void drop(struct nf_queue *queue, struct nf_pool *pool, int64_t count)
{
    queue->dropped += count;
    pool->dropped += count;
}

/* Keep the first `count` datagrams, at least 1. */
static void cut(struct nf_packet *packet, int64_t count)
{
    if (count < nf_packet_count(packet)) {
        packet->size = (size_t)count * packet->segment;
    }
}

void nf_queue_put(struct nf_queue *queue, struct nf_pool *pool, struct nf_packet *packet,
                  int64_t count)
{
    drop(queue, pool, nf_packet_count(packet) - count);
    if (count == 0) {
        nf_packet_free(packet);
        return;
    }
    cut(packet, count);
    packet->queue = queue;
    packet->pool = pool;
    nf_list_append(&queue->packets, &packet->in_queue);
    if (pool->is_ordered) {
        nf_list_append(&pool->packets, &packet->in_pool);
    }
    charge(packet, (int64_t)packet->size, nf_packet_count(packet));
}

static void unlink_packet(struct nf_packet *packet)
{
    nf_list_remove(&packet->queue->packets, &packet->in_queue);
    if (packet->pool->is_ordered) {
        nf_list_remove(&packet->pool->packets, &packet->in_pool);
    }
    packet->queue = NULL;
}

void nf_queue_remove(struct nf_packet *packet)
{
    charge(packet, -(int64_t)packet->size, -nf_packet_count(packet));
    unlink_packet(packet);
}

size_t nf_queue_take(struct nf_queue *queue, void *buffer, size_t size, struct nf_addr *local)
{
    struct nf_packet *packet = nf_queue_first(queue);

    *local = packet->local;
    size_t length = nf_packet_read(packet, buffer, size);

    charge(packet, -(int64_t)length, -1);
    if (packet->size == 0) {
        unlink_packet(packet);
        nf_packet_free(packet);
    }
    return length;
}

void nf_queue_clear(struct nf_queue *queue)
{
    struct nf_packet *packet = nf_queue_first(queue);

    while (packet != NULL) {
        struct nf_packet *next = NF_HOLDER(packet->in_queue.next, struct nf_packet, in_queue);

        nf_queue_remove(packet);
        nf_packet_free(packet);
        packet = next;
    }
}

void nf_packet_uncharge(const struct nf_packet *packet)
{
    if (packet->queue != NULL && packet->is_over_bound) {
        charge(packet, -(int64_t)packet->size, -nf_packet_count(packet));
    }
}

bool nf_packet_spill(struct nf_packet *packet)
{
    struct nf_queue *queue = packet->queue;
    struct nf_pool *pool = packet->pool;
    int64_t count = nf_packet_count(packet);
    int64_t fit = packet->is_over_bound ? nf_pool_fit(pool, queue, packet) : count;
    size_t size = fit < count ? (size_t)fit * packet->segment : packet->size;
    struct nf_packet *copy =
        fit > 0 ? nf_packet_new(packet->data, size, packet->segment, &packet->local) : NULL;

    if (packet->is_over_bound) {
        charge(packet, (int64_t)packet->size, count);
    }
    if (copy == NULL && fit > 0) {
        return false;
    }
    if (copy == NULL) {
        nf_queue_remove(packet);
    } else {
        copy->queue = queue;
        copy->pool = pool;
        nf_list_replace(&queue->packets, &packet->in_queue, &copy->in_queue);
        if (pool->is_ordered) {
            nf_list_replace(&pool->packets, &packet->in_pool, &copy->in_pool);
        }
        packet->queue = NULL;
        charge(copy, (int64_t)(copy->size - packet->size), fit - count);
    }
    drop(queue, pool, count - fit);
    return true;
}

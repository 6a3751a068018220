/* Datagrams on their way, in the order in which they came: some of them are due later, and some are
 * held back until the one after them has been handed out. Pure memory: nothing here waits. */
#ifndef NF_CHAOS_QUEUE_H
#define NF_CHAOS_QUEUE_H

#include "netfacade.h"

#include <stdbool.h>

enum {
    NF_QUEUE_BYTES = 256 * 1024,
    NF_QUEUE_COUNT = 1024,
    NF_QUEUE_PATIENCE = 20 /* ms that one is held back where none comes after it */
};

struct nf_queued {
    struct nf_queued *next;
    net_deadline due;
    bool is_held;
    net_endpoint endpoint;
    size_t size; /* over capacity: it was cut */
    size_t capacity;
    char bytes[];
};

struct nf_queue {
    struct nf_queued *first;
    struct nf_queued *last;
    size_t bytes;
    int count;
};

/* Whether no more should be put. */
static inline bool nf_queue_is_full(const struct nf_queue *queue)
{
    return queue->bytes >= NF_QUEUE_BYTES || queue->count >= NF_QUEUE_COUNT;
}

/* Append a copy of a datagram that was received. 0 or NET_LIMIT. */
int nf_queue_put(struct nf_queue *queue, const net_message *message, net_deadline due,
                 bool is_held);

/* Take out the first that may be handed out at `now`; the caller frees it. NULL: none may. */
struct nf_queued *nf_queue_take(struct nf_queue *queue, net_deadline now);

/* When that will be the next time, if nothing else comes; NET_FOREVER: the queue is empty. */
net_deadline nf_queue_next(const struct nf_queue *queue);

void nf_queue_clear(struct nf_queue *queue);

#endif

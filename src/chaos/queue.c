/* The queue of late datagrams: a linked list. Its bounds keep it short enough to walk. */
#include "chaos/queue.h"
#include "os/cause.h"
#include "wait/deadline.h"

#include <stdlib.h>
#include <string.h>

int nf_late_queue_put(struct nf_late_queue *queue, const net_message *message, net_deadline due,
                      bool is_held)
{
    size_t stored = message->size < message->capacity ? message->size : message->capacity;
    struct nf_late_packet *queued = malloc(sizeof *queued + stored);

    if (queued == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    *queued = (struct nf_late_packet){.due = due,
                                      .is_held = is_held,
                                      .endpoint = message->endpoint,
                                      .size = message->size,
                                      .capacity = stored};
    if (stored > 0) {
        memcpy(queued->bytes, message->data, stored);
    }
    if (queue->first == NULL) {
        queue->first = queued;
    } else {
        queue->last->next = queued;
    }
    queue->last = queued;
    queue->bytes += stored;
    queue->count++;
    return 0;
}

static net_deadline moment_of(const struct nf_late_packet *queued)
{
    return queued->is_held ? nf_deadline_after(queued->due, NF_LATE_QUEUE_HOLD) : queued->due;
}

/* The datagram before it may have been held for this one: it is held no longer. */
static void take_out(struct nf_late_queue *queue, struct nf_late_packet *before,
                     struct nf_late_packet *queued)
{
    if (before != NULL) {
        before->next = queued->next;
        before->is_held = false;
    } else {
        queue->first = queued->next;
    }
    if (queued->next == NULL) {
        queue->last = before;
    }
    queue->bytes -= queued->capacity;
    queue->count--;
}

struct nf_late_packet *nf_late_queue_take(struct nf_late_queue *queue, net_deadline now)
{
    struct nf_late_packet *before = NULL;
    struct nf_late_packet *queued = queue->first;

    while (queued != NULL && moment_of(queued) > now) {
        before = queued;
        queued = queued->next;
    }
    if (queued != NULL) {
        take_out(queue, before, queued);
    }
    return queued;
}

net_deadline nf_late_queue_next(const struct nf_late_queue *queue)
{
    net_deadline next = NET_FOREVER;

    for (const struct nf_late_packet *each = queue->first; each != NULL; each = each->next) {
        next = nf_earlier(next, moment_of(each));
    }
    return next;
}

void nf_late_queue_clear(struct nf_late_queue *queue)
{
    while (queue->first != NULL) {
        struct nf_late_packet *queued = queue->first;

        queue->first = queued->next;
        free(queued);
    }
}

/* What the listener and the peers of a hub do alike. */
#include "hub/member.h"
#include "socket/kernel.h"
#include "datagram/datagram.h"
#include "name/endpoint.h"
#include "os/futex.h"
#include "os/poll.h"
#include "socket/counter.h"
#include "os/socket.h"
#include "os/transfer.h"
#include "wait/deadline.h"
#include "os/clock.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { NO_ROOM_PAUSE = 2 }; /* ms between looks of a poller for room to send */

void nf_hub_free(struct nf_hub *hub)
{
    if (hub->post != NULL) {
        hub->post->close(hub);
    }
    nf_wake_close(&hub->wake);
    nf_socket_close(hub->fd);
    nf_table_close(&hub->table);
    nf_mutex_destroy(&hub->lock);
    nf_batch_free(hub->batch);
    nf_addr_drop(&hub->name);
    free(hub->tray);
    free(hub);
}

int nf_member_close(net_socket *socket, void (*remove)(net_socket *socket))
{
    struct nf_hub *hub = nf_hub_of(socket);
    bool locked = nf_hub_lock_to_close(hub);

    if (locked) {
        remove(socket);
        nf_mutex_unlock(&hub->lock);
    }
    bool last = atomic_fetch_sub(&hub->members, 1) == 1;

    if (last && locked) {
        nf_hub_free(hub);
    } else if (last) {
        nf_wake_close(&hub->wake);
        nf_socket_close(hub->fd);
    }
    return locked ? 0 : NF_STAYS;
}

/* The lock held: a datagram of `length` bytes went into a buffer of `size`. */
static void count_one(struct nf_member *member, size_t length, size_t size)
{
    nf_count(&member->bytes_in, (int64_t)length);
    nf_count(&member->messages_in, 1);
    if (length > size) {
        nf_count(&member->truncated, 1);
    }
}

/* Where a datagram was sent to: as the kernel told, or else the one address that the hub has. */
static void make_endpoint(const struct nf_member *member, const struct nf_addr *remote,
                          const struct nf_addr *local, net_endpoint *endpoint)
{
    struct nf_addr own = member->hub->wildcard ? *local : member->hub->name;

    own.port = 0;
    nf_endpoint_make(endpoint, remote, &own);
}

/* The lock held: a datagram has been read into `message`. */
static void finish(struct nf_member *member, net_message *message, size_t length,
                   const struct nf_addr *from, const struct nf_addr *local)
{
    message->size = length;
    count_one(member, length, message->capacity);
    make_endpoint(member, from, local, &message->endpoint);
}

void nf_hub_pour(struct nf_sink *sink, const struct nf_addr *from, struct nf_letter *letter)
{
    do {
        net_message *message = &sink->messages[sink->filled++];
        size_t length = nf_letter_read(letter, message->data, message->capacity);

        finish(sink->listener, message, length, from, &letter->local);
    } while (letter->size > 0 && sink->filled < sink->count);
}

ssize_t nf_member_recv(struct nf_member *member, const struct nf_reader *reader, void *buffer,
                       size_t size, net_deadline deadline)
{
    struct nf_sender from;
    struct nf_addr local;

    nf_mutex_lock(&member->hub->lock);
    ssize_t n = nf_hub_wait(member, reader->is_done, NULL, deadline);

    if (n == 0) {
        n = reader->take(member, buffer, size, &from, &local);
    }
    if (n >= 0) {
        count_one(member, (size_t)n, size);
    }
    nf_mutex_unlock(&member->hub->lock);
    return n;
}

/* The lock held: whether there is more without waiting. The kernel is not asked again once it had
 * no more. */
static bool has_more(struct nf_member *member, const struct nf_reader *reader)
{
    return reader->is_done(member) ||
           (!member->hub->drained && nf_hub_wait(member, reader->is_done, NULL, NET_NOW) == 0);
}

int nf_member_recv_messages(struct nf_member *member, const struct nf_reader *reader,
                            net_message *messages, int count, net_deadline deadline)
{
    struct nf_sink sink = {.listener = member, .messages = messages, .count = count};

    nf_mutex_lock(&member->hub->lock);
    member->hub->drained = false; /* who knows what came since somebody looked */
    ssize_t n = nf_hub_wait(member, reader->is_done, reader->has_sink ? &sink : NULL, deadline);
    int i = sink.filled;

    while (n >= 0 && i < count && has_more(member, reader)) {
        struct nf_sender from;
        struct nf_addr local;

        n = reader->take(member, messages[i].data, messages[i].capacity, &from, &local);
        if (n >= 0) {
            finish(member, &messages[i++], (size_t)n, &from.addr, &local);
        }
    }
    nf_mutex_unlock(&member->hub->lock);
    return i > 0 ? i : (int)n;
}

static _Atomic net_deadline *crowded_of(struct nf_hub *hub)
{
    return nf_addr_is_named(&hub->name) ? &hub->crowded : NULL;
}

/* Without a descriptor: it is there at once, or dropped. */
static ssize_t post(struct nf_member *self, const struct nf_addr *to, const net_slice *slices,
                    int count)
{
    ssize_t n = nf_is_canceled(&self->head) ? nf_fail(NET_CANCELED)
                                            : self->hub->post->send(self->hub, to, slices, count);

    if (n >= 0) {
        nf_add(&self->bytes_out, n);
        nf_add(&self->messages_out, 1);
    }
    return n;
}

static int post_all(struct nf_member *self, nf_datagram_aim *aim, const net_message *messages,
                    int count)
{
    for (int i = 0; i < count; i++) {
        net_slice slice = {messages[i].data, messages[i].size};
        struct nf_route route = {0};
        ssize_t n = aim(&self->head, &messages[i].endpoint, &route);

        if (n == 0) {
            n = post(self, &route.to, &slice, 1);
        }
        if (n < 0) {
            return nf_datagram_stop(i, (int)n, NULL);
        }
    }
    return count;
}

ssize_t nf_member_send(struct nf_member *self, const net_slice *slices, int count,
                       const struct nf_route *route, net_deadline deadline)
{
    struct nf_hub *hub = self->hub;
    bool denied = false;

    if (hub->post != NULL) {
        return post(self, &route->to, slices, count);
    }
    for (;;) {
        if (nf_is_canceled(&self->head)) {
            return nf_fail(NET_CANCELED);
        }
        ssize_t n = nf_transfer_send_to(hub->fd, hub->v6, slices, count, &route->to,
                                        route->says_from ? &route->from : NULL);

        if (n >= 0) {
            nf_add(&self->bytes_out, n);
            nf_add(&self->messages_out, 1);
            return n;
        }
        int code = nf_datagram_retry(&self->head, hub->fd, n, &denied, crowded_of(hub), deadline);

        if (code < 0) {
            return code;
        }
    }
}

int nf_member_send_messages(struct nf_member *self, nf_datagram_aim *aim,
                            const net_message *messages, int count, net_deadline deadline)
{
    struct nf_datagram_sender sender = {.socket = &self->head,
                                        .fd = self->hub->fd,
                                        .v6 = self->hub->v6,
                                        .has_trains = !nf_addr_is_named(&self->hub->name),
                                        .crowded = crowded_of(self->hub),
                                        .aim = aim,
                                        .bytes = &self->bytes_out,
                                        .messages = &self->messages_out,
                                        .refusal = &self->hub->refusal};

    if (self->hub->post != NULL) {
        return post_all(self, aim, messages, count);
    }
    return nf_datagram_send_messages(&sender, messages, count, deadline);
}

/* Sleepers hear the bell of their socket; the postman, if it is one of ours, hears the hub's. */
void nf_member_cancel(net_socket *socket)
{
    struct nf_member *member = (struct nf_member *)socket;

    atomic_fetch_add(&member->bell, 1);
    nf_futex_wake(&member->bell, INT_MAX);
    nf_wake_post(&member->hub->wake);
}

static int read_counter(_Atomic int64_t *counter, struct nf_value *value)
{
    value->number = atomic_load_explicit(counter, memory_order_relaxed);
    return 0;
}

int nf_member_property(net_socket *socket, enum nf_word word, struct nf_value *value, bool write)
{
    struct nf_member *member = (struct nf_member *)socket;
    struct nf_hub *hub = member->hub;

    switch (word) {
    case NF_PORT:
        value->number = hub->name.port;
        return 0;
    case NF_SOURCE:
        return 0;
    case NF_FAMILY:
        value->number = hub->bound[word];
        return 0;
    case NF_INTERFACE:
        value->number = nf_kernel_interface(hub->bound, &hub->name);
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
            hub->bound[word] = value->number;
        }
        value->number = hub->bound[word];
        nf_mutex_unlock(&hub->lock);
        return 0;
    default:
        return nf_kernel_property(hub->fd, word, value, write);
    }
}

/* A shared descriptor has room to send nearly always, and when it has none, soon. Without one there
 * always is. */
static bool may_send(const struct nf_hub *hub)
{
    struct nf_poll poll = {.fd = hub->fd, .want = NF_OUT};

    return hub->fd < 0 || nf_poll(&poll, 1, NET_NOW) > 0;
}

void nf_member_ready(net_socket *socket, unsigned interest, struct nf_readiness *out,
                     nf_errand *is_done)
{
    struct nf_member *member = (struct nf_member *)socket;
    struct nf_hub *hub = member->hub;
    bool canceled = nf_is_canceled(socket);
    bool crowded = atomic_load(&hub->crowded) != NET_NOW && nf_now() < atomic_load(&hub->crowded);
    bool out_now = (interest & NF_OUT) != 0 && (canceled || (!crowded && may_send(hub)));
    net_deadline soon = (interest & NF_OUT) != 0 && !out_now
                            ? nf_deadline_after(nf_now(), NO_ROOM_PAUSE)
                            : NET_FOREVER;

    nf_mutex_lock(&hub->lock);
    if (hub->fd < 0) {
        nf_hub_expire(hub, nf_now());
        soon = nf_earlier(soon, nf_hub_next_end(hub));
    }
    bool in_now = (interest & NF_IN) != 0 && (canceled || is_done(member));
    bool pumps = (interest & NF_IN) != 0 && hub->fd >= 0;

    *out = (struct nf_readiness){.ready = (in_now ? (unsigned)NF_IN : 0) |
                                          (out_now ? (unsigned)NF_OUT : 0),
                                 .fd = -1,
                                 .common = pumps ? &hub->common : NULL,
                                 .pump = nf_hub_next_end(hub),
                                 .again = soon};
    nf_mutex_unlock(&hub->lock);
}

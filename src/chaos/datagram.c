/* Datagrams with faults. Received datagrams pass through a queue of the layer (queue.h): each can
 * be lost, duplicated, delayed, or held until the next one has been returned. A listener has no
 * such queue, since the socket below keeps the datagrams of strangers until a call takes them.
 * There the only fault is loss. */
#include "chaos/datagram.h"
#include "socket/counter.h"
#include "socket/layer.h"
#include "socket/socket.h"

#include <stdlib.h>
#include <string.h>

/* ---- Sending ---- */

enum outcome { PASSES, LOST, DUPLICATED };

/* Always two rolls for each datagram: turning one fault on does not change when the other one
 * happens. */
static enum outcome roll_outcome(struct nf_chaos *self, struct nf_dice *dice)
{
    bool lost = nf_dice_hit(dice, nf_chaos_fault(self, NF_LOSS));
    bool twice = nf_dice_hit(dice, nf_chaos_fault(self, NF_DUPLICATE));

    return lost ? LOST : twice ? DUPLICATED : PASSES;
}

/* While the dial below is in flight nothing is lost here: the send must go down, since it may
 * report that the dial has failed. */
static bool is_connected(struct nf_chaos *self)
{
    net_socket *lower = self->layer.lower;
    struct nf_value value = {0};

    return nf_backend_of(lower) == lower->kind ||
           nf_backend_of(lower)->property(lower, NF_PORT, &value, false) == 0;
}

static int check_out(struct nf_chaos *self, net_deadline deadline)
{
    if (nf_is_canceled(&self->layer.head)) {
        return nf_fail(NET_CANCELED);
    }
    return nf_chaos_room(self) == 0 ? nf_chaos_over_limit(self, deadline)
                                    : nf_deferred_take(&self->deferred_out);
}

static void count_lost(struct nf_chaos *self, int64_t size)
{
    nf_add(&self->bytes_lost, size);
    nf_add(&self->messages_lost, 1);
}

ssize_t nf_chaos_datagram_send(net_socket *socket, const net_slice *slices, int count,
                               net_deadline deadline)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    net_socket *lower = self->layer.lower;

    if (self->sends_plainly) {
        return nf_backend_of(lower)->send(lower, slices, count, deadline);
    }
    ssize_t n = check_out(self, deadline);

    if (n < 0) {
        return n;
    }
    enum outcome outcome = roll_outcome(self, &self->dice_out);

    if (outcome == LOST && is_connected(self)) {
        n = (ssize_t)nf_slices_size(slices, count);
        count_lost(self, n);
    } else {
        n = nf_backend_of(lower)->send(lower, slices, count, deadline);
    }
    if (n >= 0 && outcome == DUPLICATED) {
        nf_backend_of(lower)->send(lower, slices, count, NET_NOW);
    }
    nf_chaos_move(self, n);
    return n;
}

/* 1 or a code. */
static int send_message(struct nf_chaos *self, const net_message *message, net_deadline deadline)
{
    net_socket *lower = self->layer.lower;
    int n = check_out(self, deadline);

    if (n < 0) {
        return n;
    }
    enum outcome outcome = roll_outcome(self, &self->dice_out);

    n = 1;
    if (outcome == LOST && is_connected(self)) {
        count_lost(self, (int64_t)message->size);
    } else {
        n = nf_backend_of(lower)->send_messages(lower, message, 1, deadline);
    }
    if (n > 0 && outcome == DUPLICATED && self->accepted_kind == NULL) {
        nf_backend_of(lower)->send_messages(lower, message, 1, NET_NOW);
    }
    if (n > 0) {
        nf_chaos_move(self, (int64_t)message->size);
    }
    return n;
}

int nf_chaos_send_messages(net_socket *socket, const net_message *messages, int count,
                           net_deadline deadline)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    net_socket *lower = self->layer.lower;
    struct nf_datagram_pace pace = {0};
    int n = 0;
    int i = 0;

    if (self->sends_plainly) {
        return nf_backend_of(lower)->send_messages(lower, messages, count, deadline);
    }
    while (i < count && n >= 0) {
        n = send_message(self, &messages[i], deadline);
        i += n > 0 ? 1 : 0;
        if (n > 0 && i < count && !nf_datagram_goes_on(&pace, messages[i - 1].size, deadline)) {
            n = NET_TIMEOUT;
        }
    }
    return n < 0 ? nf_datagram_stop(i, n, &self->deferred_out) : i;
}

/* ---- Receiving through the queue ---- */

/* Decide about a datagram that was received, and queue it unless it is lost. Always three rolls. 0
 * or NET_LIMIT. */
static int queue_received(struct nf_chaos *self, const net_message *message)
{
    enum outcome outcome = roll_outcome(self, &self->dice_in);
    bool held = nf_dice_hit(&self->dice_in, nf_chaos_fault(self, NF_REORDER));
    net_deadline due = nf_deadline_after(nf_now(), nf_chaos_fault(self, NF_DELAY));

    if (outcome == LOST) {
        return 0;
    }
    int code = nf_late_queue_put(self->queue, message, due, held);

    return code == 0 && outcome == DUPLICATED ? nf_late_queue_put(self->queue, message, due, false)
                                              : code;
}

/* Take what the socket below has, waiting for the first datagram until `deadline`. 0: the queue is
 * full, or a failure is deferred. NET_TIMEOUT: there is no more, or enough was lost. Another code:
 * no more will come; if the socket below reports it only once, it is deferred until the queue is
 * empty. */
static int pull(struct nf_chaos *self, net_deadline deadline)
{
    net_socket *lower = self->layer.lower;
    struct nf_datagram_pace pace = {0};
    int code = 0;

    while (code == 0 && !nf_late_queue_is_full(self->queue) &&
           !nf_deferred_waits(&self->deferred_in)) {
        net_message message = {.data = self->packet, .capacity = NF_CHAOS_PACKET_MAX};
        int n = nf_backend_of(lower)->recv_messages(lower, &message, 1, deadline);

        code = n < 0 ? n : queue_received(self, &message);
        deadline = NET_NOW;
        if (code == 0 && !nf_datagram_goes_on(&pace, message.size, NET_NOW)) {
            code = NET_TIMEOUT;
        }
    }
    if (code < 0) {
        nf_datagram_stop(1, code, &self->deferred_in);
    }
    return code;
}

bool nf_chaos_datagram_pull(struct nf_chaos *self)
{
    int code = pull(self, NET_NOW);
    bool is_over = (code < 0 && code != NET_TIMEOUT) || nf_deferred_waits(&self->deferred_in);

    return self->queue->count > 0 ? nf_late_queue_next(self->queue) <= nf_now() : is_over;
}

static void hand_out(struct nf_chaos *self, struct nf_late_packet *queued, net_message *message)
{
    size_t size = queued->capacity < message->capacity ? queued->capacity : message->capacity;

    if (size > 0) {
        memcpy(message->data, queued->bytes, size);
    }
    message->size = queued->size;
    message->endpoint = queued->endpoint;
    nf_count(&self->bytes_in, (int64_t)queued->size);
    nf_count(&self->messages_in, 1);
    nf_count(&self->truncated, queued->size > message->capacity ? 1 : 0);
    free(queued);
}

/* No datagram is due. `code` is the result of the last pull. Returns why the call ends, or 0. */
static int check_in(struct nf_chaos *self, int code, net_deadline deadline)
{
    if (nf_is_canceled(&self->layer.head)) {
        return nf_fail(NET_CANCELED);
    }
    if (self->queue->count == 0) {
        int deferred = nf_deferred_take(&self->deferred_in);

        if (deferred < 0 || (code < 0 && code != NET_TIMEOUT)) {
            return deferred < 0 ? deferred : code;
        }
    }
    return nf_deadline_passed(deadline) ? nf_fail(NET_TIMEOUT) : 0;
}

/* 1 or a code. With a delay this pulls first, so that each datagram's time counts from its arrival.
 * Without one it pulls only when the queue has nothing to return. */
static int take_queued(struct nf_chaos *self, net_message *message, net_deadline deadline)
{
    bool late = nf_chaos_fault(self, NF_DELAY) != 0;
    struct nf_late_packet *queued = late ? NULL : nf_late_queue_take(self->queue, nf_now());
    int code = queued == NULL ? pull(self, NET_NOW) : 0;

    for (;;) {
        if (queued == NULL) {
            queued = nf_late_queue_take(self->queue, nf_now());
        }
        if (queued != NULL) {
            hand_out(self, queued, message);
            return 1;
        }
        int why = check_in(self, code, deadline);

        if (why < 0) {
            return why;
        }
        net_deadline until = nf_earlier(deadline, nf_late_queue_next(self->queue));

        code = code == NET_TIMEOUT ? pull(self, until) : nf_chaos_sleep(self, until);
    }
}

/* ---- Receiving ---- */

static int take_from_below(struct nf_chaos *self, net_message *message, net_deadline deadline)
{
    net_socket *lower = self->layer.lower;
    struct nf_datagram_pace pace = {0};
    int n = nf_deferred_take(&self->deferred_in);
    bool lost = n == 0;

    while (lost) {
        n = nf_backend_of(lower)->recv_messages(lower, message, 1, deadline);
        lost = n > 0 && nf_dice_hit(&self->dice_in, nf_chaos_fault(self, NF_LOSS));
        if (lost && !nf_datagram_goes_on(&pace, message->size, deadline)) {
            return NET_TIMEOUT;
        }
    }
    return n;
}

/* With the turn. 1 or a code. */
static int receive(struct nf_chaos *self, net_message *message, net_deadline deadline)
{
    if (nf_chaos_room(self) == 0) {
        return nf_chaos_over_limit(self, deadline);
    }
    int n = self->queue != NULL ? take_queued(self, message, deadline)
                                : take_from_below(self, message, deadline);

    if (n > 0) {
        nf_chaos_move(self, (int64_t)message->size);
    }
    return n;
}

static int receive_messages(struct nf_chaos *self, net_message *messages, int count,
                            net_deadline deadline)
{
    struct nf_datagram_pace pace = {0};
    int n = nf_layer_enter(&self->layer.head, &self->layer.in, deadline);
    int i = 0;

    if (n < 0) {
        return n;
    }
    while (i < count && n >= 0) {
        n = receive(self, &messages[i], i == 0 ? deadline : NET_NOW);
        i += n > 0 ? 1 : 0;
        if (n > 0 && !nf_datagram_goes_on(&pace, messages[i - 1].size, deadline)) {
            n = NET_TIMEOUT;
        }
    }
    if (n < 0) {
        i = nf_datagram_stop(i, n, &self->deferred_in);
    }
    bool has_more = self->queue != NULL && self->queue->count > 0;

    nf_turn_leave(&self->layer.in);
    if (has_more || nf_deferred_waits(&self->deferred_in)) { /* no descriptor shows these */
        nf_socket_notify(&self->layer.head);
    }
    return i;
}

int nf_chaos_recv_messages(net_socket *socket, net_message *messages, int count,
                           net_deadline deadline)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    net_socket *lower = self->layer.lower;

    return self->receives_plainly
               ? nf_backend_of(lower)->recv_messages(lower, messages, count, deadline)
               : receive_messages(self, messages, count, deadline);
}

ssize_t nf_chaos_datagram_recv(net_socket *socket, void *buffer, size_t size, int until,
                               net_deadline deadline)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    net_socket *lower = self->layer.lower;
    net_message message = {.data = buffer, .capacity = size};

    if (self->receives_plainly) {
        return nf_backend_of(lower)->recv(lower, buffer, size, until, deadline);
    }
    if (until != NF_SOME) {
        return nf_datagram_refuse_until();
    }
    int n = receive_messages(self, &message, 1, deadline);

    return n < 0 ? n : nf_datagram_received((ssize_t)message.size, size);
}

/* Sockets with faults: opening, accepting, closing, properties and readiness. */
#include "chaos/chaos.h"
#include "chaos/datagram.h"
#include "chaos/stream.h"
#include "socket/layer.h"
#include "socket/socket.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- Opening and accepting ---- */

/* Allocate what received bytes or datagrams wait in, if a fault needs it. 0 or NET_LIMIT. */
static int make_room(struct nf_chaos *self, bool stream)
{
    bool late = nf_chaos_fault(self, NF_DELAY) != 0;

    if (stream && late) {
        self->delay = nf_delay_new();
        return self->delay != NULL ? 0 : NET_LIMIT;
    }
    if (stream ||
        (!late && nf_chaos_fault(self, NF_LOSS) == 0 && nf_chaos_fault(self, NF_DUPLICATE) == 0 &&
         nf_chaos_fault(self, NF_REORDER) == 0)) {
        return 0;
    }
    self->queue = calloc(1, sizeof *self->queue);
    self->packet = malloc(NF_CHAOS_PACKET_MAX);
    return self->queue != NULL && self->packet != NULL ? 0
                                                       : nf_fail_because(NET_LIMIT, "no memory");
}

static void free_room(struct nf_chaos *self)
{
    nf_delay_free(self->delay);
    if (self->queue != NULL) {
        nf_late_queue_clear(self->queue);
    }
    free(self->queue);
    free(self->packet);
}

static void seed_dice(struct nf_chaos *self, uint64_t accepted)
{
    int64_t seed = nf_chaos_fault(self, NF_SEED);

    nf_dice_seed(&self->dice_in, seed, accepted, NF_DICE_IN);
    nf_dice_seed(&self->dice_out, seed, accepted, NF_DICE_OUT);
    nf_dice_seed(&self->dice_accept, seed, accepted, NF_DICE_ACCEPT);
}

/* Set up the faults of a socket. A listener itself has only those of its own calls: accept-fail,
 * and for datagrams loss; it passes all of them on to what it accepts. */
static int configure(struct nf_chaos *self, const int64_t *fault)
{
    bool is_listener = self->accepted_kind != NULL;

    memcpy(self->fault, fault, sizeof self->fault);
    seed_dice(self, 0);

    int64_t reset = nf_chaos_fault(self, NF_RESET_AFTER);
    int64_t stall = nf_chaos_fault(self, NF_STALL_AFTER);
    bool shared = (!is_listener && (reset | stall) != 0) || nf_chaos_fault(self, NF_LOSS) != 0;

    self->breaks = reset != 0 && (stall == 0 || reset <= stall);
    self->limit = is_listener ? 0 : self->breaks ? reset : stall;
    int code = is_listener ? 0 : make_room(self, nf_is_stream(self->layer.head.kind));

    self->sends_plainly =
        !shared &&
        (is_listener || (nf_chaos_fault(self, NF_CHUNK) | nf_chaos_fault(self, NF_DUPLICATE)) == 0);
    self->receives_plainly = !shared && self->delay == NULL && self->queue == NULL &&
                             (is_listener || nf_chaos_fault(self, NF_CHUNK) == 0);
    return code;
}

int nf_chaos_connect(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    int code = configure(self, target->options.value + NF_SEED);

    if (code == 0) {
        code = nf_layer_dial(socket, target, deadline);
    }
    if (code < 0) {
        free_room(self);
    }
    return code;
}

int nf_chaos_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;

    (void)deadline;
    self->accepted_kind = target->backend;
    configure(self, target->options.value + NF_SEED);
    return nf_layer_listen(socket, target);
}

static net_socket *new_accepted(struct nf_chaos *listener)
{
    net_socket *accepted = nf_socket_new(listener->accepted_kind);

    if (accepted != NULL && configure((struct nf_chaos *)accepted, listener->fault) < 0) {
        free_room((struct nf_chaos *)accepted);
        nf_socket_free(accepted);
        accepted = NULL;
    }
    return accepted;
}

static net_socket *accept_below(struct nf_chaos *self, net_deadline deadline)
{
    net_socket *accepted = new_accepted(self);

    if (accepted != NULL && !nf_layer_accept(&self->layer.head, accepted, deadline)) {
        free_room((struct nf_chaos *)accepted);
        nf_socket_free(accepted);
        return NULL;
    }
    if (accepted != NULL) {
        seed_dice((struct nf_chaos *)accepted, atomic_fetch_add(&self->accepted_count, 1) + 1);
    }
    return accepted;
}

/* With accept-fail, about every second accept fails, and the next one returns its connection. Only
 * one connection at a time is pending. */
static bool fails(struct nf_chaos *self, net_socket *accepted)
{
    net_socket *none = NULL;

    return nf_chaos_fault(self, NF_ACCEPT_FAIL) != 0 &&
           (nf_dice_roll(&self->dice_accept) & 1) != 0 &&
           atomic_compare_exchange_strong(&self->pending, &none, accepted);
}

net_socket *nf_chaos_accept(net_socket *socket, net_deadline deadline)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;

    if (nf_is_canceled(socket)) {
        nf_fail(NET_CANCELED);
        return NULL;
    }
    net_socket *accepted = atomic_exchange(&self->pending, NULL);

    if (accepted != NULL) {
        return accepted;
    }
    accepted = accept_below(self, deadline);
    if (accepted != NULL && fails(self, accepted)) {
        nf_socket_notify(socket);
        nf_fail_because((int)nf_chaos_fault(self, NF_ACCEPT_FAIL),
                        "the address asks for it: accept-fail");
        return NULL;
    }
    return accepted;
}

/* ---- The other slots ---- */

int nf_chaos_shutdown(net_socket *socket)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    net_socket *lower = self->layer.lower;

    if (nf_chaos_room(self) == 0 && !nf_is_canceled(socket)) {
        return self->breaks ? nf_chaos_over_limit(self, NET_NOW)
                            : 0; /* stalled: the end does not move either */
    }
    return nf_backend_of(lower)->shutdown(lower);
}

/* A signal handler may call this. */
void nf_chaos_cancel(net_socket *socket)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;

    nf_socket_cancel(self->layer.lower);
    atomic_fetch_add(&self->futex, 1);
    nf_futex_wake(&self->futex, INT_MAX);
}

int nf_chaos_close(net_socket *socket, net_deadline deadline)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    net_socket *pending = atomic_load(&self->pending);
    bool broken = self->breaks && nf_chaos_room(self) == 0;

    if (pending != NULL) {
        nf_backend_of(pending)->close(pending, NET_NOW);
        nf_socket_free(pending);
    }
    free_room(self);
    return nf_layer_close(socket, broken ? NET_NOW : deadline);
}

/* Correct a value from below. What the layer holds back counts as received only when the caller has
 * it; what the layer has lost counts as sent. With delay or reorder there is no descriptor to
 * return, since it would not show when the socket is readable. */
static void adjust(struct nf_chaos *self, enum nf_property property, struct nf_value *value)
{
    bool holds_back =
        self->queue != NULL || (nf_is_stream(self->layer.head.kind) && !self->receives_plainly);

    switch (property) {
    case NF_FD:
        if (nf_chaos_fault(self, NF_DELAY) != 0 || nf_chaos_fault(self, NF_REORDER) != 0) {
            value->number = -1;
        }
        break;
    case NF_BYTES_RECEIVED:
        value->number = holds_back ? atomic_load(&self->bytes_in) : value->number;
        break;
    case NF_MESSAGES_RECEIVED:
        value->number = holds_back ? atomic_load(&self->messages_in) : value->number;
        break;
    case NF_TRUNCATED:
        value->number += atomic_load(&self->truncated);
        break;
    case NF_BYTES_SENT:
        value->number += atomic_load(&self->bytes_lost);
        break;
    case NF_MESSAGES_SENT:
        value->number += atomic_load(&self->messages_lost);
        break;
    default:
        break;
    }
}

int nf_chaos_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                      bool write)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    net_socket *lower = self->layer.lower;

    if (property >= NF_SEED && property <= NF_ACCEPT_FAIL) {
        value->number = nf_chaos_fault(self, property);
        return 0;
    }
    if (property == NF_RELEASE) {
        return nf_refuse_release();
    }
    int code = nf_backend_of(lower)->property(lower, property, value, write);

    if (code == 0 && !write) {
        adjust(self, property, value);
    }
    return code;
}

/* ---- Readiness ---- */

/* What the delay or the queue holds. A full one takes no more from below. */
static void look(net_socket *socket, struct nf_layer_held *held)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    char *where = NULL;

    if (self->delay != NULL) {
        held->is_ready = nf_chaos_stream_pull(self);
        held->is_full = nf_delay_space(self->delay, &where) == 0;
    } else {
        held->is_ready = nf_chaos_datagram_pull(self);
        held->is_full = nf_late_queue_is_full(self->queue);
    }
    held->again = held->is_ready        ? NET_FOREVER
                  : self->delay != NULL ? nf_delay_next(self->delay)
                                        : nf_late_queue_next(self->queue);
}

void nf_chaos_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    bool is_late = self->delay != NULL || self->queue != NULL;
    bool is_over = nf_chaos_room(self) == 0;

    if (nf_is_canceled(socket) || is_over) {
        *out = (struct nf_readiness){.fd = -1, .pump = NET_FOREVER, .again = NET_FOREVER};
        out->ready = nf_is_canceled(socket) || self->breaks ? interest : 0;
    } else if (is_late) {
        nf_layer_held_ready(socket, interest, look, out);
    } else {
        nf_layer_ready(socket, interest, out);
    }
    if (nf_deferred_waits(&self->deferred_in) && !is_late) {
        out->ready |= interest & NF_IN;
    }
    if (nf_deferred_waits(&self->deferred_out)) {
        out->ready |= interest & NF_OUT;
    }
    if (atomic_load(&self->pending) != NULL) {
        out->ready |= interest & NF_IN;
    }
}

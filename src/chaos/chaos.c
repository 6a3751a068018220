/* Sockets with faults: how they come to be, what they tell, and when they are ready. */
#include "chaos/chaos.h"
#include "chaos/datagram.h"
#include "chaos/stream.h"
#include "socket/layer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_AGAIN = 20 }; /* ms, where a call of somebody has the turn */

/* ---- Coming to be ---- */

static bool is_stream(const struct nf_backend *kind)
{
    return (kind->properties.options & NF_OPTION(NF_CHUNK)) != 0;
}

/* Where bytes and datagrams wait, if they have to. 0 or NET_LIMIT. */
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

static void roll_in(struct nf_chaos *self, uint64_t call)
{
    int64_t seed = nf_chaos_fault(self, NF_SEED);

    nf_dice_seed(&self->dice_in, seed, call, NF_DICE_IN);
    nf_dice_seed(&self->dice_out, seed, call, NF_DICE_OUT);
    nf_dice_seed(&self->dice_accept, seed, call, NF_DICE_ACCEPT);
}

/* Take the faults to heart; of a listener only what befalls its own calls. */
static int order(struct nf_chaos *self, const int64_t *fault)
{
    bool is_listener = self->calls != NULL;

    memcpy(self->fault, fault, sizeof self->fault);
    roll_in(self, 0);

    int64_t reset = nf_chaos_fault(self, NF_RESET_AFTER);
    int64_t stall = nf_chaos_fault(self, NF_STALL_AFTER);
    bool shared = (!is_listener && (reset | stall) != 0) || nf_chaos_fault(self, NF_LOSS) != 0;

    self->breaks = reset != 0 && (stall == 0 || reset <= stall);
    self->limit = is_listener ? 0 : self->breaks ? reset : stall;
    int code = is_listener ? 0 : make_room(self, is_stream(self->layer.head.kind));

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
    int code = order(self, target->options.value + NF_SEED);

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
    self->calls = target->backend;
    order(self, target->options.value + NF_SEED);
    return nf_layer_listen(socket, target);
}

/* The object of a call is made first: one picked up with no memory for it would be lost. */
static net_socket *new_call(struct nf_chaos *listener)
{
    net_socket *call = nf_socket_new(listener->calls);

    if (call != NULL && order((struct nf_chaos *)call, listener->fault) < 0) {
        free_room((struct nf_chaos *)call);
        nf_socket_free(call);
        call = NULL;
    }
    return call;
}

static net_socket *pick_up(struct nf_chaos *self, net_deadline deadline)
{
    net_socket *lower = self->layer.lower;
    net_socket *call = new_call(self);
    net_socket *picked_up = call != NULL ? nf_backend_of(lower)->accept(lower, deadline) : NULL;

    if (picked_up == NULL && call != NULL) {
        free_room((struct nf_chaos *)call);
        nf_socket_free(call);
        return NULL;
    }
    if (picked_up != NULL) {
        nf_layer_wrap(call, picked_up);
        roll_in((struct nf_chaos *)call, atomic_fetch_add(&self->picked_up, 1) + 1);
    }
    return call;
}

/* Every second call or so waits on, and the accept that picked him up fails. */
static bool fails(struct nf_chaos *self, net_socket *call)
{
    net_socket *none = NULL;

    return nf_chaos_fault(self, NF_ACCEPT_FAIL) != 0 &&
           (nf_dice_roll(&self->dice_accept) & 1) != 0 &&
           atomic_compare_exchange_strong(&self->waiting, &none, call);
}

net_socket *nf_chaos_accept(net_socket *socket, net_deadline deadline)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;

    if (nf_is_canceled(socket)) {
        nf_fail(NET_CANCELED);
        return NULL;
    }
    net_socket *call = atomic_exchange(&self->waiting, NULL);

    if (call != NULL) {
        return call;
    }
    call = pick_up(self, deadline);
    if (call != NULL && fails(self, call)) {
        nf_socket_ring(socket);
        nf_fail_because((int)nf_chaos_fault(self, NF_ACCEPT_FAIL),
                        "the address asks for it: accept-fail");
        return NULL;
    }
    return call;
}

/* ---- The other slots ---- */

int nf_chaos_shutdown(net_socket *socket)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    net_socket *lower = self->layer.lower;

    if (nf_chaos_room(self) == 0 && !nf_is_canceled(socket)) {
        return self->breaks ? nf_chaos_beyond(self, NET_NOW)
                            : 0; /* nothing moves, nor does an end */
    }
    return nf_backend_of(lower)->shutdown(lower);
}

/* Safe in a signal handler. */
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
    net_socket *waiting = atomic_load(&self->waiting);
    bool broken = self->breaks && nf_chaos_room(self) == 0;

    if (waiting != NULL) {
        nf_backend_of(waiting)->close(waiting, NET_NOW);
        nf_socket_free(waiting);
    }
    free_room(self);
    return nf_layer_close(socket, broken ? NET_NOW : deadline);
}

/* Counters: what the layer has kept back is not the caller's yet, and what it has lost was sent. */
static void correct(struct nf_chaos *self, enum nf_property property, struct nf_value *value)
{
    bool is_kept_back =
        self->queue != NULL || (is_stream(self->layer.head.kind) && !self->receives_plainly);

    switch (property) {
    case NF_FD:
        if (nf_chaos_fault(self, NF_DELAY) != 0 || nf_chaos_fault(self, NF_REORDER) != 0) {
            value->number = -1;
        }
        break;
    case NF_BYTES_RECEIVED:
        value->number = is_kept_back ? atomic_load(&self->bytes_in) : value->number;
        break;
    case NF_MESSAGES_RECEIVED:
        value->number = is_kept_back ? atomic_load(&self->messages_in) : value->number;
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
        correct(self, property, value);
    }
    return code;
}

/* ---- Readiness ---- */

/* What the descriptor says of receiving is no answer, since the layer keeps things back; so it is
 * to be asked about sending here. */
static void take_as_hint(struct nf_readiness *out, unsigned interest)
{
    struct nf_poll poll = {.fd = out->fd, .want = NF_OUT};

    if (!out->is_hint && out->fd >= 0 && (interest & out->want & NF_OUT) != 0) {
        nf_poll(&poll, 1, NET_NOW);
        out->ready |= poll.got & NF_OUT;
    }
    out->ready &= ~(unsigned)NF_IN;
    out->is_hint = true;
}

/* Of a socket that keeps things back, asked about receiving. */
static void late_ready(struct nf_chaos *self, unsigned interest, struct nf_readiness *out)
{
    bool has_arrived = false;
    bool is_full = false;
    net_deadline again = nf_deadline_after(nf_now(), LOOK_AGAIN);

    if (nf_turn_try(&self->in)) {
        has_arrived =
            self->delay != NULL ? nf_chaos_stream_pull(self) : nf_chaos_datagram_pull(self);
        again = has_arrived           ? NET_FOREVER
                : self->delay != NULL ? nf_delay_next(self->delay)
                                      : nf_late_queue_next(self->queue);
        char *where = NULL;

        is_full = self->delay != NULL ? nf_delay_space(self->delay, &where) == 0
                                      : nf_late_queue_is_full(self->queue);
        nf_turn_leave(&self->in);
    }
    nf_layer_ready(&self->layer.head,
                   is_full || has_arrived ? interest & ~(unsigned)NF_IN : interest, out);
    take_as_hint(out, interest);
    out->ready |= has_arrived ? NF_IN : 0;
    out->again = nf_earlier(out->again, again);
}

void nf_chaos_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    bool is_late = self->delay != NULL || self->queue != NULL;
    bool is_over = nf_chaos_room(self) == 0;

    if (nf_is_canceled(socket) || is_over) {
        *out = (struct nf_readiness){.fd = -1, .pump = NET_FOREVER, .again = NET_FOREVER};
        out->ready = nf_is_canceled(socket) || self->breaks ? interest : 0;
    } else if (is_late && (interest & NF_IN) != 0) {
        late_ready(self, interest, out);
    } else {
        nf_layer_ready(socket, interest, out);
    }
    if (nf_deferred_waits(&self->deferred_in) && !is_late) {
        out->ready |= interest & NF_IN;
    }
    if (nf_deferred_waits(&self->deferred_out)) {
        out->ready |= interest & NF_OUT;
    }
    if (atomic_load(&self->waiting) != NULL) {
        out->ready |= interest & NF_IN;
    }
}

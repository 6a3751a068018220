/* What all layers share. */
#include "socket/layer.h"
#include "socket/kept.h"
#include "socket/socket.h"
#include "os/process.h"
#include "wait/deadline.h"

#include <stdlib.h>

enum {
    RECHECK = 20,  /* ms, while a receive has the turn and readiness is unknown */
    REST_SLICE = 5 /* ms of one wait to receive while there is a rest to send */
};

/* The part of a target that concerns the scheme below: options and address stay, the backend
 * changes. */
static struct nf_target target_below(const struct nf_target *target)
{
    struct nf_target below = *target;

    below.backend = target->backend->lower;
    return below;
}

int nf_layer_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                     net_deadline deadline)
{
    struct nf_target below = target_below(target);

    return below.backend->resolve(&below, endpoints, count, deadline);
}

/* The name of a layer is that of the socket below, which owns its memory. */
static void wrap(net_socket *socket, net_socket *lower)
{
    ((struct nf_layer *)socket)->lower = lower;
    socket->name = lower->name;
}

static int open_below(net_socket *socket, const struct nf_backend *kind,
                      const struct nf_target *target, net_deadline deadline)
{
    struct nf_target below = target_below(target);
    net_socket *lower = nf_socket_new(kind);
    int code = lower != NULL ? kind->open(lower, &below, deadline) : NET_LIMIT;

    if (code < 0) {
        nf_socket_free(lower);
        return code;
    }
    wrap(socket, lower);
    return 0;
}

int nf_layer_listen(net_socket *socket, const struct nf_target *target)
{
    return open_below(socket, target->backend->lower->listener, target, NET_NOW);
}

bool nf_layer_accept(net_socket *listener, net_socket *accepted, net_deadline deadline)
{
    net_socket *lower = nf_layer_lower(listener);
    net_socket *lower_accepted = nf_backend_of(lower)->accept(lower, deadline);

    if (lower_accepted != NULL) {
        wrap(accepted, lower_accepted);
    }
    return lower_accepted != NULL;
}

int nf_layer_enter(net_socket *socket, struct nf_turn *turn, net_deadline deadline)
{
    bool ours = !nf_is_canceled(socket) && nf_turn_take(turn, deadline);

    if (nf_is_canceled(socket)) {
        if (ours) {
            nf_turn_leave(turn);
        }
        return nf_fail(NET_CANCELED);
    }
    return ours ? 0 : nf_fail(NET_TIMEOUT);
}

/* ---- The rest ---- */

int nf_layer_send_rest(net_socket *socket, net_deadline deadline)
{
    struct nf_layer *self = (struct nf_layer *)socket;
    net_socket *lower = self->lower;
    int code = 0;

    while (self->rest != NULL && code == 0) {
        size_t size = self->rest->count;
        net_slice slice = {.data = nf_kept_start(self->rest), .size = size};
        ssize_t n = nf_backend_of(lower)->send(lower, &slice, 1, deadline);

        if (n > 0) {
            nf_kept_take(&self->rest, NULL, (size_t)n);
        }
        code = n < 0 ? (int)n : (size_t)n < size ? nf_cause_pending()->code : 0;
    }
    self->is_cut = code != 0 && code != NET_TIMEOUT && code != NET_LIMIT;
    return code;
}

static bool has_rest(const struct nf_layer *self)
{
    return self->rest != NULL && !self->is_cut;
}

static void half_close(struct nf_layer *self)
{
    if (atomic_load(&self->half_close) == NF_HALF_CLOSE_DUE && !has_rest(self)) {
        nf_backend_of(self->lower)->shutdown(self->lower);
        atomic_store(&self->half_close, NF_HALF_CLOSE_DONE);
    }
}

/* Another thread may ask for the half-close after half_close has looked and before the turn is
 * free: it then relies on this thread. */
void nf_layer_leave_out(net_socket *socket)
{
    struct nf_layer *self = (struct nf_layer *)socket;
    bool is_due = true;

    while (is_due) {
        half_close(self);
        atomic_store(&self->has_rest, has_rest(self));
        nf_turn_leave(&self->out);
        is_due = atomic_load(&self->half_close) == NF_HALF_CLOSE_DUE &&
                 !atomic_load(&self->has_rest) && nf_turn_try(&self->out);
    }
}

/* Send what the socket below takes now, unless a sender has the turn and does it. */
static void push_rest(struct nf_layer *self)
{
    if (atomic_load(&self->has_rest) && nf_turn_try(&self->out)) {
        nf_layer_send_rest(&self->head, NET_NOW);
        nf_layer_leave_out(&self->head);
    }
}

/* While the dial below is not decided there is no rest, and the shutdown below says why it fails.
 */
int nf_layer_shutdown(net_socket *socket)
{
    struct nf_layer *self = (struct nf_layer *)socket;
    net_socket *lower = self->lower;
    int code = 0;

    if (nf_is_canceled(socket)) {
        return nf_fail(NET_CANCELED);
    }
    if (!nf_turn_try(&self->out)) {
        struct nf_value outcome = {0};

        if (nf_backend_of(lower)->property(lower, NF_PEER, &outcome, false) == NET_TIMEOUT) {
            return nf_fail(NET_TIMEOUT);
        }
        atomic_store(&self->half_close, NF_HALF_CLOSE_DUE);
        if (!nf_turn_try(&self->out)) {
            return 0; /* the sender that has the turn does it */
        }
    }
    if (!has_rest(self)) {
        code = nf_backend_of(lower)->shutdown(lower);
        atomic_store(&self->half_close, code == 0 ? NF_HALF_CLOSE_DONE : NF_HALF_CLOSE_OFF);
    } else {
        atomic_store(&self->half_close, NF_HALF_CLOSE_DUE);
        nf_layer_send_rest(socket, NET_NOW);
    }
    nf_layer_leave_out(socket);
    return code;
}

/* ---- Receiving ahead ---- */

ssize_t nf_layer_recv(net_socket *socket, void *buffer, size_t size, net_deadline deadline)
{
    struct nf_layer *self = (struct nf_layer *)socket;
    net_socket *lower = self->lower;

    for (;;) {
        push_rest(self);
        bool rests = atomic_load(&self->has_rest);
        net_deadline slice = rests ? nf_deadline_after(nf_now(), REST_SLICE) : deadline;
        net_deadline until = nf_earlier(slice, deadline);
        ssize_t n = nf_backend_of(lower)->recv(lower, buffer, size, NF_SOME, until);

        if (n != NET_TIMEOUT || until == deadline) {
            return n;
        }
    }
}

ssize_t nf_layer_fill(net_socket *socket, size_t most, net_deadline deadline)
{
    char *space = nf_kept_space(&socket->kept, most, most);
    ssize_t n = space != NULL ? nf_layer_recv(socket, space, most, deadline) : NET_LIMIT;

    if (n > 0) {
        socket->kept->count += (size_t)n;
    } else {
        nf_kept_fit(&socket->kept);
    }
    return n;
}

/* ---- Closing and readiness ---- */

/* The rest goes out before the close, unless it is to break the connection off, or this is a copy
 * of another process. */
static int send_last(net_socket *socket, net_deadline deadline)
{
    struct nf_layer *self = (struct nf_layer *)socket;
    struct nf_value resets = {0};

    if (self->rest == NULL || nf_is_canceled(socket) || socket->process != (uint16_t)nf_process()) {
        return 0;
    }
    nf_backend_of(self->lower)->property(self->lower, NF_RESET, &resets, false);
    return resets.number == 0 && nf_layer_send_rest(socket, deadline) == NET_TIMEOUT ? NET_TIMEOUT
                                                                                     : 0;
}

/* The layer takes over the name of the socket below, so that its own `name` stays valid when that
 * socket is freed. In a forked child the socket below may have to stay (NF_STAYS). Then it keeps
 * the name, too. */
int nf_layer_close(net_socket *socket, net_deadline deadline)
{
    net_socket *lower = nf_layer_lower(socket);
    int unsent = send_last(socket, deadline);

    free(((struct nf_layer *)socket)->rest);
    atomic_store(&lower->notice, atomic_load(&socket->notice));
    int code = nf_backend_of(lower)->close(lower, unsent == 0 ? deadline : NET_NOW);

    if (code == NF_STAYS) {
        return 0;
    }
    socket->name = lower->name;
    socket->owns_name = lower->owns_name;
    lower->owns_name = false;
    nf_socket_free(lower);
    return unsent < 0 && deadline != NET_NOW ? nf_fail(unsent) : code;
}

void nf_layer_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    net_socket *lower = nf_layer_lower(socket);

    atomic_store(&lower->notice, atomic_load(&socket->notice));
    nf_socket_ready(lower, interest, out);
}

/* What is ready below says little of the layer: make the descriptor a hint, after which the caller
 * asks again. For the directions in `valid` the socket below answers for the layer, so ask its
 * descriptor here. */
static void take_as_hint(struct nf_readiness *out, unsigned valid)
{
    struct nf_poll poll = {.fd = out->fd, .want = NF_OUT};

    if (!out->is_hint && out->fd >= 0 && (valid & out->want & NF_OUT) != 0) {
        nf_poll(&poll, 1, NET_NOW);
        out->ready |= poll.got & NF_OUT;
    }
    out->ready &= valid;
    out->is_hint = true;
}

/* A look receives from below, and a layer there may post the notice for it: then each look would
 * cause the next one.
 *
 * What became ready below after the look or after the rest was pushed has no other notice where no
 * descriptor shows it: ask again at once. */
void nf_layer_held_ready(net_socket *socket, unsigned interest, nf_layer_look *look,
                         struct nf_readiness *out)
{
    struct nf_layer *self = (struct nf_layer *)socket;
    struct nf_layer_held held = {.again = NET_FOREVER};
    unsigned below = interest;
    bool looks = (interest & NF_IN) != 0 && nf_turn_try(&self->in);

    if (looks) {
        nf_socket_forget_notice(self->lower); /* nf_layer_ready lends it again, and asks */
        look(socket, &held);
        nf_turn_leave(&self->in);
    } else if ((interest & NF_IN) != 0) {
        held.again = nf_deadline_after(nf_now(), RECHECK);
    }
    push_rest(self);
    bool rests = atomic_load(&self->has_rest);

    below &= ~(unsigned)(held.is_ready || held.is_full ? NF_IN : 0);
    below |= rests ? NF_OUT : 0u;
    nf_layer_ready(socket, below, out);
    if ((interest & NF_IN) == 0 && !rests) {
        return;
    }
    unsigned more = (looks ? NF_IN : 0u) | (rests ? NF_OUT : 0u);

    if ((out->ready & below & more) != 0) {
        held.again = nf_now();
    }
    take_as_hint(out, rests ? 0 : NF_OUT);
    out->ready |= held.is_ready ? NF_IN : 0;
    out->again = nf_earlier(out->again, held.again);
}

/* ---- While the dial below goes on ---- */

/* Take the kind's own table if the call below has won the dial. */
static void finish_dial(net_socket *socket)
{
    struct nf_layer *self = (struct nf_layer *)socket;
    bool won = nf_backend_of(self->lower) == self->lower->kind;

    if (won && nf_turn_try(&self->settling)) {
        if (nf_backend_of(socket) != socket->kind) {
            socket->name = self->lower->name;
            nf_socket_set_backend(socket, socket->kind);
        }
        nf_turn_leave(&self->settling);
    }
}

static ssize_t dialing_send(net_socket *socket, const net_slice *slices, int count,
                            net_deadline deadline)
{
    ssize_t n = socket->kind->send(socket, slices, count, deadline);

    finish_dial(socket);
    return n;
}

static ssize_t dialing_recv(net_socket *socket, void *buffer, size_t size, int until,
                            net_deadline deadline)
{
    ssize_t n = socket->kind->recv(socket, buffer, size, until, deadline);

    finish_dial(socket);
    return n;
}

static int dialing_send_messages(net_socket *socket, const net_message *messages, int count,
                                 net_deadline deadline)
{
    int n = socket->kind->send_messages(socket, messages, count, deadline);

    finish_dial(socket);
    return n;
}

static int dialing_recv_messages(net_socket *socket, net_message *messages, int count,
                                 net_deadline deadline)
{
    int n = socket->kind->recv_messages(socket, messages, count, deadline);

    finish_dial(socket);
    return n;
}

static int dialing_shutdown(net_socket *socket)
{
    int code = socket->kind->shutdown(socket);

    finish_dial(socket);
    return code;
}

static void dialing_cancel(net_socket *socket)
{
    socket->kind->cancel(socket);
}

static int dialing_close(net_socket *socket, net_deadline deadline)
{
    return socket->kind->close(socket, deadline);
}

static int dialing_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                            bool write)
{
    int code = socket->kind->property(socket, property, value, write);

    finish_dial(socket);
    return code;
}

static void dialing_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    socket->kind->ready(socket, interest, out);
    finish_dial(socket);
}

static const struct nf_backend dialing_table = {
    .scheme = "dialing",
    .size = sizeof(struct nf_layer),
    .listener = NULL,
    .lower = NULL,
    .open = nf_refuse_open,
    .resolve = nf_layer_resolve,
    .accept = nf_refuse_accept,
    .send = dialing_send,
    .recv = dialing_recv,
    .send_messages = dialing_send_messages,
    .recv_messages = dialing_recv_messages,
    .shutdown = dialing_shutdown,
    .cancel = dialing_cancel,
    .close = dialing_close,
    .property = dialing_property,
    .ready = dialing_ready,
};

int nf_layer_dial(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    int code = open_below(socket, target->backend->lower, target, deadline);
    net_socket *lower = nf_layer_lower(socket);

    if (code == 0 && nf_backend_of(lower) != lower->kind) {
        atomic_store(&socket->backend, &dialing_table);
    }
    return code;
}

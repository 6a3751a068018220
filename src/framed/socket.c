/* Sockets that carry messages: opening, accepting, properties and readiness. */
#include "framed/framed.h"
#include "socket/socket.h"

/* ---- Opening and accepting ---- */

static int check_max(enum nf_frame_kind kind, int64_t max)
{
    size_t most = nf_frame_most(kind);

    return (uint64_t)max <= most
               ? 0
               : nf_fail_because(NET_ADDRESS, "max is at most %zu with this frame", most);
}

/* A frame that carries less than the default of `max` has its own bound for it. */
static int configure(struct nf_framed *self, const struct nf_options *options)
{
    bool is_given = (options->given & NF_OPTION(NF_MAX)) != 0;
    int64_t max = options->value[NF_MAX];

    self->frame = (uint8_t)options->value[NF_FRAME];
    if (!is_given && (uint64_t)max > nf_frame_most(self->frame)) {
        max = (int64_t)nf_frame_most(self->frame);
    }
    self->max = (uint32_t)max;
    self->queue = options->value[NF_QUEUE];
    return check_max(self->frame, max);
}

int nf_framed_connect(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    int code = configure((struct nf_framed *)socket, &target->options);

    return code < 0 ? code : nf_layer_dial(socket, target, deadline);
}

int nf_framed_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    struct nf_framed *self = (struct nf_framed *)socket;
    int code = configure(self, &target->options);

    (void)deadline;
    self->accepted_kind = target->backend;
    return code < 0 ? code : nf_layer_listen(socket, target);
}

net_socket *nf_framed_accept(net_socket *socket, net_deadline deadline)
{
    struct nf_framed *self = (struct nf_framed *)socket;
    net_socket *accepted = nf_socket_new(self->accepted_kind);

    if (accepted != NULL && !nf_layer_accept(socket, accepted, deadline)) {
        nf_socket_free(accepted);
        return NULL;
    }
    if (accepted != NULL) {
        struct nf_framed *made = (struct nf_framed *)accepted;

        made->frame = self->frame;
        atomic_store(&made->max, atomic_load(&self->max));
        atomic_store(&made->queue, atomic_load(&self->queue));
    }
    return accepted;
}

/* A signal handler may call this. */
void nf_framed_cancel(net_socket *socket)
{
    nf_socket_cancel(nf_layer_lower(socket));
}

/* ---- Properties ---- */

static _Atomic int64_t *counter_of(struct nf_framed *self, enum nf_property property)
{
    switch (property) {
    case NF_BYTES_SENT:
        return &self->bytes_out;
    case NF_BYTES_RECEIVED:
        return &self->bytes_in;
    case NF_MESSAGES_SENT:
        return &self->messages_out;
    case NF_MESSAGES_RECEIVED:
        return &self->messages_in;
    case NF_TRUNCATED:
        return &self->truncated;
    default:
        return NULL;
    }
}

/* A message that is on its way may be too long now. The poller has to look again, since no more
 * bytes may come. */
static int max_property(struct nf_framed *self, struct nf_value *value, bool write)
{
    int code = write ? check_max(self->frame, value->number) : 0;

    if (write && code == 0) {
        atomic_store(&self->max, (uint32_t)value->number);
        nf_socket_notify(&self->layer.head);
    }
    value->number = atomic_load(&self->max);
    return code;
}

static int queue_property(struct nf_framed *self, struct nf_value *value, bool write)
{
    if (write) {
        atomic_store(&self->queue, value->number);
    }
    value->number = atomic_load(&self->queue);
    return 0;
}

int nf_framed_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                       bool write)
{
    struct nf_framed *self = (struct nf_framed *)socket;
    net_socket *lower = nf_layer_lower(socket);
    _Atomic int64_t *counter = counter_of(self, property);

    if (counter != NULL) {
        value->number = atomic_load(counter);
        return 0;
    }
    switch (property) {
    case NF_FRAME:
        value->number = self->frame;
        return 0;
    case NF_MAX:
        return max_property(self, value, write);
    case NF_QUEUE:
        return queue_property(self, value, write);
    case NF_FD:
        if (self->accepted_kind != NULL) {
            break;
        }
        value->number = -1; /* it does not show that a message waits here */
        return 0;
    case NF_RELEASE:
        return nf_refuse_release();
    default:
        break;
    }
    return nf_backend_of(lower)->property(lower, property, value, write);
}

/* ---- Readiness ---- */

static void look(net_socket *socket, struct nf_layer_held *held)
{
    held->is_ready = nf_framed_pull((struct nf_framed *)socket);
}

void nf_framed_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    if (nf_is_canceled(socket)) {
        *out = (struct nf_readiness){
            .ready = interest, .fd = -1, .pump = NET_FOREVER, .again = NET_FOREVER};
    } else {
        nf_layer_held_ready(socket, interest, look, out);
    }
}

/* What all layers share. Moves no bytes. */
#include "socket/layer.h"
#include "socket/socket.h"

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
void nf_layer_wrap(net_socket *socket, net_socket *lower)
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
    nf_layer_wrap(socket, lower);
    return 0;
}

int nf_layer_listen(net_socket *socket, const struct nf_target *target)
{
    return open_below(socket, target->backend->lower->listener, target, NET_NOW);
}

/* The layer takes over the name of the socket below, so that its own `name` stays valid when that
 * socket is freed. In a forked child the socket below may have to stay (NF_STAYS). Then it keeps
 * the name, too. */
int nf_layer_close(net_socket *socket, net_deadline deadline)
{
    net_socket *lower = nf_layer_lower(socket);

    atomic_store(&lower->notice, atomic_load(&socket->notice));
    int code = nf_backend_of(lower)->close(lower, deadline);

    if (code == NF_STAYS) {
        return 0;
    }
    socket->name = lower->name;
    socket->owns_name = lower->owns_name;
    lower->owns_name = false;
    nf_socket_free(lower);
    return code;
}

void nf_layer_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    net_socket *lower = nf_layer_lower(socket);

    atomic_store(&lower->notice, atomic_load(&socket->notice));
    nf_socket_ready(lower, interest, out);
}

/* ---- While the dial below goes on ---- */

/* Take the kind's own table if the call below has won the dial. */
static void finish_dial(net_socket *socket)
{
    struct nf_layer *self = (struct nf_layer *)socket;
    bool won = nf_backend_of(self->lower) == self->lower->kind;

    if (won && nf_turn_try(&self->finishing)) {
        if (nf_backend_of(socket) != socket->kind) {
            socket->name = self->lower->name;
            nf_socket_set_backend(socket, socket->kind);
        }
        nf_turn_leave(&self->finishing);
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

/* A listener inside the process: its slots. Its queue is in dial.c. */
#include "memory/listener.h"
#include "memory/dial.h"
#include "socket/socket.h"
#include "os/futex.h"
#include "os/process.h"
#include "wait/deadline.h"

#include <limits.h>

int nf_mem_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    struct nf_mem_listener *self = (struct nf_mem_listener *)socket;
    int64_t backlog = target->options.value[NF_BACKLOG];
    int code = nf_mem_target(&target->url, true, &self->entry.addr, self->name);

    (void)deadline;
    if (code < 0) {
        return code;
    }
    self->process = nf_process();
    self->backlog = backlog > 0 ? (int)backlog : 1;
    self->sndbuf = nf_mem_buffer_size(target, NF_SNDBUF);
    self->rcvbuf = nf_mem_buffer_size(target, NF_RCVBUF);
    self->entry.owner = self;
    nf_mem_lock();
    code = nf_mem_add_listener(self);
    socket->name = self->entry.addr;
    nf_mem_unlock();
    return code;
}

/* With the lock held, which this releases while it sleeps: wait until the queue has a pipe. */
static int await_connection(struct nf_mem_listener *self, net_deadline deadline)
{
    while (self->first == NULL && !nf_is_canceled(&self->head)) {
        uint32_t seen = atomic_load(&self->futex);

        if (nf_deadline_passed(deadline)) {
            return nf_fail(NET_TIMEOUT);
        }
        self->waiters++;
        nf_mem_unlock();
        if (!nf_is_canceled(&self->head)) {
            nf_futex_wait(&self->futex, seen, deadline);
        }
        nf_mem_lock();
        self->waiters--;
    }
    return nf_is_canceled(&self->head) ? nf_fail(NET_CANCELED) : 0;
}

net_socket *nf_mem_accept(net_socket *socket, const struct nf_backend *connection,
                          net_deadline deadline)
{
    struct nf_mem_listener *self = (struct nf_mem_listener *)socket;
    struct nf_mem_socket *accepted = NULL;

    if (self->process != nf_process()) {
        nf_fail_because(NET_MISUSE, "a mem listener belongs to the process that made it");
        return NULL;
    }
    nf_mem_lock();
    if (await_connection(self, deadline) == 0) {
        accepted = (struct nf_mem_socket *)nf_socket_new(connection);
    }
    if (accepted != NULL) {
        nf_mem_attach(accepted, nf_mem_take_first(self), NF_MEM_SERVER, &socket->name);
        accepted->backlog = self->backlog;
    }
    nf_mem_unlock();
    return (net_socket *)accepted;
}

/* Takes no lock: a signal handler may call this. */
void nf_mem_listener_cancel(net_socket *socket)
{
    struct nf_mem_listener *self = (struct nf_mem_listener *)socket;

    atomic_fetch_add(&self->futex, 1);
    nf_futex_wake(&self->futex, INT_MAX);
}

/* A forked child starts with an empty list of names (names.c), so there is nothing to remove. */
int nf_mem_listener_close(net_socket *socket, net_deadline deadline)
{
    struct nf_mem_listener *self = (struct nf_mem_listener *)socket;

    (void)deadline;
    if (self->process != nf_process()) {
        return 0;
    }
    nf_mem_lock();
    nf_mem_remove_listener(self);
    nf_mem_unlock();
    return 0;
}

int nf_mem_listener_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                             bool write)
{
    struct nf_mem_listener *self = (struct nf_mem_listener *)socket;

    switch (property) {
    case NF_FD:
        value->number = -1;
        return 0;
    case NF_LOCAL:
        value->addr = socket->name;
        return 0;
    case NF_RELEASE:
        return nf_refuse_release();
    case NF_PEER:
    case NF_RESET:
        return nf_fail_because(NET_MISUSE, "a listener has no peer");
    case NF_BACKLOG:
        value->number = self->backlog;
        return 0;
    case NF_SNDBUF:
    case NF_RCVBUF:
        break;
    default:
        return 0; /* a listener has sent and received nothing */
    }
    uint32_t *buffer = property == NF_SNDBUF ? &self->sndbuf : &self->rcvbuf;

    nf_mem_lock();
    if (write) {
        *buffer = (uint32_t)value->number;
    }
    value->number = *buffer;
    nf_mem_unlock();
    return 0;
}

void nf_mem_listener_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    struct nf_mem_listener *self = (struct nf_mem_listener *)socket;

    unsigned ready = 0;

    nf_mem_lock();
    if (nf_is_canceled(socket)) {
        ready = NF_IN | NF_OUT;
    } else if (self->first != NULL) {
        ready = NF_IN;
    }
    nf_mem_unlock();
    *out = (struct nf_readiness){.ready = ready & interest, .fd = -1, .again = NET_FOREVER};
}

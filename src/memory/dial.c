/* The names of this process that can be dialed, and the queue of each listener. One lock protects
 * both. The thread that holds it may wake and notify others, and never waits.
 *
 * The queue of a listener holds the pipes that wait to be accepted. The first `backlog` of them are
 * connected, and their clients may send before they are accepted. The others are still dialing. */
#include "memory/dial.h"
#include "socket/socket.h"
#include "name/endpoint.h"
#include "os/futex.h"
#include "wait/deadline.h"

#include <limits.h>

static struct nf_mem_names names;

void nf_mem_lock(void)
{
    nf_mem_names_lock(&names);
}

void nf_mem_unlock(void)
{
    nf_mem_names_unlock(&names);
}

/* ---- The queue ---- */

static void decide(struct nf_mem_pipe *pipe, uint32_t how)
{
    atomic_fetch_or(&pipe->dial, how);
    nf_futex_wake(&pipe->dial, INT_MAX);
    nf_mem_notify(&pipe->end[NF_MEM_CLIENT]);
}

/* Connect dialing pipes, the oldest first, as long as the backlog has room. */
static void admit(struct nf_mem_listener *listener)
{
    while (listener->dialing != NULL && listener->connected < listener->backlog) {
        struct nf_mem_pipe *pipe = listener->dialing;

        listener->dialing = pipe->next;
        listener->connected++;
        decide(pipe, NF_MEM_DIALED);
    }
}

static void join_queue(struct nf_mem_listener *listener, struct nf_mem_pipe *pipe)
{
    pipe->listener = listener;
    *(listener->last != NULL ? &listener->last->next : &listener->first) = pipe;
    listener->last = pipe;
    if (listener->dialing == NULL) {
        listener->dialing = pipe;
    }
    admit(listener);
    if (listener->waiters > 0) {
        atomic_fetch_add(&listener->futex, 1);
        nf_futex_wake(&listener->futex, 1);
    }
    nf_socket_notify(&listener->head);
}

/* Take the first pipe out of the queue, which is not empty. Its reference goes to the caller. */
struct nf_mem_pipe *nf_mem_take_first(struct nf_mem_listener *listener)
{
    struct nf_mem_pipe *pipe = listener->first;

    listener->first = pipe->next;
    if (listener->first == NULL) {
        listener->last = NULL;
    }
    pipe->listener = NULL;
    pipe->next = NULL;
    listener->connected--;
    admit(listener);
    return pipe;
}

/* A pipe that is connected stays in the queue: accept returns a connection that has ended. */
void nf_mem_leave_queue(struct nf_mem_pipe *pipe)
{
    if ((atomic_load(&pipe->dial) & (NF_MEM_DIALED | NF_MEM_REFUSED)) != 0) {
        return;
    }
    nf_mem_lock();
    struct nf_mem_listener *listener = pipe->listener;
    bool dialing = listener != NULL && (atomic_load(&pipe->dial) & NF_MEM_DIALED) == 0;

    if (dialing) {
        struct nf_mem_pipe *before = NULL;
        struct nf_mem_pipe **link = &listener->first;

        while (*link != pipe) {
            before = *link;
            link = &before->next;
        }
        *link = pipe->next;
        if (listener->last == pipe) {
            listener->last = before;
        }
        if (listener->dialing == pipe) {
            listener->dialing = pipe->next;
        }
        pipe->listener = NULL;
        pipe->next = NULL;
    }
    nf_mem_unlock();
    if (dialing) {
        nf_mem_unref(pipe);
    }
}

/* Empty the queue: a connected client sees a reset, a dialing one is refused. */
static void refuse_all(struct nf_mem_listener *self)
{
    while (self->first != NULL) {
        struct nf_mem_pipe *pipe = self->first;

        self->first = pipe->next;
        pipe->listener = NULL;
        pipe->next = NULL;
        if ((atomic_load(&pipe->dial) & NF_MEM_DIALED) != 0) {
            nf_mem_break(pipe, NF_MEM_CLIENT);
        } else {
            decide(pipe, NF_MEM_REFUSED);
        }
        nf_mem_unref(pipe);
    }
}

int nf_mem_add_listener(struct nf_mem_listener *self)
{
    return nf_mem_names_add(&names, &self->entry, self->name);
}

void nf_mem_remove_listener(struct nf_mem_listener *self)
{
    nf_mem_names_remove(&names, &self->entry);
    refuse_all(self);
}

/* ---- Dialing ---- */

uint32_t nf_mem_buffer_size(const struct nf_target *target, enum nf_property property)
{
    bool given = (target->options.given & NF_OPTION(property)) != 0;

    return given ? (uint32_t)target->options.value[property] : NF_MEM_BUFFER;
}

int nf_mem_dial(struct nf_mem_socket *self, const struct nf_target *target)
{
    struct nf_addr name;
    int code = nf_mem_target(&target->url, false, &name, self->name);

    if (code < 0) {
        return code;
    }
    self->head.name = name;
    nf_text_copy(self->scheme, sizeof self->scheme, target->url.scheme);
    self->sndbuf = nf_mem_buffer_size(target, NF_SNDBUF);
    self->rcvbuf = nf_mem_buffer_size(target, NF_RCVBUF);
    nf_mem_lock();
    struct nf_mem_name *found = nf_mem_names_find(&names, &name);
    struct nf_mem_listener *listener = found != NULL ? found->owner : NULL;
    struct nf_mem_pipe *pipe = NULL;

    if (listener != NULL) {
        pipe = nf_mem_make_pipe(self->sndbuf, listener->rcvbuf, listener->sndbuf, self->rcvbuf);
    }
    if (pipe != NULL) {
        nf_mem_attach(self, pipe, NF_MEM_CLIENT, &name);
        join_queue(listener, pipe);
    } else {
        code = listener == NULL ? nf_fail_because(NET_REFUSED, "nobody listens") : NET_LIMIT;
    }
    nf_mem_unlock();
    return code;
}

/* The same sentence as that of a net_connect that waits. */
static int refused(struct nf_mem_socket *self)
{
    char name[4 * NF_ADDR_NAME_MAX];
    struct nf_text text;

    nf_text_begin(&text, name, sizeof name);
    nf_print_addr(&text, &self->head.name);
    return nf_fail_sentence(NET_REFUSED, "connect %s://%s: refused (nobody listens)", self->scheme,
                            name);
}

int nf_mem_decide(struct nf_mem_socket *self, net_deadline deadline)
{
    struct nf_mem_pipe *pipe = self->pipe;

    while (pipe != NULL) {
        uint32_t dial = atomic_load(&pipe->dial);

        if (nf_is_canceled(&self->head)) {
            return nf_fail(NET_CANCELED);
        }
        if ((dial & NF_MEM_DIALED) != 0) {
            return 0;
        }
        if ((dial & NF_MEM_REFUSED) != 0) {
            break;
        }
        if (nf_deadline_passed(deadline)) {
            return nf_fail_because(NET_TIMEOUT, "still dialing: the listener's backlog is full");
        }
        nf_futex_wait(&pipe->dial, dial, deadline);
    }
    return nf_is_canceled(&self->head) ? nf_fail(NET_CANCELED) : refused(self);
}

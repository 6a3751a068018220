/* The names of this process that can be dialed, and the callers who wait to be accepted. One lock
 * for all of it; its holder rings, and waits for nothing.
 *
 * A listener's callers stand in one line. The first `backlog` of them are connected, and may talk
 * before they are accepted; the others are still dialing. */
#include "memory/memory.h"
#include "memory/names.h"
#include "name/endpoint.h"
#include "os/futex.h"
#include "os/process.h"
#include "os/thread.h"

#include <limits.h>

struct nf_mem_listener {
    net_socket head;
    struct nf_mem_name entry;
    struct nf_mem_pipe *first; /* the line, the oldest first */
    struct nf_mem_pipe *last;
    struct nf_mem_pipe *dialing; /* the first in it who is not connected */
    int connected;
    int backlog;
    int sleepers;
    int process;
    uint32_t sndbuf;
    uint32_t rcvbuf;
    _Atomic uint32_t bell;
    char name[NF_ADDR_NAME_MAX];
};

static struct nf_mem_names names = NF_MEM_NAMES_INIT;

static void lock(void)
{
    nf_mem_names_lock(&names);
}

static void unlock(void)
{
    nf_mem_names_unlock(&names);
}

int nf_mem_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                   net_deadline deadline)
{
    char room[NF_ADDR_NAME_MAX];
    struct nf_addr addr;
    int code = nf_mem_target(&target->url, false, &addr, room);

    (void)deadline;
    (void)count;
    if (code == 0) {
        nf_endpoint_make(endpoints, &addr, NULL);
    }
    return code == 0 ? 1 : code;
}

/* ---- The line ---- */

static void decide(struct nf_mem_pipe *pipe, uint32_t how)
{
    atomic_fetch_or(&pipe->dial, how);
    nf_futex_wake(&pipe->dial, INT_MAX);
    nf_mem_ring(&pipe->end[NF_MEM_CLIENT]);
}

/* Connect whom there is a place for. */
static void admit(struct nf_mem_listener *listener)
{
    while (listener->dialing != NULL && listener->connected < listener->backlog) {
        struct nf_mem_pipe *pipe = listener->dialing;

        listener->dialing = pipe->next;
        listener->connected++;
        decide(pipe, NF_MEM_DIALED);
    }
}

static void stand_in_line(struct nf_mem_listener *listener, struct nf_mem_pipe *pipe)
{
    pipe->listener = listener;
    *(listener->last != NULL ? &listener->last->next : &listener->first) = pipe;
    listener->last = pipe;
    if (listener->dialing == NULL) {
        listener->dialing = pipe;
    }
    admit(listener);
    if (listener->sleepers > 0) {
        atomic_fetch_add(&listener->bell, 1);
        nf_futex_wake(&listener->bell, 1);
    }
    nf_socket_ring(&listener->head);
}

/* Take the first out of the line. */
static struct nf_mem_pipe *take_first(struct nf_mem_listener *listener)
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

/* Those who are connected keep their place: the call comes, and is over. */
void nf_mem_leave_line(struct nf_mem_pipe *pipe)
{
    if ((atomic_load(&pipe->dial) & (NF_MEM_DIALED | NF_MEM_REFUSED)) != 0) {
        return;
    }
    lock();
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
    unlock();
    if (dialing) {
        nf_mem_let_go(pipe);
    }
}

/* ---- Dialing ---- */

static uint32_t half_of(const struct nf_target *target, enum nf_word word)
{
    bool given = (target->options.given & NF_WORD(word)) != 0;

    return given ? (uint32_t)target->options.value[word] : NF_MEM_BUFFER;
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
    self->sndbuf = half_of(target, NF_SNDBUF);
    self->rcvbuf = half_of(target, NF_RCVBUF);
    lock();
    struct nf_mem_name *found = nf_mem_names_find(&names, &name);
    struct nf_mem_listener *listener = found != NULL ? found->owner : NULL;
    struct nf_mem_pipe *pipe = NULL;

    if (listener != NULL) {
        pipe = nf_mem_make_pipe(self->sndbuf, listener->rcvbuf, listener->sndbuf, self->rcvbuf);
    }
    if (pipe != NULL) {
        nf_mem_attach(self, pipe, NF_MEM_CLIENT, &name);
        stand_in_line(listener, pipe);
    } else {
        code = listener == NULL ? nf_fail_because(NET_REFUSED, "nobody listens") : NET_LIMIT;
    }
    unlock();
    return code;
}

/* As the call that began the dial would have said. */
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

/* ---- Listening ---- */

static int mem_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline)
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
    self->sndbuf = half_of(target, NF_SNDBUF);
    self->rcvbuf = half_of(target, NF_RCVBUF);
    self->entry.owner = self;
    lock();
    code = nf_mem_names_add(&names, &self->entry, self->name);
    socket->name = self->entry.addr;
    unlock();
    return code;
}

/* The lock held: wait until somebody is in line. */
static int await_caller(struct nf_mem_listener *self, net_deadline deadline)
{
    while (self->first == NULL && !nf_is_canceled(&self->head)) {
        uint32_t seen = atomic_load(&self->bell);

        if (nf_deadline_passed(deadline)) {
            return nf_fail(NET_TIMEOUT);
        }
        self->sleepers++;
        unlock();
        if (!nf_is_canceled(&self->head)) {
            nf_futex_wait(&self->bell, seen, deadline);
        }
        lock();
        self->sleepers--;
    }
    return nf_is_canceled(&self->head) ? nf_fail(NET_CANCELED) : 0;
}

static net_socket *mem_accept(net_socket *socket, net_deadline deadline)
{
    struct nf_mem_listener *self = (struct nf_mem_listener *)socket;
    struct nf_mem_socket *call = NULL;

    if (self->process != nf_process()) {
        nf_fail_because(NET_MISUSE, "a mem listener belongs to the process that made it");
        return NULL;
    }
    lock();
    if (await_caller(self, deadline) == 0) {
        call = (struct nf_mem_socket *)nf_socket_new(&nf_mem);
    }
    if (call != NULL) {
        nf_mem_attach(call, take_first(self), NF_MEM_SERVER, &socket->name);
        call->backlog = self->backlog;
    }
    unlock();
    return (net_socket *)call;
}

/* Without a lock: a signal handler may be here. */
static void mem_listener_cancel(net_socket *socket)
{
    struct nf_mem_listener *self = (struct nf_mem_listener *)socket;

    atomic_fetch_add(&self->bell, 1);
    nf_futex_wake(&self->bell, INT_MAX);
}

/* Nobody will accept those in line. */
static void turn_away(struct nf_mem_listener *self)
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
        nf_mem_let_go(pipe);
    }
}

/* In a forked child it is in no list that this process will ever look at. */
static int mem_listener_close(net_socket *socket, net_deadline deadline)
{
    struct nf_mem_listener *self = (struct nf_mem_listener *)socket;

    (void)deadline;
    if (self->process != nf_process()) {
        return 0;
    }
    lock();
    nf_mem_names_remove(&names, &self->entry);
    turn_away(self);
    unlock();
    return 0;
}

static int mem_listener_property(net_socket *socket, enum nf_word word, struct nf_value *value,
                                 bool write)
{
    struct nf_mem_listener *self = (struct nf_mem_listener *)socket;

    switch (word) {
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
    uint32_t *buffer = word == NF_SNDBUF ? &self->sndbuf : &self->rcvbuf;

    lock();
    if (write) {
        *buffer = (uint32_t)value->number;
    }
    value->number = *buffer;
    unlock();
    return 0;
}

static void mem_listener_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    struct nf_mem_listener *self = (struct nf_mem_listener *)socket;

    unsigned ready = 0;

    lock();
    if (nf_is_canceled(socket)) {
        ready = NF_IN | NF_OUT;
    } else if (self->first != NULL) {
        ready = NF_IN;
    }
    unlock();
    *out = (struct nf_readiness){.ready = ready & interest, .fd = -1, .again = NET_FOREVER};
}

const struct nf_backend nf_mem_listener_table = {
    .scheme = "mem",
    .size = sizeof(struct nf_mem_listener),
    .words = NF_MEM_WORDS,
    .listener = &nf_mem_listener_table,
    .open = mem_listen,
    .resolve = nf_mem_resolve,
    .accept = mem_accept,
    .send = nf_refuse_send,
    .recv = nf_refuse_recv,
    .send_messages = nf_refuse_send_messages,
    .recv_messages = nf_refuse_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = mem_listener_cancel,
    .close = mem_listener_close,
    .property = mem_listener_property,
    .ready = mem_listener_ready,
};

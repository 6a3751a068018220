/* Connections inside the process: dialing, closing, properties and readiness. Sending and receiving
 * are in talk.c. */
#include "memory/connection.h"
#include "memory/dial.h"
#include "memory/talk.h"
#include "os/futex.h"
#include "os/process.h"
#include "os/thread.h"
#include "wait/deadline.h"

#include <limits.h>

/* Write no more: the peer sees the end after the bytes that are in the ring. */
static void finish(struct nf_mem_socket *self)
{
    nf_mem_mark(&self->to->writer, NF_MEM_OVER);
    nf_mem_wake(&self->to->reader);
}

/* Take the socket out of its end, and wait until no thread notifies it any more. */
static void detach(struct nf_mem_end *end)
{
    atomic_store(&end->socket, NULL);
    while (atomic_load(&end->notifiers) != 0) {
        nf_thread_nap();
    }
}

/* Read and write no more. Bytes that were not read make it a reset for the peer. */
static void end_both_flows(struct nf_mem_socket *self)
{
    nf_mem_mark(&self->from->reader, NF_MEM_OVER);
    if (self->resets || nf_mem_waiting(self->from) > 0) {
        nf_mem_mark(&self->to->writer, NF_MEM_BROKEN);
    }
    finish(self);
    nf_mem_wake(&self->from->writer);
}

int nf_mem_connect(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    struct nf_mem_socket *self = (struct nf_mem_socket *)socket;

    self->backlog = (int)target->options.value[NF_BACKLOG];
    self->process = nf_process();
    int code = nf_mem_dial(self, target);

    if (code == 0 && deadline != NET_NOW) {
        code = nf_mem_decide(self, deadline);
    } else if (code == 0 || (code == NET_REFUSED && deadline == NET_NOW)) {
        atomic_store(&self->in.end, NF_MEM_UNDECIDED);
        atomic_store(&self->out.end, NF_MEM_UNDECIDED);
        code = 0;
    }
    if (code < 0 && self->pipe != NULL) {
        end_both_flows(self); /* the listener may have connected it in the meantime */
        detach(&self->pipe->end[NF_MEM_CLIENT]);
        nf_mem_leave_queue(self->pipe);
        nf_mem_unref(self->pipe);
    }
    return code;
}

/* A send in another thread stops as soon as it sees out.end. This call waits for its turn, so the
 * peer sees the end after all bytes of that send. */
int nf_mem_shutdown(net_socket *socket)
{
    struct nf_mem_socket *self = (struct nf_mem_socket *)socket;
    int code = nf_mem_check_dial(self, &self->out, NET_NOW);
    int8_t end = atomic_load(&self->out.end);

    if (code < 0) {
        return code;
    }
    while (end >= 0 && !atomic_compare_exchange_strong(&self->out.end, &end, NET_MISUSE)) {
    }
    if (end < 0) {
        return end == NET_MISUSE ? 0 : nf_fail(end);
    }
    nf_mem_wake(&self->to->writer);
    nf_turn_take(&self->out.turn, NET_FOREVER);
    finish(self);
    nf_turn_leave(&self->out.turn);
    return 0;
}

/* Takes no lock: a signal handler may call this. */
void nf_mem_cancel(net_socket *socket)
{
    struct nf_mem_socket *self = (struct nf_mem_socket *)socket;

    if (self->pipe == NULL) {
        return;
    }
    finish(self);
    nf_mem_wake(&self->from->reader);
    nf_mem_wake(&self->to->writer);
    if ((atomic_fetch_or(&self->pipe->dial, NF_MEM_CANCELED) & NF_MEM_DIALED) == 0) {
        nf_futex_wake(&self->pipe->dial, INT_MAX);
    }
}

/* Read and discard until the peer has closed too. */
static int drain(struct nf_mem_socket *self, net_deadline deadline)
{
    finish(self);
    while (!nf_mem_is(&self->from->writer, NF_MEM_OVER)) {
        if (nf_mem_take(self->from, NULL, SIZE_MAX) > 0 && nf_deadline_passed(deadline)) {
            return nf_fail(NET_TIMEOUT);
        }
        if (nf_mem_await(self, &self->from->reader, nf_mem_is_readable, deadline) < 0) {
            return NET_TIMEOUT;
        }
    }
    nf_mem_take(self->from, NULL, SIZE_MAX);
    return 0;
}

/* A forked child has a copy of the pipe that no peer sees, so it only drops its reference. To
 * detach could wait for ever: `notifiers` may count threads that only the parent has. */
int nf_mem_close(net_socket *socket, net_deadline deadline)
{
    struct nf_mem_socket *self = (struct nf_mem_socket *)socket;
    struct nf_mem_pipe *pipe = self->pipe;
    int code = 0;

    if (pipe == NULL) {
        return 0;
    }
    if (self->process == nf_process()) {
        bool is_dialing = atomic_load(&self->out.end) == NF_MEM_UNDECIDED;

        if (deadline != NET_NOW && !is_dialing && !self->resets && !nf_is_canceled(socket)) {
            code = drain(self, deadline);
        }
        end_both_flows(self);
        detach(&pipe->end[self->which]);
        nf_mem_leave_queue(pipe);
    } else {
        atomic_store(&pipe->end[self->which].socket, NULL); /* the child may go on with the other */
    }
    nf_mem_unref(pipe);
    return code;
}

/* Both bounds together stay within the ring, whose size follows from the two addresses. */
static void set_buffer(struct nf_mem_flow *flow, _Atomic uint32_t *buffer, _Atomic uint32_t *others,
                       int64_t asked)
{
    int64_t most = (int64_t)flow->mask + 1 - (int64_t)atomic_load(others);

    atomic_store(buffer, (uint32_t)(asked < most ? asked : most > 0 ? most : 1));
    nf_mem_wake(&flow->writer);
}

/* 0 once the dial has succeeded, or why there is no peer. */
static int need_peer(struct nf_mem_socket *self)
{
    if (self->pipe != NULL && (atomic_load(&self->pipe->dial) & NF_MEM_DIALED) != 0) {
        return 0;
    }
    return nf_is_canceled(&self->head)
               ? nf_fail_because(NET_TIMEOUT, "cancelled while it was still dialing")
               : nf_mem_decide(self, NET_NOW);
}

static void write_property(struct nf_mem_socket *self, enum nf_property property, int64_t number)
{
    struct nf_mem_flow *from = self->from;
    struct nf_mem_flow *to = self->to;

    if (property == NF_ABORT) {
        nf_mem_break(self->pipe, NF_MEM_CLIENT);
        nf_mem_break(self->pipe, NF_MEM_SERVER);
    } else if (property == NF_RESET) {
        self->resets = number != 0;
    } else if (property == NF_SNDBUF) {
        set_buffer(to, &to->sndbuf, &to->rcvbuf, number);
    } else {
        set_buffer(from, &from->rcvbuf, &from->sndbuf, number);
    }
}

/* A dial that was refused at once has no pipe: its bounds are those of its address, its counters
 * are 0. */
static int64_t read_number(struct nf_mem_socket *self, enum nf_property property)
{
    bool has_pipe = self->pipe != NULL;

    switch (property) {
    case NF_FD:
        return -1;
    case NF_BACKLOG:
        return self->backlog;
    case NF_RESET:
        return self->resets;
    case NF_BYTES_SENT:
        return has_pipe ? (int64_t)atomic_load(&self->to->writer.count) : 0;
    case NF_BYTES_RECEIVED:
        return atomic_load_explicit(&self->bytes_in, memory_order_relaxed);
    case NF_SNDBUF:
        return has_pipe ? atomic_load(&self->to->sndbuf) : self->sndbuf;
    default:
        return has_pipe ? atomic_load(&self->from->rcvbuf) : self->rcvbuf;
    }
}

int nf_mem_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                    bool write)
{
    struct nf_mem_socket *self = (struct nf_mem_socket *)socket;
    bool is_address = property == NF_LOCAL || property == NF_PEER;

    if (property == NF_RELEASE) {
        return nf_refuse_release();
    }
    int code = is_address || write ? need_peer(self) : 0;

    if (code < 0) {
        return code;
    }
    if (write) {
        write_property(self, property, value->number);
    } else if (is_address) {
        bool listens = (property == NF_LOCAL) == (self->which == NF_MEM_SERVER);

        value->addr = listens ? self->listener : (struct nf_addr){.family = NF_MEM};
    } else {
        value->number = read_number(self, property);
    }
    return 0;
}

static unsigned readiness_of(struct nf_mem_socket *self, unsigned interest)
{
    uint32_t dial = self->pipe != NULL ? atomic_load(&self->pipe->dial) : NF_MEM_REFUSED;

    if (nf_is_canceled(&self->head) || (dial & NF_MEM_REFUSED) != 0) {
        return interest;
    }
    if ((dial & NF_MEM_DIALED) == 0) {
        return 0;
    }
    nf_mem_settle(self);
    return (nf_mem_is_readable(self) ? NF_IN : 0u) | (nf_mem_may_send(self) ? NF_OUT : 0u);
}

/* No descriptor shows readiness. A side that is not ready is marked, and the peer notifies the
 * socket when that changes. The second look finds a change that came before the mark. */
void nf_mem_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    struct nf_mem_socket *self = (struct nf_mem_socket *)socket;
    unsigned ready = readiness_of(self, interest) & interest;
    unsigned missing = interest & ~ready;

    if ((missing & NF_IN) != 0 && self->pipe != NULL) {
        nf_mem_mark(&self->from->reader, NF_MEM_WATCHES);
    }
    if ((missing & NF_OUT) != 0 && self->pipe != NULL) {
        nf_mem_mark(&self->to->writer, NF_MEM_WATCHES);
    }
    if (missing != 0) {
        ready = readiness_of(self, interest) & interest;
    }
    *out = (struct nf_readiness){.ready = ready, .fd = -1, .again = NET_FOREVER};
}

/* Talking over a connection inside the process: whole sends, receives, lines, and the waiting for
 * them. What is remembered is as over other streams: see stream.c. */
#include "memory/talk.h"
#include "memory/dial.h"
#include "os/futex.h"
#include "os/transfer.h"
#include "socket/counter.h"
#include "socket/until.h"
#include "wait/deadline.h"

#include <string.h>

enum {
    AWAKE = 20000, /* ns that a thread looks on before it falls asleep */
    LOOKS = 8,     /* at memory between two at the clock */
    SELDOM = 255   /* waits without it, at most, after it was in vain */
};

/* ---- Waiting ---- */

/* Look on for as long as it would take to fall asleep and be woken: a peer who runs on another
 * processor answers sooner. Where he does not it is tried ever more seldom. */
static bool catch_it(struct nf_mem_socket *self, struct nf_mem_side *side, nf_mem_due *is_due)
{
    if (nf_thread_is_alone()) {
        return false;
    }
    if (side->waits < side->vain) {
        side->waits++;
        return false;
    }
    net_deadline until = nf_now() + AWAKE;

    do {
        for (int i = 0; i < LOOKS; i++) {
            if (is_due(self) || nf_is_canceled(&self->head)) {
                side->vain /= 2;
                side->waits = side->vain;
                return true;
            }
            nf_thread_relax();
        }
    } while (nf_now() < until);
    side->vain = (uint16_t)(side->vain < SELDOM ? side->vain * 2 + 1 : SELDOM);
    side->waits = 0;
    return false;
}

/* Until there is what we wait for, the turn of that side being ours. The side is told of what the
 * peer does, of a cancel, and of our own half-close. */
int nf_mem_await(struct nf_mem_socket *self, struct nf_mem_side *side, nf_mem_due *is_due,
                 net_deadline deadline)
{
    int code = 0;

    if (deadline != NET_NOW && catch_it(self, side, is_due)) {
        return nf_is_canceled(&self->head) ? nf_fail(NET_CANCELED) : 0;
    }
    for (;;) {
        uint32_t seen = atomic_load(&side->futex);

        nf_mem_mark(side, NF_MEM_SLEEPS);
        if (nf_is_canceled(&self->head)) {
            code = nf_fail(NET_CANCELED);
            break;
        }
        if (is_due(self)) {
            break;
        }
        if (nf_deadline_passed(deadline)) {
            code = nf_fail(NET_TIMEOUT);
            break;
        }
        nf_futex_wait(&side->futex, seen, deadline);
    }
    atomic_fetch_and(&side->state, ~(uint32_t)NF_MEM_SLEEPS);
    return code;
}

/* Something came, or nothing will. */
bool nf_mem_is_readable(struct nf_mem_socket *self)
{
    return nf_mem_is(&self->from->writer, NF_MEM_OVER) || nf_mem_waiting(self->from) > 0;
}

bool nf_mem_may_send(struct nf_mem_socket *self)
{
    return nf_mem_is_writable(self->to) || nf_mem_is(&self->to->reader, NF_MEM_OVER) ||
           atomic_load(&self->out.end) != 0;
}

/* ---- Turns, and what is remembered ---- */

static int told(int end)
{
    return end == NET_MISUSE ? nf_fail_because(end, "nothing can be sent after net_shutdown")
                             : nf_fail(end);
}

/* The dial has succeeded, and somebody has seen that. */
void nf_mem_settle(struct nf_mem_socket *self)
{
    int8_t in = NF_MEM_UNDECIDED;
    int8_t out = NF_MEM_UNDECIDED;

    atomic_compare_exchange_strong(&self->in.end, &in, 0);
    atomic_compare_exchange_strong(&self->out.end, &out, 0);
}

static int decide(struct nf_mem_socket *self, net_deadline deadline)
{
    int code = nf_mem_decide(self, deadline);

    if (code == 0) {
        nf_mem_settle(self);
    }
    return code;
}

/* The long way: 0 and the turn is ours, or why not. */
static int enter(struct nf_mem_socket *self, struct nf_mem_lane *lane, net_deadline deadline)
{
    if (nf_is_canceled(&self->head)) {
        return nf_fail(NET_CANCELED);
    }
    if (!nf_turn_take(&lane->turn, deadline)) {
        return nf_fail(nf_is_canceled(&self->head) ? NET_CANCELED : NET_TIMEOUT);
    }
    int code = 0;

    if (nf_is_canceled(&self->head)) {
        code = nf_fail(NET_CANCELED);
    } else if (atomic_load(&lane->end) == NF_MEM_UNDECIDED) {
        code = decide(self, deadline);
    }
    if (code == 0 && atomic_load(&lane->end) != 0) {
        code = told(atomic_load(&lane->end));
    }
    if (code < 0) {
        nf_turn_leave(&lane->turn);
    }
    return code;
}

static bool is_shut(struct nf_mem_socket *self, struct nf_mem_lane *lane)
{
    return nf_is_canceled(&self->head) ||
           atomic_load_explicit(&lane->end, memory_order_relaxed) != 0;
}

/* A call about nothing: 0 once the dial is decided. */
int nf_mem_nothing(struct nf_mem_socket *self, struct nf_mem_lane *lane, net_deadline deadline)
{
    if (nf_is_canceled(&self->head)) {
        return nf_fail(NET_CANCELED);
    }
    return atomic_load(&lane->end) == NF_MEM_UNDECIDED ? decide(self, deadline) : 0;
}

/* ---- Sending ---- */

/* What stayed before comes first: a send that our own shutdown cut off was not cut off by the peer.
 */
static int broken(struct nf_mem_socket *self)
{
    int8_t end = 0;

    return atomic_compare_exchange_strong(&self->out.end, &end, NET_RESET) ? nf_fail(NET_RESET)
                                                                           : told(end);
}

/* The peer may have closed while we wrote: it is lost, and a later end is none. */
static size_t put(struct nf_mem_socket *self, const char *data, size_t size)
{
    size_t n = nf_mem_put(self->to, data, size);

    if (nf_mem_is(&self->to->reader, NF_MEM_OVER)) {
        broken(self);
    }
    return n;
}

/* The turn being ours: how much of one slice was taken, and `code` why not all. */
static size_t send_slice(struct nf_mem_socket *self, const net_slice *slice, int *code,
                         net_deadline deadline)
{
    const char *data = slice->data;
    size_t sent = 0;

    while (sent < slice->size && *code == 0) {
        if (is_shut(self, &self->out)) {
            int end = atomic_load(&self->out.end);

            *code = end != 0 ? told(end) : nf_fail(NET_CANCELED);
        } else if (nf_mem_is(&self->to->reader, NF_MEM_OVER)) {
            *code = broken(self);
        } else {
            size_t n = put(self, data + sent, slice->size - sent);

            sent += n;
            *code = sent < slice->size
                        ? nf_mem_await(self, &self->to->writer, nf_mem_may_send, deadline)
                        : 0;
        }
    }
    return sent;
}

static __attribute__((noinline)) ssize_t
send_slices(struct nf_mem_socket *self, const net_slice *slices, int count, net_deadline deadline)
{
    size_t sent = 0;
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        size += slices[i].size;
    }
    int code =
        size > 0 ? enter(self, &self->out, deadline) : nf_mem_nothing(self, &self->out, deadline);

    if (code < 0 || size == 0) {
        return code;
    }
    for (int i = 0; i < count && code == 0; i++) {
        sent += send_slice(self, &slices[i], &code, deadline);
    }
    nf_turn_leave(&self->out.turn);
    return sent > 0 ? (ssize_t)sent : code;
}

/* The short way: one piece, and the turn is free. What does not fit goes on there. */
ssize_t nf_mem_send(net_socket *socket, const net_slice *slices, int count, net_deadline deadline)
{
    struct nf_mem_socket *self = (struct nf_mem_socket *)socket;
    int code = 0;

    if (count > 1 || slices->size == 0 || !nf_turn_try(&self->out.turn)) {
        return send_slices(self, slices, count, deadline);
    }
    if (is_shut(self, &self->out)) {
        nf_turn_leave(&self->out.turn);
        return send_slices(self, slices, count, deadline);
    }
    size_t n = send_slice(self, slices, &code, deadline);

    return nf_turn_leave_with(&self->out.turn, n > 0 ? (ssize_t)n : code);
}

/* ---- Receiving ---- */

/* Nothing waits, and nothing will come. */
static int ended(struct nf_mem_socket *self)
{
    int sending = atomic_load(&self->out.end);
    bool is_reset =
        nf_mem_is(&self->from->writer, NF_MEM_BROKEN) || (sending != 0 && sending != NET_MISUSE);
    int code = is_reset ? NET_RESET : NET_EOF;

    atomic_store_explicit(&self->in.end, (int8_t)code, memory_order_relaxed);
    return nf_fail(code);
}

/* What comes next, at least one byte, the turn being ours; or why not. */
static ssize_t take(net_socket *socket, void *buffer, size_t size, int how, net_deadline deadline)
{
    struct nf_mem_socket *self = (struct nf_mem_socket *)socket;

    for (;;) {
        /* Whether it is over is asked first: nothing is written after that. */
        bool is_over = nf_mem_is(&self->from->writer, NF_MEM_OVER);
        size_t n = (how & NF_PEEK) != 0 ? nf_mem_look(self->from, buffer, size)
                                        : nf_mem_take(self->from, buffer, size);

        if (n > 0) {
            return (ssize_t)n;
        }
        int code = is_over ? ended(self) : 0;

        if (nf_is_canceled(&self->head)) {
            return nf_fail(NET_CANCELED);
        }
        code = code == 0 ? nf_mem_await(self, &self->from->reader, nf_mem_is_readable, deadline)
                         : code;
        if (code < 0) {
            return code;
        }
    }
}

static __attribute__((noinline)) ssize_t receive(struct nf_mem_socket *self, void *buffer,
                                                 size_t size, int until, net_deadline deadline)
{
    ssize_t n = size > 0 || until >= 0 ? enter(self, &self->in, deadline)
                                       : nf_mem_nothing(self, &self->in, deadline);

    if (n < 0 || (size == 0 && until < 0)) {
        return n;
    }
    n = nf_receive(&self->head, take, buffer, size, until, deadline);
    if (n > 0 && until != NF_LOOK) {
        nf_count(&self->bytes_in, n);
    }
    nf_turn_leave(&self->in.turn);
    return n;
}

/* The short way: what is there. */
ssize_t nf_mem_recv(net_socket *socket, void *buffer, size_t size, int until, net_deadline deadline)
{
    struct nf_mem_socket *self = (struct nf_mem_socket *)socket;

    if (until != NF_SOME || size == 0 || !nf_turn_try(&self->in.turn)) {
        return receive(self, buffer, size, until, deadline);
    }
    if (is_shut(self, &self->in) || socket->kept != NULL) {
        nf_turn_leave(&self->in.turn);
        return receive(self, buffer, size, until, deadline);
    }
    ssize_t n = (ssize_t)nf_mem_take(self->from, buffer, size);

    if (n == 0) {
        n = take(socket, buffer, size, 0, deadline);
    }
    if (n > 0) {
        nf_count(&self->bytes_in, n);
    }
    return nf_turn_leave_with(&self->in.turn, n);
}

/* Sending and receiving over a connection inside the process, and waiting for either. It keeps the
 * same failures for later calls as other streams do: see stream/stream.c. */
#include "memory/talk.h"
#include "memory/dial.h"
#include "os/futex.h"
#include "os/transfer.h"
#include "socket/counter.h"
#include "socket/until.h"
#include "wait/pace.h"

#include <string.h>

enum {
    SPIN_TIME = 20000, /* ns that a thread spins before it sleeps */
    CHECKS = 8,        /* of the condition between two looks at the clock */
    SKIP_MAX = 255     /* the most waits in a row that do not spin */
};

/* ---- Waiting ---- */

/* Spin for about the time that a sleep and a wake take: a peer that runs on another processor
 * answers sooner. After each spin without success the next waits skip it, about twice as many each
 * time; a success halves that number. True: the condition is met, or the socket is canceled. */
static bool spin(struct nf_mem_socket *self, struct nf_mem_side *side, nf_mem_condition *is_met)
{
    if (nf_thread_is_alone()) {
        return false;
    }
    if (side->skipped < side->skip) {
        side->skipped++;
        return false;
    }
    net_deadline until = nf_now() + SPIN_TIME;

    do {
        for (int i = 0; i < CHECKS; i++) {
            if (is_met(self) || nf_is_canceled(&self->head)) {
                side->skip /= 2;
                side->skipped = side->skip;
                return true;
            }
            nf_thread_relax();
        }
    } while (nf_now() < until);
    side->skip = (uint16_t)(side->skip < SKIP_MAX ? side->skip * 2 + 1 : SKIP_MAX);
    side->skipped = 0;
    return false;
}

/* The futex word is read before the flag is set and the condition checked: a wake after that
 * changes the word, and the sleep returns at once. */
int nf_mem_await(struct nf_mem_socket *self, struct nf_mem_side *side, nf_mem_condition *is_met,
                 net_deadline deadline)
{
    int code = 0;

    if (deadline != NET_NOW && spin(self, side, is_met)) {
        return nf_is_canceled(&self->head) ? nf_fail(NET_CANCELED) : 0;
    }
    for (;;) {
        uint32_t seen = atomic_load(&side->futex);

        nf_mem_mark(side, NF_MEM_SLEEPS);
        if (nf_is_canceled(&self->head)) {
            code = nf_fail(NET_CANCELED);
            break;
        }
        if (is_met(self)) {
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

/* Also at the end: a receive returns that without waiting. */
bool nf_mem_is_readable(struct nf_mem_socket *self)
{
    return nf_mem_is(&self->from->writer, NF_MEM_OVER) || nf_mem_waiting(self->from) > 0;
}

bool nf_mem_may_send(struct nf_mem_socket *self)
{
    return nf_mem_is_writable(self->to) || nf_mem_is(&self->to->reader, NF_MEM_OVER) ||
           atomic_load(&self->out.end) != 0;
}

/* ---- Turns, and how a lane has ended ---- */

/* Calls of both lanes may come here at once, and a lane may have ended: hence compare and swap. */
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

/* Take the turn and wait for the dial: 0, or why not, without the turn. */
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
        code = nf_fail_ended(atomic_load(&lane->end));
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

/* A send or receive of 0 bytes, or a shutdown. */
int nf_mem_check_dial(struct nf_mem_socket *self, struct nf_mem_lane *lane, net_deadline deadline)
{
    if (nf_is_canceled(&self->head)) {
        return nf_fail(NET_CANCELED);
    }
    return atomic_load(&lane->end) == NF_MEM_UNDECIDED ? decide(self, deadline) : 0;
}

/* ---- Sending ---- */

/* The peer reads no more: the lane ends with NET_RESET, unless it has ended before. After a
 * shutdown of this socket its own code stays, since the peer did not stop that send. */
static int broken(struct nf_mem_socket *self)
{
    int8_t end = 0;

    return atomic_compare_exchange_strong(&self->out.end, &end, NET_RESET) ? nf_fail(NET_RESET)
                                                                           : nf_fail_ended(end);
}

/* If the peer closed during the write, the bytes are lost. The lane then ends with NET_RESET, so
 * that a receive reports a reset later, and not a plain end. */
static size_t put(struct nf_mem_socket *self, const char *data, size_t size)
{
    size_t n = nf_mem_put(self->to, data, size);

    if (nf_mem_is(&self->to->reader, NF_MEM_OVER)) {
        broken(self);
    }
    return n;
}

/* 0, or why no more can be sent. */
static int check_out(struct nf_mem_socket *self)
{
    if (!is_shut(self, &self->out)) {
        return 0;
    }
    int end = atomic_load(&self->out.end);

    return end != 0 ? nf_fail_ended(end) : nf_fail(NET_CANCELED);
}

/* With the turn: wait until there is room in the ring. Returns 0, or why no more can be sent. */
static int await_room(struct nf_mem_socket *self, net_deadline deadline)
{
    int code = nf_mem_await(self, &self->to->writer, nf_mem_may_send, deadline);

    return code < 0 ? code : check_out(self);
}

/* A part of a slice was written. Wait for room for the rest; 0, or why not. */
static int go_on(struct nf_mem_socket *self, struct nf_pace *pace, size_t n, net_deadline deadline)
{
    return n > 0 && !nf_pace_goes_on(pace, n, deadline) ? NET_TIMEOUT : await_room(self, deadline);
}

/* With the turn, and not shut: send one slice. Returns how many bytes were written; `code` says why
 * not all. */
static size_t send_slice(struct nf_mem_socket *self, const net_slice *slice, int *code,
                         struct nf_pace *pace, net_deadline deadline)
{
    const char *data = slice->data;
    size_t sent = 0;

    while (sent < slice->size && *code == 0) {
        if (nf_mem_is(&self->to->reader, NF_MEM_OVER)) {
            *code = broken(self);
        } else {
            size_t n = put(self, data + sent, slice->size - sent);

            sent += n;
            *code = sent < slice->size ? go_on(self, pace, n, deadline) : 0;
        }
    }
    return sent;
}

static __attribute__((noinline)) ssize_t
send_slices(struct nf_mem_socket *self, const net_slice *slices, int count, net_deadline deadline)
{
    size_t sent = 0;
    size_t size = nf_slices_size(slices, count);
    struct nf_pace pace = {.least = NF_SEND_LEAST};
    int code = size > 0 ? enter(self, &self->out, deadline)
                        : nf_mem_check_dial(self, &self->out, deadline);

    if (code < 0 || size == 0) {
        return code;
    }
    for (int i = 0; i < count && code == 0; i++) {
        sent += send_slice(self, &slices[i], &code, &pace, deadline);
        if (code == 0 && i + 1 < count) {
            code = check_out(self);
        }
        if (code == 0 && sent > 0 && i + 1 < count && (i + 1) % NF_SLICES_MAX == 0) {
            code = nf_pace_goes_on(&pace, 0, deadline) ? 0 : NET_TIMEOUT;
        }
    }
    nf_turn_leave(&self->out.turn);
    return sent > 0 ? (ssize_t)sent : code;
}

/* The fast path: one slice, and the turn is free. It waits, too, when the slice does not fit. */
ssize_t nf_mem_send(net_socket *socket, const net_slice *slices, int count, net_deadline deadline)
{
    struct nf_mem_socket *self = (struct nf_mem_socket *)socket;
    struct nf_pace pace = {.least = NF_SEND_LEAST};
    int code = 0;

    if (count > 1 || slices->size == 0 || !nf_turn_try(&self->out.turn)) {
        return send_slices(self, slices, count, deadline);
    }
    if (is_shut(self, &self->out)) {
        nf_turn_leave(&self->out.turn);
        return send_slices(self, slices, count, deadline);
    }
    size_t n = send_slice(self, slices, &code, &pace, deadline);

    return nf_turn_leave_with(&self->out.turn, n > 0 ? (ssize_t)n : code);
}

/* ---- Receiving ---- */

/* The ring is empty and the peer has ended: NET_EOF, or NET_RESET. */
static int ended(struct nf_mem_socket *self)
{
    int sending = atomic_load(&self->out.end);
    bool is_reset =
        nf_mem_is(&self->from->writer, NF_MEM_BROKEN) || (sending != 0 && sending != NET_MISUSE);
    int code = is_reset ? NET_RESET : NET_EOF;

    atomic_store_explicit(&self->in.end, (int8_t)code, memory_order_relaxed);
    return nf_fail(code);
}

/* With the turn: take or peek at what comes next, at least one byte; or why not. An nf_take. */
static ssize_t take(net_socket *socket, void *buffer, size_t size, int how, net_deadline deadline)
{
    struct nf_mem_socket *self = (struct nf_mem_socket *)socket;

    for (;;) {
        /* Read before the ring: nothing is written after it is set. */
        bool is_over = nf_mem_is(&self->from->writer, NF_MEM_OVER);
        size_t n = (how & NF_PEEK) != 0 ? nf_mem_peek(self->from, buffer, size)
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
                                       : nf_mem_check_dial(self, &self->in, deadline);

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

/* The fast path: any bytes, the turn is free, and no part of a line is stored. */
static __attribute__((noinline)) ssize_t receive_some(net_socket *socket, void *buffer, size_t size,
                                                      net_deadline deadline)
{
    struct nf_mem_socket *self = (struct nf_mem_socket *)socket;

    if (!nf_turn_try(&self->in.turn)) {
        return receive(self, buffer, size, NF_SOME, deadline);
    }
    if (is_shut(self, &self->in) || socket->kept != NULL) {
        nf_turn_leave(&self->in.turn);
        return receive(self, buffer, size, NF_SOME, deadline);
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

ssize_t nf_mem_recv(net_socket *socket, void *buffer, size_t size, int until, net_deadline deadline)
{
    return until == NF_SOME && size > 0
               ? receive_some(socket, buffer, size, deadline)
               : receive((struct nf_mem_socket *)socket, buffer, size, until, deadline);
}

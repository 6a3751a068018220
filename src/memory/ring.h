/* One direction of a stream inside the process: a ring of bytes, with a side that writes and a side
 * that reads. Each side has one thread at a time: it holds the turn of the lane (pipe.h). There is
 * no lock. A system call is made only to wake a sleeping thread or a poller.
 *
 * No wake is lost. A thread that changes something stores the change first, and then looks whether
 * the other side waits. A thread that waits sets its flag first, and then looks for a change. All
 * of these are sequentially consistent, so at least one of the two sees the other. */
#ifndef NF_MEMORY_RING_H
#define NF_MEMORY_RING_H

#include "socket/backend.h"

enum {
    NF_MEM_SLEEPS = 1,  /* a thread of this side sleeps on its futex word */
    NF_MEM_WATCHES = 2, /* a poller has seen that this side is not ready: notify the socket */
    NF_MEM_OVER = 4,    /* this side will write, or read, no more */
    NF_MEM_BROKEN = 8   /* a writer: its end is a reset */
};

enum { NF_CACHE_LINE = 64 }; /* bytes; the two sides do not share one */

/* The socket at one end of a pipe, for threads of the peer that notify it. They count themselves in
 * `notifiers`, and close waits until that is 0. */
struct nf_mem_end {
    _Atomic(net_socket *) socket; /* NULL: closed */
    _Atomic uint32_t notifiers;
};

struct nf_mem_side {
    _Atomic uint64_t count; /* bytes written, or read, so far */
    _Atomic uint32_t futex; /* the thread of this side sleeps on it */
    _Atomic uint32_t state; /* NF_MEM_... */
    struct nf_mem_end *end; /* the end that this side belongs to */
    uint16_t skip;          /* waits that sleep at once, without spinning: see talk.c */
    uint16_t skipped;       /* how many of those waits there were so far */
    char padding[NF_CACHE_LINE - sizeof(uint64_t) - 3 * sizeof(uint32_t) - sizeof(void *)];
};

struct nf_mem_flow {
    struct nf_mem_side writer;
    struct nf_mem_side reader;
    char *ring;
    size_t mask;             /* one less than the size of the ring, a power of two */
    _Atomic uint32_t sndbuf; /* sndbuf + rcvbuf is the most bytes that may wait */
    _Atomic uint32_t rcvbuf;
    char padding[NF_CACHE_LINE - sizeof(void *) - sizeof(size_t) - 2 * sizeof(uint32_t)];
};

/* The slow half of nf_mem_wake. */
void nf_mem_wake_slow(struct nf_mem_side *side);

/* Something has changed that this side may wait for: wake its thread and notify its socket. You may
 * hold any lock, or be in a signal handler. */
static inline void nf_mem_wake(struct nf_mem_side *side)
{
    enum { WAITING = NF_MEM_SLEEPS | NF_MEM_WATCHES };

    if ((atomic_load(&side->state) & WAITING) != 0) {
        nf_mem_wake_slow(side);
    }
}

/* Set flags of `state`. It wakes nothing: call nf_mem_wake after it if the other side may wait. */
static inline void nf_mem_mark(struct nf_mem_side *side, uint32_t state)
{
    atomic_fetch_or(&side->state, state);
}

static inline bool nf_mem_is(struct nf_mem_side *side, uint32_t state)
{
    return (atomic_load(&side->state) & state) != 0;
}

/* How many bytes were written and not read yet. */
static inline size_t nf_mem_waiting(struct nf_mem_flow *flow)
{
    uint64_t read = atomic_load(&flow->reader.count); /* first: never ahead of the writer */

    return (size_t)(atomic_load(&flow->writer.count) - read);
}

/* How many may wait. */
static inline size_t nf_mem_limit(struct nf_mem_flow *flow)
{
    size_t limit = (size_t)atomic_load_explicit(&flow->sndbuf, memory_order_relaxed) +
                   atomic_load_explicit(&flow->rcvbuf, memory_order_relaxed);

    return limit <= flow->mask ? limit : flow->mask + 1;
}

/* Whether a writer should go on: a quarter of the limit is free, so each wake serves many bytes. */
bool nf_mem_is_writable(struct nf_mem_flow *flow);

/* Write what there is room for; read what there is (`buffer` NULL: discard it). Returns how many
 * bytes. */
size_t nf_mem_put(struct nf_mem_flow *flow, const char *data, size_t size);
size_t nf_mem_take(struct nf_mem_flow *flow, char *buffer, size_t size);

/* As nf_mem_take, but the bytes stay in the ring. */
size_t nf_mem_peek(struct nf_mem_flow *flow, char *buffer, size_t size);

/* Notify the poller of the socket at this end, if the end still has a socket. */
void nf_mem_notify(struct nf_mem_end *end);

#endif

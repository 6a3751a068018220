/* One direction of a stream inside the process: a ring of bytes, the side that writes it and the
 * side that reads it. Each side has one thread at a time, which has taken a turn elsewhere. No lock
 * is held, and no system call made but to wake a thread that sleeps.
 *
 * Whoever changes something says so first and then looks whether the other side listens; whoever
 * listens says so first and then looks whether there is something: so one of them sees the other.
 */
#ifndef NF_MEMORY_RING_H
#define NF_MEMORY_RING_H

#include "socket/backend.h"

enum {
    NF_MEM_SLEEPS = 1,  /* a thread of this side sleeps on its bell */
    NF_MEM_WATCHES = 2, /* whoever watches its socket was told that this side is not ready */
    NF_MEM_OVER = 4,    /* it has finished, or will never read again */
    NF_MEM_BROKEN = 8   /* of a writer: and that is no end, but a reset */
};

enum { NF_CACHE_LINE = 64 }; /* bytes that processors pass to each other at once */

/* A socket that others ring. They count themselves in and out, and its close waits for them. */
struct nf_mem_end {
    _Atomic(net_socket *) socket; /* NULL: closed */
    _Atomic uint32_t visitors;
};

struct nf_mem_side {
    _Atomic uint64_t count; /* bytes written, or read, so far */
    _Atomic uint32_t futex; /* its sleeper sleeps on this */
    _Atomic uint32_t state; /* NF_MEM_... */
    struct nf_mem_end *end; /* whose side it is */
    uint16_t vain;          /* how many waits it falls asleep at once, by what looking on brought */
    uint16_t waits;         /* how many it has */
    char apart[NF_CACHE_LINE - sizeof(uint64_t) - 3 * sizeof(uint32_t) - sizeof(void *)];
};

struct nf_mem_flow {
    struct nf_mem_side writer;
    struct nf_mem_side reader;
    char *ring;
    size_t mask;             /* one less than its size, a power of two */
    _Atomic uint32_t sndbuf; /* together the most bytes that may wait */
    _Atomic uint32_t rcvbuf;
    char apart[NF_CACHE_LINE - sizeof(void *) - sizeof(size_t) - 2 * sizeof(uint32_t)];
};

/* The slow half of nf_mem_tell. */
void nf_mem_tell_listener(struct nf_mem_side *side);

/* Something has changed that this side may wait for: wake and ring. With any lock held, and in any
 * signal handler. */
static inline void nf_mem_tell(struct nf_mem_side *side)
{
    enum { LISTENS = NF_MEM_SLEEPS | NF_MEM_WATCHES };

    if ((atomic_load(&side->state) & LISTENS) != 0) {
        nf_mem_tell_listener(side);
    }
}

/* That, whoever listens, of a state that will stay. */
static inline void nf_mem_mark(struct nf_mem_side *side, uint32_t state)
{
    atomic_fetch_or(&side->state, state);
}

static inline bool nf_mem_is(struct nf_mem_side *side, uint32_t state)
{
    return (atomic_load(&side->state) & state) != 0;
}

/* How many bytes wait. */
static inline size_t nf_mem_waiting(struct nf_mem_flow *flow)
{
    uint64_t read = atomic_load(&flow->reader.count); /* first, so that it is never ahead */

    return (size_t)(atomic_load(&flow->writer.count) - read);
}

/* How many may. */
static inline size_t nf_mem_limit(struct nf_mem_flow *flow)
{
    size_t limit = (size_t)atomic_load_explicit(&flow->sndbuf, memory_order_relaxed) +
                   atomic_load_explicit(&flow->rcvbuf, memory_order_relaxed);

    return limit <= flow->mask ? limit : flow->mask + 1;
}

/* Whether it is worth a writer's while: there is room, and not for a few bytes only. */
bool nf_mem_is_writable(struct nf_mem_flow *flow);

/* Write what there is room for; read what there is, into NULL: nowhere. How many bytes. */
size_t nf_mem_put(struct nf_mem_flow *flow, const char *data, size_t size);
size_t nf_mem_take(struct nf_mem_flow *flow, char *buffer, size_t size);

/* Read, and leave it there. */
size_t nf_mem_look(struct nf_mem_flow *flow, char *buffer, size_t size);

/* Ring whoever watches the socket of an end, while it has one. */
void nf_mem_ring(struct nf_mem_end *end);

#endif

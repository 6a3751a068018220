/* Counting what net_get tells, for readers in any thread. */
#ifndef NF_SOCKET_COUNTER_H
#define NF_SOCKET_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

/* Where one thread at a time counts, because it holds a turn: no atomic addition. */
static inline void nf_count(_Atomic int64_t *counter, int64_t more)
{
    int64_t before = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, before + more, memory_order_relaxed);
}

/* Where several may. */
static inline void nf_add(_Atomic int64_t *counter, int64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

#endif

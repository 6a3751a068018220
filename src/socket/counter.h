/* Counters that net_get reports. Any thread may read them. */
#ifndef NF_SOCKET_COUNTER_H
#define NF_SOCKET_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

/* For a counter that one thread at a time writes, because it holds a turn: no atomic addition. */
static inline void nf_count(_Atomic int64_t *counter, int64_t more)
{
    int64_t before = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, before + more, memory_order_relaxed);
}

/* For a counter that several threads write. */
static inline void nf_add(_Atomic int64_t *counter, int64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

#endif

/* Moves bytes through the ring of one direction, and wakes the other side. */
#include "memory/ring.h"
#include "socket/socket.h"
#include "os/futex.h"

#include <string.h>

enum { WRITABLE_SHARE = 4 }; /* a writer is woken once a quarter of the limit is free */

void nf_mem_notify(struct nf_mem_end *end)
{
    atomic_fetch_add(&end->notifiers, 1);
    net_socket *socket = atomic_load(&end->socket);

    if (socket != NULL) {
        nf_socket_notify(socket);
    }
    atomic_fetch_sub(&end->notifiers, 1);
}

/* Wakes once: a thread or poller that goes on waiting sets its flag again. */
void nf_mem_wake_slow(struct nf_mem_side *side)
{
    const uint32_t waiting_flags = NF_MEM_SLEEPS | NF_MEM_WATCHES;
    uint32_t state = atomic_fetch_and(&side->state, ~waiting_flags);

    if ((state & NF_MEM_SLEEPS) != 0) {
        atomic_fetch_add(&side->futex, 1);
        nf_futex_wake(&side->futex, 1);
    }
    if ((state & NF_MEM_WATCHES) != 0) {
        nf_mem_notify(side->end);
    }
}

static size_t room(size_t waiting, size_t limit)
{
    return waiting < limit ? limit - waiting : 0;
}

bool nf_mem_is_writable(struct nf_mem_flow *flow)
{
    size_t limit = nf_mem_limit(flow);
    size_t left = room(nf_mem_waiting(flow), limit);

    return left > 0 && left >= limit / WRITABLE_SHARE;
}

size_t nf_mem_put(struct nf_mem_flow *flow, const char *data, size_t size)
{
    uint64_t written = atomic_load_explicit(&flow->writer.count, memory_order_relaxed);
    uint64_t read = atomic_load_explicit(&flow->reader.count, memory_order_acquire);
    size_t left = room((size_t)(written - read), nf_mem_limit(flow));
    size_t n = size < left ? size : left;
    size_t at = (size_t)written & flow->mask;
    size_t first = n < flow->mask + 1 - at ? n : flow->mask + 1 - at;

    if (n == 0) {
        return 0;
    }
    memcpy(flow->ring + at, data, first);
    if (first < n) {
        memcpy(flow->ring, data + first, n - first);
    }
    atomic_store(&flow->writer.count, written + n);
    nf_mem_wake(&flow->reader);
    return n;
}

/* Copy out at most `size` bytes, from the position `read` on. Returns how many. */
static inline size_t copy_out(struct nf_mem_flow *flow, uint64_t read, char *buffer, size_t size)
{
    uint64_t written = atomic_load_explicit(&flow->writer.count, memory_order_acquire);
    size_t waiting = (size_t)(written - read);
    size_t n = size < waiting ? size : waiting;
    size_t at = (size_t)read & flow->mask;
    size_t first = n < flow->mask + 1 - at ? n : flow->mask + 1 - at;

    if (n > 0 && buffer != NULL) {
        memcpy(buffer, flow->ring + at, first);
    }
    if (first < n && buffer != NULL) {
        memcpy(buffer + first, flow->ring, n - first);
    }
    return n;
}

size_t nf_mem_peek(struct nf_mem_flow *flow, char *buffer, size_t size)
{
    uint64_t read = atomic_load_explicit(&flow->reader.count, memory_order_relaxed);

    return copy_out(flow, read, buffer, size);
}

size_t nf_mem_take(struct nf_mem_flow *flow, char *buffer, size_t size)
{
    uint64_t read = atomic_load_explicit(&flow->reader.count, memory_order_relaxed);
    size_t n = copy_out(flow, read, buffer, size);

    if (n > 0) {
        atomic_store(&flow->reader.count, read + n);
    }
    if (n > 0 && nf_mem_is(&flow->writer, NF_MEM_SLEEPS | NF_MEM_WATCHES) &&
        nf_mem_is_writable(flow)) {
        nf_mem_wake(&flow->writer);
    }
    return n;
}

/* For a test that replaces the allocations: what the linker calls the real ones, and its own. */
#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

#include <stdatomic.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __real_free(void *memory);
void __wrap_free(void *memory);

static atomic_int alive; /* allocations that were counted in, and not out */

static inline void *count_in(void *memory)
{
    atomic_fetch_add(&alive, memory != NULL ? 1 : 0);
    return memory;
}

static inline void *count_out(void *memory)
{
    atomic_fetch_sub(&alive, memory != NULL ? 1 : 0);
    return memory;
}

#endif

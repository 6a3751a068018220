/* How much memory the program has allocated. */
#ifndef MEMORY_IN_USE_H
#define MEMORY_IN_USE_H

#include <malloc.h>
#include <stddef.h>

/* In bytes, as far as the C library can tell; 0: it cannot, as a sanitizer's. */
static inline size_t memory_in_use(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

#endif

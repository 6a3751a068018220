/* Random bytes that are unpredictable to others. */
#ifndef NF_OS_RANDOM_H
#define NF_OS_RANDOM_H

#include <stddef.h>

/* Fill `buffer`, at most 256 bytes. Returns 0, or NET_SYSTEM. getrandom(2) */
int nf_random(void *buffer, size_t size);

#endif

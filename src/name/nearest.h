/* What a name that is none was perhaps meant to be. */
#ifndef NF_NAME_NEAREST_H
#define NF_NAME_NEAREST_H

#include <stddef.h>

/* Refuse a name that is none of those that `next` gives, one a number from 0 on, NULL after the
 * last and "" for a gap: NET_ADDRESS, with the one it was perhaps meant to be. */
int nf_unknown(const char *what, const char *text, size_t length,
               const char *(*next)(int, const void *), const void *argument);

#endif

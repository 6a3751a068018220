/* Refusing an unknown name, with a suggestion. */
#ifndef NF_NAME_NEAREST_H
#define NF_NAME_NEAREST_H

#include <stddef.h>

/* The known name that is nearest to `text`; NULL: none is near. `next` returns the known names by
 * number from 0: "" for a gap, NULL after the last. */
const char *nf_nearest(const char *text, size_t length, const char *(*next)(int, const void *),
                       const void *argument);

/* Refuse an unknown name with NET_ADDRESS, and suggest the nearest known one. `what` says what
 * it should name. `next` as for nf_nearest. */
int nf_unknown(const char *what, const char *text, size_t length,
               const char *(*next)(int, const void *), const void *argument);

#endif

/* Kernel options that the library has no name for, given by the system's names or numbers. Each
 * value is one int. */
#ifndef NF_OS_RAWOPT_H
#define NF_OS_RAWOPT_H

#include <stdint.h>

enum { NF_RAWOPTS_MAX = 8 };

struct nf_rawopt {
    int32_t level;
    int32_t name;
    int32_t value;
};

struct nf_rawopts {
    int32_t count;
    struct nf_rawopt option[NF_RAWOPTS_MAX];
};

/* Set the options in order and stop at the first that the system refuses. 0, or a code whose
 * sentence names that option and the system's error. setsockopt(2) */
int nf_rawopts_set(int fd, const struct nf_rawopts *options);

/* An option, by the system's numbers; -1: it cannot be read. getsockopt(2) */
int nf_rawopt_get(int fd, int level, int name);

/* The names of the levels, and of the options of one level. Count `i` up from 0: NULL after the
 * last, "" for an option of another level. `number` is the value of the name. */
const char *nf_rawopt_level(int i, int32_t *number);
const char *nf_rawopt_name(int32_t level, int i, int32_t *number);

#endif

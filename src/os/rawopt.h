/* Options that have no name of ours, by the system's names and numbers: one int each. */
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

/* Set them in their order; the first that the system refuses ends it. 0, or a code whose sentence
 * names that option and the system's error. setsockopt(2) */
int nf_rawopts_set(int fd, const struct nf_rawopts *options);

/* The names of the levels, and of the options of a level, one by one from 0 on: NULL after the
 * last, "" for a gap. `number` is what it stands for. */
const char *nf_rawopt_level(int i, int32_t *number);
const char *nf_rawopt_name(int32_t level, int i, int32_t *number);

#endif

/* What the options of a descriptor were, so that a failed adoption can put them back. */
#ifndef NF_OS_SNAPSHOT_H
#define NF_OS_SNAPSHOT_H

#include "os/rawopt.h"

#include <stdbool.h>

enum { NF_SNAPSHOT_OPTIONS = 32, NF_SNAPSHOT_VALUE = 16 };

struct nf_snapshot_option {
    int level;
    int name;
    unsigned size; /* 0: the descriptor has no such option */
    char value[NF_SNAPSHOT_VALUE];
};

struct nf_snapshot {
    int fd;
    int sndbuf; /* as the system prints it */
    int rcvbuf;
    int locks; /* which of the two were set; -1: unknown */
    int count;
    bool has_interface;
    struct nf_snapshot_option option[NF_SNAPSHOT_OPTIONS];
};

/* Read every option that the library sets on a descriptor, and those of `raw`. `has_interface`: the
 * interface for groups is about to be set. */
void nf_snapshot_take(struct nf_snapshot *snapshot, int fd, const struct nf_rawopts *raw,
                      bool has_interface);

/* Put back those that have another value now. */
void nf_snapshot_restore(const struct nf_snapshot *snapshot);

#endif

/* A stream between processes of one machine: a line that can stash. */
#ifndef NF_BACKENDS_STASH_H
#define NF_BACKENDS_STASH_H

#include "backends/line.h"

/* A line that is_local begins with this. */
struct nf_local_line {
    struct nf_line line;
    char *stash; /* the part of a line that is known */
    size_t stashed;
    size_t room;
    bool has_urgent;      /* urgent bytes are kept in their place */
    _Atomic bool is_news; /* and it is there for whoever receives otherwise */
};

/* The turn being the caller's: receive up to a delimiter, or what is left of a line that was not
 * whole in time. */
ssize_t nf_stash_recv(struct nf_line *line, void *buffer, size_t size, int until,
                      net_deadline deadline);

#endif

/* How much one call may still move after its deadline. A peer that always has more bytes, or always
 * takes more, never lets a call wait, so no wait ends it. Every call that moves something for its
 * caller therefore asks its pace between two system calls. A close looks at the clock itself. */
#ifndef NF_WAIT_PACE_H
#define NF_WAIT_PACE_H

#include "wait/deadline.h"

#include <stddef.h>

enum {
    NF_AT_ONCE = 1024 * 1024, /* bytes that one system call may move if there is a deadline */
    NF_SEND_LEAST = 4096      /* `least` of a send */
};

/* Of one call. */
struct nf_pace {
    size_t least; /* a smaller piece counts as this many bytes: each takes time */
    size_t late;  /* bytes moved since the deadline; 0 at the start */
};

/* A piece of `moved` bytes was moved, and more is to be. Whether the call may go on:
 * it may move NF_AT_ONCE bytes after its deadline, and four times as many with NET_NOW, which never
 * waits. False: the failure NET_TIMEOUT is recorded. */
bool nf_pace_goes_on(struct nf_pace *pace, size_t moved, net_deadline deadline);

#endif

/* A mutex that a forked child makes anew, since a thread that only the parent has may hold the
 * child's copy. It begins as zeros. */
#ifndef NF_OS_FORKMUTEX_H
#define NF_OS_FORKMUTEX_H

#include "os/mutex.h"

#include <stdatomic.h>
#include <stdbool.h>

struct nf_fork_mutex {
    struct nf_mutex mutex;
    _Atomic int process; /* that made the mutex; 0: none; negative: it is making it */
};

/* Lock. True: for the first time in this process, so initialize what the mutex guards. */
bool nf_fork_mutex_lock(struct nf_fork_mutex *lock);
void nf_fork_mutex_unlock(struct nf_fork_mutex *lock);

#endif

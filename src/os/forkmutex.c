/* A mutex that a forked child makes anew. The thread that makes it holds it when the others see
 * it. */
#include "os/forkmutex.h"
#include "os/process.h"
#include "os/thread.h"

bool nf_fork_mutex_lock(struct nf_fork_mutex *lock)
{
    int own = nf_process();
    int seen = atomic_load(&lock->process);

    while (seen != own) {
        if (seen != -own && atomic_compare_exchange_strong(&lock->process, &seen, -own)) {
            nf_mutex_init(&lock->mutex);
            nf_mutex_lock(&lock->mutex);
            atomic_store(&lock->process, own);
            return true;
        }
        nf_thread_nap();
        seen = atomic_load(&lock->process);
    }
    nf_mutex_lock(&lock->mutex);
    return false;
}

void nf_fork_mutex_unlock(struct nf_fork_mutex *lock)
{
    nf_mutex_unlock(&lock->mutex);
}

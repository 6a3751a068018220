/* A mutex for short sections. A thread that holds one never waits for the network. */
#ifndef NF_OS_MUTEX_H
#define NF_OS_MUTEX_H

#include <pthread.h>
#include <stdbool.h>

struct nf_mutex {
    pthread_mutex_t mutex;
};

static inline void nf_mutex_init(struct nf_mutex *mutex)
{
    pthread_mutex_init(&mutex->mutex, NULL);
}

static inline void nf_mutex_lock(struct nf_mutex *mutex)
{
    pthread_mutex_lock(&mutex->mutex);
}

static inline bool nf_mutex_try(struct nf_mutex *mutex)
{
    return pthread_mutex_trylock(&mutex->mutex) == 0;
}

static inline void nf_mutex_unlock(struct nf_mutex *mutex)
{
    pthread_mutex_unlock(&mutex->mutex);
}

static inline void nf_mutex_destroy(struct nf_mutex *mutex)
{
    pthread_mutex_destroy(&mutex->mutex);
}

#endif

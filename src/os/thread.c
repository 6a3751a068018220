/* Starts detached threads. Only the resolver uses them. */
#define _GNU_SOURCE
#include "os/thread.h"
#include "os/cause.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

enum {
    STACK_SIZE = 512 * 1024, /* bytes: getaddrinfo(3) loads modules that need this much */
    MOMENT = 50000           /* ns */
};

int nf_thread_start(void *(*body)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;
    sigset_t old;
    int error = pthread_attr_init(&attributes);

    if (error != 0) {
        return nf_fail_as(NET_LIMIT, error);
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    error = pthread_create(&thread, &attributes, body, argument);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    return error == 0 ? 0 : nf_fail_because_of(NET_LIMIT, error, "no thread is to be had");
}

/* A thread of real time that called sched_yield would never let one below it run. */
void nf_thread_nap(void)
{
    const struct timespec moment = {.tv_nsec = MOMENT};

    nanosleep(&moment, NULL);
}

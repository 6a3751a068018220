/* Detached threads, and small helpers for waiting on other threads. Nothing joins these threads. */
#ifndef NF_OS_THREAD_H
#define NF_OS_THREAD_H

#include <stdbool.h>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#else
static const char __libc_single_threaded = 0;
#endif

/* Run `body` on a new detached thread. All signals are blocked there, so no handler of the program
 * runs on it. Returns 0, or NET_LIMIT. */
int nf_thread_start(void *(*body)(void *), void *argument);

/* Whether the process has only one thread, as far as the C library knows without a system call.
 * False when it may have more. */
static inline bool nf_thread_is_alone(void)
{
    return __libc_single_threaded;
}

/* Sleep for a moment, so that other threads run, of any priority. */
void nf_thread_nap(void);

/* Pause between two reads of memory that another processor is about to change. */
static inline void nf_thread_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

#endif

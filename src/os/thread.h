/* A thread that nobody waits for. */
#ifndef NF_OS_THREAD_H
#define NF_OS_THREAD_H

#include <stdbool.h>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#else
static const char __libc_single_threaded = 0;
#endif

/* Run `body` on a thread of its own, with every signal blocked so that no handler of the host runs
 * there. Returns 0, or NET_LIMIT. */
int nf_thread_start(void *(*body)(void *), void *argument);

/* Whether this process has no thread but the caller, as far as the system can tell at once. */
static inline bool nf_thread_is_alone(void)
{
    return __libc_single_threaded;
}

/* Let the other threads run for a moment, whatever their priority. */
void nf_thread_yield(void);

/* Between two looks at memory that another processor is about to change. */
static inline void nf_thread_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

#endif

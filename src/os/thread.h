/* A thread that nobody waits for, and which process this is. */
#ifndef NF_OS_THREAD_H
#define NF_OS_THREAD_H

/* Run `body` on a thread of its own, with every signal blocked so that no handler of the host runs
 * there. Returns 0, or NET_LIMIT. */
int nf_thread_start(void *(*body)(void *), void *argument);

/* The number of this process. */
int nf_process(void);

/* Let the other threads run. */
void nf_thread_yield(void);

#endif

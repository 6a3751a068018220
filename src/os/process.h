/* Which process this is, told without its number: a child in another namespace may have its
 * parent's, and so may one that comes much later. */
#ifndef NF_OS_PROCESS_H
#define NF_OS_PROCESS_H

/* Over 0. In a forked child it is another number than in all its ancestors. Safe in a signal
 * handler once it has returned before. */
int nf_process(void);

/* The number that the system has given it, for what is told by other programs. */
int nf_process_number(void);

#endif

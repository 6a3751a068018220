/* Identifies this process, without its pid: a child in another pid namespace may have the pid of
 * its parent, and pids are reused. */
#ifndef NF_OS_PROCESS_H
#define NF_OS_PROCESS_H

/* A number above 0. A forked child has another number than all its ancestors. Safe in a signal
 * handler once a first call has returned. */
int nf_process(void);

/* The pid, to compare with what other programs report. getpid(2) */
int nf_process_number(void);

#endif

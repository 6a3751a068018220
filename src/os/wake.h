/* A bell of this process: posted from any thread or signal handler, heard by a poll. After a fork
 * the child gets one of its own at its first wait, so that neither process hears the other's. */
#ifndef NF_OS_WAKE_H
#define NF_OS_WAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct nf_wake {
    _Atomic uint64_t owner; /* process and descriptor, replaced as one; 0: none */
    _Atomic bool posted;    /* ever: a bell made later rings at once */
};

/* Returns 0, or NET_LIMIT, NET_SYSTEM. */
int nf_wake_open(struct nf_wake *wake);

/* The descriptor to poll for NF_IN; a code where the child's own cannot be made. */
int nf_wake_fd(struct nf_wake *wake);

/* Ring. Safe in a signal handler; keeps errno. */
void nf_wake_post(struct nf_wake *wake);

/* Forget the rings so far. */
void nf_wake_drain(struct nf_wake *wake);

void nf_wake_close(struct nf_wake *wake);

#endif

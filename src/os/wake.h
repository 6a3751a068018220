/* A wake: an eventfd that any thread or signal handler may post, and that a poll waits for. After a
 * fork, the child creates a new eventfd at its first wait, so neither process sees the other's
 * posts. */
#ifndef NF_OS_WAKE_H
#define NF_OS_WAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct nf_wake {
    _Atomic uint64_t owner; /* process and descriptor, replaced as one; 0: none */
    _Atomic bool posted; /* since the last drain; a descriptor made later is then posted at once */
};

/* Create the eventfd, or what stands in for it. Returns 0, or NET_LIMIT, NET_SYSTEM. */
int nf_wake_open(struct nf_wake *wake);

/* The descriptor to poll for NF_IN. Returns a code when a child cannot create its own. */
int nf_wake_fd(struct nf_wake *wake);

/* Post. Safe in a signal handler; keeps errno. */
void nf_wake_post(struct nf_wake *wake);

/* Clear the posts so far, so the descriptor is not readable. */
void nf_wake_drain(struct nf_wake *wake);

/* Whether there is something to clear. A post in progress may be missed. */
static inline bool nf_wake_is_posted(struct nf_wake *wake)
{
    return atomic_load(&wake->posted);
}

void nf_wake_close(struct nf_wake *wake);

#endif

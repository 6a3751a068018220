/* Telling a thread that waits for many things which of them to look at again. Each thing has a
 * notice, and all that one thread waits for hang on its chime: to ring a notice puts it in the
 * chime's list, once, and wakes the sleeper. */
#ifndef NF_WAIT_NOTICE_H
#define NF_WAIT_NOTICE_H

#include "os/wake.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NF_LISTED = 1, /* in the chime's list, or in one that whoever listens keeps by `next` */
    NF_RUNG = 2    /* since it was last looked at */
};

struct nf_notice {
    struct nf_notice *next; /* of whoever listed it */
    struct nf_chime *chime;
    _Atomic uint8_t state;
};

struct nf_chime {
    _Atomic(struct nf_notice *) rung; /* the newest first */
    _Atomic bool awake; /* whoever listens will look by himself, or the bell has been rung */
    struct nf_wake bell;
};

/* Returns 0, NET_LIMIT or NET_SYSTEM. */
int nf_chime_open(struct nf_chime *chime);
void nf_chime_close(struct nf_chime *chime);

/* Ring; wake the listener without a notice. Neither takes a lock: with any lock held, and in any
 * signal handler. */
void nf_notice_ring(struct nf_notice *notice);
void nf_chime_wake(struct nf_chime *chime);

/* From now on every ring and wake is to be heard by the bell. The caller looks once more whether
 * something was rung before, and then may sleep. */
static inline void nf_chime_arm(struct nf_chime *chime)
{
    atomic_store(&chime->awake, false);
}

/* Nothing need be heard until the next nf_chime_arm. */
static inline void nf_chime_disarm(struct nf_chime *chime)
{
    atomic_store_explicit(&chime->awake, true, memory_order_relaxed);
}

static inline bool nf_chime_has_rung(struct nf_chime *chime)
{
    return atomic_load(&chime->rung) != NULL;
}

/* Put a notice into a list of the listener's own: false when it is in one already. */
static inline bool nf_notice_list(struct nf_notice *notice)
{
    return (atomic_fetch_or(&notice->state, NF_LISTED) & NF_LISTED) == 0;
}

/* It has left its list; whether it was rung meanwhile. Every later ring lists it anew. */
static inline bool nf_notice_unlist(struct nf_notice *notice)
{
    return (atomic_exchange(&notice->state, 0) & NF_RUNG) != 0;
}

/* Take all that were rung off the chime, the first that was rung first. They stay listed. */
struct nf_notice *nf_chime_take(struct nf_chime *chime);

#endif

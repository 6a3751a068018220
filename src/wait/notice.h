/* Telling a thread that waits for many things which of them to look at again. Each thing has a
 * notice, and all that one thread waits for hang on its ready_list: to ring a notice puts it in the
 * ready_list's list, once, and wakes the sleeper. */
#ifndef NF_WAIT_NOTICE_H
#define NF_WAIT_NOTICE_H

#include "os/wake.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NF_LISTED = 1, /* in the ready_list's list, or in one that whoever listens keeps by `next` */
    NF_RUNG = 2    /* since it was last looked at */
};

struct nf_notice {
    struct nf_notice *next; /* of whoever listed it */
    struct nf_ready_list *ready_list;
    _Atomic uint8_t state;
};

struct nf_ready_list {
    _Atomic(struct nf_notice *) rung; /* the newest first */
    _Atomic bool awake; /* whoever listens will look by himself, or the bell has been rung */
    struct nf_wake wake;
};

/* Returns 0, NET_LIMIT or NET_SYSTEM. */
int nf_ready_list_open(struct nf_ready_list *ready_list);
void nf_ready_list_close(struct nf_ready_list *ready_list);

/* Ring; wake the listener without a notice. Neither takes a lock: with any lock held, and in any
 * signal handler. */
void nf_notice_ring(struct nf_notice *notice);
void nf_ready_list_wake(struct nf_ready_list *ready_list);

/* From now on every ring and wake is to be heard by the bell. The caller looks once more whether
 * something was rung before, and then may sleep. */
static inline void nf_ready_list_arm(struct nf_ready_list *ready_list)
{
    atomic_store(&ready_list->awake, false);
}

/* Nothing need be heard until the next nf_ready_list_arm. */
static inline void nf_ready_list_disarm(struct nf_ready_list *ready_list)
{
    atomic_store_explicit(&ready_list->awake, true, memory_order_relaxed);
}

static inline bool nf_ready_list_has_any(struct nf_ready_list *ready_list)
{
    return atomic_load(&ready_list->rung) != NULL;
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

/* Take all that were rung off the ready_list, the first that was rung first. They stay listed. */
struct nf_notice *nf_ready_list_take(struct nf_ready_list *ready_list);

#endif

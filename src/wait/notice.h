/* Notices: they tell a thread that waits for many things which of them to check again. Each thing
 * has a notice, and each notice belongs to the ready list of the thread that waits for it. Posting
 * a notice puts it in that ready list, at most once, and wakes the thread. */
#ifndef NF_WAIT_NOTICE_H
#define NF_WAIT_NOTICE_H

#include "os/wake.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NF_LISTED = 1, /* in the ready list, or in a list that the waiting thread links by `next` */
    NF_POSTED = 2  /* since it last left its list */
};

struct nf_notice {
    struct nf_notice *next; /* belongs to the list that it is in */
    struct nf_ready_list *ready_list;
    _Atomic uint8_t state;
};

struct nf_ready_list {
    _Atomic(struct nf_notice *) posted; /* the newest first */
    _Atomic bool awake;                 /* the thread checks without a wake, or was woken */
    struct nf_wake wake;
};

/* Returns 0, NET_LIMIT or NET_SYSTEM. */
int nf_ready_list_open(struct nf_ready_list *ready_list);
void nf_ready_list_close(struct nf_ready_list *ready_list);

/* Post a notice; wake the waiting thread without a notice. Neither takes a lock: you may call both
 * with any lock held, and in a signal handler. */
void nf_notice_post(struct nf_notice *notice);
void nf_ready_list_wake(struct nf_ready_list *ready_list);

/* From now on a post or a wake posts the eventfd, which is not readable until then. After this and
 * before you sleep, call nf_ready_list_has_any: a notice that was posted earlier does not wake you.
 */
static inline void nf_ready_list_arm(struct nf_ready_list *ready_list)
{
    if (nf_wake_is_posted(&ready_list->wake)) {
        nf_wake_drain(&ready_list->wake);
    }
    atomic_store(&ready_list->awake, false);
}

/* Until the next nf_ready_list_arm no post or wake touches the eventfd. */
static inline void nf_ready_list_disarm(struct nf_ready_list *ready_list)
{
    atomic_store_explicit(&ready_list->awake, true, memory_order_relaxed);
}

static inline bool nf_ready_list_has_any(struct nf_ready_list *ready_list)
{
    return atomic_load(&ready_list->posted) != NULL;
}

/* Mark a notice as listed, to put it into a list of your own. False: it is in a list already. */
static inline bool nf_notice_list(struct nf_notice *notice)
{
    return (atomic_fetch_or(&notice->state, NF_LISTED) & NF_LISTED) == 0;
}

/* Mark a notice that has left its list. Returns whether it was posted while it was listed. The next
 * post lists it again. */
static inline bool nf_notice_unlist(struct nf_notice *notice)
{
    return (atomic_exchange(&notice->state, 0) & NF_POSTED) != 0;
}

/* Take all notices off the ready list, in the order in which they were posted. They stay listed. */
struct nf_notice *nf_ready_list_take(struct nf_ready_list *ready_list);

#endif

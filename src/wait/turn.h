/* Whose turn it is: a lock that one may hold while waiting for the network, so that queueing for it
 * has a deadline. Four bytes; free of system calls when nobody else wants it. */
#ifndef NF_WAIT_TURN_H
#define NF_WAIT_TURN_H

#include "os/futex.h"
#include "os/thread.h"

#include <stdbool.h>
#include <sys/types.h>

struct nf_turn {
    _Atomic uint32_t property;
};

enum { NF_TURN_FREE, NF_TURN_TAKEN, NF_TURN_WANTED }; /* wanted: taken, and somebody sleeps */

/* The slow halves of those below. */
bool nf_turn_queue(struct nf_turn *turn, net_deadline deadline);
void nf_turn_pass(struct nf_turn *turn);
ssize_t nf_turn_pass_with(struct nf_turn *turn, ssize_t result);

/* Whether it was free, and is ours now. A thread that is alone need not even say so: nobody can
 * come to ask before it leaves. It must not call this from a signal handler. */
static inline bool nf_turn_try(struct nf_turn *turn)
{
    uint32_t seen = NF_TURN_FREE;

    if (nf_thread_is_alone()) {
        return true;
    }

    return atomic_compare_exchange_strong_explicit(&turn->property, &seen, NF_TURN_TAKEN,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* Whether the turn is ours; false: the deadline passed first. */
static inline bool nf_turn_take(struct nf_turn *turn, net_deadline deadline)
{
    return nf_turn_try(turn) || nf_turn_queue(turn, deadline);
}

static inline void nf_turn_leave(struct nf_turn *turn)
{
    if (atomic_exchange_explicit(&turn->property, NF_TURN_FREE, memory_order_release) ==
        NF_TURN_WANTED) {
        nf_turn_pass(turn);
    }
}

/* Leave with the result of the caller, whose last step this is. */
static inline ssize_t nf_turn_leave_with(struct nf_turn *turn, ssize_t result)
{
    if (nf_thread_is_alone()) {
        atomic_store_explicit(&turn->property, NF_TURN_FREE, memory_order_relaxed);
        return result;
    }
    bool wanted = atomic_exchange_explicit(&turn->property, NF_TURN_FREE, memory_order_release) ==
                  NF_TURN_WANTED;

    return wanted ? nf_turn_pass_with(turn, result) : result;
}

#endif

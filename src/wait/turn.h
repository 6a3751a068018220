/* A turn: a lock that a thread may hold while it waits for the network. Taking it therefore has a
 * deadline. It is one futex word of four bytes, and makes no system call when it is uncontended. */
#ifndef NF_WAIT_TURN_H
#define NF_WAIT_TURN_H

#include "os/futex.h"
#include "os/thread.h"

#include <stdbool.h>
#include <sys/types.h>

struct nf_turn {
    _Atomic uint32_t word;
};

enum { NF_TURN_FREE, NF_TURN_TAKEN, NF_TURN_WANTED }; /* wanted: taken, and a thread may sleep */

/* The contended paths of the functions below. */
bool nf_turn_queue(struct nf_turn *turn, net_deadline deadline);
void nf_turn_pass(struct nf_turn *turn);
ssize_t nf_turn_pass_with(struct nf_turn *turn, ssize_t result);

/* Take the turn if it is free. In a process with one thread this does not write the futex word: no
 * other thread can look at it before the turn is left. For that reason a signal handler must not
 * call it. */
static inline bool nf_turn_try(struct nf_turn *turn)
{
    uint32_t seen = NF_TURN_FREE;

    if (nf_thread_is_alone()) {
        return true;
    }

    return atomic_compare_exchange_strong_explicit(&turn->word, &seen, NF_TURN_TAKEN,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* Take the turn. False: the deadline passed first. */
static inline bool nf_turn_take(struct nf_turn *turn, net_deadline deadline)
{
    return nf_turn_try(turn) || nf_turn_queue(turn, deadline);
}

static inline void nf_turn_leave(struct nf_turn *turn)
{
    if (atomic_exchange_explicit(&turn->word, NF_TURN_FREE, memory_order_release) ==
        NF_TURN_WANTED) {
        nf_turn_pass(turn);
    }
}

/* Leave the turn and return `result`, as the last step of a caller: a tail call. */
static inline ssize_t nf_turn_leave_with(struct nf_turn *turn, ssize_t result)
{
    if (nf_thread_is_alone()) {
        atomic_store_explicit(&turn->word, NF_TURN_FREE, memory_order_relaxed);
        return result;
    }
    bool wanted =
        atomic_exchange_explicit(&turn->word, NF_TURN_FREE, memory_order_release) == NF_TURN_WANTED;

    return wanted ? nf_turn_pass_with(turn, result) : result;
}

#endif

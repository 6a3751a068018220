/* The contended half of a turn. A thread sets the futex word to NF_TURN_WANTED before it sleeps. It
 * also takes the turn with that value, because other threads may still sleep. A thread that times
 * out leaves NF_TURN_WANTED behind, which costs one needless wake. */
#include "wait/turn.h"
#include "wait/deadline.h"

bool nf_turn_queue(struct nf_turn *turn, net_deadline deadline)
{
    if (deadline == NET_NOW) {
        return false;
    }
    while (atomic_exchange_explicit(&turn->word, NF_TURN_WANTED, memory_order_acquire) !=
           NF_TURN_FREE) {
        if (nf_deadline_passed(deadline)) {
            return false;
        }
        nf_futex_wait(&turn->word, NF_TURN_WANTED, deadline);
    }
    return true;
}

void nf_turn_pass(struct nf_turn *turn)
{
    nf_futex_wake(&turn->word, 1);
}

ssize_t nf_turn_pass_with(struct nf_turn *turn, ssize_t result)
{
    nf_turn_pass(turn);
    return result;
}

/* Dice: a random number generator with a seed. The same seed gives the same faults. Each direction
 * of each connection has dice of its own, so its faults do not depend on the timing of others. */
#ifndef NF_CHAOS_DICE_H
#define NF_CHAOS_DICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What the dice are for: receiving, sending, accepting. */
enum nf_dice_use { NF_DICE_IN, NF_DICE_OUT, NF_DICE_ACCEPT };

struct nf_dice {
    _Atomic uint64_t state; /* several threads may roll at once */
};

/* Seed the dice of connection `number` for one use. What a listener accepts is numbered from 1; 0
 * is the listener itself, or a connection that was dialed. */
void nf_dice_seed(struct nf_dice *dice, int64_t seed, uint64_t number, enum nf_dice_use use);

uint64_t nf_dice_roll(struct nf_dice *dice);

/* True with the probability `share`, in millionths. Rolls exactly once, even if that is 0. */
bool nf_dice_hit(struct nf_dice *dice, int64_t share);

/* A number from 1 to `most`; `most` is at least 1 and below 2^32. */
int64_t nf_dice_upto(struct nf_dice *dice, int64_t most);

#endif

/* Chance by the seed: the same seed gives the same day. Each direction of each connection has dice
 * of its own, so that what happens to one does not depend on the pace of another. */
#ifndef NF_CHAOS_DICE_H
#define NF_CHAOS_DICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Whose dice: of what arrives, what is sent, what is picked up. */
enum nf_dice_use { NF_DICE_IN, NF_DICE_OUT, NF_DICE_ACCEPT };

struct nf_dice {
    _Atomic uint64_t state; /* several threads may roll */
};

/* The dice of a lane of connection number `call`: of a listener, counted from 1 as they are picked
 * up; 0: the one that was dialed, or the listener itself. */
void nf_dice_seed(struct nf_dice *dice, int64_t seed, uint64_t number, enum nf_dice_use use);

uint64_t nf_dice_roll(struct nf_dice *dice);

/* Whether a share of the cases, in millionths, includes this one. Rolls once, whatever the share.
 */
bool nf_dice_hit(struct nf_dice *dice, int64_t share);

/* From 1 to `most`, which is at least 1. */
int64_t nf_dice_upto(struct nf_dice *dice, int64_t most);

#endif

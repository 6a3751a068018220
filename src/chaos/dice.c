/* The generator is SplitMix64: Steele, Lea and Flood, Fast splittable pseudorandom number
 * generators, 2014. It is not for secrets. */
#include "chaos/dice.h"

#define GOLDEN 0x9e3779b97f4a7c15u /* 2^64 over the golden ratio: the step of the state */

enum { WHOLE = 1000000, HALF_BITS = 32 }; /* millionths */

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void nf_dice_seed(struct nf_dice *dice, int64_t seed, uint64_t number, enum nf_dice_use use)
{
    uint64_t by_seed = mix((uint64_t)seed + GOLDEN);
    uint64_t connection = mix(by_seed + number * GOLDEN + GOLDEN);

    atomic_init(&dice->state, mix(connection + (uint64_t)use * GOLDEN + GOLDEN));
}

uint64_t nf_dice_roll(struct nf_dice *dice)
{
    uint64_t before = atomic_fetch_add_explicit(&dice->state, GOLDEN, memory_order_relaxed);

    return mix(before + GOLDEN);
}

/* A number below `limit`: the upper half of its product with 32 random bits. That is as even as a
 * remainder, and needs no division. */
static uint64_t below(struct nf_dice *dice, uint64_t limit)
{
    return ((nf_dice_roll(dice) >> HALF_BITS) * limit) >> HALF_BITS;
}

bool nf_dice_hit(struct nf_dice *dice, int64_t share)
{
    return below(dice, WHOLE) < (uint64_t)share;
}

int64_t nf_dice_upto(struct nf_dice *dice, int64_t most)
{
    return (int64_t)below(dice, (uint64_t)most) + 1;
}

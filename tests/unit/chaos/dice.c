/* Random numbers that the seed determines. */
#include "chaos/dice.h"
#include "support.h"

enum { ROLLS = 20000, MILLION = 1000000 };

static void the_same_seed_falls_the_same_way(void **state)
{
    struct nf_dice one;
    struct nf_dice other;

    (void)state;
    nf_dice_seed(&one, 7, 3, NF_DICE_IN);
    nf_dice_seed(&other, 7, 3, NF_DICE_IN);
    for (int i = 0; i < 100; i++) {
        assert_true(nf_dice_roll(&one) == nf_dice_roll(&other));
    }
}

/* Another seed, another socket or another lane gives other numbers. */
static void no_two_dice_fall_alike(void **state)
{
    enum { SEEDS = 8, CALLS = 8, LANES = 3, ALL = SEEDS * CALLS * LANES };
    uint64_t first[ALL];
    int count = 0;

    (void)state;
    for (int i = 0; i < ALL; i++) {
        struct nf_dice dice;

        nf_dice_seed(&dice, i % SEEDS, (uint64_t)(i / SEEDS % CALLS),
                     (enum nf_dice_use)(i / SEEDS / CALLS));
        first[count++] = nf_dice_roll(&dice);
    }
    for (int i = 0; i < ALL; i++) {
        for (int j = 0; j < i; j++) {
            assert_true(first[i] != first[j]);
        }
    }
}

static void a_share_is_hit_as_often_as_it_says(void **state)
{
    static const int64_t shares[] = {0, 10000, 250000, 500000, 990000, MILLION};

    (void)state;
    for (size_t i = 0; i < COUNT(shares); i++) {
        struct nf_dice dice;
        int64_t hits = 0;

        nf_dice_seed(&dice, 1, 0, NF_DICE_OUT);
        for (int j = 0; j < ROLLS; j++) {
            hits += nf_dice_hit(&dice, shares[i]) ? 1 : 0;
        }
        int64_t expected = shares[i] * ROLLS / MILLION;
        int64_t slack = shares[i] % MILLION == 0 ? 0 : ROLLS / 50;

        assert_in_range(hits, expected > slack ? expected - slack : 0, expected + slack);
    }
}

static void a_number_is_from_one_to_the_most(void **state)
{
    struct nf_dice dice;
    int seen[8] = {0};

    (void)state;
    nf_dice_seed(&dice, 2, 0, NF_DICE_IN);
    for (int i = 0; i < ROLLS; i++) {
        int64_t n = nf_dice_upto(&dice, 7);

        assert_in_range(n, 1, 7);
        seen[n]++;
        assert_int_equal(nf_dice_upto(&dice, 1), 1);
        assert_in_range(nf_dice_upto(&dice, (1 << 30) - 1), 1, (1 << 30) - 1);
    }
    for (int n = 1; n <= 7; n++) {
        assert_in_range(seen[n], ROLLS / 7 - ROLLS / 50, ROLLS / 7 + ROLLS / 50);
    }
}

int main(void)
{
    const struct test tests[] = {
        TEST(the_same_seed_falls_the_same_way),
        TEST(no_two_dice_fall_alike),
        TEST(a_share_is_hit_as_often_as_it_says),
        TEST(a_number_is_from_one_to_the_most),
    };

    return run_once(tests);
}

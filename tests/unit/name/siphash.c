/* SipHash-1-3. The vectors come from an implementation that agrees with CPython's hash of bytes,
 * which is the same function. The key is 00 01 .. 0f, the inputs are 00 01 .. of every length from
 * 0 up. */
#include "name/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const uint64_t expected[] = {
    0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
    0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
    0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
    0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34, 0xd320d86d2a519956,
    0xcc4fdd1a7d908b66, 0x9cf2689063dbd80c, 0x8ffc389cb473e63e, 0xf21f9de58d297d1c,
    0xc0dc2f46a6cce040, 0xb992abfe2b45f844, 0x7ffe7b9ba320872e, 0x525a0e7fdae6c123,
    0xf464aeb267349c8c, 0x45cd5928705b0979, 0x3a3e35e3ca9913a5, 0xa91dc74e4ade3b35,
    0xfb0bed02ef6cd00d, 0x88d93cb44ab1e1f4, 0x540f11d643c5e663, 0x2370dd1f8c21d1bc,
    0x81157b6c16a7b60d, 0x4d54b9e57a8ff9bf, 0x759f12781f2a753e, 0xcea1a3bebf186b91,
    0x2cf508d3ada26206, 0xb6101c2da3c33057, 0xb3f47496ae3a36a1, 0x626b57547b108392,
    0xc1d2363299e41531, 0x667cc1923f1ad944, 0x65704ffec8138825, 0x24f280d1c28949a6,
    0xc2ca1cedfaf8876b, 0xc2164bfc9f042196, 0xa16e9c9368b1d623, 0x49fb169c8b5114fd};

enum { LENGTHS = sizeof expected / sizeof expected[0] };

static const struct nf_siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

static void the_vectors_hold(void **state)
{
    unsigned char input[LENGTHS];

    (void)state;
    for (size_t length = 0; length < LENGTHS; length++) {
        input[length] = (unsigned char)length;
        assert_true(nf_siphash(&key, input, length) == expected[length]);
    }
}

static void the_place_of_the_input_does_not_matter(void **state)
{
    unsigned char room[LENGTHS + 8];

    (void)state;
    for (size_t shift = 0; shift < 8; shift++) {
        for (size_t i = 0; i < LENGTHS; i++) {
            room[shift + i] = (unsigned char)i;
        }
        assert_true(nf_siphash(&key, room + shift, 15) == expected[15]);
        assert_true(nf_siphash(&key, room + shift, 24) == expected[24]);
    }
}

/* Every bit of the key and of an address changes the hash. */
static void every_bit_of_key_and_input_counts(void **state)
{
    unsigned char input[24] = {0};
    uint64_t plain = nf_siphash(&key, input, sizeof input);

    (void)state;
    for (int bit = 0; bit < 64; bit++) {
        struct nf_siphash_key k0 = {key.k0 ^ (uint64_t)1 << bit, key.k1};
        struct nf_siphash_key k1 = {key.k0, key.k1 ^ (uint64_t)1 << bit};

        assert_true(nf_siphash(&k0, input, sizeof input) != plain);
        assert_true(nf_siphash(&k1, input, sizeof input) != plain);
    }
    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = 1;
        assert_true(nf_siphash(&key, input, sizeof input) != plain);
        input[i] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_hold),
        cmocka_unit_test(the_place_of_the_input_does_not_matter),
        cmocka_unit_test(every_bit_of_key_and_input_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SipHash-2-4 against the vectors its authors published: key 00 01 .. 0f, inputs 00 01 .. of every
 * length from none up. */
#include "backends/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const uint64_t expected[] = {
    0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
    0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
    0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
    0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
    0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
    0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8,
    0xb8ad50c6f649af94, 0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad,
    0xde4daaaca71dc9a5, 0xa6a2506687956571, 0xad87a3535c49ef28, 0x32d892fad841c342,
    0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238, 0x15e034d40fa197ae,
    0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
    0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95,
    0xf935451de4f21df2, 0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb};

enum { LENGTHS = sizeof expected / sizeof expected[0] };

static const struct nf_siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

static void the_published_vectors_hold(void **state)
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

/* Each half of the key and each byte of an address counts. */
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
        cmocka_unit_test(the_published_vectors_hold),
        cmocka_unit_test(the_place_of_the_input_does_not_matter),
        cmocka_unit_test(every_bit_of_key_and_input_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Letters and boxes: trains are cut, bounded and read as the datagrams that they are. */
#include "hub/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MOST = 64, ALWAYS = 1024 /* datagrams that every bound lets wait */ };

static const struct nf_addr local = {.family = NF_IPV4, .ip = {127, 0, 0, 1}};

static unsigned char text[MOST];

static int write_text(void **state)
{
    (void)state;
    for (int i = 0; i < MOST; i++) {
        text[i] = (unsigned char)(i + 1);
    }
    return 0;
}

static struct nf_letter *letter_of(size_t size, size_t segment)
{
    struct nf_letter *letter = nf_letter_new(text, size, segment, &local);

    assert_non_null(letter);
    return letter;
}

/* The datagrams that a train of so many bytes has, one by one. */
static int lengths_of(size_t size, size_t segment, size_t length[MOST])
{
    int count = 0;

    do {
        length[count] = size < segment ? size : segment;
        size -= length[count++];
    } while (size > 0);
    return count;
}

static void assert_load(const struct nf_load *load, int64_t bytes, int64_t datagrams)
{
    assert_int_equal(load->bytes, bytes);
    assert_int_equal(load->datagrams, datagrams);
}

static void a_letter_is_a_copy_of_its_own(void **state)
{
    struct nf_letter *letter = letter_of(10, 4);

    (void)state;
    assert_ptr_not_equal(letter->data, text);
    assert_memory_equal(letter->data, text, 10);
    assert_true(nf_addr_equal(&letter->local, &local));
    assert_null(letter->box);
    assert_false(letter->is_lodger);
    nf_letter_free(letter);
    letter = nf_letter_new(NULL, 0, 0, &local);
    assert_non_null(letter);
    assert_int_equal(nf_letter_count(letter), 1);
    nf_letter_free(letter);
}

static void what_lies_in_a_batch_is_not_freed(void **state)
{
    struct nf_mailbox box = {0};
    struct nf_letter letter = {.data = text, .size = 4, .segment = 4, .is_lodger = true};

    (void)state;
    letter.box = &box;
    nf_letter_free(&letter);
    assert_null(letter.box);
}

/* Of every train and under every bound as many fit as would one by one. */
static void a_train_fits_as_its_datagrams_do_one_by_one(void **state)
{
    enum { SIZES = 40, SEGMENTS = 13, BOUNDS = 45 };

    (void)state;
    for (size_t size = 0; size <= SIZES; size++) {
        for (size_t segment = 1; segment <= SEGMENTS; segment++) {
            struct nf_letter *letter = letter_of(size, segment);
            size_t length[MOST];
            int count = lengths_of(size, segment, length);

            assert_int_equal(nf_letter_count(letter), count);
            for (int64_t bound = 0; bound <= BOUNDS; bound++) {
                struct nf_load load = {.bytes = bound / 3, .datagrams = 1};
                int64_t room = bound - bound / 3;
                int fit = 0;

                while (fit < count && (int64_t)length[fit] <= room) {
                    room -= (int64_t)length[fit++];
                }
                assert_int_equal(nf_letter_fit(letter, &load, bound), fit);
            }
            nf_letter_free(letter);
        }
    }
}

/* So that what stands around tiny datagrams is bounded too; a large bound lets more of them in. */
static void a_train_is_bounded_in_datagrams_too(void **state)
{
    struct nf_letter *letter = letter_of(10, 1);
    struct nf_letter *empty = letter_of(0, 0);

    (void)state;
    for (int left = -2; left <= 12; left++) {
        struct nf_load load = {.datagrams = ALWAYS - left};
        int64_t fit = left < 0 ? 0 : left > 10 ? 10 : left;

        assert_int_equal(nf_letter_fit(letter, &load, 63), fit);
        assert_int_equal(nf_letter_fit(empty, &load, 63), left > 0 ? 1 : 0);
        load.datagrams += 100;
        assert_int_equal(nf_letter_fit(letter, &load, 6400), fit);
    }
    nf_letter_free(letter);
    nf_letter_free(empty);
}

/* An accept may let more in than the bound has. */
static void nothing_fits_where_there_is_too_much_already(void **state)
{
    struct nf_letter *letter = letter_of(2, 1);
    struct nf_load load = {.bytes = 101, .datagrams = 1};

    (void)state;
    assert_int_equal(nf_letter_fit(letter, &load, 100), 0);
    load.bytes = 100;
    assert_int_equal(nf_letter_fit(letter, &load, 100), 0);
    load.bytes = 99;
    assert_int_equal(nf_letter_fit(letter, &load, 100), 1);
    nf_letter_free(letter);
}

static void a_cut_keeps_the_first_datagrams(void **state)
{
    static const size_t left[] = {10, 20, 25, 25, 25}; /* after a cut to 1, 2, ... datagrams */

    (void)state;
    for (int count = 1; count <= 5; count++) {
        struct nf_letter *letter = letter_of(25, 10);

        nf_letter_cut(letter, count);
        assert_int_equal(letter->size, left[count - 1]);
        assert_int_equal(nf_letter_count(letter), count < 3 ? count : 3);
        nf_letter_cut(letter, 1);
        assert_int_equal(letter->size, 10);
        nf_letter_free(letter);
    }
    struct nf_letter *empty = letter_of(0, 0);

    nf_letter_cut(empty, 1);
    assert_int_equal(nf_letter_count(empty), 1);
    nf_letter_free(empty);
}

/* Datagram by datagram, each cut to the buffer and told in its length; what it weighed goes with
 * it, and the letter leaves its box with the last. */
static void check_reading(size_t size, size_t segment, size_t room)
{
    struct nf_letter *letter = letter_of(size, segment);
    struct nf_load whole = {0};
    struct nf_mailbox box = {0};
    size_t length[MOST];
    int count = lengths_of(size, segment, length);
    size_t at = 0;

    nf_mail_append(&box, &whole, letter);
    assert_load(&whole, (int64_t)size, count);
    for (int i = 0; i < count; i++) {
        unsigned char buffer[MOST] = {0};
        size_t fits = length[i] < room ? length[i] : room;

        assert_ptr_equal(letter->box, &box);
        assert_int_equal(nf_letter_count(letter), count - i);
        assert_int_equal(nf_mail_read(&whole, letter, room > 0 ? buffer : NULL, room), length[i]);
        assert_memory_equal(buffer, text + at, fits);
        assert_int_equal(buffer[fits], 0);
        at += length[i];
        assert_load(&whole, (int64_t)(size - at), count - i - 1);
        assert_load(&box.load, (int64_t)(size - at), count - i - 1);
    }
    assert_null(letter->box);
    assert_null(box.first);
    assert_null(box.last);
    nf_letter_free(letter);
}

static void a_train_is_read_datagram_by_datagram(void **state)
{
    static const size_t rooms[] = {0, 1, 5, 63};

    (void)state;
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        for (size_t size = 0; size <= 40; size++) {
            for (size_t segment = 1; segment <= 13; segment++) {
                check_reading(size, segment, rooms[i]);
            }
        }
        check_reading(0, 0, rooms[i]);
    }
}

/* ---- Boxes against a model: the numbers of the letters in order ---- */

enum { SLOTS = 12, STEPS = 20000 };

struct model {
    struct nf_mailbox box[2];
    struct nf_load whole;
    struct nf_letter *order[2][SLOTS];
    int count[2];
    uint32_t seed;
};

static uint32_t dice(struct model *model, uint32_t sides)
{
    model->seed = model->seed * 1664525U + 1013904223U;
    return (model->seed >> 8) % sides;
}

static void check_boxes(const struct model *model)
{
    int64_t bytes[2] = {0};
    int64_t datagrams[2] = {0};

    for (int b = 0; b < 2; b++) {
        const struct nf_letter *forth = model->box[b].first;
        const struct nf_letter *back = model->box[b].last;

        for (int i = 0; i < model->count[b]; i++) {
            assert_ptr_equal(forth, model->order[b][i]);
            assert_ptr_equal(back, model->order[b][model->count[b] - 1 - i]);
            assert_ptr_equal(forth->box, &model->box[b]);
            bytes[b] += (int64_t)forth->size;
            datagrams[b] += nf_letter_count(forth);
            forth = forth->next;
            back = back->previous;
        }
        assert_null(forth);
        assert_null(back);
        assert_load(&model->box[b].load, bytes[b], datagrams[b]);
    }
    assert_load(&model->whole, bytes[0] + bytes[1], datagrams[0] + datagrams[1]);
}

static void forget_letter(struct model *model, int b, int i)
{
    struct nf_letter **order = model->order[b];

    nf_letter_free(order[i]);
    model->count[b]--;
    memmove(&order[i], &order[i + 1], (size_t)(model->count[b] - i) * sizeof *order);
}

static void take_step(struct model *model)
{
    int b = (int)dice(model, 2);
    int i = model->count[b] > 0 ? (int)dice(model, (uint32_t)model->count[b]) : 0;
    struct nf_letter *letter = model->order[b][i];
    unsigned char buffer[MOST];

    switch (model->count[b] > 0 ? dice(model, 4) : 0) {
    case 0:
    case 1:
        if (model->count[b] < SLOTS) {
            letter = letter_of(dice(model, MOST), 1 + dice(model, MOST));
            model->order[b][model->count[b]++] = letter;
            nf_mail_append(&model->box[b], &model->whole, letter);
        }
        break;
    case 2:
        nf_mail_remove(&model->whole, letter);
        assert_null(letter->box);
        forget_letter(model, b, i);
        break;
    default:
        nf_mail_read(&model->whole, letter, buffer, sizeof buffer);
        if (letter->box == NULL) {
            forget_letter(model, b, i);
        }
    }
}

static void boxes_do_what_the_model_does(void **state)
{
    struct model model = {.seed = 20110412};

    (void)state;
    for (int i = 0; i < STEPS; i++) {
        take_step(&model);
        check_boxes(&model);
    }
    for (int b = 0; b < 2; b++) {
        while (model.count[b] > 0) {
            nf_mail_remove(&model.whole, model.order[b][0]);
            forget_letter(&model, b, 0);
        }
    }
    check_boxes(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_is_a_copy_of_its_own),
        cmocka_unit_test(what_lies_in_a_batch_is_not_freed),
        cmocka_unit_test(a_train_fits_as_its_datagrams_do_one_by_one),
        cmocka_unit_test(a_train_is_bounded_in_datagrams_too),
        cmocka_unit_test(nothing_fits_where_there_is_too_much_already),
        cmocka_unit_test(a_cut_keeps_the_first_datagrams),
        cmocka_unit_test(a_train_is_read_datagram_by_datagram),
        cmocka_unit_test(boxes_do_what_the_model_does),
    };

    return cmocka_run_group_tests(tests, write_text, NULL);
}

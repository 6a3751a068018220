/* Packets and queues: joined datagrams are cut, bounded and read as single datagrams. */
#include "hub/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const int64_t no_bound = INT64_MAX / 2;

enum { MOST = 64, ALWAYS = 1024 /* so many datagrams may wait under every bound */ };

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

static struct nf_packet *packet_of(size_t size, size_t segment)
{
    struct nf_packet *packet = nf_packet_new(text, size, segment, &local);

    assert_non_null(packet);
    return packet;
}

/* The lengths of the datagrams in a train of `size` bytes. */
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

static void a_packet_is_a_copy_of_its_own(void **state)
{
    struct nf_packet *packet = packet_of(10, 4);

    (void)state;
    assert_ptr_not_equal(packet->data, text);
    assert_memory_equal(packet->data, text, 10);
    assert_true(nf_addr_equal(&packet->local, &local));
    assert_null(packet->queue);
    assert_false(packet->is_borrowed);
    nf_packet_free(packet);
    packet = nf_packet_new(NULL, 0, 0, &local);
    assert_non_null(packet);
    assert_int_equal(nf_packet_count(packet), 1);
    nf_packet_free(packet);
}

static void what_lies_in_a_batch_is_not_freed(void **state)
{
    struct nf_queue queue = {0};
    struct nf_packet packet = {.data = text, .size = 4, .segment = 4, .is_borrowed = true};

    (void)state;
    packet.queue = &queue;
    nf_packet_free(&packet);
    assert_null(packet.queue);
}

/* Of every train and under every bound, as many datagrams fit as would fit one by one. */
static void a_train_fits_as_its_datagrams_do_one_by_one(void **state)
{
    enum { SIZES = 40, SEGMENTS = 13, BOUNDS = 45 };

    (void)state;
    for (size_t size = 0; size <= SIZES; size++) {
        for (size_t segment = 1; segment <= SEGMENTS; segment++) {
            struct nf_packet *packet = packet_of(size, segment);
            size_t length[MOST];
            int count = lengths_of(size, segment, length);

            assert_int_equal(nf_packet_count(packet), count);
            for (int64_t bound = 0; bound <= BOUNDS; bound++) {
                struct nf_load load = {.bytes = bound / 3, .datagrams = 1};
                int64_t room = bound - bound / 3;
                int fit = 0;

                while (fit < count && (int64_t)length[fit] <= room) {
                    room -= (int64_t)length[fit++];
                }
                assert_int_equal(nf_packet_fit(packet, &load, bound), fit);
            }
            nf_packet_free(packet);
        }
    }
}

/* So the memory around tiny datagrams is bounded too. A larger bound lets more of them in. */
static void a_train_is_bounded_in_datagrams_too(void **state)
{
    struct nf_packet *packet = packet_of(10, 1);
    struct nf_packet *empty = packet_of(0, 0);

    (void)state;
    for (int left = -2; left <= 12; left++) {
        struct nf_load load = {.datagrams = ALWAYS - left};
        int64_t fit = left < 0 ? 0 : left > 10 ? 10 : left;

        assert_int_equal(nf_packet_fit(packet, &load, 63), fit);
        assert_int_equal(nf_packet_fit(empty, &load, 63), left > 0 ? 1 : 0);
        load.datagrams += 100;
        assert_int_equal(nf_packet_fit(packet, &load, 6400), fit);
    }
    nf_packet_free(packet);
    nf_packet_free(empty);
}

/* An accept may have let in more than the bound. */
static void nothing_fits_where_there_is_too_much_already(void **state)
{
    struct nf_packet *packet = packet_of(2, 1);
    struct nf_load load = {.bytes = 101, .datagrams = 1};

    (void)state;
    assert_int_equal(nf_packet_fit(packet, &load, 100), 0);
    load.bytes = 100;
    assert_int_equal(nf_packet_fit(packet, &load, 100), 0);
    load.bytes = 99;
    assert_int_equal(nf_packet_fit(packet, &load, 100), 1);
    nf_packet_free(packet);
}

/* A pool of its own, with a bound that lets all its packets in. */
static struct nf_pool pool_of_all(void)
{
    return (struct nf_pool){.bound = &no_bound};
}

static void a_cut_keeps_the_first_datagrams(void **state)
{
    static const size_t left[] = {10, 20, 25}; /* after a cut to 1, 2, 3 datagrams */

    (void)state;
    for (int count = 0; count <= 3; count++) {
        struct nf_pool pool = pool_of_all();
        struct nf_queue queue = {0};

        nf_queue_put(&queue, &pool, packet_of(25, 10), count);
        assert_int_equal(queue.dropped, 3 - count);
        assert_int_equal(pool.dropped, 3 - count);
        if (count == 0) {
            assert_null(nf_queue_first(&queue));
            continue;
        }
        assert_int_equal(nf_queue_first(&queue)->size, left[count - 1]);
        assert_int_equal(nf_packet_count(nf_queue_first(&queue)), count);
        assert_load(&queue.load, (int64_t)left[count - 1], count);
        nf_queue_clear(&queue);
        assert_load(&pool.load, 0, 0);
    }
    struct nf_pool pool = pool_of_all();
    struct nf_queue queue = {0};

    nf_queue_put(&queue, &pool, packet_of(0, 0), 1);
    assert_int_equal(nf_packet_count(nf_queue_first(&queue)), 1);
    nf_queue_clear(&queue);
}

/* Read datagram by datagram: each is cut to the buffer, and its whole length is reported. Each
 * datagram reduces the account of the pool, and the packet leaves its queue with the last one. */
static void check_reading(size_t size, size_t segment, size_t room)
{
    struct nf_packet *packet = packet_of(size, segment);
    struct nf_pool pool = pool_of_all();
    struct nf_queue queue = {0};
    size_t length[MOST];
    int count = lengths_of(size, segment, length);
    size_t at = 0;

    nf_queue_put(&queue, &pool, packet, count);
    assert_load(&pool.load, (int64_t)size, count);
    for (int i = 0; i < count; i++) {
        unsigned char buffer[MOST] = {0};
        size_t fits = length[i] < room ? length[i] : room;
        struct nf_addr to;

        assert_ptr_equal(nf_queue_first(&queue), packet);
        assert_ptr_equal(packet->queue, &queue);
        assert_int_equal(nf_packet_count(packet), count - i);
        assert_int_equal(nf_queue_take(&queue, room > 0 ? buffer : NULL, room, &to), length[i]);
        assert_true(nf_addr_equal(&to, &local));
        assert_memory_equal(buffer, text + at, fits);
        assert_int_equal(buffer[fits], 0);
        at += length[i];
        assert_load(&pool.load, (int64_t)(size - at), count - i - 1);
        assert_load(&queue.load, (int64_t)(size - at), count - i - 1);
    }
    assert_null(queue.packets.first);
    assert_null(queue.packets.last);
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

/* ---- Queues of one pool against a model: the packets of each queue in order, and of all ---- */

enum { SLOTS = 12, STEPS = 20000 };

struct model {
    struct nf_queue queue[2];
    struct nf_pool pool;
    struct nf_packet *order[2][SLOTS];
    struct nf_packet *all[2 * SLOTS];
    int count[2];
    uint32_t seed;
};

static uint32_t dice(struct model *model, uint32_t sides)
{
    model->seed = model->seed * 1664525U + 1013904223U;
    return (model->seed >> 8) % sides;
}

static void check_all(const struct model *model)
{
    const struct nf_link *forth = model->pool.packets.first;
    const struct nf_link *back = model->pool.packets.last;
    int count = model->pool.is_ordered ? model->count[0] + model->count[1] : 0;

    for (int i = 0; i < count; i++) {
        assert_ptr_equal(forth, &model->all[i]->in_pool);
        assert_ptr_equal(back, &model->all[count - 1 - i]->in_pool);
        forth = forth->next;
        back = back->previous;
    }
    assert_null(forth);
    assert_null(back);
}

static void check_queues(const struct model *model)
{
    int64_t bytes[2] = {0};
    int64_t datagrams[2] = {0};

    for (int q = 0; q < 2; q++) {
        const struct nf_link *forth = model->queue[q].packets.first;
        const struct nf_link *back = model->queue[q].packets.last;

        for (int i = 0; i < model->count[q]; i++) {
            const struct nf_packet *packet = model->order[q][i];

            assert_ptr_equal(forth, &packet->in_queue);
            assert_ptr_equal(back, &model->order[q][model->count[q] - 1 - i]->in_queue);
            assert_ptr_equal(packet->queue, &model->queue[q]);
            bytes[q] += (int64_t)packet->size;
            datagrams[q] += nf_packet_count(packet);
            forth = forth->next;
            back = back->previous;
        }
        assert_null(forth);
        assert_null(back);
        assert_load(&model->queue[q].load, bytes[q], datagrams[q]);
    }
    assert_load(&model->pool.load, bytes[0] + bytes[1], datagrams[0] + datagrams[1]);
    check_all(model);
}

static void forget(struct nf_packet **order, int count, const struct nf_packet *packet)
{
    int i = 0;

    while (order[i] != packet) {
        i++;
    }
    memmove(&order[i], &order[i + 1], (size_t)(count - i - 1) * sizeof *order);
}

static void forget_packet(struct model *model, int q, const struct nf_packet *packet)
{
    forget(model->all, model->count[0] + model->count[1], packet);
    forget(model->order[q], model->count[q], packet);
    model->count[q]--;
}

static void take_step(struct model *model)
{
    int q = (int)dice(model, 2);
    int i = model->count[q] > 0 ? (int)dice(model, (uint32_t)model->count[q]) : 0;
    struct nf_packet *packet = model->order[q][i];
    unsigned char buffer[MOST];
    struct nf_addr to;

    switch (model->count[q] > 0 ? dice(model, 4) : 0) {
    case 0:
    case 1:
        if (model->count[q] < SLOTS) {
            packet = packet_of(dice(model, MOST), 1 + dice(model, MOST));
            model->all[model->count[0] + model->count[1]] = packet;
            model->order[q][model->count[q]++] = packet;
            nf_queue_put(&model->queue[q], &model->pool, packet, nf_packet_count(packet));
        }
        break;
    case 2:
        nf_queue_remove(packet);
        assert_null(packet->queue);
        forget_packet(model, q, packet);
        nf_packet_free(packet);
        break;
    default:
        packet = model->order[q][0];
        if (nf_packet_count(packet) == 1) {
            forget_packet(model, q, packet);
        }
        nf_queue_take(&model->queue[q], buffer, sizeof buffer, &to);
    }
}

static void check_against_model(bool is_ordered)
{
    struct model model = {.pool = {.bound = &no_bound, .is_ordered = is_ordered}, .seed = 20110412};

    for (int i = 0; i < STEPS; i++) {
        take_step(&model);
        check_queues(&model);
    }
    for (int q = 0; q < 2; q++) {
        nf_queue_clear(&model.queue[q]);
        while (model.count[q] > 0) {
            forget_packet(&model, q, model.order[q][0]);
        }
    }
    check_queues(&model);
}

static void queues_do_what_the_model_does(void **state)
{
    (void)state;
    check_against_model(false);
    check_against_model(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_is_a_copy_of_its_own),
        cmocka_unit_test(what_lies_in_a_batch_is_not_freed),
        cmocka_unit_test(a_train_fits_as_its_datagrams_do_one_by_one),
        cmocka_unit_test(a_train_is_bounded_in_datagrams_too),
        cmocka_unit_test(nothing_fits_where_there_is_too_much_already),
        cmocka_unit_test(a_cut_keeps_the_first_datagrams),
        cmocka_unit_test(a_train_is_read_datagram_by_datagram),
        cmocka_unit_test(queues_do_what_the_model_does),
    };

    return cmocka_run_group_tests(tests, write_text, NULL);
}

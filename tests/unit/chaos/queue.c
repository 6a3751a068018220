/* Datagrams that are delayed, with made-up time. */
#include "chaos/queue.h"
#include "support.h"
#include "wait/deadline.h"

#include <stdlib.h>
#include <string.h>

#define NOW (NF_EPOCH + 1000000000)

static net_deadline at(int ms)
{
    return nf_deadline_after(NOW, ms);
}

static void put(struct nf_late_queue *queue, char name, int due, bool is_held)
{
    net_message message = {.data = &name, .capacity = 1, .size = 1};

    message.endpoint.remote[0] = (unsigned char)name;
    assert_int_equal(nf_late_queue_put(queue, &message, at(due), is_held), 0);
}

/* The names of all datagrams that may be returned at a moment. */
static void expect(struct nf_late_queue *queue, int moment, const char *names)
{
    char found[16] = "";
    size_t count = 0;
    struct nf_late_packet *queued = nf_late_queue_take(queue, at(moment));

    while (queued != NULL && count + 1 < sizeof found) {
        assert_int_equal(queued->size, 1);
        assert_int_equal(queued->endpoint.remote[0], queued->bytes[0]);
        found[count++] = queued->bytes[0];
        free(queued);
        queued = nf_late_queue_take(queue, at(moment));
    }
    assert_string_equal(found, names);
}

static void they_come_in_order_when_they_are_due(void **state)
{
    struct nf_late_queue queue = {0};

    (void)state;
    assert_true(nf_late_queue_next(&queue) == NET_FOREVER);
    expect(&queue, 0, "");
    put(&queue, 'a', 10, false);
    put(&queue, 'b', 10, false);
    put(&queue, 'c', 20, false);
    assert_int_equal(nf_late_queue_next(&queue), at(10));
    expect(&queue, 9, "");
    expect(&queue, 10, "ab");
    assert_int_equal(nf_late_queue_next(&queue), at(20));
    expect(&queue, 20, "c");
    assert_int_equal(queue.count, 0);
    assert_int_equal(queue.bytes, 0);
}

static void one_held_back_comes_after_the_next(void **state)
{
    struct nf_late_queue queue = {0};

    (void)state;
    put(&queue, 'a', 0, true);
    expect(&queue, NF_LATE_QUEUE_HOLD - 1, "");
    put(&queue, 'b', 5, false);
    expect(&queue, 4, "");
    expect(&queue, 5, "ba");
    put(&queue, 'c', 0, true);
    put(&queue, 'd', 0, true);
    put(&queue, 'e', 0, false);
    put(&queue, 'f', 0, false);
    expect(&queue, 0, "edcf");
}

static void one_held_back_waits_only_so_long(void **state)
{
    struct nf_late_queue queue = {0};

    (void)state;
    put(&queue, 'a', 7, true);
    assert_int_equal(nf_late_queue_next(&queue), at(7 + NF_LATE_QUEUE_HOLD));
    expect(&queue, 7 + NF_LATE_QUEUE_HOLD - 1, "");
    expect(&queue, 7 + NF_LATE_QUEUE_HOLD, "a");
}

static void it_has_bounds_and_is_given_back_whole(void **state)
{
    struct nf_late_queue queue = {0};
    static char large[100000];
    net_message message = {.data = large, .capacity = sizeof large, .size = sizeof large};
    int count = 0;

    (void)state;
    while (!nf_late_queue_is_full(&queue) && count < 100) {
        assert_int_equal(nf_late_queue_put(&queue, &message, at(0), false), 0);
        count++;
    }
    assert_int_equal(count, NF_LATE_QUEUE_BYTES / (int)sizeof large + 1);
    nf_late_queue_clear(&queue);
    queue = (struct nf_late_queue){0};
    for (int i = 0; i < NF_LATE_QUEUE_COUNT; i++) {
        assert_false(nf_late_queue_is_full(&queue));
        put(&queue, 'x', 0, false);
    }
    assert_true(nf_late_queue_is_full(&queue));
    nf_late_queue_clear(&queue);
}

/* A datagram that was larger than the buffer it was received into keeps its size. */
static void one_that_was_cut_keeps_its_size(void **state)
{
    struct nf_late_queue queue = {0};
    char bytes[4] = "abc";
    net_message message = {.data = bytes, .capacity = 3, .size = 1000};

    (void)state;
    assert_int_equal(nf_late_queue_put(&queue, &message, at(0), false), 0);
    struct nf_late_packet *queued = nf_late_queue_take(&queue, at(0));

    assert_non_null(queued);
    assert_int_equal(queued->size, 1000);
    assert_int_equal(queued->capacity, 3);
    assert_memory_equal(queued->bytes, "abc", 3);
    free(queued);
}

int main(void)
{
    const struct test tests[] = {
        TEST(they_come_in_order_when_they_are_due), TEST(one_held_back_comes_after_the_next),
        TEST(one_held_back_waits_only_so_long),     TEST(it_has_bounds_and_is_given_back_whole),
        TEST(one_that_was_cut_keeps_its_size),
    };

    return run_once(tests);
}

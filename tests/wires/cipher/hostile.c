/* wrap: malloc calloc realloc free */
/* driven: skip, it has pollers of its own, and counts memory */
/* Peers that shake hands and then mean harm: what they cost in memory and in time, and that nobody
 * else waits for them. */
#include "toy_wire.h"
#include "watching.h"

#include <malloc.h>
#include <stdatomic.h>
#include <string.h>

#include "allocations.h"

static char in[1 << 16];

/* ---- Memory ---- */

static atomic_long bytes_now;
static atomic_long bytes_most;

static void *add_bytes(void *memory)
{
    long size = memory != NULL ? (long)malloc_usable_size(memory) : 0;
    long now = atomic_fetch_add(&bytes_now, size) + size;

    if (now > atomic_load(&bytes_most)) {
        atomic_store(&bytes_most, now);
    }
    return count_in(memory);
}

static void take_bytes(void *memory)
{
    atomic_fetch_sub(&bytes_now, memory != NULL ? (long)malloc_usable_size(memory) : 0);
}

void *__wrap_malloc(size_t size)
{
    return add_bytes(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return add_bytes(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    take_bytes(memory);
    return add_bytes(__real_realloc(memory, size));
}

void __wrap_free(void *memory)
{
    take_bytes(memory);
    __real_free(memory);
}

/* What has been used beyond now, at the most, since begin_memory. */
static void begin_memory(void)
{
    atomic_store(&bytes_most, atomic_load(&bytes_now));
}

/* ---- Floods ---- */

/* Tickets are the records that say nothing and may come in any number; they are made in advance,
 * since each has its own number. */
enum { RECORDS = 60000, TICKET = 8 };

static char records[RECORDS * TICKET];

static void write_records(struct hand *hand, enum toy_type type)
{
    size_t size = 0;

    for (int i = 0; i < RECORDS; i++) {
        toy_add(hand->session, type, NULL, 0);
    }
    while (size < sizeof records) {
        size += toy_cipher.yield(hand->session, records + size, sizeof records - size);
    }
}

/* The deadline of each call holds while records come that bring nothing, and a poller serves the
 * others meanwhile. */
static void records_that_bring_nothing_delay_nobody(void **state)
{
    static const enum toy_type types[] = {TOY_DATA, TOY_TICKET};

    for (size_t i = 0; i < COUNT(types); i++) {
        net_poller *poller = open_poller();
        struct flood flood;
        struct pair other;
        struct hand hand;

        meet_toys(template_of(state), NULL, NULL, &other);
        hand_dials(template_of(state), NULL, NULL, &hand);
        hand_shakes(&hand);
        write_records(&hand, types[i]);
        watch(poller, hand.toy, NET_READABLE);
        watch(poller, other.server, NET_READABLE);
        flood_start(&flood, hand.plain, records, sizeof records);
        for (int round = 0; round < 5; round++) {
            net_event event;
            double since = now_ms();
            ssize_t n = net_recv(hand.toy, in, 1, net_after(10));

            assert_true(n == NET_TIMEOUT || n == NET_RESET); /* the numbers are used up */
            assert_took(elapsed_ms(since), 0, 500);
            say(other.client, "served");
            do {
                assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
            } while (event.socket != other.server);
            assert_count(net_recv_all(other.server, in, 6, soon()), 6);
            assert_took(elapsed_ms(since), 0, 1000);
        }
        flood_stop(&flood);
        net_poller_close(poller);
        close_pair(&other);
        part_from_hand(&hand);
    }
}

/* ---- Memory on a peer's word ---- */

/* A record of sixteen megabytes is announced, and its first bytes come. */
static void nothing_is_kept_for_what_was_only_announced(void **state)
{
    static const char head[] = {(char)(0x80 | TOY_DATA), (char)0xff, (char)0xff, (char)0xff, 'x'};
    struct hand hand;

    hand_dials(template_of(state), NULL, NULL, &hand);
    hand_shakes(&hand);
    begin_memory();
    long before = atomic_load(&bytes_now);

    assert_count(net_send(hand.plain, head, sizeof head, soon()), sizeof head);
    for (int i = 0; i < 5; i++) {
        assert_code(net_recv(hand.toy, in, sizeof in, net_after(5)), NET_TIMEOUT);
    }
    assert_in_range(atomic_load(&bytes_most) - before, 0, 512 * 1024);
    part_from_hand(&hand);
}

/* A peer that asks for answers and takes none: receiving stops before they are many. Once it takes
 * them, all goes on. */
static void answers_that_nobody_takes_are_bounded(void **state)
{
    enum { ASKS = 5000, ANSWER = 1000 };
    static const uint32_t size = ANSWER;
    struct hand hand;
    net_poller *poller = open_poller();

    hand_dials(template_of(state), "sndbuf=4KiB", NULL, &hand);
    hand_shakes(&hand);
    begin_memory();
    long before = atomic_load(&bytes_now);

    for (int i = 0; i < ASKS; i++) {
        net_event event;
        char bytes[64];

        toy_add(hand.session, TOY_ASK, &size, sizeof size);
        size_t n = toy_cipher.yield(hand.session, bytes, sizeof bytes);

        if (net_send(hand.plain, bytes, n, NET_NOW) != (ssize_t)n) {
            break;
        }
        assert_code(net_recv(hand.toy, in, 1, NET_NOW), NET_TIMEOUT);
        assert_true(i > 0 ||
                    net_poller_watch(poller, hand.toy, NET_READABLE, NULL, NET_FOREVER) == 0);
        assert_code(net_poller_wait(poller, &event, 1, NET_NOW), NET_TIMEOUT);
    }
    assert_in_range(atomic_load(&bytes_most) - before, 0, 3 * 1024 * 1024);
    assert_true(atomic_load(&toy_sealed_most) < 2 * 1024 * 1024);
    net_poller_close(poller);
    part_from_hand(&hand);
}

/* ---- Idle connections ---- */

/* What a connection that says nothing takes beyond its session is little, whatever it said. */
static void an_idle_end_keeps_no_buffers(void **state)
{
    enum { LEAST = 8 * 1024 };
    struct pair pair;

    meet_toys(template_of(state), NULL, NULL, &pair);
    long before = atomic_load(&bytes_now);

    toy_says_pattern(pair.client, 30000, 0);
    toy_hears_pattern(pair.server, 30000, 0);
    toy_says_pattern(pair.server, 30000, 0);
    toy_hears_pattern(pair.client, 30000, 0);
    assert_code(net_recv(pair.server, in, 1, NET_NOW), NET_TIMEOUT);
    assert_code(net_recv(pair.client, in, 1, NET_NOW), NET_TIMEOUT);
    assert_in_range(atomic_load(&bytes_now) - before + LEAST, 0, 2 * LEAST);
    close_toys(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(records_that_bring_nothing_delay_nobody),
        TEST(nothing_is_kept_for_what_was_only_announced),
        TEST(answers_that_nobody_takes_are_bounded),
        TEST(an_idle_end_keeps_no_buffers),
    };

    return run_toys(toy_wires, tests);
}

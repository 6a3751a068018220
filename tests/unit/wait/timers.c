/* wrap: realloc */
/* The heap of moments against a plain table of them, with random sets, moves and removals. */
#include "wait/timers.h"
#include "support.h"

#include <stdlib.h>

enum {
    TIMERS = 300,
    STEPS = 200000,
    ROUNDS = 10,
    SPAN = 1000 /* nanoseconds, so that many moments are equal */
};

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool memory_is_used_up;

void *__wrap_realloc(void *memory, size_t size)
{
    return memory_is_used_up ? NULL : __real_realloc(memory, size);
}

static struct nf_timers timers;
static struct nf_timer timer[TIMERS];
static bool promised[TIMERS];
static net_deadline due[TIMERS]; /* the moment that the heap has; NET_FOREVER: none */

static void begin(void)
{
    timers = (struct nf_timers){0};
    for (int i = 0; i < TIMERS; i++) {
        timer[i] = (struct nf_timer){0};
        due[i] = NET_FOREVER;
        promised[i] = false;
    }
}

static net_deadline earliest(void)
{
    net_deadline first = NET_FOREVER;

    for (int i = 0; i < TIMERS; i++) {
        first = due[i] < first ? due[i] : first;
    }
    return first;
}

static uint32_t in_the_table(void)
{
    uint32_t count = 0;

    for (int i = 0; i < TIMERS; i++) {
        count += due[i] != NET_FOREVER ? 1 : 0;
    }
    return count;
}

/* A promise fails only if there is no memory. */
static bool promise(int which)
{
    /* cppcheck-suppress arrayIndexOutOfBoundsCond ; it does not know that an assert ends a test */
    int code = promised[which] ? 0 : nf_timers_reserve(&timers);

    assert_true(code == 0 || (code == NET_LIMIT && memory_is_used_up));
    promised[which] = code == 0;
    return promised[which];
}

static void release(int which)
{
    if (promised[which] && due[which] == NET_FOREVER) {
        nf_timers_release(&timers);
        promised[which] = false;
    }
}

/* If the new moment is later, the old one stays. Only NET_FOREVER removes a timer. */
static void set(int which, net_deadline at)
{
    nf_timer_set(&timers, &timer[which], at);
    due[which] = at == NET_FOREVER || at < due[which] ? at : due[which];
    assert_true(nf_timers_next(&timers) == earliest());
    assert_int_equal(timers.count, in_the_table());
}

/* Take out all that are due. Each is one of the earliest that are left. */
static void take_until(net_deadline now)
{
    struct nf_timer *taken = nf_timers_due(&timers, now);

    while (taken != NULL) {
        assert_in_range(taken - timer, 0, TIMERS - 1);
        assert_true(due[taken - timer] == earliest());
        assert_true(due[taken - timer] <= now);
        due[taken - timer] = NET_FOREVER;
        taken = nf_timers_due(&timers, now);
    }
    assert_true(earliest() > now);
}

static void take_a_random_step(unsigned *seed, net_deadline *now)
{
    int which = (int)random_below(seed, TIMERS);

    memory_is_used_up = random_below(seed, 2) == 0;
    switch (random_below(seed, 8)) {
    case 0:
        set(which, NET_FOREVER);
        release(which);
        break;
    case 1:
        *now += random_below(seed, SPAN / 8);
        take_until(*now);
        break;
    case 2:
        release(which);
        break;
    default:
        if (promise(which)) {
            set(which, *now + random_below(seed, SPAN));
        }
    }
}

static void random_moments_come_in_their_order(void **state)
{
    unsigned seed = (unsigned)net_after(0);
    net_deadline now = net_after(0);

    (void)state;
    print_message("seed %u\n", seed);
    for (int round = 0; round < ROUNDS; round++) {
        begin();
        for (int i = 0; i < STEPS / ROUNDS / slowness(); i++) {
            take_a_random_step(&seed, &now);
        }
        memory_is_used_up = false;
        take_until(now + SPAN);
        assert_int_equal(timers.count, 0);
        nf_timers_free(&timers);
    }
}

static void a_timer_that_is_not_set_is_never_due(void **state)
{
    (void)state;
    begin();
    assert_true(nf_timers_next(&timers) == NET_FOREVER);
    assert_null(nf_timers_due(&timers, NET_FOREVER - 1));
    set(0, NET_FOREVER);
    assert_null(nf_timers_due(&timers, NET_FOREVER - 1));
    assert_true(promise(0));
    assert_null(nf_timers_due(&timers, NET_FOREVER - 1));
    nf_timers_free(&timers);
}

/* A timer that is set to a later moment keeps its place. When it is due, the caller sets it
 * again. */
static void a_timer_put_off_is_due_at_its_first_moment(void **state)
{
    net_deadline now = net_after(0);

    (void)state;
    begin();
    assert_true(promise(0) && promise(1));
    set(0, now + 1);
    set(0, now + 2);
    set(1, now + 2);
    assert_ptr_equal(nf_timers_due(&timers, now + 1), &timer[0]);
    due[0] = NET_FOREVER;
    assert_null(nf_timers_due(&timers, now + 1));
    set(0, now + 3);
    assert_ptr_equal(nf_timers_due(&timers, now + 3), &timer[1]);
    assert_ptr_equal(nf_timers_due(&timers, now + 3), &timer[0]);
    nf_timers_free(&timers);
}

/* A promised place needs no more memory, whether it is used at once or much later. A promise that
 * fails changes nothing. */
static void a_promise_is_kept_without_memory(void **state)
{
    net_deadline now = net_after(0);
    int room = 0;

    (void)state;
    begin();
    for (int refused = 0; refused < 4; refused++) {
        memory_is_used_up = true;
        while (room < TIMERS && promise(room)) {
            room++;
        }
        assert_true(room < TIMERS);
        assert_int_equal(nf_timers_reserve(&timers), NET_LIMIT);
        memory_is_used_up = false;
        assert_true(promise(room));
        room++;
    }
    memory_is_used_up = true;
    while (room < TIMERS && promise(room)) {
        room++;
    }
    for (int i = 0; i < room; i++) {
        set(i, now + i % 7);
    }
    for (int i = 0; i < room; i += 2) {
        set(i, now - 1);
        set(i, NET_FOREVER);
        release(i);
        assert_true(promise(i)); /* the place that was given back */
        set(i, now + i % 5);
    }
    memory_is_used_up = false;
    take_until(now + SPAN);
    nf_timers_free(&timers);
}

int main(void)
{
    const struct test tests[] = {
        TEST(random_moments_come_in_their_order),
        TEST(a_timer_that_is_not_set_is_never_due),
        TEST(a_timer_put_off_is_due_at_its_first_moment),
        TEST(a_promise_is_kept_without_memory),
    };

    return run_once(tests);
}

/* Waiting for many descriptors while another thread changes the set. */
#include "ready_set.h"
#include "support.h"

#include <stdatomic.h>

struct waiter {
    pthread_t thread;
    struct thing *wake;
    const void *awaited;
    atomic_int waits;     /* has begun */
    _Atomic bool is_told; /* the awaited descriptor was reported */
    _Atomic bool is_wrong;
    _Atomic bool stop;
};

/* Wait as a poller does: drain the wake, and look for the awaited descriptor. */
static void *wait_for_it(void *argument)
{
    struct waiter *self = argument;
    struct nf_readied got[NF_READY_MAX];
    net_deadline limit = soon();

    while (!self->stop && !self->is_told && net_after(0) < limit) {
        atomic_fetch_add(&self->waits, 1);
        int n = body->wait(ready, got, limit);

        for (int i = 0; i < n; i++) {
            if (got[i].user == self->wake) {
                thing_make_unreadable(self->wake);
            } else if (got[i].user == self->awaited) {
                self->is_told = true;
            } else {
                self->is_wrong = true;
            }
        }
    }
    return NULL;
}

static void start_waiter(struct waiter *waiter, struct thing *wake, const struct thing *awaited)
{
    *waiter = (struct waiter){.wake = wake, .awaited = awaited};
    thing_open(wake);
    assert_int_equal(thing_watch(wake, NF_IN), 0);
    assert_int_equal(pthread_create(&waiter->thread, NULL, wait_for_it, waiter), 0);
    while (waiter->waits == 0) {
        nap(1);
    }
    nap(5); /* the waiter sleeps by now, mostly; the test must also pass if not */
}

/* Do what a poller does after a change of the set: wake the wait, if the implementation needs
 * it. */
static void wake_if_needed(const struct thing *wake)
{
    if (body->set_needs_wake) {
        thing_make_readable(wake);
    }
}

static void what_another_adds_wakes_a_wait(void **state)
{
    struct waiter waiter;
    struct thing wake;
    struct thing added;

    ready_set_open(template_of(state));
    thing_open(&added);
    thing_make_readable(&added);
    start_waiter(&waiter, &wake, &added);
    assert_int_equal(thing_watch(&added, NF_IN), 0);
    wake_if_needed(&wake);
    pthread_join(waiter.thread, NULL);
    assert_true(waiter.is_told);
    assert_false(waiter.is_wrong);
    thing_close(&added);
    thing_close(&wake);
    body->close(ready);
}

static void what_another_asks_for_more_wakes_a_wait(void **state)
{
    struct waiter waiter;
    struct thing wake;
    struct thing thing;

    ready_set_open(template_of(state));
    thing_open(&thing);
    assert_int_equal(thing_watch(&thing, NF_IN), 0);
    start_waiter(&waiter, &wake, &thing);
    assert_false(waiter.is_told);
    assert_int_equal(thing_watch(&thing, NF_IN | NF_OUT), 0);
    wake_if_needed(&wake);
    pthread_join(waiter.thread, NULL);
    assert_true(waiter.is_told);
    thing_close(&thing);
    thing_close(&wake);
    body->close(ready);
}

static void what_another_takes_out_is_told_no_more(void **state)
{
    struct waiter waiter;
    struct thing wake;
    struct thing thing;
    struct thing last;

    ready_set_open(template_of(state));
    thing_open(&thing);
    thing_open(&last);
    assert_int_equal(thing_watch(&thing, NF_IN), 0);
    start_waiter(&waiter, &wake, &last);
    assert_int_equal(thing_watch(&thing, 0), 0);
    int waits = waiter.waits;

    thing_make_readable(&wake);
    for (int i = 0; i < 20000 && waiter.waits == waits; i++) {
        nap(1);
    }
    thing_make_readable(&thing);
    thing_make_readable(&last);
    assert_int_equal(thing_watch(&last, NF_IN), 0);
    wake_if_needed(&wake);
    pthread_join(waiter.thread, NULL);
    assert_true(waiter.is_told);
    assert_false(waiter.is_wrong);
    thing_close(&last);
    thing_close(&thing);
    thing_close(&wake);
    body->close(ready);
}

enum { MANY = 40 };

struct counter {
    pthread_t thread;
    const struct thing *things;
    atomic_int answers;
    _Atomic bool is_wrong;
    _Atomic bool stop;
};

/* Every result names a thing. */
static void *count_answers(void *argument)
{
    struct counter *self = argument;
    struct nf_readied got[NF_READY_MAX];

    while (!self->stop) {
        int n = body->wait(ready, got, net_after(1));

        for (int i = 0; i < n; i++) {
            ptrdiff_t which = (const struct thing *)got[i].user - self->things;

            self->is_wrong = self->is_wrong || which < 0 || which >= MANY || got[i].got == 0;
        }
        atomic_fetch_add(&self->answers, n);
    }
    return NULL;
}

static void a_set_may_change_at_random_while_another_waits(void **state)
{
    enum { CHANGES = 20000 };
    static struct thing things[MANY];
    struct counter counter = {.things = things};
    unsigned seed = (unsigned)net_after(0);

    print_message("seed %u\n", seed);
    ready_set_open(template_of(state));
    for (int i = 0; i < MANY; i++) {
        thing_open(&things[i]);
    }
    thing_make_readable(&things[0]);
    assert_int_equal(thing_watch(&things[0], NF_IN), 0);
    assert_int_equal(pthread_create(&counter.thread, NULL, count_answers, &counter), 0);
    for (int i = 0; i < 20000 && counter.answers == 0; i++) {
        nap(1);
    }
    for (int i = 0; i < CHANGES / slowness(); i++) {
        struct thing *thing = &things[random_below(&seed, MANY)];

        switch (random_below(&seed, 4)) {
        case 0:
            thing_make_readable(thing);
            break;
        case 1:
            thing_make_unreadable(thing);
            break;
        default:
            assert_int_equal(thing_watch(thing, random_below(&seed, (NF_IN | NF_OUT) + 1)), 0);
        }
    }
    counter.stop = true;
    pthread_join(counter.thread, NULL);
    assert_false(counter.is_wrong);
    assert_true(counter.answers > 0);
    for (int i = 0; i < MANY; i++) {
        thing_make_readable(&things[i]);
        assert_int_equal(thing_watch(&things[i], NF_IN), 0);
    }
    assert_int_equal(body->wait(ready, answers, NET_NOW), MANY);
    for (int i = 0; i < MANY; i++) {
        thing_close(&things[i]);
    }
    body->close(ready);
}

int main(void)
{
    const struct test both[] = {
        TEST(what_another_adds_wakes_a_wait),
        TEST(what_another_asks_for_more_wakes_a_wait),
        TEST(what_another_takes_out_is_told_no_more),
        TEST(a_set_may_change_at_random_while_another_waits),
    };

    return run_over(ready_bodies, both);
}

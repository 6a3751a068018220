/* A turn belongs to one caller at a time, a caller in the queue has a deadline, and no caller is
 * forgotten. */
#include "support.h"
#include "wait/deadline.h"
#include "wait/turn.h"

/* While this thread exists, the process has several threads, so a turn that is taken shows in its
 * futex word. */
static void *linger(void *argument)
{
    nf_turn_take(argument, NET_FOREVER);
    nf_turn_leave(argument);
    return NULL;
}

static struct nf_turn held = {NF_TURN_TAKEN};

static void a_turn_is_taken_once(void **state)
{
    struct nf_turn turn = {0};

    (void)state;
    assert_true(nf_turn_take(&turn, NET_NOW));
    assert_false(nf_turn_take(&turn, NET_NOW));
    assert_false(nf_turn_take(&turn, net_after(-1)));
    double since = now_ms();

    assert_false(nf_turn_take(&turn, net_after(30)));
    assert_took(elapsed_ms(since), 30, 1000);
    nf_turn_leave(&turn);
    assert_true(nf_turn_take(&turn, net_after(-1)));
    nf_turn_leave(&turn);
    assert_true(nf_turn_take(&turn, NET_FOREVER));
    nf_turn_leave(&turn);
}

/* A caller that gave up leaves a mark. It costs one unnecessary wake and nothing else. */
static void a_turn_works_after_one_gave_up(void **state)
{
    struct nf_turn turn = {0};

    (void)state;
    assert_true(nf_turn_take(&turn, NET_NOW));
    assert_false(nf_turn_take(&turn, net_after(1)));
    nf_turn_leave(&turn);
    assert_int_equal(turn.word, NF_TURN_FREE);
    assert_true(nf_turn_take(&turn, NET_NOW));
    nf_turn_leave(&turn);
}

enum { THREADS = 4, ROUNDS = 20000 };

struct shared {
    struct nf_turn turn;
    int plain; /* guarded by the turn; ThreadSanitizer would report a race */
};

struct taker {
    pthread_t thread;
    struct shared *shared;
    bool impatient;
    int taken;
};

static void *take_turns(void *argument)
{
    struct taker *self = argument;

    for (int i = 0; i < ROUNDS; i++) {
        net_deadline deadline = !self->impatient ? NET_FOREVER
                                : i % 2 == 0     ? NET_NOW
                                                 : net_after(1);

        if (nf_turn_take(&self->shared->turn, deadline)) {
            self->shared->plain++;
            self->taken++;
            nf_turn_leave(&self->shared->turn);
        }
    }
    return NULL;
}

static void threads_take_turns_and_none_waits_for_ever(void **state)
{
    struct shared shared = {0};
    struct taker taker[THREADS];
    int taken = 0;

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        taker[i] = (struct taker){.shared = &shared, .impatient = i % 2 == 1};
        assert_int_equal(pthread_create(&taker[i].thread, NULL, take_turns, &taker[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(taker[i].thread, NULL);
        taken += taker[i].taken;
        assert_true(taker[i].impatient || taker[i].taken == ROUNDS);
    }
    assert_int_equal(shared.plain, taken);
    assert_int_equal(shared.turn.word, NF_TURN_FREE);
}

static void *take_one(void *argument)
{
    struct taker *self = argument;

    self->taken = nf_turn_take(&self->shared->turn, soon()) ? 1 : 0;
    if (self->taken == 1) {
        nf_turn_leave(&self->shared->turn);
    }
    return NULL;
}

/* Each leave wakes the next sleeper, until all are served. */
static void all_in_the_queue_are_served(void **state)
{
    struct shared shared = {0};
    struct taker taker[THREADS];
    double since = now_ms();

    (void)state;
    assert_true(nf_turn_take(&shared.turn, NET_NOW));
    for (int i = 0; i < THREADS; i++) {
        taker[i] = (struct taker){.shared = &shared};
        assert_int_equal(pthread_create(&taker[i].thread, NULL, take_one, &taker[i]), 0);
    }
    nap(30);
    nf_turn_leave(&shared.turn);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(taker[i].thread, NULL);
        assert_int_equal(taker[i].taken, 1);
    }
    assert_took(elapsed_ms(since), 0, 2000);
}

int main(void)
{
    const struct test tests[] = {
        TEST(a_turn_is_taken_once),
        TEST(a_turn_works_after_one_gave_up),
        TEST(threads_take_turns_and_none_waits_for_ever),
        TEST(all_in_the_queue_are_served),
    };

    pthread_t companion;

    if (pthread_create(&companion, NULL, linger, &held) != 0) {
        return 1;
    }
    int failed = run_once(tests);

    nf_turn_leave(&held);
    return pthread_join(companion, NULL) != 0 ? 1 : failed;
}

/* wrap: nf_wake_post */
/* Notices: a post from any thread or signal handler is seen, it is listed once, and it costs a
 * write only if somebody sleeps. */
#include "wait/notice.h"
#include "os/poll.h"
#include "support.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

void __real_nf_wake_post(struct nf_wake *wake);
void __wrap_nf_wake_post(struct nf_wake *wake);

enum { NOTICES = 64, THREADS = 4, POSTS = 400000 };

/* The notices on the ready list, each with counters. A counter, unlike a flag, shows whether a look
 * came too early or saw the last post. */
static struct nf_ready_list ready_list;
static struct nf_notice notice[NOTICES];
static atomic_int happened[NOTICES];
static int seen[NOTICES];
static atomic_int writes; /* to the eventfd */

void __wrap_nf_wake_post(struct nf_wake *wake)
{
    if (wake == &ready_list.wake) {
        atomic_fetch_add(&writes, 1);
    }
    __real_nf_wake_post(wake);
}

static void begin(void)
{
    assert_int_equal(nf_ready_list_open(&ready_list), 0);
    writes = 0;
    for (int i = 0; i < NOTICES; i++) {
        notice[i].next = NULL;
        notice[i].ready_list = &ready_list;
        atomic_store(&notice[i].state, 0);
        atomic_store(&happened[i], 0);
        seen[i] = 0;
    }
}

static void happen(int which)
{
    atomic_fetch_add(&happened[which], 1);
    nf_notice_post(&notice[which]);
}

/* Look at all posted notices, each at most once. Return how many. */
static int look(void)
{
    bool listed[NOTICES] = {false};
    struct nf_notice *posted = nf_ready_list_take(&ready_list);
    int looked = 0;

    while (posted != NULL) {
        struct nf_notice *next = posted->next;
        ptrdiff_t which = posted - notice;

        assert_in_range(which, 0, NOTICES - 1);
        assert_false(listed[which]);
        listed[which] = true;
        assert_true(nf_notice_unlist(posted));
        seen[which] = atomic_load(&happened[which]);
        looked++;
        posted = next;
    }
    return looked;
}

static void assert_all_seen(void)
{
    for (int i = 0; i < NOTICES; i++) {
        assert_int_equal(seen[i], atomic_load(&happened[i]));
    }
}

static bool is_written(void)
{
    struct nf_poll poll = {.fd = nf_wake_fd(&ready_list.wake), .want = NF_IN};

    return nf_poll(&poll, 1, NET_NOW) == 1;
}

static void notices_are_listed_once_in_the_order_of_their_first_post(void **state)
{
    (void)state;
    begin();
    assert_false(nf_ready_list_has_any(&ready_list));
    assert_null(nf_ready_list_take(&ready_list));
    happen(3);
    happen(1);
    happen(3);
    happen(2);
    happen(1);
    assert_true(nf_ready_list_has_any(&ready_list));
    struct nf_notice *first = nf_ready_list_take(&ready_list);

    assert_ptr_equal(first, &notice[3]);
    assert_ptr_equal(first->next, &notice[1]);
    assert_ptr_equal(first->next->next, &notice[2]);
    assert_null(first->next->next->next);
    assert_false(nf_ready_list_has_any(&ready_list));
    happen(3); /* the waiter has not unlisted it yet */
    assert_false(nf_ready_list_has_any(&ready_list));
    assert_true(nf_notice_unlist(first));
    happen(3);
    assert_ptr_equal(nf_ready_list_take(&ready_list), &notice[3]);
    nf_ready_list_close(&ready_list);
}

/* A notice in a list of the waiter is not put into another list, and it remembers a post. */
static void a_notice_in_a_list_of_the_waiter_remembers_posts(void **state)
{
    (void)state;
    begin();
    assert_true(nf_notice_list(&notice[0]));
    assert_false(nf_notice_list(&notice[0]));
    assert_false(nf_notice_unlist(&notice[0]));
    assert_true(nf_notice_list(&notice[0]));
    happen(0);
    assert_false(nf_ready_list_has_any(&ready_list));
    assert_true(nf_notice_unlist(&notice[0]));
    happen(0);
    assert_false(nf_notice_list(&notice[0]));
    assert_int_equal(look(), 1);
    nf_ready_list_close(&ready_list);
}

static void the_eventfd_is_written_to_only_when_armed_and_once(void **state)
{
    (void)state;
    begin();
    happen(0);
    nf_ready_list_wake(&ready_list);
    assert_int_equal(writes, 0);
    assert_int_equal(look(), 1);
    for (int round = 1; round <= 3; round++) {
        nf_ready_list_arm(&ready_list);
        assert_false(is_written());
        for (int i = 0; i < NOTICES; i++) {
            happen(i);
            happen(i);
            nf_ready_list_wake(&ready_list);
        }
        assert_int_equal(writes, round);
        assert_true(is_written());
        nf_ready_list_disarm(&ready_list);
        nf_wake_drain(&ready_list.wake);
        assert_int_equal(look(), NOTICES);
        happen(0);
        nf_ready_list_wake(&ready_list);
        assert_int_equal(writes, round);
        assert_int_equal(look(), 1);
    }
    nf_ready_list_arm(&ready_list);
    nf_ready_list_wake(&ready_list); /* without any notice */
    assert_true(is_written());
    assert_int_equal(look(), 0);
    nf_ready_list_disarm(&ready_list);
    nf_ready_list_arm(&ready_list); /* what was written before is of no use any more */
    assert_false(is_written());
    nf_ready_list_wake(&ready_list);
    assert_true(is_written());
    nf_ready_list_close(&ready_list);
}

struct poster {
    pthread_t thread;
    unsigned seed;
    int posts;
};

static void *post_at_random(void *argument)
{
    struct poster *self = argument;

    for (int i = 0; i < self->posts; i++) {
        happen((int)random_below(&self->seed, NOTICES));
    }
    return NULL;
}

static void no_post_of_many_threads_is_lost(void **state)
{
    struct poster poster[THREADS];
    double since = now_ms();
    int posts = POSTS / slowness();
    int left = THREADS * posts;

    (void)state;
    begin();
    for (int i = 0; i < THREADS; i++) {
        poster[i] = (struct poster){.seed = (unsigned)i, .posts = posts};
        assert_int_equal(pthread_create(&poster[i].thread, NULL, post_at_random, &poster[i]), 0);
    }
    while (left > 0 && elapsed_ms(since) < 20000.0 * slowness()) {
        look();
        left = THREADS * posts;
        for (int i = 0; i < NOTICES; i++) {
            left -= seen[i];
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(poster[i].thread, NULL);
    }
    assert_int_equal(left, 0);
    assert_all_seen();
    nf_ready_list_close(&ready_list);
}

/* ---- A waiter that sleeps ---- */

/* Sleep until the eventfd is written to, as a waiter does. False: nobody wrote. */
static bool sleep_and_look(void)
{
    struct nf_poll poll = {.fd = nf_wake_fd(&ready_list.wake), .want = NF_IN};
    bool posted = true;

    nf_ready_list_arm(&ready_list);
    if (!nf_ready_list_has_any(&ready_list)) {
        net_deadline limit = soon();

        while (nf_poll(&poll, 1, limit) == 0 && posted) {
            posted = net_after(0) < limit; /* else it was a signal */
        }
    }
    nf_ready_list_disarm(&ready_list);
    nf_wake_drain(&ready_list.wake);
    look();
    return posted;
}

static atomic_int answered; /* rounds that the waiter has seen */

static void *post_and_await_the_look(void *argument)
{
    struct poster *self = argument;
    net_deadline limit = soon();

    for (int i = 1; i <= self->posts; i++) {
        happen(i % NOTICES);
        while (atomic_load(&answered) < i && net_after(0) < limit) {
        }
    }
    return NULL;
}

/* Each post comes when the waiter is about to sleep. If one were lost, both would wait for
 * ever. */
static void a_post_wakes_a_waiter_about_to_sleep(void **state)
{
    struct poster poster = {.posts = 5000 / slowness()};
    int rounds = 0;

    (void)state;
    begin();
    atomic_store(&answered, 0);
    assert_int_equal(pthread_create(&poster.thread, NULL, post_and_await_the_look, &poster), 0);
    while (rounds < poster.posts && sleep_and_look()) {
        rounds = 0;
        for (int i = 0; i < NOTICES; i++) {
            rounds += seen[i];
        }
        atomic_store(&answered, rounds);
    }
    atomic_store(&answered, poster.posts);
    pthread_join(poster.thread, NULL);
    assert_int_equal(rounds, poster.posts);
    assert_true(writes <= poster.posts);
    nf_ready_list_close(&ready_list);
}

/* ---- Signal handlers ---- */

static atomic_int signals; /* handled */

static void post_in_handler(int number)
{
    (void)number;
    happen(atomic_fetch_add(&signals, 1) % NOTICES);
}

struct sender {
    pthread_t thread;
    pthread_t target;
    int count;
};

/* Send the next signal after the last was handled, so that none is merged with another. */
static void *send_signals(void *argument)
{
    struct sender *self = argument;

    for (int i = 0; i < self->count; i++) {
        net_deadline limit = soon();

        pthread_kill(self->target, SIGUSR2);
        while (atomic_load(&signals) <= i && net_after(0) < limit) {
            sched_yield();
        }
    }
    return NULL;
}

/* The handler interrupts the waiter in every step: looking, arming, sleeping. */
static void no_post_of_a_signal_handler_is_lost(void **state)
{
    struct sigaction action = {.sa_handler = post_in_handler};
    struct sender sender = {.target = pthread_self(), .count = 2000 / slowness()};
    int sum = 0;

    (void)state;
    begin();
    atomic_store(&signals, 0);
    assert_int_equal(sigaction(SIGUSR2, &action, NULL), 0);
    nap(0); /* ThreadSanitizer prepares for signals in the first call that blocks */
    assert_int_equal(pthread_create(&sender.thread, NULL, send_signals, &sender), 0);
    bool posted = true;

    while (posted && sum < sender.count) {
        posted = sleep_and_look();
        sum = 0;
        for (int i = 0; i < NOTICES; i++) {
            sum += seen[i];
        }
    }
    pthread_join(sender.thread, NULL);
    signal(SIGUSR2, SIG_DFL);
    assert_true(posted);
    assert_int_equal(sum, sender.count);
    assert_all_seen();
    nf_ready_list_close(&ready_list);
}

static void a_post_keeps_errno(void **state)
{
    (void)state;
    begin();
    nf_ready_list_arm(&ready_list);
    errno = 4321;
    happen(0);
    nf_ready_list_wake(&ready_list);
    assert_int_equal(errno, 4321);
    assert_int_equal(writes, 1);
    nf_ready_list_close(&ready_list);
}

int main(void)
{
    const struct test tests[] = {
        TEST(notices_are_listed_once_in_the_order_of_their_first_post),
        TEST(a_notice_in_a_list_of_the_waiter_remembers_posts),
        TEST(the_eventfd_is_written_to_only_when_armed_and_once),
        TEST(no_post_of_many_threads_is_lost),
        TEST(a_post_wakes_a_waiter_about_to_sleep),
        TEST(no_post_of_a_signal_handler_is_lost),
        TEST(a_post_keeps_errno),
    };

    return run_once(tests);
}

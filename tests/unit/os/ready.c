/* Waiting for many descriptors: the promises of both implementations (epoll and poll). */
#include "ready_set.h"
#include "support.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static void what_is_watched_is_told_until_it_is_over(void **state)
{
    struct thing thing;
    int other;

    ready_set_open(template_of(state));
    thing_open(&thing);
    assert_int_equal(thing_watch(&thing, NF_IN), 0);
    assert_int_equal(body->wait(ready, answers, NET_NOW), 0);
    thing_make_readable(&thing);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(body->wait(ready, answers, i == 0 ? soon() : NET_NOW), 1);
        assert_ptr_equal(answers[0].user, &thing);
        assert_int_equal(answers[0].got, NF_IN);
    }
    assert_int_equal(thing_watch(&thing, NF_IN | NF_OUT), 0);
    assert_int_equal(told_of(&thing), NF_IN | NF_OUT);
    assert_int_equal(thing_watch(&thing, NF_OUT), 0);
    assert_int_equal(told_of(&thing), NF_OUT);
    thing_make_unreadable(&thing);
    assert_int_equal(thing_watch(&thing, NF_IN), 0);
    assert_int_equal(told_of(&thing), 0);
    thing_make_readable(&thing);
    assert_int_equal(body->set(ready, thing.fd, NF_IN, NF_IN, &other), 0);
    assert_int_equal(told_of(&thing), 0);
    assert_int_equal(told_of(&other), NF_IN);
    assert_int_equal(thing_watch(&thing, 0), 0);
    assert_int_equal(body->wait(ready, answers, NET_NOW), 0);
    assert_int_equal(thing_watch(&thing, 0), 0); /* without one there, and without a failure */
    assert_int_equal(thing_watch(&thing, NF_IN), 0);
    assert_int_equal(told_of(&thing), NF_IN);
    thing_close(&thing);
    assert_int_equal(body->wait(ready, answers, NET_NOW), 0);
    body->close(ready);
}

/* However many are ready and however many come and go, each gets its turn. */
static void each_of_many_is_told_in_turn(void **state)
{
    enum { ROUNDS = 50, PASSED_OVER = 2 /* a round in which others came or went */ };
    static struct thing things[THINGS];

    ready_set_open(template_of(state));
    for (int i = 0; i < THINGS; i++) {
        thing_open(&things[i]);
        thing_make_readable(&things[i]);
        assert_int_equal(thing_watch(&things[i], NF_IN), 0);
    }
    for (int turn = 0; turn < 2 * TURNS; turn++) {
        things_wait(things);
    }
    for (int i = 0; i < THINGS; i++) {
        assert_in_range(things[i].told, 1, 4);
        things[i].told = 0;
    }
    for (int round = 0; round < ROUNDS; round++) {
        int leaves = round * 7 % THINGS;

        assert_int_equal(thing_watch(&things[leaves], 0), 0);
        for (int turn = 0; turn < TURNS; turn++) {
            things_wait(things);
        }
        assert_int_equal(thing_watch(&things[leaves], NF_IN), 0);
    }
    for (int i = 0; i < THINGS; i++) {
        assert_true(things[i].told >= ROUNDS / (1 + PASSED_OVER));
        thing_close(&things[i]);
    }
    assert_int_equal(body->wait(ready, answers, NET_NOW), 0);
    body->close(ready);
}

/* An error or a hang-up is reported as readable and writable, whatever was asked for. */
static void errors_and_hang_ups_are_both_in_and_out(void **state)
{
    const unsigned both = NF_IN | NF_OUT;
    int ends[2];
    int pipe_ends[2];

    ready_set_open(template_of(state));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(body->set(ready, ends[0], 0, NF_IN, ends), 0);
    assert_int_equal(body->set(ready, pipe_ends[0], 0, NF_IN, pipe_ends), 0);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    assert_int_equal(told_of(ends), NF_IN); /* an end is no hang-up */
    close(ends[1]);
    assert_int_equal(told_of(ends), both);
    assert_int_equal(body->set(ready, ends[0], NF_IN, NF_OUT, ends), 0);
    assert_int_equal(told_of(ends), both);
    assert_int_equal(told_of(pipe_ends), 0);
    close(pipe_ends[1]);
    assert_int_equal(told_of(pipe_ends), both);
    assert_int_equal(body->set(ready, ends[0], NF_OUT, 0, NULL), 0);
    assert_int_equal(body->set(ready, pipe_ends[0], NF_IN, 0, NULL), 0);
    assert_int_equal(body->wait(ready, answers, NET_NOW),
                     0); /* also nothing for those that hung up */
    close(pipe_ends[0]);
    close(ends[0]);
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK), 0);
    close(pipe_ends[0]);
    assert_int_equal(body->set(ready, pipe_ends[1], 0, NF_OUT, pipe_ends), 0);
    assert_int_equal(told_of(pipe_ends), both);
    close(pipe_ends[1]);
    body->close(ready);
}

static double lesser(double a, double b)
{
    return a < b ? a : b;
}

/* What is late by nature is late each time; what a machine in a hurry delays is not. */
static void a_wait_ends_at_its_deadline_and_not_before(void **state)
{
    enum { WAIT = 20, LATE = 8 }; /* ms */
    struct thing thing;
    double best = 1e9;
    double best_at_once = 1e9;

    ready_set_open(template_of(state));
    thing_open(&thing);
    assert_int_equal(thing_watch(&thing, NF_IN), 0);
    for (int i = 0; i < 5; i++) {
        double since = now_ms();

        assert_int_equal(body->wait(ready, answers, net_after(WAIT)), 0);
        best = lesser(best, elapsed_ms(since));
        since = now_ms();
        assert_int_equal(body->wait(ready, answers, net_after(-WAIT)), 0);
        assert_int_equal(body->wait(ready, answers, NET_NOW), 0);
        best_at_once = lesser(best_at_once, elapsed_ms(since));
    }
    assert_took(best, WAIT, WAIT + LATE);
    assert_took(best_at_once, 0, LATE);
    thing_close(&thing);
    body->close(ready);
}

/* A signal may end a wait early, with no result. It never makes a wait late, and it is no
 * failure. */
static void signals_do_no_harm(void **state)
{
    enum { WAIT = 100, LATE = 50 }; /* ms */
    struct storm storm;
    struct thing thing;
    double since = now_ms();
    net_deadline deadline = net_after(WAIT);

    ready_set_open(template_of(state));
    thing_open(&thing);
    assert_int_equal(thing_watch(&thing, NF_IN), 0);
    storm_start(&storm, pthread_self());
    while (net_after(0) < deadline) {
        assert_int_equal(body->wait(ready, answers, deadline), 0);
    }
    double took = elapsed_ms(since);

    thing_make_readable(&thing);
    assert_int_equal(told_of(&thing), NF_IN);
    storm_stop(&storm);
    assert_took(took, WAIT, WAIT + LATE);
    thing_close(&thing);
    body->close(ready);
}

int main(void)
{
    const struct test both[] = {
        TEST(what_is_watched_is_told_until_it_is_over),
        TEST(each_of_many_is_told_in_turn),
        TEST(errors_and_hang_ups_are_both_in_and_out),
        TEST(a_wait_ends_at_its_deadline_and_not_before),
        TEST(signals_do_no_harm),
    };

    return run_over(ready_bodies, both);
}

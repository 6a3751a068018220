/* wrap: clock_gettime */
/* Moments at the limits of time, with a clock that the test sets. */
#include "wait/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

static struct timespec told;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    *now = told;
    return 0;
}

static void set_clock(time_t seconds, long nanoseconds)
{
    told.tv_sec = seconds;
    told.tv_nsec = nanoseconds;
}

static void a_moment_lies_so_far_from_now_in_nanoseconds(void **state)
{
    static const time_t clocks[] = {0, 1, 4290000, (time_t)1 << 31, (time_t)1 << 32};

    (void)state;
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        set_clock(clocks[i], 999999999);
        net_deadline now = net_after(0);

        assert_true(now == NF_EPOCH + (net_deadline)clocks[i] * 1000000000 + 999999999);
        assert_true(net_after(1) - now == 1000000);
        assert_true(net_after(86400000) - now == 86400 * (int64_t)1000000000);
        assert_true(net_after(-1) - now == -1000000);
    }
}

/* NET_NOW < every moment < NET_FOREVER, except what is too long to represent. */
static void every_moment_lies_between_now_and_forever(void **state)
{
    static const int64_t durations[] = {
        INT64_MIN,     INT64_MIN + 1,       -1000000000000, -1,       0, 1,
        1000000000000, INT64_MAX / 1000000, INT64_MAX - 1,  INT64_MAX};

    (void)state;
    set_clock(100, 0);
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        net_deadline moment = net_after(durations[i]);

        assert_true(moment > NET_NOW);
        assert_true(nf_deadline_is_valid(moment));
        assert_true(i == 0 || net_after(durations[i - 1]) <= moment);
    }
    assert_true(net_after(INT64_MAX) == NET_FOREVER);
    assert_true(net_after(INT64_MIN) == NF_EPOCH);
    assert_true(net_after(-100001) == NF_EPOCH);
    assert_true(net_after(-100000) == NF_EPOCH);
    assert_true(net_after(-99999) == NF_EPOCH + NF_MILLISECOND);
}

static void the_last_moment_before_forever_is_kept(void **state)
{
    int64_t most;

    (void)state;
    set_clock(0, 0);
    most = (NET_FOREVER - NF_EPOCH) / NF_MILLISECOND;
    assert_true(net_after(most) < NET_FOREVER);
    assert_true(net_after(most) == NF_EPOCH + most * NF_MILLISECOND);
    assert_true(net_after(most + 1) == NET_FOREVER);
}

static void a_plain_number_is_no_deadline(void **state)
{
    (void)state;
    assert_true(nf_deadline_is_valid(NET_NOW));
    assert_true(nf_deadline_is_valid(NET_FOREVER));
    assert_true(nf_deadline_is_valid(NF_EPOCH));
    assert_false(nf_deadline_is_valid(1));
    assert_false(nf_deadline_is_valid(5000));
    assert_false(nf_deadline_is_valid(-1));
    assert_false(nf_deadline_is_valid(INT64_MIN));
    assert_false(nf_deadline_is_valid(1700000000000000000)); /* a time of day in nanoseconds */
    assert_false(nf_deadline_is_valid(NF_EPOCH - 1));
}

static void what_has_passed_has_passed(void **state)
{
    (void)state;
    set_clock(100, 500);
    assert_true(nf_deadline_passed(NET_NOW));
    assert_false(nf_deadline_passed(NET_FOREVER));
    assert_true(nf_deadline_passed(nf_now() - 1));
    assert_true(nf_deadline_passed(nf_now()));
    assert_false(nf_deadline_passed(nf_now() + 1));
    assert_true(nf_earlier(NET_NOW, NET_FOREVER) == NET_NOW);
    assert_true(nf_earlier(nf_now() + 1, nf_now()) == nf_now());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_moment_lies_so_far_from_now_in_nanoseconds),
        cmocka_unit_test(every_moment_lies_between_now_and_forever),
        cmocka_unit_test(the_last_moment_before_forever_is_kept),
        cmocka_unit_test(a_plain_number_is_no_deadline),
        cmocka_unit_test(what_has_passed_has_passed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

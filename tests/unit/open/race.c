/* The race of a dial in made-up time: when each attempt starts, which may win, and what a lost race
 * reports. */
#include "open/race.h"
#include "wait/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define AT(ms) (NF_EPOCH + (ms)*NF_MILLISECOND)

static void add(struct nf_race *race, enum nf_family family, uint8_t number)
{
    struct nf_addr addr = {.family = (uint16_t)family, .ip = {number}};

    nf_race_add(race, &addr);
}

static void add_all(struct nf_race *race, const char *families)
{
    for (uint8_t i = 0; families[i] != '\0'; i++) {
        add(race, families[i] == '6' ? NF_IPV6 : NF_IPV4, i);
    }
}

/* A race of known addresses, '4' and '6', in that order. */
static void begin(struct nf_race *race, const char *families)
{
    nf_race_begin(race, NF_IPV6, false);
    add_all(race, families);
}

static void assert_starts(struct nf_race *race, int which, int64_t ms)
{
    assert_int_equal(nf_race_step(race, AT(ms)), which);
    nf_race_started(race, which, 100 + which, AT(ms));
}

static void assert_waits_until(const struct nf_race *race, int64_t now, int64_t next)
{
    assert_int_equal(nf_race_step(race, AT(now)), NF_RACE_WAIT);
    assert_int_equal(nf_race_next(race, AT(now)), AT(next));
}

/* The families take turns, IPv6 first. Within a family the resolver's order counts. */
static void ipv6_starts_first_and_the_families_take_turns(void **state)
{
    struct nf_race race;

    (void)state;
    begin(&race, "4464");
    assert_starts(&race, 2, 0);
    assert_waits_until(&race, 0, 250);
    assert_starts(&race, 0, 250);
    assert_starts(&race, 1, 500);
    assert_starts(&race, 3, 750);
    assert_int_equal(nf_race_step(&race, AT(5000)), NF_RACE_WAIT);
    assert_int_equal(nf_race_next(&race, AT(5000)), NET_FOREVER);
}

static void families_interleave_until_one_is_used_up(void **state)
{
    struct nf_race race;
    static const int order[] = {0, 3, 1, 4, 2, 5, 6};

    (void)state;
    begin(&race, "6664444");
    for (int i = 0; i < 7; i++) {
        assert_starts(&race, order[i], 250 * i);
    }
}

static void the_family_that_is_asked_for_starts_first(void **state)
{
    struct nf_race race;

    (void)state;
    nf_race_begin(&race, NF_IPV4, false);
    add_all(&race, "64");
    assert_starts(&race, 1, 0);
    assert_starts(&race, 0, 250);
}

/* The next attempt starts 250 ms later, not a nanosecond earlier. */
static void the_stagger_is_250_ms(void **state)
{
    struct nf_race race;

    (void)state;
    begin(&race, "64");
    assert_starts(&race, 0, 10);
    assert_waits_until(&race, 10, 260);
    assert_int_equal(nf_race_step(&race, AT(260) - 1), NF_RACE_WAIT);
    assert_starts(&race, 1, 260);
}

static void a_failure_starts_the_next_at_once(void **state)
{
    struct nf_race race;

    (void)state;
    begin(&race, "646");
    assert_starts(&race, 0, 0);
    nf_race_failed(&race, 0, NET_REFUSED, AT(3));
    assert_starts(&race, 1, 3);
    assert_waits_until(&race, 4, 253);
    nf_race_failed(&race, 1, NET_REFUSED, AT(5));
    assert_starts(&race, 2, 5);
}

/* Also while another attempt is in progress. */
static void a_failure_of_one_starts_the_next_beside_another(void **state)
{
    struct nf_race race;

    (void)state;
    begin(&race, "646");
    assert_starts(&race, 0, 0);
    assert_starts(&race, 1, 250);
    assert_waits_until(&race, 251, 500);
    nf_race_failed(&race, 1, NET_REFUSED, AT(251));
    assert_int_equal(nf_race_next(&race, AT(251)), AT(251));
    assert_starts(&race, 2, 251);
}

/* Every attempt in progress can still win. */
static void a_later_attempt_does_not_end_an_earlier_one(void **state)
{
    struct nf_race race;

    (void)state;
    begin(&race, "646");
    assert_starts(&race, 0, 0);
    assert_starts(&race, 1, 250);
    assert_starts(&race, 2, 500);
    assert_int_equal(race.attempt[0].state, NF_TRYING);
    assert_int_equal(race.attempt[0].fd, 100);
    assert_int_equal(race.attempt[1].state, NF_TRYING);
    nf_race_failed(&race, 2, NET_REFUSED, AT(501));
    nf_race_failed(&race, 1, NET_REFUSED, AT(502));
    assert_int_equal(nf_race_step(&race, AT(503)), NF_RACE_WAIT);
    nf_race_won(&race, 0);
    assert_int_equal(nf_race_step(&race, AT(504)), NF_RACE_DECIDED);
}

static void a_win_decides_whatever_waits(void **state)
{
    struct nf_race race;

    (void)state;
    begin(&race, "6444");
    assert_starts(&race, 0, 0);
    nf_race_won(&race, 0);
    assert_int_equal(nf_race_step(&race, AT(1000)), NF_RACE_DECIDED);
}

static void with_nothing_left_the_race_is_lost(void **state)
{
    struct nf_race race;

    (void)state;
    begin(&race, "");
    assert_int_equal(nf_race_step(&race, AT(0)), NF_RACE_LOST);
    begin(&race, "64");
    assert_starts(&race, 0, 0);
    nf_race_failed(&race, 0, NET_UNREACHABLE, AT(1));
    assert_starts(&race, 1, 1);
    assert_int_equal(nf_race_step(&race, AT(2)), NF_RACE_WAIT);
    nf_race_failed(&race, 1, NET_REFUSED, AT(2));
    assert_int_equal(nf_race_step(&race, AT(2)), NF_RACE_LOST);
    assert_int_equal(nf_race_code(&race), NET_REFUSED);
}

static int code_of(int first, int64_t first_at, int second, int64_t second_at)
{
    struct nf_race race;

    begin(&race, "64");
    nf_race_started(&race, 0, 1, AT(0));
    nf_race_started(&race, 1, 2, AT(1));
    nf_race_failed(&race, 0, first, AT(first_at));
    nf_race_failed(&race, 1, second, AT(second_at));
    return nf_race_code(&race);
}

/* Neither the order of the addresses counts nor that of the failures. A timeout decides nothing. */
static void the_code_is_of_the_attempt_that_came_furthest(void **state)
{
    static const int order[] = {NET_LIMIT,       NET_RESET,  NET_REFUSED,
                                NET_DENIED,      NET_INUSE,  NET_UNREACHABLE,
                                NET_UNSUPPORTED, NET_SYSTEM, NET_TIMEOUT};
    const size_t count = sizeof order / sizeof order[0];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i; j < count; j++) {
            assert_int_equal(code_of(order[i], 3, order[j], 5), order[i]);
            assert_int_equal(code_of(order[j], 3, order[i], 5), order[i]);
            assert_int_equal(code_of(order[j], 5, order[i], 3), order[i]);
        }
    }
    assert_int_equal(code_of(NET_SYSTEM, 3, NET_ADDRESS, 5), NET_SYSTEM);
}

/* A resolver may give an address twice. */
static void an_address_is_tried_once(void **state)
{
    struct nf_race race;

    (void)state;
    begin(&race, "64");
    add(&race, NF_IPV4, 1);
    add(&race, NF_IPV6, 0);
    assert_int_equal(race.count, 2);
    add(&race, NF_IPV6, 1);
    assert_int_equal(race.count, 3);
}

/* RFC 8305, 3: IPv6 answers may arrive 50 ms after the IPv4 answers. */
static void ipv4_answers_wait_50_ms_for_those_of_ipv6(void **state)
{
    struct nf_race race;

    (void)state;
    nf_race_begin(&race, NF_IPV6, true);
    assert_int_equal(nf_race_step(&race, AT(0)), NF_RACE_WAIT);
    assert_int_equal(nf_race_next(&race, AT(0)), NET_FOREVER);
    add_all(&race, "44");
    nf_race_answered(&race, NF_IPV4, AT(100));
    assert_waits_until(&race, 100, 150);
    assert_int_equal(nf_race_step(&race, AT(150) - 1), NF_RACE_WAIT);
    assert_starts(&race, 0, 150);
    assert_waits_until(&race, 150, 400);
}

static void ipv6_answers_end_the_resolution_delay(void **state)
{
    struct nf_race race;

    (void)state;
    nf_race_begin(&race, NF_IPV6, true);
    add_all(&race, "4");
    nf_race_answered(&race, NF_IPV4, AT(100));
    add_all(&race, "6");
    nf_race_answered(&race, NF_IPV6, AT(120));
    assert_starts(&race, 1, 120);
    assert_starts(&race, 0, 370);
}

static void no_ipv6_answer_ends_the_resolution_delay_too(void **state)
{
    struct nf_race race;

    (void)state;
    nf_race_begin(&race, NF_IPV6, true);
    add_all(&race, "4");
    nf_race_answered(&race, NF_IPV4, AT(100));
    nf_race_answered(&race, NF_IPV6, AT(101));
    assert_starts(&race, 0, 101);
}

static void ipv6_answers_wait_for_nothing(void **state)
{
    struct nf_race race;

    (void)state;
    nf_race_begin(&race, NF_IPV6, true);
    add_all(&race, "6");
    nf_race_answered(&race, NF_IPV6, AT(5));
    assert_starts(&race, 0, 5);
    nf_race_failed(&race, 0, NET_REFUSED, AT(6));
    assert_int_equal(nf_race_step(&race, AT(7)), NF_RACE_WAIT);
    add_all(&race, "4");
    nf_race_answered(&race, NF_IPV4, AT(8));
    assert_starts(&race, 1, 8);
}

static void with_answers_outstanding_the_race_is_not_lost(void **state)
{
    struct nf_race race;

    (void)state;
    nf_race_begin(&race, NF_IPV6, true);
    nf_race_answered(&race, NF_IPV4, AT(1));
    assert_int_equal(nf_race_step(&race, AT(1000)), NF_RACE_WAIT);
    nf_race_answered(&race, NF_IPV6, AT(1001));
    assert_int_equal(nf_race_step(&race, AT(1001)), NF_RACE_LOST);
}

static void what_comes_late_joins_the_race(void **state)
{
    struct nf_race race;

    (void)state;
    nf_race_begin(&race, NF_IPV6, true);
    add_all(&race, "4");
    nf_race_answered(&race, NF_IPV4, AT(0));
    assert_starts(&race, 0, 50);
    add_all(&race, "6");
    nf_race_answered(&race, NF_IPV6, AT(60));
    assert_waits_until(&race, 60, 300);
    assert_starts(&race, 1, 300);
}

static void addresses_over_the_most_are_left_out(void **state)
{
    struct nf_race race;

    (void)state;
    begin(&race, "");
    for (int i = 0; i < NF_RACE_MAX + 10; i++) {
        add(&race, NF_IPV4, (uint8_t)i);
    }
    assert_int_equal(race.count, NF_RACE_MAX);
    for (int i = 0; i < NF_RACE_MAX; i++) {
        assert_starts(&race, i, 250 * i);
    }
    assert_int_equal(nf_race_step(&race, AT(100000)), NF_RACE_WAIT);
}

/* Whatever happens in whatever order, each address is tried once, and the race ends. */
static void any_order_of_events_tries_each_once_and_ends(void **state)
{
    uint32_t seed = 8305;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct nf_race race;
        int started = 0;
        int64_t now = 0;
        int what;

        begin(&race, round % 2 == 0 ? "64644666" : "4446444");
        do {
            what = nf_race_step(&race, AT(now));
            seed = seed * 1664525 + 1013904223;
            int which = (int)(seed >> 16) % race.count;

            if (what >= 0) {
                assert_int_equal(race.attempt[what].state, NF_WAITING);
                nf_race_started(&race, what, what, AT(now));
                started++;
            } else if (race.attempt[which].state == NF_TRYING) {
                nf_race_failed(&race, which, NET_REFUSED, AT(now));
            }
            now += seed >> 30 == 0 ? 100 : 0;
        } while (what != NF_RACE_LOST);
        assert_int_equal(started, race.count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv6_starts_first_and_the_families_take_turns),
        cmocka_unit_test(families_interleave_until_one_is_used_up),
        cmocka_unit_test(the_family_that_is_asked_for_starts_first),
        cmocka_unit_test(the_stagger_is_250_ms),
        cmocka_unit_test(a_failure_starts_the_next_at_once),
        cmocka_unit_test(a_failure_of_one_starts_the_next_beside_another),
        cmocka_unit_test(a_later_attempt_does_not_end_an_earlier_one),
        cmocka_unit_test(a_win_decides_whatever_waits),
        cmocka_unit_test(with_nothing_left_the_race_is_lost),
        cmocka_unit_test(the_code_is_of_the_attempt_that_came_furthest),
        cmocka_unit_test(an_address_is_tried_once),
        cmocka_unit_test(ipv4_answers_wait_50_ms_for_those_of_ipv6),
        cmocka_unit_test(ipv6_answers_end_the_resolution_delay),
        cmocka_unit_test(no_ipv6_answer_ends_the_resolution_delay_too),
        cmocka_unit_test(ipv6_answers_wait_for_nothing),
        cmocka_unit_test(with_answers_outstanding_the_race_is_not_lost),
        cmocka_unit_test(what_comes_late_joins_the_race),
        cmocka_unit_test(addresses_over_the_most_are_left_out),
        cmocka_unit_test(any_order_of_events_tries_each_once_and_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

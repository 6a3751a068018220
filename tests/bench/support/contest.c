#include "contest.h"

#include <netfacade.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 40, MAX_ROUNDS = 1000, MAX_ENTRIES = 16 };

static int rounds = ROUNDS;
static double round_seconds;
static cpu_set_t all; /* processors that it may use */
static cpu_set_t one;
static double rate[MAX_ENTRIES][MAX_ROUNDS];

void fail(const char *what)
{
    fprintf(stderr, "%s: %s failed (last errno: %s; last failure: %s)\n",
            program_invocation_short_name, what, strerror(errno), net_error_text());
    exit(1);
}

void contest_open(const char *text, double seconds)
{
    rounds = text != NULL ? atoi(text) : ROUNDS;
    if (rounds < 1 || rounds > MAX_ROUNDS) {
        fprintf(stderr, "%s: ROUNDS is from 1 to %d\n", program_invocation_short_name, MAX_ROUNDS);
        exit(2);
    }
    round_seconds = seconds;
    need(sched_getaffinity(0, sizeof all, &all) == 0, "sched_getaffinity");
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one); /* it may run where it runs already */
    contest_roam(false);
}

double contest_seconds(void)
{
    return round_seconds;
}

void contest_roam(bool roam)
{
    need(sched_setaffinity(0, sizeof(cpu_set_t), roam ? &all : &one) == 0, "sched_setaffinity");
}

static double read_clock(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

double contest_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double contest_spent(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

bool contest_goes_on(double begun)
{
    return contest_now() - begun < round_seconds;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static struct spread spread_of(double *values)
{
    /* cppcheck-suppress uninitvar ; the callers have filled their arrays */
    qsort(values, (size_t)rounds, sizeof(double), by_value);
    return (struct spread){
        .low = values[rounds / 4], .median = values[rounds / 2], .high = values[rounds * 3 / 4]};
}

struct spread contest_ratio(int of, int to)
{
    double ratio[MAX_ROUNDS];

    for (int i = 0; i < rounds; i++) {
        ratio[i] = rate[of][i] / rate[to][i];
    }
    return spread_of(ratio);
}

double contest_rate(int of)
{
    double copy[MAX_ROUNDS];

    memcpy(copy, rate[of], sizeof copy);
    return spread_of(copy).median;
}

void contest_run(const char *title, const struct entry *entries, int count)
{
    int width = 0;

    need(count <= MAX_ENTRIES, "a contest of so many");
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < count; i++) {
            int place = (i + round) % count;
            int entry =
                round % 2 == 0
                    ? place
                    : count - 1 - place; /* so that no contestant always follows the same one */

            rate[entry][round] = entries[entry].run(entries[entry].by);
        }
    }
    for (int i = 0; i < count; i++) {
        int length = (int)strlen(entries[i].name);

        width = length > width ? length : width;
    }
    printf("%s, median of %d rounds of %.2f s:\n", title, rounds, round_seconds);
    for (int i = 0; i < count; i++) {
        int against = entries[i].against;
        struct spread ratio = contest_ratio(i, against);

        printf("  %-*s %10.0f /s  %7.3f of %s (quartiles %.3f to %.3f)\n", width, entries[i].name,
               contest_rate(i), ratio.median, entries[against].name, ratio.low, ratio.high);
    }
    fflush(stdout);
}

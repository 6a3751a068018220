/* What datagrams cost through the facade, next to raw calls in the same run:
 *
 *     bench_datagrams [ROUNDS [PART...]]      receive send echo strangers memory ping-pong
 *
 * A rate is of the processor time of the thread in question; what the other side spends is left
 * out, but in ping-pong, where both stay on one processor and the time by the clock is the sum. The
 * closing table sets what was measured beside what is wanted. It judges nothing. */
#include "datagrams/parts.h"
#include "contest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TARGETS = 32 };

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {{"receive", receive_run},     {"send", send_run},     {"echo", echo_run},
             {"strangers", strangers_run}, {"memory", memory_run}, {"ping-pong", ping_pong_run}};

enum { PARTS = sizeof parts / sizeof parts[0] };

static struct {
    const char *what;
    double measured;
    const char *wanted;
} targets[MAX_TARGETS];

static int target_count;

void target(const char *what, double measured, const char *wanted)
{
    need(target_count < MAX_TARGETS, "a table so long");
    targets[target_count].what = what;
    targets[target_count].measured = measured;
    targets[target_count].wanted = wanted;
    target_count++;
}

static void run_part(const char *name)
{
    for (size_t i = 0; i < PARTS; i++) {
        if (strcmp(parts[i].name, name) == 0) {
            parts[i].run();
            return;
        }
    }
    fprintf(stderr, "bench_datagrams: there is no part %s\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    contest_open(argc > 1 ? argv[1] : NULL, 0.03);
    for (int i = 2; i < argc; i++) {
        run_part(argv[i]);
    }
    for (size_t i = 0; argc < 3 && i < PARTS; i++) {
        parts[i].run();
    }
    printf("%-58s %9s  wanted\n", "datagrams, in short", "measured");
    for (int i = 0; i < target_count; i++) {
        printf("  %-56s %9.2f  %s\n", targets[i].what, targets[i].measured, targets[i].wanted);
    }
    return 0;
}

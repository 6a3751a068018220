#include "report.h"
#include "contest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TARGETS = 32 };

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

static void run_part(const struct part *parts, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(parts[i].name, name) == 0) {
            parts[i].run();
            return;
        }
    }
    fprintf(stderr, "%s: there is no part %s\n", program_invocation_short_name, name);
    exit(2);
}

int report_parts(int argc, char **argv, const struct part *parts, int count, double seconds,
                 const char *title)
{
    contest_open(argc > 1 ? argv[1] : NULL, seconds);
    for (int i = 2; i < argc; i++) {
        run_part(parts, count, argv[i]);
    }
    for (int i = 0; argc < 3 && i < count; i++) {
        parts[i].run();
    }
    printf("%-58s %9s  wanted\n", title, "measured");
    for (int i = 0; i < target_count; i++) {
        printf("  %-56s %9.2f  %s\n", targets[i].what, targets[i].measured, targets[i].wanted);
    }
    return 0;
}

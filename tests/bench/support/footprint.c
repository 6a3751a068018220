#include "footprint.h"
#include "contest.h"

#include <malloc.h>
#include <stdio.h>

enum { KIB = 1024 };

static double kib_of(const char *line, const char *name, double before)
{
    double kib;

    return sscanf(line, name, &kib) == 1 ? kib * KIB : before;
}

struct footprint footprint_now(void)
{
    struct mallinfo2 info = mallinfo2();
    struct footprint now = {.heap = (double)(info.uordblks + info.hblkhd),
                            .arena = (double)(info.arena + info.hblkhd)};
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");

    need(file != NULL, "/proc/self/status");
    while (fgets(line, sizeof line, file) != NULL) {
        now.resident = kib_of(line, "VmRSS: %lf", now.resident);
        now.anonymous = kib_of(line, "RssAnon: %lf", now.anonymous);
    }
    fclose(file);
    return now;
}

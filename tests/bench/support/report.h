/* A benchmark of several parts, and the table at its end: each measured value beside its target.
 * The table does not judge. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

struct part {
    const char *name;
    void (*run)(void);
};

/* A line of the final table: what was measured, and its target (">= 8"). */
void target(const char *what, double measured, const char *wanted);

/* Run the parts that argv names, PROGRAM [ROUNDS [PART...]], or all of them, in rounds of
 * `seconds`. Then print the table under its title. Returns what main should return. */
int report_parts(int argc, char **argv, const struct part *parts, int count, double seconds,
                 const char *title);

#endif

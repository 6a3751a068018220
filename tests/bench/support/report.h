/* A benchmark that is made of parts, and the table at its end: what was measured, beside what is
 * wanted. It judges nothing. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

struct part {
    const char *name;
    void (*run)(void);
};

/* A line of the closing table: what was measured, and what is wanted of it (">= 8"). */
void target(const char *what, double measured, const char *wanted);

/* Run the parts that argv names, PROGRAM [ROUNDS [PART...]], or all of them, in rounds that are
 * `seconds` long; then print the table under its title. For main to return. */
int report_parts(int argc, char **argv, const struct part *parts, int count, double seconds,
                 const char *title);

#endif

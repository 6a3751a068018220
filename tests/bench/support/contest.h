/* What the benchmarks share. Contestants take turns on one processor in many short rounds. The
 * result is the ratio of one to another in the same round. */
#ifndef BENCH_CONTEST_H
#define BENCH_CONTEST_H

#include <stdbool.h>

enum {
    PATIENCE = 5000, /* ms: the longest wait of any call in a benchmark */
    PAGE = 4096, /* alignment of every buffer: with another a copy can take half as long again */
    SMALL = 64   /* bytes of a small message */
};

/* A contestant. `run` is one round and returns operations per second. */
struct entry {
    const char *name;
    double (*run)(void *by);
    void *by;
    int against; /* the index of the entry that it is compared with */
};

/* A median and the quartiles around it. */
struct spread {
    double low;
    double median;
    double high;
};

/* Print a sentence and end the program. */
_Noreturn void fail(const char *what);

/* The same, unless `good`. Inline: some of what is measured takes less time than a call. */
static inline void need(bool good, const char *what)
{
    if (!good) {
        fail(what);
    }
}

/* Stay on one processor. Rounds are `seconds` long; the text says how many. */
void contest_open(const char *rounds, double seconds);

/* How long a round is. */
double contest_seconds(void);

/* Let the process use all processors, until it has to stay on one again. */
void contest_roam(bool roam);

double contest_now(void);   /* seconds */
double contest_spent(void); /* processor seconds of this thread */

/* Whether a round that began at this moment is still going on. */
bool contest_goes_on(double begun);

/* Run all rounds of the entries, and print a line about each. */
void contest_run(const char *title, const struct entry *entries, int count);

/* Of the last contest: how many times faster one was than another. */
struct spread contest_ratio(int of, int to);

/* Of the last contest: the median of its operations per second. */
double contest_rate(int of);

#endif

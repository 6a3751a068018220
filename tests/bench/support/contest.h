/* What the benchmarks share: contestants take turns on one processor in many short rounds, and what
 * counts is the ratio of one to another in the same round. */
#ifndef BENCH_CONTEST_H
#define BENCH_CONTEST_H

#include <stdbool.h>

enum {
    PATIENCE = 5000, /* ms that any call of a benchmark may wait */
    PAGE = 4096,     /* where every buffer begins: elsewhere a copy can take half as long again */
    SMALL = 64       /* bytes of a small message */
};

/* Who takes part. `run` is one round: operations per second. */
struct entry {
    const char *name;
    double (*run)(void *by);
    void *by;
    int against; /* the entry whose ratio is printed */
};

/* A median and the quartiles around it. */
struct spread {
    double low;
    double median;
    double high;
};

/* End the program with a sentence. */
_Noreturn void fail(const char *what);

/* ... unless `good`. Inline: some of what is measured takes less time than a call. */
static inline void need(bool good, const char *what)
{
    if (!good) {
        fail(what);
    }
}

/* Stay on one processor, in rounds that are `seconds` long, as many as the text says. */
void contest_open(const char *rounds, double seconds);

/* How long a round is. */
double contest_seconds(void);

/* Leave the processor for all that there are, until it is asked to stay again. */
void contest_roam(bool roam);

double contest_now(void);   /* seconds */
double contest_spent(void); /* processor seconds of this thread */

/* Whether a round that began at this moment is not over yet. */
bool contest_goes_on(double begun);

/* All the rounds of the entries, and a line about each. */
void contest_run(const char *title, const struct entry *entries, int count);

/* Of the last contest: how many times as fast one was as another. */
struct spread contest_ratio(int of, int to);

/* Of the last contest: the median of its operations per second. */
double contest_rate(int of);

#endif

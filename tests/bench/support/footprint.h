/* How much memory this process has, in bytes, counted in three ways. */
#ifndef BENCH_FOOTPRINT_H
#define BENCH_FOOTPRINT_H

struct footprint {
    double heap;      /* handed out by malloc, also in blocks that it maps one by one */
    double arena;     /* what malloc has taken from the system for that */
    double anonymous; /* anonymous pages in memory */
    double resident;  /* all pages in memory */
};

struct footprint footprint_now(void);

#endif

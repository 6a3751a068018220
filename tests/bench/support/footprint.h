/* How much memory this process has, in bytes, seen from three sides. */
#ifndef BENCH_FOOTPRINT_H
#define BENCH_FOOTPRINT_H

struct footprint {
    double heap;      /* what malloc has handed out, also in blocks that it maps one by one */
    double arena;     /* what malloc has of the system for it */
    double anonymous; /* pages of no file that are there */
    double resident;  /* all pages that are there */
};

struct footprint footprint_now(void);

#endif

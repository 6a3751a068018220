/* The rows of a table that forked children fill in and their parent prints. A row whose child died
 * or was killed says so. */
#ifndef ROWS_H
#define ROWS_H

#include <stdbool.h>
#include <stddef.h>

enum { NOT_MEASURED = -1 };

struct row {
    char wire[32];
    char verb[32];
    char attack[24];
    char way[12];
    double overshoot; /* ms that a call took beyond its deadline */
    double cpu;       /* percent of a processor, while waiting */
    double cancel;    /* ms from a cancel until its call returned */
    int answers;      /* that good peers got, of `asked` */
    int asked;
    char note[96]; /* what else went wrong, or what the system refused */
    bool failed;   /* the note is a failure */
    _Atomic bool done;
};

/* What a row may show. */
struct limits {
    double overshoot;
    double cpu;
    double cancel;
    const char *first; /* what the first figure is: "over ms" */
};

/* Zeroed rows, shared with children. They stay until the program ends. */
struct row *rows_open(size_t count);
void row_note(struct row *row, bool failed, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool row_is_bad(const struct row *row, const struct limits *limits);
int rows_bad(const struct row *rows, size_t count, const struct limits *limits);
/* Whether the bad rows are so few that a machine that stalls may have made them. Then try them
 * again; of more than these the table tells enough. */
bool rows_may_have_stalled(const struct row *rows, size_t count, const struct limits *limits);
/* Prints each row, the worst of each figure, and the bad rows again. Returns how many are bad. */
int rows_print(const struct row *rows, size_t count, const struct limits *limits);

#endif

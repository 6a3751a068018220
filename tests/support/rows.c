/* A table in memory that is shared with forked children. */
#define _GNU_SOURCE
#include "rows.h"
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct row *rows_open(size_t count)
{
    void *rows = mmap(NULL, count * sizeof(struct row), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(rows != MAP_FAILED);
    return rows;
}

void row_note(struct row *row, bool failed, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(row->note, sizeof row->note, format, arguments);
    va_end(arguments);
    row->failed = row->failed || failed;
}

bool row_is_bad(const struct row *row, const struct limits *limits)
{
    return !row->done || row->failed || row->overshoot > limits->overshoot ||
           row->cpu > limits->cpu || row->cancel > limits->cancel || row->answers < row->asked;
}

int rows_bad(const struct row *rows, size_t count, const struct limits *limits)
{
    int bad = 0;

    for (size_t i = 0; i < count; i++) {
        bad += row_is_bad(&rows[i], limits) ? 1 : 0;
    }
    return bad;
}

bool rows_may_have_stalled(const struct row *rows, size_t count, const struct limits *limits)
{
    enum { STALLED_MOST = 32 };

    return rows_bad(rows, count, limits) <= STALLED_MOST;
}

static void print_figure(char *text, size_t size, double figure)
{
    if (figure < 0) {
        snprintf(text, size, "-");
    } else {
        snprintf(text, size, "%.1f", figure);
    }
}

static void print_row(const struct row *row)
{
    char figure[3][16];
    char answers[32] = "";

    print_figure(figure[0], sizeof figure[0], row->overshoot);
    print_figure(figure[1], sizeof figure[1], row->cpu);
    print_figure(figure[2], sizeof figure[2], row->cancel);
    if (row->asked > 0) {
        snprintf(answers, sizeof answers, "%d of %d", row->answers, row->asked);
    }
    print_message("%-25s %-22s %-18s %-7s %10s %7s %7s  %s %s\n", row->wire, row->verb, row->attack,
                  row->way, figure[0], figure[1], figure[2], answers,
                  row->done ? row->note : "no end: its call went on, or its process died");
}

static const struct row *worse(const struct row *one, const struct row *other, size_t figure)
{
    const double *one_figure = (const double *)(const void *)((const char *)one + figure);
    const double *other_figure = (const double *)(const void *)((const char *)other + figure);

    return *one_figure >= *other_figure ? one : other;
}

static void print_worst(const struct row *rows, size_t count)
{
    static const size_t figures[] = {offsetof(struct row, overshoot), offsetof(struct row, cpu),
                                     offsetof(struct row, cancel)};
    static const char *const names[] = {"overshoot", "cpu", "cancel"};

    for (size_t i = 0; i < COUNT(figures); i++) {
        const struct row *worst = rows;

        for (size_t j = 1; j < count; j++) {
            worst = worse(worst, &rows[j], figures[i]);
        }
        print_message("the worst %s: ", names[i]);
        print_row(worst);
    }
}

int rows_print(const struct row *rows, size_t count, const struct limits *limits)
{
    int bad = rows_bad(rows, count, limits);

    print_message("%-25s %-22s %-18s %-7s %10s %7s %7s\n", "wire", "verb", "attack", "way",
                  limits->first, "cpu %", "cancel");
    for (size_t i = 0; i < count; i++) {
        print_row(&rows[i]);
    }
    print_message("%zu rows, %d over the limits of %.0f ms, %.0f %%, %.0f ms\n", count, bad,
                  limits->overshoot, limits->cpu, limits->cancel);
    print_worst(rows, count);
    for (size_t i = 0; i < count && bad > 0; i++) {
        if (row_is_bad(&rows[i], limits)) {
            print_message("BAD ");
            print_row(&rows[i]);
        }
    }
    return bad;
}

/* The thread of a trial: it calls until some time has passed, and once more until it is cancelled.
 */
#define _GNU_SOURCE
#include "trial.h"
#include "watching.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { EARLY = 2 /* ms that a wait may end before its deadline */ };

struct span {
    int deadline; /* ms of each call */
    int whole;    /* ms of all calls */
};

static struct span span_of(const struct trial *trial)
{
    static const struct span spans[KINDS] = {[FLOOD] = {20, 60}, [SLOW_READER] = {300, 300}};
    struct span usual = {100, 300};
    struct span span = spans[trial->attack->kind];

    span = span.whole > 0 ? span : usual;
    span.whole = trial->verb->call == NULL ? 0 : span.whole;
    return span;
}

/* The system may refuse things to a process from which it took them. */
static bool may_fail(const struct trial *trial)
{
    enum kind kind = trial->attack->kind;

    return kind == TABLE_FULL || kind == NO_TABLE || kind == FILTERED;
}

static void note_code(struct trial *trial, long long code)
{
    char words[200];

    snprintf(words, sizeof words, "%s", net_error_text());
    bool bad = code == NET_CANCELED || !may_fail(trial); /* nobody has cancelled it yet */

    row_note(trial->row, bad, "%.90s", words);
}

static void note_time(struct trial *trial, double since, double allowed, long long result)
{
    double took = elapsed_ms(since);
    double beyond = took > allowed ? took - allowed : 0;

    if (beyond > trial->row->overshoot) {
        trial->row->overshoot = beyond;
    }
    if (result == NET_TIMEOUT && took < allowed - EARLY) {
        row_note(trial->row, true, "NET_TIMEOUT after %.1f of %.0f ms", took, allowed);
    }
}

static long long call(struct trial *trial, bool later, net_deadline deadline)
{
    const struct verb *verb = trial->verb;

    return later && verb->later != NULL ? verb->later(trial, deadline)
                                        : verb->call(trial, deadline);
}

/* A result that a server would go on after. */
static bool goes_on(const struct trial *trial, long long result)
{
    return result >= 0 || result == NET_TIMEOUT ||
           (result == NET_LIMIT && trial->role == LISTENER) || result == NET_TOOBIG;
}

static bool is_close(const struct trial *trial)
{
    return trial->mine == NULL;
}

/* ---- By itself ---- */

/* Where a send never waits, a pause leaves the processor to others. */
static void pause_after(const struct trial *trial, long long n, int ms)
{
    if (n >= 0 && trial->verb->sends) {
        nap(ms);
    }
}

static long long plain_call(struct trial *trial, int ms)
{
    double since = now_ms();
    long long n = call(trial, false, net_after(ms));

    note_time(trial, since, ms, n);
    pause_after(trial, n, 5);
    return n;
}

/* Returns the last result. */
static long long call_plain(struct trial *trial)
{
    struct span span = span_of(trial);
    double since = now_ms();
    long long n = 0;

    while (goes_on(trial, n) && !is_close(trial) && elapsed_ms(since) < span.whole) {
        n = plain_call(trial, span.deadline);
    }
    return n;
}

static long long cancel_plain(struct trial *trial)
{
    long long n = 0;

    while (goes_on(trial, n)) {
        n = call(trial, true, NET_FOREVER);
        pause_after(trial, n, 1);
    }
    return n;
}

/* ---- By poller ---- */

/* Waits, and makes the call without waiting if the poller says so. */
static long long polled_call(struct trial *trial, bool measured, net_deadline deadline, int ms)
{
    net_event event;
    double since = now_ms();
    long long n = net_poller_wait(trial->poller, &event, 1, deadline);

    if (measured) {
        note_time(trial, since, ms, n);
    }
    if (n != 1) {
        return n;
    }
    since = now_ms();
    n = call(trial, true, NET_NOW);
    if (measured) {
        note_time(trial, since, 0, 0);
    }
    pause_after(trial, n, 5);
    return n;
}

static long long call_by_poller(struct trial *trial)
{
    struct span span = span_of(trial);
    long long n = 0;

    watch(trial->poller, trial->mine, trial->verb->interest);
    double since = now_ms();

    while (goes_on(trial, n) && elapsed_ms(since) < span.whole) {
        n = polled_call(trial, true, net_after(span.deadline), span.deadline);
    }
    return n;
}

static long long cancel_by_poller(struct trial *trial)
{
    long long n = 0;

    while (goes_on(trial, n)) {
        n = polled_call(trial, false, NET_FOREVER, 0);
    }
    return n;
}

/* ---- Both ---- */

/* Whether there is always something to do: while a peer floods, and for a send over udp, which the
 * system takes whoever receives. */
static bool is_always_at_work(const struct trial *trial)
{
    bool is_udp = is_ip(trial->wire) && !is_stream(trial->wire);

    return trial->attack->kind == FLOOD || (is_udp && trial->verb->sends);
}

static void note_cpu(struct trial *trial, double cpu, double wall)
{
    enum { LEAST = 50 /* ms, for a figure that says something */ };

    trial->row->cpu = NOT_MEASURED;
    if (wall >= LEAST && !is_always_at_work(trial)) {
        trial->row->cpu = 100 * cpu / wall;
    }
}

static void await_cancel(struct trial *trial)
{
    trial->ready_since = now_ms();
    trial->ready_for_cancel = true;
    long long n = trial->by_poller ? cancel_by_poller(trial) : cancel_plain(trial);

    if (n == NET_CANCELED) {
        trial->row->cancel = elapsed_ms(trial->canceled_at);
    } else {
        note_code(trial, n);
    }
}

void *measure(void *argument)
{
    struct trial *trial = argument;
    double cpu = thread_cpu_ms();
    double since = now_ms();

    trial->row->overshoot = 0;
    trial->row->cancel = NOT_MEASURED;
    if (waits_for_poller(trial->verb)) {
        watch(trial->poller, trial->mine, NET_READABLE);
    }
    long long n = trial->by_poller ? call_by_poller(trial) : call_plain(trial);

    note_cpu(trial, thread_cpu_ms() - cpu, elapsed_ms(since));
    if (!goes_on(trial, n)) {
        note_code(trial, n);
    } else if (!is_close(trial)) {
        await_cancel(trial);
    }
    trial->over = true;
    trial->row->done = true;
    return NULL;
}

/* The staller: a peer, or the system, that tries to hold a call beyond its deadline, to keep it
 * from its cancel, or to make it burn processor time. Every waiting verb, on every wire, plain and
 * by poller. The rows are printed as a table.
 *
 * Each batch of rows is a forked child, because some attacks take descriptors or system calls from
 * the whole process, and because a call that never returns must not hold up the others. So valgrind
 * would see little, and is not asked. When few rows have failed so far, these are tried again in
 * smaller company, and the last try counts: the machine may stall, and the rows of a batch share
 * it. NETFACADE_ATTACK names one attack, or one wire, to try alone. */
#define _GNU_SOURCE
#include "certificates.h"
#include "staller/trial.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TRIALS_MOST = 4096,
    ROOM = 1 << 28,
    TRIES = 3,
    CANCEL_AFTER = 30, /* ms in a call */
    CHILD_MOST = 6000  /* ms of a batch */
};

#ifdef SYS_poll
#define POLLS                                                                                      \
    {                                                                                              \
        SYS_poll, SYS_ppoll                                                                        \
    }
#define EPOLLS                                                                                     \
    {                                                                                              \
        SYS_epoll_wait, SYS_epoll_pwait                                                            \
    }
#else
#define POLLS                                                                                      \
    {                                                                                              \
        SYS_ppoll, 0                                                                               \
    }
#define EPOLLS                                                                                     \
    {                                                                                              \
        SYS_epoll_pwait, 0                                                                         \
    }
#endif

static const struct attack attacks[] = {
    {"silence", SILENCE, {0, 0}, 0},
    {"trickle", TRICKLE, {0, 0}, 0},
    {"flood", FLOOD, {0, 0}, 0},
    {"slow reader", SLOW_READER, {0, 0}, 0},
    {"bad checksums", BAD_SUMS, {0, 0}, 0},
    {"passed descriptors", PASSED, {0, 0}, 0},
    {"urgent bytes", URGENT, {0, 0}, 0},
    {"signals", SIGNALS, {0, 0}, 0},
    {"no descriptor left", TABLE_FULL, {0, 0}, 0},
    {"RLIMIT_NOFILE 0", NO_TABLE, {0, 0}, 0},
    {"poll EPERM", FILTERED, POLLS, EPERM},
    {"poll ENOSYS", FILTERED, POLLS, ENOSYS},
    {"accept4 EPERM", FILTERED, {SYS_accept4, 0}, EPERM},
    {"accept4 ENOSYS", FILTERED, {SYS_accept4, 0}, ENOSYS},
    {"epoll_wait EPERM", FILTERED, EPOLLS, EPERM},
    {"epoll_wait ENOSYS", FILTERED, EPOLLS, ENOSYS},
    {"eventfd2 EPERM", FILTERED, {SYS_eventfd2, 0}, EPERM},
    {"eventfd2 ENOSYS", FILTERED, {SYS_eventfd2, 0}, ENOSYS},
    {"recvmmsg EPERM", FILTERED, {SYS_recvmmsg, 0}, EPERM},
    {"recvmmsg ENOSYS", FILTERED, {SYS_recvmmsg, 0}, ENOSYS},
    {"sendmmsg EPERM", FILTERED, {SYS_sendmmsg, 0}, EPERM},
    {"sendmmsg ENOSYS", FILTERED, {SYS_sendmmsg, 0}, ENOSYS},
    {"setsockopt EPERM", FILTERED, {SYS_setsockopt, 0}, EPERM},
    {"setsockopt ENOSYS", FILTERED, {SYS_setsockopt, 0}, ENOSYS},
};

static const char *const wires[] = {ATTACKED_WIRES, ENCRYPTED_WIRE, "pipe"};

static struct {
    struct trial trials[TRIALS_MOST];
    struct row *rows;
    size_t count;
    char *room;
} all;

/* ---- What is tried ---- */

static bool is_like(const char *wire, const char *scheme)
{
    return strstr(wire, scheme) != NULL;
}

static bool is_plain(const char *wire)
{
    for (size_t i = 0; i < PLAIN_WIRES; i++) {
        if (wires[i] == wire) {
            return true;
        }
    }
    return false;
}

static bool suits_pipe(const struct verb *verb, enum role role, enum kind kind)
{
    return role == ADOPTED && strncmp(verb->name, "recv", 4) == 0 && kind != URGENT &&
           kind != PASSED && kind != BAD_SUMS;
}

static bool suits_wire(const char *wire, enum role role, enum kind kind)
{
    bool memory = is_like(wire, "mem:") || is_like(wire, "memgram:");

    if ((is_framed(wire) || is_encrypted(wire)) && (kind == PASSED || kind == URGENT)) {
        return false; /* as on the wire below */
    }
    switch (kind) {
    case BAD_SUMS:
        return is_like(wire, "udp://127.0.0.1") && role != ADOPTED;
    case PASSED:
        return is_like(wire, "unix") && (is_stream(wire) || role != ADOPTED);
    case URGENT:
        return is_like(wire, "tcp:") && role != LISTENER;
    case FILTERED:
        return is_plain(wire) && !memory;
    case FLOOD:
        return is_plain(wire) || is_framed(wire) || is_encrypted(wire);
    case SIGNALS:
    case TABLE_FULL:
    case NO_TABLE:
        return is_plain(wire) || role == LISTENER || role == DIALING;
    default:
        return true;
    }
}

static bool suits(const char *wire, const struct verb *verb, enum role role,
                  const struct attack *attack)
{
    bool has_descriptor = !is_like(wire, "mem:") && !is_like(wire, "memgram:");

    if (is_pipe(wire)) {
        return (verb->streams & BIT(role)) != 0 && (verb->attacks & BIT(attack->kind)) != 0 &&
               suits_pipe(verb, role, attack->kind);
    }
    unsigned roles = is_framed(wire)   ? verb->framed
                     : is_stream(wire) ? verb->streams
                                       : verb->datagrams;

    return (roles & BIT(role)) != 0 && (verb->attacks & BIT(attack->kind)) != 0 &&
           (role != ADOPTED || (is_plain(wire) && has_descriptor)) &&
           suits_wire(wire, role, attack->kind);
}

static void add(const char *wire, const struct verb *verb, enum role role,
                const struct attack *attack, bool by_poller)
{
    static const char *const names[] = {"accepted", "dialed", "adopted", "listener", "dialing"};

    assert_true(all.count < TRIALS_MOST);
    struct row *row = &all.rows[all.count];

    all.trials[all.count] = (struct trial){.wire = wire,
                                           .verb = verb,
                                           .role = role,
                                           .attack = attack,
                                           .by_poller = by_poller,
                                           .row = row};
    memset(row, 0, sizeof *row);
    snprintf(row->wire, sizeof row->wire, "%s", wire);
    snprintf(row->verb, sizeof row->verb, "%.14s %s", verb->name, names[role]);
    snprintf(row->attack, sizeof row->attack, "%s", attack->name);
    snprintf(row->way, sizeof row->way, by_poller ? "poller" : "plain");
    all.count++;
}

static void add_all(const char *wire, const struct attack *attack)
{
    for (size_t i = 0; i < verb_count; i++) {
        for (enum role role = 0; role < ROLES; role++) {
            bool slow = slowness() > 1 && (role == DIALED || role == ADOPTED);

            if (!slow && suits(wire, &verbs[i], role, attack)) {
                add(wire, &verbs[i], role, attack, false);
            }
            if (!slow && suits(wire, &verbs[i], role, attack) && verbs[i].interest != 0) {
                add(wire, &verbs[i], role, attack, true);
            }
        }
    }
}

/* Slow builds try a part. */
static bool is_quick(const struct attack *attack, const char *wire)
{
    if (slowness() == 1) {
        return true;
    }
    return is_plain(wire) &&
           (attack->kind != FILTERED || strstr(attack->name, "poll EPERM") == attack->name);
}

static bool is_wanted(const struct attack *attack, const char *wire)
{
    const char *only = getenv("NETFACADE_ATTACK");

    bool can_encrypt = !is_encrypted(wire) || certificates_here();

    return can_encrypt && is_quick(attack, wire) &&
           (only == NULL || strstr(attack->name, only) != NULL || strcmp(wire, only) == 0);
}

/* ---- A batch, in a child ---- */

static void cancel(struct trial *trial)
{
    trial->canceled = true;
    trial->canceled_at = now_ms();
    if (waits_for_poller(trial->verb)) {
        net_poller_wake(trial->poller);
    } else {
        net_cancel(trial->mine);
    }
}

/* Returns whether it goes on. */
static bool direct(struct trial *trial)
{
    double now = now_ms();

    if (trial->over) {
        return false;
    }
    attack_step(trial, now);
    if (trial->ready_for_cancel && !trial->canceled && now - trial->ready_since > CANCEL_AFTER) {
        cancel(trial);
    }
    return true;
}

static void prepare(struct trial *trial)
{
    stage_open(trial);
    trial->room = all.room;
    memset(trial->row->note, 0, sizeof trial->row->note);
    trial->row->failed = false;
    trial->row->done = false;
    if (trial->attack->kind == SLOW_READER && !trial->verb->sends && is_over_stream(trial->wire)) {
        ssize_t n = 1;

        while (n > 0) {
            n = net_send(trial->mine, all.room, 4096, NET_NOW);
        }
    }
}

static void run_batch(struct trial **batch, int count)
{
    double since = now_ms();
    bool goes_on = true;
    pthread_t flood;

    for (int i = 0; i < count; i++) {
        prepare(batch[i]);
    }
    attack_ground(batch[0]->attack);
    for (int i = 0; i < count; i++) {
        assert_int_equal(pthread_create(&batch[i]->thread, NULL, measure, batch[i]), 0);
        if (batch[i]->attack->kind == FLOOD) {
            assert_int_equal(pthread_create(&flood, NULL, attack_flood, batch[i]), 0);
        }
    }
    while (goes_on && elapsed_ms(since) < CHILD_MOST * slowness()) {
        goes_on = false;
        for (int i = 0; i < count; i++) {
            goes_on = direct(batch[i]) || goes_on;
        }
        nap(1);
    }
}

static void run_in_child(struct trial **batch, int count)
{
    enum { HANGS = 30 };
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        alarm((unsigned)(HANGS * slowness()));
        run_batch(batch, count);
        kill(getpid(), SIGKILL);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
}

/* ---- All batches ---- */

static int batch_size(const struct trial *trial, int attempt)
{
    static const int sizes[TRIES] = {48, 8, 1};

    if (trial->attack->kind == FLOOD) {
        return attempt == 0 ? 2 : 1;
    }
    if (trial->attack->kind == FILTERED && slowness() == 1 && attempt == 0) {
        return 2 * sizes[0];
    }
    return slowness() > 1 && attempt == 0 ? 16 : sizes[attempt];
}

static void run_attack(const struct attack *attack, const struct limits *limits, int attempt)
{
    struct trial *batch[TRIALS_MOST];
    int count = 0;

    verbs_begin(attack->kind == FLOOD);
    for (size_t i = 0; i < all.count; i++) {
        struct trial *trial = &all.trials[i];

        if (trial->attack == attack && (attempt == 0 || row_is_bad(trial->row, limits))) {
            batch[count++] = trial;
        }
        if (count > 0 && (count == batch_size(batch[0], attempt) || i == all.count - 1)) {
            run_in_child(batch, count);
            count = 0;
        }
    }
}

/* How many rows there are up to the last of this attack. */
static size_t rows_until(const struct attack *attack)
{
    size_t count = 0;

    while (count < all.count && all.trials[count].attack <= attack) {
        count++;
    }
    return count;
}

static void ignore(int number)
{
    (void)number;
}

static void begin(void)
{
    struct sigaction action = {.sa_handler = ignore};

    sigaction(SIGUSR1, &action, NULL);
    all.count = 0;
    all.rows = rows_open(TRIALS_MOST);
    all.room = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    assert_true(all.room != MAP_FAILED);
    for (size_t i = 0; i < COUNT(attacks); i++) {
        const char *missing = attack_is_missing(&attacks[i]);

        if (missing != NULL) {
            print_message("%s: skipped: %s\n", attacks[i].name, missing);
        }
        for (size_t j = 0; j < COUNT(wires) && missing == NULL; j++) {
            if (is_wanted(&attacks[i], wires[j])) {
                add_all(wires[j], &attacks[i]);
            }
        }
    }
    assert_true(all.count > 0); /* else NETFACADE_ATTACK names nothing */
}

static void no_call_is_held(void **state)
{
    const struct limits limits = {50 * slowness(), 5 * slowness(), 100 * slowness(), "over ms"};

    (void)state;
    begin();
    for (size_t i = 0; i < COUNT(attacks); i++) {
        double since = now_ms();

        for (int attempt = 0; attempt < TRIES; attempt++) {
            if (attempt == 0 || rows_may_have_stalled(all.rows, rows_until(&attacks[i]), &limits)) {
                run_attack(&attacks[i], &limits, attempt);
            }
        }
        print_message("%s: %.1f s\n", attacks[i].name, elapsed_ms(since) / 1000);
    }
    munmap(all.room, ROOM);
    assert_int_equal(rows_print(all.rows, all.count, &limits), 0);
}

int main(void)
{
    static const struct test tests[] = {TEST(no_call_is_held)};

    return run_once(tests);
}

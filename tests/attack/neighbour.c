/* The neighbour: one hostile peer of a server that has many good ones. All good peers must get
 * their answers in time, on every wire that has peers, whether the server has a thread for each or
 * one poller. The rows are printed as a table.
 *
 * Each row is a forked child, so that nothing that one leaves behind meets the next. When few rows
 * fail, these are tried again, and the last try counts: the machine may stall. NETFACADE_ATTACK
 * names one wire, or one way to be hostile, to try alone. */
#define _GNU_SOURCE
#include "neighbour/contest.h"
#include "certificates.h"
#include "foreign.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTESTS_MOST = 512, TRIES = 3, AT_ONCE = 2 };

static const char *const wires[] = {ATTACKED_WIRES, ENCRYPTED_WIRE, RECVERR_WIRE};

static struct {
    struct contest contests[CONTESTS_MOST];
    struct row *rows;
    size_t count;
} all;

bool is_adopted(const char *wire)
{
    return strcmp(wire, RECVERR_WIRE) == 0;
}

/* ---- One contest, in a child ---- */

static net_socket *listen_on(const char *wire)
{
    int on = 1;

    if (!is_adopted(wire)) {
        return assert_socket(net_listen(wire));
    }
    int fd = foreign_bound("udp://127.0.0.1:0");

    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
    return adopt_listener(fd);
}

static void run(struct contest *contest)
{
    contest->listener = listen_on(contest->wire);
    dial_address(contest->listener, contest->address);
    server_start(contest);
    good_open(contest);
    hostile_open(contest);
    hostile_start(contest);
    good_ask(contest);
}

static pid_t run_in_child(struct contest *contest)
{
    enum { HANGS = 20 };
    struct row *row = contest->row;

    memset(row->note, 0, sizeof row->note);
    row->failed = false;
    row->done = false;
    row->answers = 0;
    row->asked = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        alarm((unsigned)(HANGS * slowness()));
        run(contest);
        kill(getpid(), SIGKILL);
    }
    return child;
}

static void await_children(const pid_t *children, int count)
{
    int status;

    for (int i = 0; i < count; i++) {
        while (waitpid(children[i], &status, 0) < 0 && errno == EINTR) {
        }
    }
}

/* ---- All of them ---- */

static bool is_plain(size_t wire)
{
    return wire < PLAIN_WIRES;
}

static bool is_wanted(const struct hostile *hostile, size_t wire)
{
    const char *only = getenv("NETFACADE_ATTACK");

    bool can_encrypt = !is_encrypted(wires[wire]) || certificates_here();

    return can_encrypt && hostile->suits(wires[wire]) && (slowness() == 1 || is_plain(wire)) &&
           (only == NULL || strstr(hostile->name, only) != NULL || strcmp(wires[wire], only) == 0);
}

/* All strangers of a unixgram listener have one share of its send buffer, as the manual says: who
 * answers peers there that may not receive has to accept them. */
static bool serves(const struct hostile *hostile, size_t wire, enum way way)
{
    bool has_one_share = strstr(wires[wire], "unixgram") != NULL;

    if (way == BY_MESSAGES &&
        (is_over_stream(wires[wire]) || (has_one_share && hostile->lets_lie))) {
        return false;
    }
    return way == BY_POLLER || is_plain(wire) || is_adopted(wires[wire]) ||
           is_framed(wires[wire]) || is_encrypted(wires[wire]);
}

static void add(const char *wire, const struct hostile *hostile, enum way way)
{
    static const char *const ways[] = {"threads", "poller", "messages"};

    assert_true(all.count < CONTESTS_MOST);
    struct row *row = &all.rows[all.count];

    all.contests[all.count] =
        (struct contest){.wire = wire, .hostile = hostile, .way = way, .row = row};
    memset(row, 0, sizeof *row);
    snprintf(row->wire, sizeof row->wire, "%s", wire);
    snprintf(row->verb, sizeof row->verb, "a server");
    snprintf(row->attack, sizeof row->attack, "%s", hostile->name);
    snprintf(row->way, sizeof row->way, "%s", ways[way]);
    all.count++;
}

static void begin(void)
{
    all.count = 0;
    all.rows = rows_open(CONTESTS_MOST);
    for (size_t i = 0; i < hostile_count; i++) {
        if (!hostiles[i].suits("udp://127.0.0.1:0") && !hostiles[i].suits("framed+tcp://") &&
            !hostiles[i].suits(ENCRYPTED_WIRE)) {
            print_message("%s: skipped: not permitted here (CAP_NET_RAW)\n", hostiles[i].name);
        }
        for (size_t j = 0; j < COUNT(wires); j++) {
            for (enum way way = 0; way < WAYS; way++) {
                if (is_wanted(&hostiles[i], j) && serves(&hostiles[i], j, way)) {
                    add(wires[j], &hostiles[i], way);
                }
            }
        }
    }
    assert_true(all.count > 0); /* else NETFACADE_ATTACK names nothing */
}

static void run_all(const struct limits *limits, int attempt)
{
    pid_t children[AT_ONCE];
    int most = attempt == 0 ? AT_ONCE : 1;
    int count = 0;

    for (size_t i = 0; i < all.count; i++) {
        if (attempt == 0 || row_is_bad(&all.rows[i], limits)) {
            children[count++] = run_in_child(&all.contests[i]);
        }
        if (count == most) {
            await_children(children, count);
            count = 0;
        }
    }
    await_children(children, count);
}

static void the_good_peers_are_answered(void **state)
{
    const struct limits limits = {1000 * slowness(), 0, 0, "slowest ms"};

    (void)state;
    begin();
    for (int attempt = 0; attempt < TRIES; attempt++) {
        if (attempt == 0 || rows_may_have_stalled(all.rows, all.count, &limits)) {
            run_all(&limits, attempt);
        }
    }
    assert_int_equal(rows_print(all.rows, all.count, &limits), 0);
}

int main(void)
{
    static const struct test tests[] = {TEST(the_good_peers_are_answered)};

    return run_once(tests);
}

/* Injects faults, one by one. */
#include "torture.h"
#include "conversation.h"
#include "support.h"

#include <errno.h>
#include <stdatomic.h>

/* Which call fails now; a resolver's thread may read this too. */
static struct {
    atomic_bool armed;
    int id;
    int error;
    int which; /* the number of the first call that fails, from 1 */
    bool for_ever;
    atomic_int seen; /* calls so far, in this conversation */
} plan;

bool torture_runs(void)
{
    return atomic_load(&plan.armed);
}

bool torture_strikes(int id)
{
    if (!torture_runs() || id != plan.id) {
        return false;
    }
    int seen = atomic_fetch_add(&plan.seen, 1) + 1;

    if (seen == plan.which || (plan.for_ever && seen > plan.which)) {
        errno = plan.error;
        return true;
    }
    return false;
}

static const char *const conversations[] = {"tcp://127.0.0.1:0", "udp://127.0.0.1:0", "udp://*:0"};

enum { WAYS = 6, TRIES = 20 /* its deadlines are short: a stalled machine exceeds some */ };

static bool (*conversation)(const char *address, bool dialing) = converse;

void torture_run(bool (*other)(const char *address, bool dialing))
{
    conversation = other;
}

static bool run(int way)
{
    return conversation(conversations[way / 2], way % 2 == 1);
}

static void describe(const struct victim *victim, int way)
{
    print_error("%s number %d with errno %d %s, over %s%s\n", victim->name, plan.which, plan.error,
                plan.for_ever ? "for ever" : "once", conversations[way / 2],
                way % 2 == 1 ? ", dialing" : "");
}

/* One conversation with one fault. Returns whether the fault occurred. A conversation without a
 * fault must succeed. */
static bool torture(const struct victim *victim, int way, bool (*check)(void))
{
    bool worked = false;
    bool met = false;

    plan.id = victim->id;
    for (int i = 0; i < TRIES && !worked && !met; i++) {
        int before = open_descriptors();

        plan.seen = 0;
        plan.armed = true;
        worked = run(way);
        plan.armed = false;
        met = plan.seen >= plan.which;
        bool clean = open_descriptors() == before && (check == NULL || check());

        if (!clean || (!worked && !met)) {
            describe(victim, way);
        }
        assert_true(clean);
    }
    assert_true(worked || met);
    return met;
}

static bool runs_without_a_fault(int way)
{
    bool worked = false;

    for (int i = 0; i < TRIES && !worked; i++) {
        worked = run(way);
    }
    return worked;
}

/* The first call fails, then the second, and so on, until the conversation makes no more of them.
 */
static void torture_each(const struct victim *victim, bool (*check)(void))
{
    for (int way = 0; way < WAYS; way++) {
        bool met = true;

        for (plan.which = 1; met; plan.which++) {
            met = torture(victim, way, check);
        }
    }
}

void torture_all(const struct victim *victims, size_t count, bool for_ever, bool errors,
                 bool (*check)(void))
{
    plan.for_ever = for_ever;
    for (size_t i = 0; i < count; i++) {
        for (int j = 0; victims[i].errors[j] != 0 && (j == 0 || errors); j++) {
            plan.error = victims[i].errors[j];
            torture_each(&victims[i], check);
        }
    }
    for (int way = 0; way < WAYS; way++) {
        assert_true(runs_without_a_fault(way));
    }
}

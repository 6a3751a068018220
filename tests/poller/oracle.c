/* wrap: getaddrinfo */
/* Random programs run twice in step, over epoll(7) and over poll(2). After each step both
 * pollers tell the same, and it is what the program knows to be true. */
#include "oracle_steps.h"

#include <netdb.h>
#include <stdlib.h>

enum {
    PROGRAMS = 8,
    STEPS = 10000,
    TOGETHER = 5 /* steps at most between two comparisons */
};

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found);

/* A slow name server, so that a dial is still in flight when it is watched. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found)
{
    (void)host;
    nap(2);
    return __real_getaddrinfo("127.0.0.1", service, hints, found);
}

static void step_watch(void)
{
    struct pair_of_ends *pair = NULL;
    enum side side = DIALED;

    if (dice(8) == 0) {
        note("a listener:");
        watch_at_random(&oracle.listener[dice(WIRES)]);
    } else if (some_end(&pair, &side)) {
        note("%s:", name_of(pair, side));
        watch_at_random(&pair->end[side]);
    }
}

static void unwatch(struct item *item)
{
    item->is_watched = false;
    item->interest = 0;
    item->expires = false;
    for (int world = 0; world < WORLDS; world++) {
        holds(net_poller_watch(oracle.poller[world], item->socket[world], 0, NULL, NET_FOREVER) ==
              0);
    }
}

static void step_unwatch(void)
{
    struct pair_of_ends *pair = NULL;
    enum side side = DIALED;

    if (some_end(&pair, &side)) {
        note("unwatch %s", name_of(pair, side));
        unwatch(&pair->end[side]);
    }
}

static void step_watch_by_the_wrong_poller(void)
{
    struct pair_of_ends *pair = NULL;
    enum side side = DIALED;

    if (!some_end(&pair, &side) || !pair->end[side].is_watched) {
        return;
    }
    note("the wrong poller for %s", name_of(pair, side));
    for (int world = 0; world < WORLDS; world++) {
        holds(net_poller_watch(oracle.poller[1 - world], pair->end[side].socket[world],
                               NET_READABLE, NULL, NET_FOREVER) == NET_MISUSE);
    }
}

static void step_wake(void)
{
    for (unsigned times = 1 + dice(2); times > 0; times--) {
        note("wake");
        net_poller_wake(oracle.poller[0]);
        net_poller_wake(oracle.poller[1]);
    }
    oracle.is_woken[0] = true;
    oracle.is_woken[1] = true;
}

static const struct {
    void (*take)(void);
    unsigned weight;
} steps[] = {
    {step_dial, 3},           {step_accept, 3},   {step_send, 5},
    {step_fill, 1},           {step_recv, 4},     {step_recv_line, 2},
    {step_watch, 4},          {step_unwatch, 1},  {step_wait, 2},
    {step_close, 2},          {step_shutdown, 1}, {step_cancel, 1},
    {step_renew_listener, 1}, {step_wake, 1},     {step_watch_by_the_wrong_poller, 1},
};

static void take_a_step(void)
{
    unsigned weights = 0;
    size_t i = 0;

    for (size_t j = 0; j < COUNT(steps); j++) {
        weights += steps[j].weight;
    }
    unsigned left = dice(weights);

    while (left >= steps[i].weight) {
        left -= steps[i++].weight;
    }
    oracle.step++;
    steps[i].take();
    remember();
}

static void run(unsigned seed)
{
    print_message("seed %u\n", seed);
    oracle_open(seed);
    while (oracle.step < STEPS / slowness()) {
        for (unsigned i = 1 + dice(TOGETHER); i > 0; i--) {
            take_a_step();
        }
        compare();
    }
    oracle_close();
}

static void both_bodies_tell_what_is_so(void **state)
{
    const char *seed = getenv("NETFACADE_TEST_SEED");

    (void)state;
    steps_begin();
    if (seed != NULL) {
        run((unsigned)strtoul(seed, NULL, 10));
    }
    for (int i = 0; i < PROGRAMS && seed == NULL; i++) {
        run((unsigned)net_after(0));
    }
    steps_end();
}

int main(void)
{
    const struct test tests[] = {TEST(both_bodies_tell_what_is_so)};

    return run_once(tests);
}

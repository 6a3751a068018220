/* Happy Eyeballs, version 2 (RFC 8305, sections 3 to 5). The state table is in race.h. */
#include "open/race.h"
#include "wait/deadline.h"

#include <string.h>

#define STAGGER          (250 * NF_MILLISECOND) /* "Connection Attempt Delay" */
#define RESOLUTION_DELAY (50 * NF_MILLISECOND)  /* "Resolution Delay" */

void nf_race_begin(struct nf_race *race, enum nf_family first, bool asked)
{
    race->count = 0;
    race->next_family = first;
    race->stagger = NET_NOW;
    race->hold = NET_NOW;
    race->asked_v4 = asked;
    race->asked_v6 = asked;
}

void nf_race_add(struct nf_race *race, const struct nf_addr *addr)
{
    bool is_new = race->count < NF_RACE_MAX;

    for (int i = 0; i < race->count && is_new; i++) {
        is_new = !nf_addr_equal(&race->attempt[i].addr, addr);
    }
    if (is_new) {
        struct nf_attempt *attempt = &race->attempt[race->count++];

        memset(attempt, 0, sizeof *attempt);
        attempt->addr = *addr;
        attempt->fd = -1;
    }
}

void nf_race_answered(struct nf_race *race, enum nf_family family, net_deadline now)
{
    if (family == NF_IPV4) {
        race->asked_v4 = false;
        race->hold = race->asked_v6 ? now + RESOLUTION_DELAY : NET_NOW;
    } else {
        race->asked_v6 = false;
        race->hold = NET_NOW;
    }
}

/* The next attempt to start: the first of the preferred family, or else the first of the other one.
 * -1: no attempt is WAITING. */
static int pick(const struct nf_race *race)
{
    int other = -1;

    for (int i = 0; i < race->count; i++) {
        const struct nf_attempt *attempt = &race->attempt[i];

        if (attempt->state != NF_WAITING) {
            continue;
        }
        if (attempt->addr.family == race->next_family) {
            return i;
        }
        if (other < 0) {
            other = i;
        }
    }
    return other;
}

static bool any(const struct nf_race *race, enum nf_attempt_state state)
{
    for (int i = 0; i < race->count; i++) {
        if (race->attempt[i].state == state) {
            return true;
        }
    }
    return false;
}

int nf_race_step(const struct nf_race *race, net_deadline now)
{
    int which = pick(race);
    bool trying = any(race, NF_TRYING);

    if (any(race, NF_WON)) {
        return NF_RACE_DECIDED;
    }
    if (which < 0) {
        return trying || race->asked_v4 || race->asked_v6 ? NF_RACE_WAIT : NF_RACE_LOST;
    }
    if (now < race->hold || (trying && now < race->stagger)) {
        return NF_RACE_WAIT;
    }
    return which;
}

net_deadline nf_race_next(const struct nf_race *race, net_deadline now)
{
    if (pick(race) < 0) {
        return NET_FOREVER;
    }
    return now < race->hold ? race->hold : race->stagger;
}

void nf_race_started(struct nf_race *race, int which, int fd, net_deadline now)
{
    struct nf_attempt *attempt = &race->attempt[which];

    attempt->state = NF_TRYING;
    attempt->fd = fd;
    attempt->started = now;
    race->stagger = now + STAGGER;
    race->next_family = attempt->addr.family == NF_IPV6 ? NF_IPV4 : NF_IPV6;
}

/* Ends the stagger, too: it gives a running attempt time to answer, and this one has failed. */
void nf_race_failed(struct nf_race *race, int which, int code, net_deadline now)
{
    struct nf_attempt *attempt = &race->attempt[which];

    attempt->state = NF_FAILED;
    attempt->fd = -1;
    attempt->code = code;
    attempt->ended = now;
    race->stagger = now;
}

void nf_race_put_off(struct nf_race *race, int which, net_deadline until)
{
    race->attempt[which].state = NF_WAITING;
    race->attempt[which].fd = -1;
    race->hold = until;
}

void nf_race_won(struct nf_race *race, int which)
{
    race->attempt[which].state = NF_WON;
}

int nf_race_code(const struct nf_race *race)
{
    static const int furthest[] = {NET_LIMIT, NET_RESET,       NET_REFUSED,    NET_DENIED,
                                   NET_INUSE, NET_UNREACHABLE, NET_UNSUPPORTED};
    const int count = sizeof furthest / sizeof furthest[0];
    int best = count;
    int code = NET_TIMEOUT;

    for (int i = 0; i < race->count; i++) {
        const struct nf_attempt *attempt = &race->attempt[i];
        int place = 0;

        if (attempt->state != NF_FAILED || attempt->code == NET_TIMEOUT) {
            continue;
        }
        while (place < count && furthest[place] != attempt->code) {
            place++;
        }
        if (place < best || code == NET_TIMEOUT) {
            best = place;
            code = attempt->code;
        }
    }
    return code;
}

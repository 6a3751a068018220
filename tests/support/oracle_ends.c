/* The steps that end a conversation. */
#include "oracle_steps.h"

#include <string.h>
#include <sys/socket.h>

static void forget_when_over(struct pair_of_ends *pair)
{
    if (pair->end[DIALED].socket[0] == NULL && pair->end[ACCEPTED].socket[0] == NULL &&
        !pair->is_in_backlog) {
        *pair = (struct pair_of_ends){0};
    }
}

void step_shutdown(void)
{
    struct pair_of_ends *pair = NULL;
    enum side side = DIALED;

    if (!some_end(&pair, &side) || pair->wire != TCP || !can_talk(pair, side)) {
        return;
    }
    settle(pair);
    note("%s finishes", name_of(pair, side));
    for (int world = 0; world < WORLDS; world++) {
        holds(net_shutdown(pair->end[side].socket[world]) == 0);
    }
    pair->end[side].has_shut = true;
    pair->end[other_side(side)].has_end = true;
}

void step_cancel(void)
{
    struct pair_of_ends *pair = NULL;
    enum side side = DIALED;

    if (!some_end(&pair, &side) || dice(3) != 0) {
        return;
    }
    struct item *end = &pair->end[side];
    struct item *other = &pair->end[other_side(side)];

    settle(pair);
    if (pair->wire == UDP && !end->is_canceled) {
        hear(pair, side, SIZE_MAX); /* so that no datagram is left for a later peer */
    }
    note("cancel %s", name_of(pair, side));
    for (int world = 0; world < WORLDS; world++) {
        net_cancel(end->socket[world]);
    }
    end->is_canceled = true;
    other->has_end = other->has_end || pair->wire == TCP;
    other->is_unclear =
        other->is_unclear || other->is_full; /* what is still on its way is refused */
}

/* What the other end of a stream sees. */
static void tell_other_end(struct pair_of_ends *pair, enum side side, bool resets)
{
    struct item *end = &pair->end[side];
    struct item *other = &pair->end[other_side(side)];

    if (end->is_dead || pair->is_hopeless) {
        return;
    }
    if (end->is_canceled || end->is_unclear) {
        other->is_unclear = true;
    } else if (resets || end->waiting[0] > 0) {
        other->is_dead = true;
    } else {
        other->has_end = true;
    }
}

static void close_end(struct pair_of_ends *pair, enum side side, bool resets)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    struct item *end = &pair->end[side];
    size_t received[WORLDS];

    if (pair->wire == TCP) {
        tell_other_end(pair, side, resets);
    } else if (!end->is_canceled) {
        hear(pair, side, SIZE_MAX);
    }
    note("%s %s", resets ? "reset" : "close", name_of(pair, side));
    for (int world = 0; world < WORLDS; world++) {
        if (resets) {
            setsockopt(net_fd(end->socket[world]), SOL_SOCKET, SO_LINGER, &none, sizeof none);
        }
        holds(net_close(end->socket[world], NET_NOW) == 0);
    }
    memcpy(received, end->received, sizeof received);
    *end = (struct item){0};
    memcpy(end->received, received, sizeof received); /* by the next peer: the numbers continue */
}

static void close_if_open(struct pair_of_ends *pair, enum side side)
{
    if (pair->end[side].socket[0] != NULL) {
        close_end(pair, side, false);
    }
}

void step_close(void)
{
    struct pair_of_ends *pair = NULL;
    enum side side = DIALED;

    if (!some_end(&pair, &side)) {
        return;
    }
    bool resets = pair->wire == TCP && !pair->is_hopeless && !pair->end[side].is_dead &&
                  !pair->end[side].is_canceled && dice(3) == 0;

    settle(pair);
    if (pair->wire == UDP && pair->end[ACCEPTED].socket[0] == NULL &&
        pair->end[ACCEPTED].waiting[0] > 0) {
        return; /* or the next socket with this port would receive what is meant for this one */
    }
    if (pair->wire == UDP && (side == DIALED || pair->is_orphan)) {
        close_if_open(pair, other_side(side));
    }
    close_end(pair, side, resets);
    forget_when_over(pair);
}

/* Accepted peers outlive the listener, unless they are closed with it. Strangers are forgotten. */
void step_renew_listener(void)
{
    enum wire wire = (enum wire)dice(WIRES);
    bool all_go = dice(2) == 0;

    if (wire == TCP && listener_has_news(TCP)) {
        return;
    }
    for (int i = 0; i < PAIRS && wire == UDP; i++) {
        struct pair_of_ends *pair = &oracle.pair[i];

        if (pair->is_used && pair->wire == UDP &&
            (all_go || pair->end[ACCEPTED].socket[0] == NULL)) {
            close_if_open(pair, ACCEPTED);
            close_if_open(pair, DIALED);
            forget_when_over(pair);
        }
        pair->is_orphan = pair->is_used && pair->wire == UDP;
    }
    note("another listener for %s", wire == TCP ? "tcp" : "udp");
    listen_anew(wire);
}

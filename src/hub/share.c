/* Shares of a hub's send buffer: who may send while it is tight. */
#include "hub/share.h"
#include "os/clock.h"
#include "os/socket.h"
#include "os/sockopt.h"
#include "wait/deadline.h"

enum {
    PARTS = 16,         /* of the buffer; the limits below count in them */
    TIGHT_UDP = 6,      /* parts in use above which it is tight */
    TIGHT = 8,          /* the same over unixgram */
    RESERVED = 14,      /* parts in use above which a member that was found out is not tested */
    OPEN = 2,           /* ms from the beginning of a round in which members may send */
    SETTLE = 20,        /* ms after which a round fails */
    ROUNDS_KNOWN = 64,  /* bits of `passed` */
    TESTED_MOST = 1024, /* beyond it there is no point in doubling */
    DOUBTED = 1,        /* `doubts` after a failed round with others */
    FOUND_OUT = 2,      /* and after one in which nobody else sent */
    DOUBTS_MOST = 8,
    WAIT_BITS = 4, /* a wait is 16 times as long as the one before: 20 ms, 320 ms, 5 s, 82 s... */
    MILLISECOND = 1000000 /* in nanoseconds */
};

static const int64_t NO_LIMIT = (int64_t)1 << 40;

void nf_share_open(struct nf_share *share, int fd, bool has_rounds)
{
    share->fd = fd;
    share->has_rounds = has_rounds;
    share->round = 1;
    share->tested_most = 1;
}

/* ---- Waiting ---- */

static uint32_t in_ms(net_deadline moment)
{
    return (uint32_t)(moment / MILLISECOND);
}

static void set_wait(struct nf_standing *standing, int64_t milliseconds)
{
    uint32_t until = in_ms(nf_now()) + (uint32_t)milliseconds + 1;

    atomic_store(&standing->wait_until, until != 0 ? until : 1);
}

static bool waits(struct nf_standing *standing)
{
    uint32_t until = atomic_load(&standing->wait_until);

    if (until != 0 && (int32_t)(until - in_ms(nf_now())) <= 0) {
        atomic_compare_exchange_strong(&standing->wait_until, &until, 0);
        return false;
    }
    return until != 0;
}

void nf_share_is_full(struct nf_standing *standing, int64_t milliseconds)
{
    if (!waits(standing)) {
        set_wait(standing, milliseconds);
    }
}

/* ---- Rounds; the lock is held ---- */

/* How full the buffer is. */
struct level {
    int64_t charged;
    int64_t size;
};

static void end_round(struct nf_share *share, bool passed)
{
    share->passed = share->passed << 1 | (passed ? 1 : 0);
    share->alone = share->alone << 1 | (share->senders == 1 ? 1 : 0);
    share->has_begun = false;
    share->is_closed = false;
    share->senders = 0;
    share->tested = 0;
    share->tested_most = passed ? share->tested_most * 2 : 1;
    if (share->tested_most > TESTED_MOST) {
        share->tested_most = TESTED_MOST;
    }
    share->round++;
    if (share->round == 0) {
        share->round = 1;
    }
}

/* Look how full the buffer is, and return how much may be sent before the next look; 0: it is
 * tight. Where the system does not tell, there is no limit. */
static int64_t measure(struct nf_share *share, struct level *level)
{
    int64_t payload = 0;
    int64_t room = NO_LIMIT;

    level->charged = nf_fd_unsent(share->fd);
    if (level->charged >= 0 && nf_sockopt_get(share->fd, NF_SO_SNDBUF, &payload) == 0) {
        level->size = 2 * payload;
        int64_t part = level->size / PARTS;
        int64_t limit = part * (share->has_rounds ? TIGHT : TIGHT_UDP);

        room = level->charged > limit ? 0 : limit - level->charged;
        room = level->charged <= limit && room < part ? part : room;
    }
    if (room > 0 && share->has_begun) {
        end_round(share, true);
    }
    atomic_store(&share->room, room);
    return room;
}

/* A round failed in which nobody but this member sent. */
static void find_out(struct nf_standing *standing)
{
    standing->doubts = standing->doubts < FOUND_OUT     ? FOUND_OUT
                       : standing->doubts < DOUBTS_MOST ? (uint8_t)(standing->doubts + 1)
                                                        : DOUBTS_MOST;
    set_wait(standing, (int64_t)SETTLE << WAIT_BITS * (standing->doubts - FOUND_OUT));
}

/* The round of the parent's sends is over in a child, whose sends count for themselves. */
static void lock(struct nf_share *share)
{
    if (nf_fork_mutex_lock(&share->lock)) {
        share->has_begun = false;
    }
}

/* Learn from the outcome of the last round in which this member has sent. Returns whether it is
 * trusted. */
static bool learn(const struct nf_share *share, struct nf_standing *standing)
{
    uint32_t age = share->round - standing->round;

    if (standing->round == 0 || age == 0) {
        return false;
    }
    uint64_t bit = age <= ROUNDS_KNOWN ? (uint64_t)1 << (age - 1) : 0;

    if ((share->passed & bit) != 0) {
        standing->doubts = 0;
        return true;
    }
    if ((share->alone & bit) != 0) {
        find_out(standing);
    } else if (bit != 0 && standing->was_tested && standing->doubts == 0) {
        standing->doubts = DOUBTED;
    }
    standing->round = 0;
    return false;
}

static bool may_be_tested(const struct nf_share *share, const struct nf_standing *standing,
                          const struct level *level)
{
    if (standing->doubts >= FOUND_OUT && level->charged > level->size / PARTS * RESERVED) {
        return false;
    }
    return standing->doubts > 0 ? share->senders == 0 : share->tested < share->tested_most;
}

/* Whether a member may send one datagram now that the buffer is tight. */
static bool may_send_one(struct nf_share *share, struct nf_standing *standing,
                         const struct level *level)
{
    if (!share->has_rounds) {
        return false;
    }
    net_deadline now = nf_now();

    if (share->has_begun && level->charged <= share->base) {
        end_round(share, true);
    } else if (share->has_begun && now >= nf_deadline_after(share->began, SETTLE)) {
        end_round(share, false);
    }
    if (!share->has_begun) {
        share->has_begun = true;
        share->began = now;
        share->base = level->charged;
    }
    bool trusted = learn(share, standing);

    return now < nf_deadline_after(share->began, OPEN) && !share->is_closed &&
           standing->round != share->round && !waits(standing) &&
           (trusted || may_be_tested(share, standing, level));
}

/* The member has sent one datagram. */
static void note(struct nf_share *share, struct nf_standing *standing)
{
    standing->was_tested = standing->round == 0;
    standing->round = share->round;
    share->is_closed = standing->doubts > 0;
    share->senders++;
    share->tested += standing->was_tested ? 1 : 0;
}

/* ---- Sending ---- */

int64_t nf_share_begin(struct nf_share *share, struct nf_standing *standing, int64_t want)
{
    int64_t room = atomic_load_explicit(&share->room, memory_order_relaxed);
    struct level now;

    if (room >= want && room > NF_SHARE_ONE) {
        return room;
    }
    lock(share);
    room = measure(share, &now);
    if (room == 0 && may_send_one(share, standing, &now)) {
        return NF_SHARE_ONE;
    }
    nf_fork_mutex_unlock(&share->lock);
    return room;
}

void nf_share_end(struct nf_share *share, struct nf_standing *standing, int64_t room, int64_t cost)
{
    if (room > NF_SHARE_ONE) {
        atomic_fetch_sub_explicit(&share->room, cost, memory_order_relaxed);
        return;
    }
    if (cost > 0) {
        note(share, standing);
    }
    nf_fork_mutex_unlock(&share->lock);
}

bool nf_share_is_writable(struct nf_share *share, struct nf_standing *standing)
{
    struct level now;

    if (atomic_load_explicit(&share->room, memory_order_relaxed) > NF_SHARE_ONE) {
        return !waits(standing);
    }
    lock(share);
    bool may_send =
        measure(share, &now) > 0 ? !waits(standing) : may_send_one(share, standing, &now);

    nf_fork_mutex_unlock(&share->lock);
    return may_send;
}

/* Shares of a hub's send buffer. The kernel charges a datagram to the descriptor that sent it: over
 * unixgram until the peer has received it, over udp until it has left, which takes seconds where a
 * neighbour does not answer ARP. All members have one descriptor, so a single peer that never
 * receives would use up the buffer, and nobody could send any more.
 *
 * Only the sum of what is charged can be seen (SIOCOUTQ). The buffer is tight when that is over a
 * limit: 1/2 of the buffer over unixgram, 3/8 over udp, where poll(2) shows a buffer as full at
 * 1/2. It is looked at only after a send could have passed the limit. While it is tight:
 *
 * Over udp the listener sends nothing, which is what strangers get. Peers send as always.
 *
 * Over unixgram members send in rounds, which find out who receives. In a round each member sends
 * one datagram at most. The round passes once no more is charged than at its beginning: everybody
 * has received. It fails if that is not so after a time. A member whose last round passed is
 * trusted. All of these may send in a round, and a few others, which are tested: one, twice as many
 * after each round that passes, and one again after a failure. A member that was tested in a round
 * that failed is doubted, and then has a round for itself, so that the outcome tells about it. One
 * that fails there waits for its next test, each time much longer. So a peer that never receives
 * gets the limit and a few datagrams more, and each of these delays the others by the time of a
 * round that fails.
 *
 * The listener is one member, for all strangers together. */
#ifndef NF_HUB_SHARE_H
#define NF_HUB_SHARE_H

#include "netfacade.h"
#include "os/forkmutex.h"

#include <stdatomic.h>
#include <stdbool.h>

/* What a share records of a member, with its lock held. */
struct nf_standing {
    _Atomic uint32_t wait_until; /* ms, the low bits: it cannot send before; 0: it can */
    uint32_t round;              /* the last in which it sent; 0: none that counts */
    uint8_t doubts;              /* by failed rounds since one passed, see share.c */
    bool was_tested;             /* in that round */
};

/* The part of a hub. */
struct nf_share {
    int fd;
    bool has_rounds;
    _Atomic int64_t room;      /* bytes that may be sent before the next look; none: tight */
    struct nf_fork_mutex lock; /* held while a member sends one datagram, if the buffer is tight */
    uint32_t round;            /* the number of the current round, or of the next one */
    bool has_begun;            /* there is a current round */
    net_deadline began;
    int64_t base;    /* what was charged then */
    uint64_t passed; /* bit i: whether the round before the last i rounds passed */
    uint64_t alone;  /* the same: whether only one member sent in it */
    bool is_closed;  /* nobody else may send in this round */
    int senders;     /* that have sent in this round, */
    int tested;      /* how many of them are tested, */
    int tested_most; /* and how many may be */
};

/* A member that may send one datagram: the lock of the share is held. */
enum { NF_SHARE_ONE = 1 };

void nf_share_open(struct nf_share *share, int fd, bool has_rounds);

/* The member wants to send datagrams of this cost (nf_share_cost). Returns how much it may send
 * now: 0, NF_SHARE_ONE, or a cost; a datagram may exceed that. Unless it is 0, call nf_share_end
 * with it after the send, and with the cost of what was sent. */
int64_t nf_share_begin(struct nf_share *share, struct nf_standing *standing, int64_t want);
void nf_share_end(struct nf_share *share, struct nf_standing *standing, int64_t room, int64_t cost);

/* The member cannot send for some milliseconds: the queue of its peer is full. */
void nf_share_is_full(struct nf_standing *standing, int64_t milliseconds);

/* Whether a poller should report it as writable. */
bool nf_share_is_writable(struct nf_share *share, struct nf_standing *standing);

/* What the kernel charges for a datagram, at most: a head of 256 bytes, and a power of two for the
 * bytes, a network's headers and 320 bytes of its own; what exceeds 16 KiB is in pages. */
static inline int64_t nf_share_cost(size_t size)
{
    enum { HEAD = 256, OWN = 448, PAGED = 16384 - OWN, PAGES = 8192, MOST = 1 << 20 };

    if (size > PAGED) { /* no datagram has MOST bytes */
        return (int64_t)(size < MOST ? size : MOST) + PAGES;
    }
    return HEAD + ((int64_t)2 << (63 - __builtin_clzll(size + OWN - 1)));
}

#endif

/* The race of a dial: which address is tried when, and which attempt wins (RFC 8305). This file
 * holds states and rules only. It opens no socket and reads no clock: `now` is a parameter, and the
 * tests make it up.
 *
 *   WAITING --started--> TRYING --won-----> WON      the race is decided
 *    |   ^                 '------failed--> FAILED   the next attempt may start at once
 *    '---' put_off
 *
 * The driver (dial.c) calls nf_race_step, does what it returns, records the outcome with one of the
 * functions below, and calls nf_race_step again at nf_race_next at the latest. The start of an
 * attempt does not end the earlier ones: each attempt that is TRYING can still win. */
#ifndef NF_OPEN_RACE_H
#define NF_OPEN_RACE_H

#include "netfacade.h"
#include "os/address.h"

#include <stdbool.h>

enum { NF_RACE_MAX = 32 }; /* addresses tried in one dial */

enum nf_attempt_state { NF_WAITING, NF_TRYING, NF_FAILED, NF_WON };

struct nf_attempt {
    struct nf_addr addr;
    enum nf_attempt_state state;
    int code;             /* FAILED: the reason */
    int error;            /* the system's error number, or 0; the rules do not use it, nor `why` */
    char why[160];        /* the reason in words; may be empty */
    int fd;               /* TRYING or WON: the descriptor; else -1 */
    net_deadline started; /* when the attempt started */
    net_deadline ended;   /* FAILED: when it failed */
};

struct nf_race {
    struct nf_attempt attempt[NF_RACE_MAX];
    int count;
    enum nf_family next_family; /* preferred for the next attempt; the families alternate */
    net_deadline stagger;       /* while an attempt is TRYING, no other starts before this */
    net_deadline hold;          /* no attempt starts before this: IPv6 answers may still come, or
                                   the only attempt is put off */
    bool asked_v4;              /* the resolver has not answered for this family yet */
    bool asked_v6;
};

/* What nf_race_step returns when there is no attempt to start. */
enum { NF_RACE_WAIT = -1, NF_RACE_DECIDED = -2, NF_RACE_LOST = -3 };

/* Begin an empty race. The first attempt is of family `first` if there is such an address. `asked`:
 * the resolver still has to answer for both families. */
void nf_race_begin(struct nf_race *race, enum nf_family first, bool asked);

/* Add an address. One that the race has already, and those beyond NF_RACE_MAX, are ignored. */
void nf_race_add(struct nf_race *race, const struct nf_addr *addr);

/* The resolver has answered for `family`: all its addresses, perhaps none, have been added. */
void nf_race_answered(struct nf_race *race, enum nf_family family, net_deadline now);

/* What to do now: the index of the attempt to start, or one of the values above. */
int nf_race_step(const struct nf_race *race, net_deadline now);

/* When to call nf_race_step again if nothing happens before. */
net_deadline nf_race_next(const struct nf_race *race, net_deadline now);

void nf_race_started(struct nf_race *race, int which, int fd, net_deadline now);
void nf_race_failed(struct nf_race *race, int which, int code, net_deadline now);
/* The only attempt of the race could not start. It stays WAITING until `until`. */
void nf_race_put_off(struct nf_race *race, int which, net_deadline until);
void nf_race_won(struct nf_race *race, int which);

/* The code of a lost race: NET_LIMIT if the process or the system lacked something for an attempt;
 * else that of the attempt that came furthest: reset, refused, denied, in use, unreachable, not
 * supported, another one. The system's own time limit counts as unreachable. NET_TIMEOUT is
 * returned only when no attempt has another code. */
int nf_race_code(const struct nf_race *race);

#endif

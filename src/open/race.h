/* The race of a dial over its addresses, as RFC 8305 says: pure states and made-up time, no socket.
 *
 *   an attempt is    WAITING --start--> TRYING --won--> WON        (the race is decided)
 *                                          '----failed--> FAILED   (the next one may start at once)
 *
 * nf_race_step tells what to do now; whoever drives the race does it, tells the outcome, and asks
 * again at nf_race_next. A new attempt never ends an earlier one: all that are TRYING can still
 * win. */
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
    int code;  /* of a failed one */
    int error; /* the system's error, and what else to say; the driver's */
    char why[80];
    int fd;               /* of one trying or won; the driver's */
    net_deadline started; /* the moment of the start */
    net_deadline ended;   /* and of the failure */
};

struct nf_race {
    struct nf_attempt attempt[NF_RACE_MAX];
    int count;
    enum nf_family turn;  /* the family that should start next */
    net_deadline stagger; /* while one is trying, no other starts before this moment */
    net_deadline hold;    /* with IPv6 answers outstanding, IPv4 does not start before this one */
    bool asked_v4;        /* answers outstanding */
    bool asked_v6;
};

/* What nf_race_step says besides the number of an attempt to start. */
enum { NF_RACE_WAIT = -1, NF_RACE_DECIDED = -2, NF_RACE_LOST = -3 };

/* A race whose first attempt should be of family `first`; `asked`: the answers of both families are
 * outstanding. */
void nf_race_begin(struct nf_race *race, enum nf_family first, bool asked);

/* Add an address; what is over NF_RACE_MAX is left out. */
void nf_race_add(struct nf_race *race, const struct nf_addr *addr);

/* The answers of a family are all here, perhaps none. */
void nf_race_answered(struct nf_race *race, enum nf_family family, net_deadline now);

/* What to do now: start the attempt of the number returned, or wait, or stop. */
int nf_race_step(const struct nf_race *race, net_deadline now);

/* When to ask again if nothing else happens before. */
net_deadline nf_race_next(const struct nf_race *race, net_deadline now);

void nf_race_started(struct nf_race *race, int which, int fd, net_deadline now);
void nf_race_failed(struct nf_race *race, int which, int code, net_deadline now);
/* The only attempt of the race could not begin: not before `until`. */
void nf_race_put_off(struct nf_race *race, int which, net_deadline until);
void nf_race_won(struct nf_race *race, int which);

/* The code of a lost race: of the attempt that failed last, but a mere silence only when there was
 * nothing else. */
int nf_race_code(const struct nf_race *race);

#endif

/* A dial in flight: names being looked up, attempts racing. One machine serves the caller who waits
 * in net_connect and the socket that is still dialing (dialing.h). */
#ifndef NF_OPEN_DIAL_H
#define NF_OPEN_DIAL_H

#include "socket/connection.h"
#include "open/race.h"
#include "os/socket.h"

struct nf_resolve;

struct nf_dial {
    struct nf_race race;
    enum nf_transport transport;
    struct nf_target target;
    struct nf_resolve *resolve; /* NULL: no name, or all answered */
    uint16_t port;
    bool alone;    /* the caller waits for nothing else, so connect itself may wait */
    bool blocking; /* the only attempt's descriptor is a blocking one */
    bool lost;     /* no attempt is left */
    int code;      /* of a failed lookup */
    char resolver_words[160];
};

/* Begin: take the target apart, and ask for the name if it is one; or dial `to`, where the caller
 * knows that. 0 or a code. */
int nf_dial_begin(struct nf_dial *dial, const struct nf_target *target, enum nf_transport transport,
                  const struct nf_addr *to);

/* Do what can be done without waiting: NF_RACE_WAIT, NF_RACE_DECIDED or NF_RACE_LOST. */
int nf_dial_advance(struct nf_dial *dial, struct nf_connection *connection, net_deadline deadline);

/* What there is to wait for: `polls` (room for NF_POLL_MAX) is filled; returns how many. */
int nf_dial_polls(struct nf_dial *dial, struct nf_poll *polls);

/* Drive until it is decided or `deadline`: 0, and the line has its descriptor and its peer;
 * NET_TIMEOUT, and it may be driven on; NET_CANCELED when `wake` (may be NULL) rang; or the code of
 * the dial's failure. */
int nf_dial_drive(struct nf_dial *dial, struct nf_connection *connection, struct nf_wake *wake,
                  net_deadline deadline);

/* Wait until all that can be known of the name is in the race, or `deadline`. 0 or NET_TIMEOUT. */
int nf_dial_look_up(struct nf_dial *dial, net_deadline deadline);

/* Print what became of every attempt; returns `code`. */
int nf_dial_report(const struct nf_dial *dial, int code, char *buffer, size_t size);

/* Let go of lookups and descriptors, but not of the line's. */
void nf_dial_end(struct nf_dial *dial);

/* The whole dial, the caller waiting. */
int nf_dial_now(struct nf_connection *connection, const struct nf_target *target,
                enum nf_transport transport, const struct nf_addr *to, net_deadline deadline);

#endif

/* A dial that is not decided: a name that is being looked up, and a race of connection attempts
 * (race.h). net_connect with a deadline drives it to the end in one call (nf_dial_now); a socket
 * that is still dialing drives it in every call (dialing.h). */
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
    struct nf_resolve *resolve; /* NULL: there is no name, or the resolver has answered */
    uint16_t port;
    bool alone;             /* the caller waits for this dial only: connect(2) may block */
    bool blocking;          /* the descriptor of the only attempt is a blocking one */
    bool lost;              /* no attempt is left */
    int code;               /* of a failed lookup */
    char lookup_error[400]; /* and what the resolver said about it */
};

/* Begin a dial of `to`, or, where that is NULL, of the host in `target`. A name is sent to the
 * resolver. Does not block. Returns 0 or a code; after 0, call nf_dial_end. */
int nf_dial_begin(struct nf_dial *dial, const struct nf_target *target, enum nf_transport transport,
                  const struct nf_addr *to);

/* Read the resolver's answers and start each attempt that is due, without polling. Returns
 * NF_RACE_WAIT, NF_RACE_DECIDED or NF_RACE_LOST. */
int nf_dial_advance(struct nf_dial *dial, struct nf_connection *connection, net_deadline deadline);

/* Fill `polls` (room for NF_POLL_MAX) with what the dial waits for, attempts first. Returns how
 * many there are. */
int nf_dial_polls(struct nf_dial *dial, struct nf_poll *polls);

/* Drive the dial until it is decided or `deadline` passes. Returns
 *   0             won: `connection` owns the descriptor and the peer's name
 *   NET_TIMEOUT   with `lost` unset: not decided yet, and you may call it again
 *   NET_CANCELED  `wake` (may be NULL) was posted
 *   another code  the dial has failed. */
int nf_dial_drive(struct nf_dial *dial, struct nf_connection *connection, struct nf_wake *wake,
                  net_deadline deadline);

/* Wait until the resolver has answered for every family asked, or `deadline`. 0 or NET_TIMEOUT. */
int nf_dial_look_up(struct nf_dial *dial, net_deadline deadline);

/* Print how every attempt ended, for an error sentence. */
void nf_dial_report(const struct nf_dial *dial, char *buffer, size_t size);

/* Record the failure `code` with that sentence, and return it. */
int nf_dial_fail(const struct nf_dial *dial, int code);

/* Free the lookup and close the descriptors that no connection has taken. May be called twice. */
void nf_dial_end(struct nf_dial *dial);

/* A whole dial in one call, which blocks until `deadline` at most. 0 or a code. */
int nf_dial_now(struct nf_connection *connection, const struct nf_target *target,
                enum nf_transport transport, const struct nf_addr *to, net_deadline deadline);

#endif

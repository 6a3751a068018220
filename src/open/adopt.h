/* Adopting: making a socket of a descriptor that is open already. fd://N names one by its number,
 * systemd://NAME one that a service manager has passed. These schemes have no backend of their own.
 * The kind of the descriptor selects the backend (tcp, udp, ...), and that backend calls the
 * functions here where it would otherwise open a descriptor. */
#ifndef NF_OPEN_ADOPT_H
#define NF_OPEN_ADOPT_H

#include "socket/connection.h"
#include "os/descriptor.h"

/* The scheme with index `i`, from 0; NULL after the last. */
const char *nf_adopt_scheme(int i);

enum { NF_ADOPT_SCHEMES = 2 /* how many there are */ };

bool nf_adopt_is_scheme(const char *scheme);

/* Find the descriptor that an address of these schemes names, and what it is. Returns it, or
 * NET_ADDRESS, NET_INUSE (a passed one that was adopted before), NET_MISUSE (a file that is open
 * for writing only) or NET_LIMIT. */
int nf_adopt_find(const struct nf_url *url, struct nf_descriptor *what);

/* Open a socket by `table`. If that fails, an adopted descriptor has the options that it came with.
 * 0 or a code. */
int nf_adopt_open(net_socket *socket, const struct nf_backend *table,
                  const struct nf_target *target, net_deadline deadline);

/* Whether adopting sets nodelay only because it is our default, on a descriptor that had it off. A
 * release then turns it off again. */
bool nf_adopt_is_delayed(const struct nf_target *target);

/* In place of binding a listener's descriptor: check that the adopted one listens, or is a bound
 * datagram socket, and store its address in `name`, which then owns its bytes. Returns the
 * descriptor or a code. */
int nf_adopt_bound(const struct nf_target *target, struct nf_addr *name);

/* The last step of opening; `code` is the result of the steps before. An adopted descriptor gets
 * its options and becomes ours only here and only if `code` is 0, and after a failure it stays
 * open. One that was not adopted is closed after a failure. Returns `code`, or the code of this
 * step. */
int nf_adopt_settle(const struct nf_target *target, int fd, int code);

/* Give an adopted connection a wake, which a cancel posts: shutting down a descriptor that other
 * processes share would break their connection. 0 or a code. */
int nf_adopt_wake(struct nf_connection *connection);

/* In place of dialing: take the adopted descriptor, if it is connected. 0 or a code. */
int nf_adopt_connection(struct nf_connection *connection, const struct nf_target *target);

#endif

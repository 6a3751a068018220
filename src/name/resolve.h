/* Lookups of host names, on threads that no caller waits for. A request owns its memory, so you
 * can forget it at any time, however long the resolver takes. At most NF_RESOLVE_RUNNING
 * lookups run at once; more wait in a queue. */
#ifndef NF_NAME_RESOLVE_H
#define NF_NAME_RESOLVE_H

#include "os/address.h"

#include <stdbool.h>

enum {
    NF_RESOLVE_RUNNING = 16, /* lookups at once */
    NF_RESOLVE_MAX = 16      /* addresses of one family */
};

struct nf_resolve;

/* Start looking up `host` in the families wanted. Does not wait for the resolver. 0, NET_LIMIT
 * or NET_SYSTEM. */
int nf_resolve_begin(const char *host, bool v4, bool v6, struct nf_resolve **out);

/* The descriptor is readable (NF_IN) when an answer has come since the last drain. */
int nf_resolve_fd(struct nf_resolve *request);
void nf_resolve_drain(struct nf_resolve *request);

/* The answer for `family`. Returns how many of `addrs` (room for NF_RESOLVE_MAX) it filled;
 * NF_WOULD_BLOCK: not yet; or the code of the failure, with the resolver's text. */
int nf_resolve_answer(struct nf_resolve *request, enum nf_family family, struct nf_addr *addrs);

/* Drop the request. Never waits for the resolver. */
void nf_resolve_forget(struct nf_resolve *request);

#endif

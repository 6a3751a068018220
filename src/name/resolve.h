/* Names become addresses on threads that nobody waits for: a request owns its memory and can be
 * forgotten at any moment, however long the resolver goes on. At most NF_RESOLVE_RUNNING look-ups
 * run at once; more wait in line. */
#ifndef NF_NAME_RESOLVE_H
#define NF_NAME_RESOLVE_H

#include "os/address.h"

#include <stdbool.h>

enum { NF_RESOLVE_RUNNING = 16, NF_RESOLVE_MAX = 16 }; /* at once; addresses of one family */

struct nf_resolve;

/* Ask for the addresses of `host` in the families wanted, at once. 0, NET_LIMIT, NET_SYSTEM. */
int nf_resolve_begin(const char *host, bool v4, bool v6, struct nf_resolve **out);

/* Readable (NF_IN) when an answer has come since it was last heard. */
int nf_resolve_fd(struct nf_resolve *request);
void nf_resolve_hear(struct nf_resolve *request);

/* The answer for `family`: how many of `addrs` (room for NF_RESOLVE_MAX) were filled;
 * NF_WOULD_BLOCK: not yet; or the code of its failure, with the resolver's words. */
int nf_resolve_answer(struct nf_resolve *request, enum nf_family family, struct nf_addr *addrs);

/* Never waits. */
void nf_resolve_forget(struct nf_resolve *request);

#endif

/* Bytes that a socket keeps: those that it has received and not handed out yet, which its head has
 * (`kept`), and those that a layer has to send first. There is no object while there are no bytes.
 */
#ifndef NF_SOCKET_KEPT_H
#define NF_SOCKET_KEPT_H

#include "socket/backend.h"

struct nf_kept {
    size_t first; /* where the bytes begin */
    size_t count;
    size_t room;     /* of `bytes` */
    size_t searched; /* so many of the first bytes are known not to be `delimiter` */
    int delimiter;
    char bytes[];
};

static inline size_t nf_kept_count(const struct nf_kept *kept)
{
    return kept != NULL ? kept->count : 0;
}

/* The first of the bytes. There is at least one. */
static inline char *nf_kept_start(struct nf_kept *kept)
{
    return kept->bytes + kept->first;
}

/* Make room for `more` bytes, above 0, behind those that are kept. A first object has room for at
 * least `least`. Returns where to write them; then add to `count`, or call nf_kept_fit if there is
 * nothing to add. NULL: NET_LIMIT, and what was kept still is. */
char *nf_kept_space(struct nf_kept **kept, size_t least, size_t more);

/* Take at most `size` bytes out, to `buffer` (NULL: discard them). Returns how many. The last
 * ones free the object. */
size_t nf_kept_take(struct nf_kept **kept, char *buffer, size_t size);

/* Free the object if it has no bytes; else give the room back that is far more than it needs. */
void nf_kept_fit(struct nf_kept **kept);

/* Set whether what the socket keeps counts as readable, and tell its poller when it does now. */
void nf_kept_set_ready(net_socket *socket, bool is_ready);

#endif

/* The last station of a failure: operation and address join the cause, and the caller gets the
 * code. */
#ifndef NF_API_FAILURE_H
#define NF_API_FAILURE_H

#include "socket/backend.h"

/* Return `code` to the caller of `operation` on a socket (NULL: none) or for an address (NULL:
 * none). */
int nf_failed(int code, const char *operation, net_socket *socket);
int nf_failed_for(int code, const char *operation, const char *address);

/* Return `n`, which is a code, or a count that is smaller than was asked for: then it is returned
 * all the same, and the cause recorded last says why it is no larger. */
ssize_t nf_fell_short(ssize_t n, const char *operation, net_socket *socket);

/* The same for a socket that may be gone by then. */
struct nf_saved_name {
    const char *scheme; /* NULL: it has no name */
    struct nf_addr addr;
    char storage[NF_ADDR_NAME_MAX];
};

void nf_save_name(struct nf_saved_name *name, net_socket *socket);
int nf_failed_of(int code, const char *operation, const struct nf_saved_name *name);

#endif

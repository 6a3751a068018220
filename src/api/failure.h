/* How a public function fails: it adds its operation and the address to the recorded cause
 * (os/cause.h), and returns the code. */
#ifndef NF_API_FAILURE_H
#define NF_API_FAILURE_H

#include "socket/backend.h"

/* Record that `operation` failed, on a socket (NULL: none) or for an address (NULL: none). Both
 * return `code`. */
int nf_failed(int code, const char *operation, net_socket *socket);
int nf_failed_for(int code, const char *operation, const char *address);

/* Record that `operation` failed, or did only a part. `n` is a code, or a count that is smaller
 * than was asked for; then the pending cause is the reason. Returns `n`. */
ssize_t nf_fell_short(ssize_t n, const char *operation, net_socket *socket);

/* A copy of a socket's name, for a failure that is recorded when the name may be freed. */
struct nf_saved_name {
    const char *scheme; /* NULL: no name */
    struct nf_addr addr;
    char storage[NF_ADDR_NAME_MAX];
};

void nf_save_name(struct nf_saved_name *name, net_socket *socket);
int nf_failed_of(int code, const char *operation, const struct nf_saved_name *name);

#endif

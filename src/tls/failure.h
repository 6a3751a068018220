/* Failures of this cipher, and OpenSSL's queue of errors, which belongs to the program. */
#ifndef NF_TLS_FAILURE_H
#define NF_TLS_FAILURE_H

#include <netfacade/cipher.h>

/* The program's errors, while OpenSSL works for us. */
struct nf_tls_errors {
    struct nf_tls_error *saved; /* NULL: there were none */
    int count;
};

/* Empty the thread's queue of errors, and put back what was in it. Between the two, what is in the
 * queue is ours. OpenSSL empties it itself when it shakes hands, so a mark would not do. */
void nf_tls_errors_begin(struct nf_tls_errors *errors);
void nf_tls_errors_end(struct nf_tls_errors *errors);

/* Fill `failure`, and return `code`. */
__attribute__((format(printf, 3, 4))) int nf_tls_fail(net_cipher_failure *failure, int code,
                                                      const char *format, ...);

/* NET_LIMIT for want of memory. */
int nf_tls_no_memory(net_cipher_failure *failure);

/* The reason of the newest error in the queue, as text. Whether the queue has one that says that
 * memory was short. */
const char *nf_tls_newest_reason(void);

#endif

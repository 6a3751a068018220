/* What is made once in a process: our own context of OpenSSL, and the lock. */
#ifndef NF_TLS_LIBRARY_H
#define NF_TLS_LIBRARY_H

#include <openssl/types.h>

/* The context for everything that we ask of OpenSSL, so that the program's own use of OpenSSL and
 * ours do not meet. NULL: no memory. */
OSSL_LIB_CTX *nf_tls_library(void);

/* Guards what settings share: who refers to them, and the sessions that they remember. Nothing is
 * called with it held that could block or take another lock of ours. */
void nf_tls_lock(void);
void nf_tls_unlock(void);

#endif

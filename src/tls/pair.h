/* Certificates and keys from PEM files, put into a context of OpenSSL's. */
#ifndef NF_TLS_PAIR_H
#define NF_TLS_PAIR_H

#include "tls/state.h"

/* The certificate with those of its issuers that follow it in the file, and its key. NET_ADDRESS
 * names the file and the fault; NET_LIMIT. */
int nf_tls_pair(SSL_CTX *context, const char *cert, const char *key, net_cipher_failure *failure);

/* Trust the certificates of a file. A server also tells its callers their names, so that these
 * know which of theirs to show. */
int nf_tls_trust(SSL_CTX *context, const char *ca, int side, net_cipher_failure *failure);

#endif

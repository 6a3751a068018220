/* The bytes of a session: what is lent to it, and the records that it has for the peer. OpenSSL
 * reaches them by a BIO. */
#ifndef NF_TLS_RECORDS_H
#define NF_TLS_RECORDS_H

#include "tls/state.h"

/* A BIO that reads the session's loan and writes its records; NULL: no memory. */
BIO *nf_tls_records(net_cipher_session *session);

/* The session of a connection of OpenSSL's that has such a BIO. */
net_cipher_session *nf_tls_records_owner(const SSL *ssl);

/* Have room for so many bytes more; false: no memory. */
bool nf_tls_records_reserve(net_cipher_session *session, size_t size);

size_t nf_tls_records_feed(net_cipher_session *session, const void *bytes, size_t size);
size_t nf_tls_records_yield(net_cipher_session *session, void *buffer, size_t size);

#endif

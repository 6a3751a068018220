/* Sessions: the slots of the table for one connection. */
#ifndef NF_TLS_SESSION_H
#define NF_TLS_SESSION_H

#include "tls/state.h"

net_cipher_session *nf_tls_open(net_cipher_settings *settings, int side, const char *host,
                                const char *port, net_cipher_failure *failure);
void nf_tls_close(net_cipher_session *session);
int nf_tls_greet(net_cipher_session *session, net_cipher_failure *failure);
ssize_t nf_tls_encrypt(net_cipher_session *session, const void *data, size_t size,
                       net_cipher_failure *failure);
ssize_t nf_tls_decrypt(net_cipher_session *session, void *buffer, size_t size,
                       net_cipher_failure *failure);
ssize_t nf_tls_peek(net_cipher_session *session, void *buffer, size_t size,
                    net_cipher_failure *failure);
void nf_tls_finish(net_cipher_session *session);
unsigned nf_tls_waiting(const net_cipher_session *session);

#endif

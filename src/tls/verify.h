/* What is asked of a peer's certificate, and the sentence of why it was refused. */
#ifndef NF_TLS_VERIFY_H
#define NF_TLS_VERIFY_H

#include "tls/state.h"

/* Make sessions of the context verify as the settings say. */
void nf_tls_verify(net_cipher_settings *settings);

/* Have a client's session want this name or address in the certificate; false: no memory. */
bool nf_tls_verify_name(net_cipher_session *session);

/* After the handshake: 0, or NET_DENIED if a resumed session is of a certificate that would be
 * refused by now. */
int nf_tls_verify_again(net_cipher_session *session, net_cipher_failure *failure);

#endif

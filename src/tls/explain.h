/* Why a session failed, as a code and a sentence. */
#ifndef NF_TLS_EXPLAIN_H
#define NF_TLS_EXPLAIN_H

#include "tls/state.h"

/* From OpenSSL's queue of errors and from what the session noted. The session remembers it, and
 * says the same from then on. */
int nf_tls_explain(net_cipher_session *session, net_cipher_failure *failure);

#endif

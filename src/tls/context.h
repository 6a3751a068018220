/* A context of OpenSSL's that does what the settings say. */
#ifndef NF_TLS_CONTEXT_H
#define NF_TLS_CONTEXT_H

#include "tls/state.h"

/* Fill `context`. 0, NET_ADDRESS, NET_LIMIT, NET_UNSUPPORTED. */
int nf_tls_context(net_cipher_settings *settings, net_cipher_failure *failure);

#endif

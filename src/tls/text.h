/* Properties and options, as text. */
#ifndef NF_TLS_TEXT_H
#define NF_TLS_TEXT_H

#include "tls/state.h"

int nf_tls_text(const net_cipher_settings *settings, const net_cipher_session *session,
                const char *name, char *buffer, size_t size, net_cipher_failure *failure);

#endif

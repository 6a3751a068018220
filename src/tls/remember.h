/* The sessions that a client's settings remember, to resume one in the next dial of the same host
 * and port. Since each settings have their own, a session made with verify=off is not known to a
 * dial that verifies. All of it takes the library's lock. */
#ifndef NF_TLS_REMEMBER_H
#define NF_TLS_REMEMBER_H

#include "tls/state.h"

/* Take over a reference to the session. */
void nf_tls_remember(net_cipher_settings *settings, const char *place, SSL_SESSION *session);

/* A session to resume, whose reference is the caller's; or NULL. One of TLS 1.3 is handed out
 * once, so that nobody can tell by it that two connections are of one client. */
SSL_SESSION *nf_tls_recall(net_cipher_settings *settings, const char *place);

void nf_tls_forget(net_cipher_settings *settings, const char *place);
void nf_tls_forget_all(net_cipher_settings *settings);

#endif

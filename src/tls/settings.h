/* Settings: a context of OpenSSL's, made from the options of an address. */
#ifndef NF_TLS_SETTINGS_H
#define NF_TLS_SETTINGS_H

#include "tls/state.h"

/* Slots of the table. A client's settings are kept for the next dial that says the same, since to
 * load the system's store takes milliseconds. */
net_cipher_settings *nf_tls_configure(const net_cipher_settings *old, const char *const *values,
                                      int side, net_cipher_failure *failure);
void nf_tls_release(net_cipher_settings *settings);

#endif

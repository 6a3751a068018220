/* The options of an address: their texts, checked, and one side's rules about them. */
#ifndef NF_TLS_OPTION_H
#define NF_TLS_OPTION_H

#include "tls/state.h"

/* The names, for the table of properties and for sentences. */
extern const char *const nf_tls_option_names[NF_TLS_OPTIONS];

/* Fill the settings' values: those given, else the old ones, else the standard of the side; and
 * what follows from them: `verify`, `resumes`, `alpn`. 0, NET_ADDRESS or NET_LIMIT; what is filled
 * is the caller's to free either way. */
int nf_tls_options(net_cipher_settings *settings, const net_cipher_settings *old,
                   const char *const *values, net_cipher_failure *failure);

#endif

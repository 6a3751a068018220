/* The ciphers that are known, and the one that is loaded when an address asks for it. */
#ifndef NF_API_CIPHER_H
#define NF_API_CIPHER_H

#include "socket/backend.h"

/* The backend of a scheme that a cipher serves. Loads the cipher of tls:// if the scheme has that
 * word. NULL: no cipher has it, and 0 is stored in `code`; or why the cipher cannot be loaded is
 * recorded. */
const struct nf_backend *nf_cipher_backend(const char *scheme, int *code);

/* The cipher of SCHEME+fd and SCHEME+systemd, and what follows the `+`; NULL: it is no such scheme.
 * Ask for the backend first, which may load the cipher. */
const net_cipher *nf_cipher_that_adopts(const char *scheme, const char **adopts);

#endif

/* The schemes of the ciphers that a program uses. */
#ifndef NF_WIRES_CIPHER_H
#define NF_WIRES_CIPHER_H

#include "socket/backend.h"

/* Make the schemes of a cipher: 0, also if it has them already; NET_INUSE, another cipher has them;
 * or NET_LIMIT. They stay until the process ends. Any thread may call it. */
int nf_cipher_wires_make(const net_cipher *cipher);

/* The backend of a scheme; NULL: no cipher has it. */
const struct nf_backend *nf_cipher_wires_find(const char *scheme);

/* Whether a cipher's own scheme is this word. */
bool nf_cipher_wires_has(const char *word, size_t length);

/* The cipher whose own scheme begins `scheme`, with a `+` behind it, and what follows; or NULL. */
const net_cipher *nf_cipher_wires_begins(const char *scheme, const char **rest);

/* The backend of a cipher over another one; NULL: none. */
const struct nf_backend *nf_cipher_wires_over(const net_cipher *cipher,
                                              const struct nf_backend *below);

/* The schemes by number, from 0; NULL after the last. */
const char *nf_cipher_wires_scheme(int i);

#endif

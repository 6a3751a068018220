/* A peer that is OpenSSL alone, for what the cipher of tls:// itself never sends. */
#ifndef RAW_TLS_H
#define RAW_TLS_H

#include "sealed.h"

#include <openssl/ssl.h>

/* A context for a side: NET_CIPHER_CLIENT, which verifies nothing, or NET_CIPHER_SERVER with the
 * files, at security level 0, for versions up to `newest`. */
SSL_CTX *raw_context(int side, const char *cert, const char *key, int newest);

/* A connection that reads and writes memory. It takes over the reference to the context. */
SSL *raw_open(SSL_CTX *context, int side);

/* Carry all bytes that wait, both ways; how many. */
size_t raw_carry(SSL *raw, struct sealed *end);

/* Shake hands; whether both are done. */
bool raw_shake(SSL *raw, struct sealed *end);

#endif

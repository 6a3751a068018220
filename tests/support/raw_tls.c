/* A peer that is OpenSSL alone. */
#include "raw_tls.h"

#include <openssl/err.h>
#include <stdlib.h>

SSL_CTX *raw_context(int side, const char *cert, const char *key, int newest)
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());

    if (context == NULL) {
        abort();
    }
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, newest);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"raw", 3);
    if (side == NET_CIPHER_SERVER && (SSL_CTX_use_certificate_chain_file(context, cert) != 1 ||
                                      SSL_CTX_use_PrivateKey_file(context, key, 1) != 1)) {
        abort();
    }
    return context;
}

SSL *raw_open(SSL_CTX *context, int side)
{
    SSL *raw = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());

    if (raw == NULL || in == NULL || out == NULL) {
        abort();
    }
    SSL_CTX_free(context);
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(raw, in, out);
    if (side == NET_CIPHER_SERVER) {
        SSL_set_accept_state(raw);
    } else {
        SSL_set_connect_state(raw);
    }
    return raw;
}

size_t raw_carry(SSL *raw, struct sealed *end)
{
    unsigned char buffer[4096];
    size_t total = 0;
    size_t got;
    int size;

    while ((got = sealed_take(end, buffer, sizeof buffer)) > 0) {
        BIO_write(SSL_get_rbio(raw), buffer, (int)got);
        total += got;
    }
    while ((size = BIO_read(SSL_get_wbio(raw), buffer, sizeof buffer)) > 0) {
        sealed_give(end, buffer, (size_t)size);
        total += (size_t)size;
    }
    return total;
}

bool raw_shake(SSL *raw, struct sealed *end)
{
    int done;

    do {
        if (end->greeted == NET_CIPHER_HUNGRY) {
            sealed_greet(end, SIZE_MAX);
        }
        done = SSL_do_handshake(raw);
    } while (raw_carry(raw, end) > 0);
    ERR_clear_error();
    return done == 1 && end->greeted == 0;
}

/* A peer that is OpenSSL itself on a plain descriptor, or nothing but bytes; and records of TLS 1.3
 * that OpenSSL would not make. Of tcp. */
#ifndef TLS_RAW_H
#define TLS_RAW_H

#include "tls_pair.h"

#include <openssl/ssl.h>

enum { RAW_SECRET_SIZE = 32, RAW_KEY_SIZE = 16, RAW_NONCE_SIZE = 12 };

struct tls_raw {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    /* To make records of TLS 1.3 by hand. */
    unsigned char secret[RAW_SECRET_SIZE];
    bool has_secret;
    bool is_server;
    uint64_t number; /* of the next record */
};

/* A plain descriptor: dialed to the listener, of tls:// or tcp://. */
int raw_open(net_socket *listener);
/* A plain listener, and the descriptor of its next caller. */
net_socket *raw_listen(void);
int raw_accept(net_socket *listener);

/* OpenSSL on this descriptor, which it owns. A client verifies nothing and shows no certificate. */
void raw_client(struct tls_raw *raw, int fd);
void raw_server(struct tls_raw *raw, int fd, enum certificate which);
/* One that does not mind a weak key. */
void raw_server_weak(struct tls_raw *raw, int fd, enum certificate which);
void raw_close(struct tls_raw *raw);

/* Shake hands with our socket; both must succeed. */
void raw_meet(struct tls_raw *raw, net_socket *ours);
/* The same until both are decided. Returns what SSL_get_error says, or 0. */
int raw_settle(struct tls_raw *raw, net_socket *ours, struct said *said);

/* Whole, and waiting for it. */
void raw_says(struct tls_raw *raw, const char *words);
void raw_expects(struct tls_raw *raw, const char *words);

/* Bytes on the descriptor. */
void raw_sends_bytes(int fd, const void *bytes, size_t size);

/* The next record, of this type and content, made by hand. Returns its size. The handshake has to
 * be over, of TLS 1.3, and OpenSSL has sent nothing after it. */
enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, RECORD_DATA = 23, RECORD_EXTRA = 22 };
size_t raw_record(struct tls_raw *raw, int type, const void *content, size_t size,
                  unsigned char *record);
void raw_sends_record(struct tls_raw *raw, int type, const void *content, size_t size);

#endif

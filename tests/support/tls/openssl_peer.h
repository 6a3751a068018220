/* A peer that is OpenSSL itself on a plain descriptor, or nothing but bytes; and records of TLS 1.3
 * that OpenSSL would not make. Of tcp. */
#ifndef OPENSSL_PEER_H
#define OPENSSL_PEER_H

#include "tls_pair.h"

#include <openssl/ssl.h>

enum { PEER_SECRET_SIZE = 32, PEER_KEY_SIZE = 16, PEER_NONCE_SIZE = 12 };

struct openssl_peer {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    /* To make records of TLS 1.3 by hand. */
    unsigned char secret[PEER_SECRET_SIZE];
    bool has_secret;
    bool is_server;
    uint64_t number; /* of the next record */
};

/* A plain descriptor: dialed to the listener, of tls:// or tcp://. */
int peer_open(net_socket *listener);
/* A plain listener, and the descriptor of its next caller. */
net_socket *peer_listen(void);
int peer_accept(net_socket *listener);

/* OpenSSL on this descriptor, which it owns. A client verifies nothing and shows no certificate. */
void peer_client(struct openssl_peer *raw, int fd);
void peer_server(struct openssl_peer *raw, int fd, enum certificate which);
/* With a context that several have in common. */
void peer_server_of(struct openssl_peer *raw, int fd, SSL_CTX *context);
/* One that does not mind a weak key. */
void peer_server_weak(struct openssl_peer *raw, int fd, enum certificate which);
void peer_close(struct openssl_peer *raw);

/* Shake hands with our socket; both must succeed. */
void peer_meet(struct openssl_peer *raw, net_socket *ours);
/* The same until both are decided. Returns what SSL_get_error says, or 0. */
int peer_settle(struct openssl_peer *raw, net_socket *ours, struct said *said);

/* Whole, and waiting for it. */
void peer_says(struct openssl_peer *raw, const char *words);
void peer_expects(struct openssl_peer *raw, const char *words);

/* Bytes on the descriptor. */
void peer_sends_bytes(int fd, const void *bytes, size_t size);

/* The next record, of this type and content, made by hand. Returns its size. The handshake has to
 * be over, of TLS 1.3, and OpenSSL has sent nothing after it. */
enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, RECORD_DATA = 23, RECORD_EXTRA = 22 };
size_t peer_record(struct openssl_peer *raw, int type, const void *content, size_t size,
                   unsigned char *record);
void peer_sends_record(struct openssl_peer *raw, int type, const void *content, size_t size);

#endif

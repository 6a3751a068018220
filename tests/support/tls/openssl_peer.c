/* Peers of tls:// that do not use this library. */
#include "openssl_peer.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE = 20 /* seconds */ };

/* ---- Descriptors ---- */

int peer_open(net_socket *listener)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;

    to.sin_port = htons((uint16_t)number_of(listener, "port"));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

net_socket *peer_listen(void)
{
    return assert_socket(net_listen("tcp://127.0.0.1:0"));
}

int peer_accept(net_socket *listener)
{
    int yes = 1;
    int fd = (int)assert_ok(net_release(assert_socket((net_accept)(listener, soon()))));

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

void peer_sends_bytes(int fd, const void *bytes, size_t size)
{
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* ---- OpenSSL ---- */

/* "CLIENT_TRAFFIC_SECRET_0 random secret", in hex. */
static void keep_secret(const SSL *ssl, const char *line)
{
    struct openssl_peer *raw = SSL_get_app_data(ssl);
    const char *label = raw->is_server ? "SERVER_TRAFFIC_SECRET_0 " : "CLIENT_TRAFFIC_SECRET_0 ";
    const char *hex = strrchr(line, ' ') + 1;

    if (strncmp(line, label, strlen(label)) != 0 || strlen(hex) != (size_t)2 * PEER_SECRET_SIZE) {
        return;
    }
    for (size_t i = 0; i < PEER_SECRET_SIZE; i++) {
        unsigned byte = 0;

        sscanf(hex + 2 * i, "%2x", &byte);
        raw->secret[i] = (unsigned char)byte;
    }
    raw->has_secret = true;
}

static void begin(struct openssl_peer *raw, int fd, const SSL_METHOD *method)
{
    *raw = (struct openssl_peer){.fd = fd, .context = SSL_CTX_new(method)};
    assert_non_null(raw->context);
    SSL_CTX_set_keylog_callback(raw->context, keep_secret);
    SSL_CTX_set_ciphersuites(raw->context, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_num_tickets(raw->context, 0); /* so that records begin with number 0 */
}

static void make(struct openssl_peer *raw)
{
    raw->ssl = SSL_new(raw->context);
    SSL_set_app_data(raw->ssl, raw);
    assert_int_equal(SSL_set_fd(raw->ssl, raw->fd), 1);
}

void peer_client(struct openssl_peer *raw, int fd)
{
    begin(raw, fd, TLS_client_method());
    make(raw);
    SSL_set_connect_state(raw->ssl);
}

static void serve_at_level(struct openssl_peer *raw, int fd, enum certificate which, int level)
{
    begin(raw, fd, TLS_server_method());
    SSL_CTX_set_security_level(raw->context, level);
    SSL_CTX_use_certificate_chain_file(raw->context, certificate_file(which));
    SSL_CTX_use_PrivateKey_file(raw->context, certificate_key(which), SSL_FILETYPE_PEM);
    raw->is_server = true;
    make(raw);
    SSL_set_accept_state(raw->ssl);
}

void peer_server(struct openssl_peer *raw, int fd, enum certificate which)
{
    serve_at_level(raw, fd, which, 1);
}

void peer_server_weak(struct openssl_peer *raw, int fd, enum certificate which)
{
    serve_at_level(raw, fd, which, 0);
}

void peer_server_of(struct openssl_peer *raw, int fd, SSL_CTX *context)
{
    *raw = (struct openssl_peer){.fd = fd, .context = context, .is_server = true};
    SSL_CTX_up_ref(context);
    make(raw);
    SSL_set_accept_state(raw->ssl);
}

void peer_close(struct openssl_peer *raw)
{
    /* Else its session counts as one that may not be resumed. */
    SSL_set_shutdown(raw->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(raw->ssl);
    SSL_CTX_free(raw->context);
    if (raw->fd >= 0) {
        close(raw->fd);
    }
    raw->fd = -1;
}

static void set_blocking(int fd, bool blocks)
{
    int flags = fcntl(fd, F_GETFL);
    struct timeval wait = {.tv_sec = (time_t)PATIENCE * slowness()};

    fcntl(fd, F_SETFL, blocks ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
}

int peer_settle(struct openssl_peer *raw, net_socket *ours, struct said *said)
{
    double since = now_ms();
    int error = SSL_ERROR_WANT_READ;
    int code = NET_TIMEOUT;

    set_blocking(raw->fd, false);
    while (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE || code == NET_TIMEOUT) {
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
            int result = SSL_do_handshake(raw->ssl);

            error = result == 1 ? 0 : SSL_get_error(raw->ssl, result);
        }
        code = code == NET_TIMEOUT ? tls_step(ours, said) : code;
        assert_true(elapsed_ms(since) < 20000.0 * slowness());
        sched_yield();
    }
    set_blocking(raw->fd, true);
    return error;
}

void peer_meet(struct openssl_peer *raw, net_socket *ours)
{
    struct said said;
    int error = peer_settle(raw, ours, &said);

    if (error != 0 || said.code != 0) {
        fail_msg("OpenSSL: %d; ours: %s", error, said.text);
    }
}

void peer_says(struct openssl_peer *raw, const char *words)
{
    int size = (int)strlen(words);

    assert_int_equal(SSL_write(raw->ssl, words, size), size);
}

void peer_expects(struct openssl_peer *raw, const char *words)
{
    char got[256];
    int size = (int)strlen(words);

    assert_int_equal(SSL_read(raw->ssl, got, size), size);
    assert_memory_equal(got, words, (size_t)size);
}

/* ---- Records by hand ---- */

/* HKDF-Expand-Label with an empty context (RFC 8446, 7.1). */
static void expand(const unsigned char *secret, const char *label, unsigned char *out, size_t size)
{
    unsigned char info[64] = {0, (unsigned char)size, (unsigned char)(6 + strlen(label))};
    char digest[] = "SHA256";
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);

    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, strlen(label));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int("mode", &mode),
        OSSL_PARAM_construct_utf8_string("digest", digest, 0),
        OSSL_PARAM_construct_octet_string("key", (void *)(uintptr_t)secret, PEER_SECRET_SIZE),
        OSSL_PARAM_construct_octet_string("info", info, 10 + strlen(label)),
        OSSL_PARAM_construct_end(),
    };

    assert_int_equal(EVP_KDF_derive(context, out, size, params), 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

size_t peer_record(struct openssl_peer *raw, int type, const void *content, size_t size,
                   unsigned char *record)
{
    unsigned char key[PEER_KEY_SIZE];
    unsigned char nonce[PEER_NONCE_SIZE];
    unsigned char last = (unsigned char)type;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    size_t length = size + 1 + 16; /* the type, and the tag */
    int n = 0;

    assert_true(raw->has_secret);
    expand(raw->secret, "key", key, sizeof key);
    expand(raw->secret, "iv", nonce, sizeof nonce);
    for (size_t i = 0; i < 8; i++) {
        nonce[PEER_NONCE_SIZE - 1 - i] ^= (unsigned char)(raw->number >> (8 * i));
    }
    memcpy(record, (unsigned char[]){23, 3, 3, (unsigned char)(length >> 8), (unsigned char)length},
           5);
    EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, key, nonce);
    EVP_EncryptUpdate(context, NULL, &n, record, 5);
    EVP_EncryptUpdate(context, record + 5, &n, content, (int)size);
    EVP_EncryptUpdate(context, record + 5 + size, &n, &last, 1);
    EVP_EncryptFinal_ex(context, record + 5 + size + 1, &n);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, record + 5 + size + 1);
    EVP_CIPHER_CTX_free(context);
    raw->number++;
    if (type == RECORD_HANDSHAKE && size > 0 && *(const unsigned char *)content == 24) {
        unsigned char next[PEER_SECRET_SIZE]; /* a key update (RFC 8446, 7.2) */

        expand(raw->secret, "traffic upd", next, sizeof next);
        memcpy(raw->secret, next, sizeof next);
        raw->number = 0;
    }
    return 5 + length;
}

void peer_sends_record(struct openssl_peer *raw, int type, const void *content, size_t size)
{
    unsigned char record[(1 << 14) + 1024];

    peer_sends_bytes(raw->fd, record, peer_record(raw, type, content, size, record));
}

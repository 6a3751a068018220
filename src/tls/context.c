/* A context of OpenSSL's: what is on and off for all, and what the settings say. */
#include "tls/context.h"

#include "tls/failure.h"
#include "tls/library.h"
#include "tls/pair.h"
#include "tls/records.h"
#include "tls/remember.h"
#include "tls/verify.h"

#include <openssl/tls1.h>
#include <string.h>

enum { SECURITY_LEVEL = 2 }; /* RSA from 2048 bits, no SHA-1 */

/* Keys for each connection, and encryption that is authenticated; nothing older. */
static const char ciphers12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char ciphers13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* Key exchange by curves alone: over large primes it costs a server much, for any caller. The first
 * list that this OpenSSL knows counts; the one of 3.5 withstands quantum computers, too. */
static const char *const groups[] = {"X25519MLKEM768:X25519:P-256:X448:P-384:P-521",
                                     "X25519:P-256:X448:P-384:P-521"};

static bool set_groups(SSL_CTX *context)
{
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (SSL_CTX_set1_groups_list(context, groups[i]) == 1) {
            return true;
        }
    }
    return false;
}

/* Our rules first, then the administrator's, so that his hold where they differ; then those that
 * may be made stricter only. */
static int set_rules(SSL_CTX *context, int lowest, net_cipher_failure *failure)
{
    if (SSL_CTX_set_cipher_list(context, ciphers12) != 1 ||
        SSL_CTX_set_ciphersuites(context, ciphers13) != 1 || !set_groups(context)) {
        return nf_tls_fail(failure, NET_UNSUPPORTED, "OpenSSL lacks our ciphers: %s",
                           nf_tls_newest_reason());
    }
    SSL_CTX_set_security_level(context, SECURITY_LEVEL);
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_config(context, "system_default");
    if (SSL_CTX_get_security_level(context) < SECURITY_LEVEL) {
        SSL_CTX_set_security_level(context, SECURITY_LEVEL);
    }
    if (SSL_CTX_get_min_proto_version(context) < lowest) {
        SSL_CTX_set_min_proto_version(context, lowest);
    }
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    /* An end without close_notify is a connection cut off. */
    SSL_CTX_clear_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF |
                                       SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                       SSL_OP_LEGACY_SERVER_CONNECT);
    /* No chain is looked for among what is trusted, at each handshake: the file has it. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    return 0;
}

/* The server's order decides. Without a common name there is no connection (RFC 7301). */
static int choose_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *size,
                       const unsigned char *offered, unsigned offered_size, void *argument)
{
    const net_cipher_settings *settings = argument;
    unsigned char *name;

    (void)ssl;
    if (SSL_select_next_proto(&name, size, settings->alpn, settings->alpn_size, offered,
                              offered_size) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *chosen = name;
    return SSL_TLSEXT_ERR_OK;
}

static int set_alpn(net_cipher_settings *settings, net_cipher_failure *failure)
{
    if (settings->alpn_size == 0) {
        return 0;
    }
    if (settings->side == NET_CIPHER_SERVER) {
        SSL_CTX_set_alpn_select_cb(settings->context, choose_alpn, settings);
        return 0;
    }
    return SSL_CTX_set_alpn_protos(settings->context, settings->alpn, settings->alpn_size) == 0
               ? 0
               : nf_tls_no_memory(failure);
}

/* 1: we keep the reference to the session. */
static int on_new_session(SSL *ssl, SSL_SESSION *made)
{
    net_cipher_session *session = nf_tls_records_owner(ssl);

    if (session->place == NULL) {
        return 0;
    }
    nf_tls_remember(session->settings, session->place, made);
    return 1;
}

/* The peer asks for a certificate, and we have none. */
static int on_asked(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    (void)certificate;
    (void)key;
    nf_tls_records_owner(ssl)->asked = true;
    return 0;
}

/* A server keeps nothing: its tickets hold the sessions, encrypted with keys of this context. New
 * settings, as after a change of the certificate, have new keys. */
static int set_resumption(net_cipher_settings *settings, net_cipher_failure *failure)
{
    static const unsigned char ours[] = "netfacade";
    SSL_CTX *context = settings->context;

    if (strcmp(settings->values[NF_TLS_TICKETS], "off") == 0) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
    }
    if (settings->resumes) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, on_new_session);
    } else {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    }
    return SSL_CTX_set_session_id_context(context, ours, sizeof ours - 1) == 1
               ? 0
               : nf_tls_no_memory(failure);
}

static int set_certificates(net_cipher_settings *settings, net_cipher_failure *failure)
{
    const char *ca = settings->values[NF_TLS_CA];
    int code = 0;

    if (settings->values[NF_TLS_CERT] != NULL) {
        code = nf_tls_pair(settings->context, settings->values[NF_TLS_CERT],
                           settings->values[NF_TLS_KEY], failure);
    } else {
        SSL_CTX_set_client_cert_cb(settings->context, on_asked);
    }
    if (code == 0 && ca != NULL) {
        code = nf_tls_trust(settings->context, ca, settings->side, failure);
    } else if (code == 0 && settings->verify) {
        SSL_CTX_set_default_verify_paths(settings->context); /* none is no failure: see verify.c */
    }
    return code;
}

int nf_tls_context(net_cipher_settings *settings, net_cipher_failure *failure)
{
    bool newest = strcmp(settings->values[NF_TLS_MIN_VERSION], "1.3") == 0;
    int code;

    settings->context = SSL_CTX_new_ex(nf_tls_library(), NULL, TLS_method());
    if (settings->context == NULL) { /* as when openssl.cnf leaves it without a provider */
        return nf_tls_fail(failure, NET_UNSUPPORTED, "OpenSSL makes no TLS: %s",
                           nf_tls_newest_reason());
    }
    code = set_rules(settings->context, newest ? TLS1_3_VERSION : TLS1_2_VERSION, failure);
    code = code != 0 ? code : set_alpn(settings, failure);
    code = code != 0 ? code : set_resumption(settings, failure);
    code = code != 0 ? code : set_certificates(settings, failure);
    if (code == 0) {
        nf_tls_verify(settings);
    }
    return code;
}

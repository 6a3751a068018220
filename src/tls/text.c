/* Properties and options, as text. */
#include "tls/text.h"

#include "tls/failure.h"
#include "tls/host.h"
#include "tls/option.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* As snprintf. */
static int hand_out(char *buffer, size_t size, const char *text, size_t length)
{
    if (size > 0) {
        size_t fits = length < size ? length : size - 1;

        if (fits > 0) {
            memcpy(buffer, text, fits);
        }
        buffer[fits] = '\0';
    }
    return (int)length;
}

static int say(char *buffer, size_t size, const char *text)
{
    return hand_out(buffer, size, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

static int version(const net_cipher_session *session, char *buffer, size_t size)
{
    switch (SSL_version(session->ssl)) {
    case TLS1_2_VERSION:
        return say(buffer, size, "1.2");
    case TLS1_3_VERSION:
        return say(buffer, size, "1.3");
    default:
        return say(buffer, size, SSL_get_version(session->ssl));
    }
}

static int alpn(const net_cipher_session *session, char *buffer, size_t size)
{
    const unsigned char *name = NULL;
    unsigned length = 0;

    SSL_get0_alpn_selected(session->ssl, &name, &length);
    return hand_out(buffer, size, (const char *)name, length);
}

/* The peer's certificate, from the handshake or from the session that was resumed. */
static X509 *peer(const net_cipher_session *session)
{
    return SSL_get0_peer_certificate(session->ssl);
}

/* The name that was verified, as the certificate has it; without one to verify, as of a caller, the
 * first that it has, else its subject. Nothing if nobody verified it: it could say anything. */
static int peer_name(const net_cipher_session *session, char *buffer, size_t size)
{
    X509 *certificate = peer(session);
    char text[NF_TLS_HOST_SIZE];
    char *matched = NULL;
    int length;

    if (certificate == NULL || !session->settings->verify) {
        return say(buffer, size, "");
    }
    if (session->name != NULL && nf_tls_host_is_address(session->name) &&
        nf_tls_host_matches(certificate, session->name)) {
        return say(buffer, size, session->name);
    }
    if (session->name != NULL &&
        X509_check_host(certificate, session->name, 0, nf_tls_host_flags(), &matched) == 1) {
        length = say(buffer, size, matched);
        OPENSSL_free(matched);
        return length;
    }
    if (!nf_tls_host_first(certificate, text, sizeof text)) {
        nf_tls_host_subject(certificate, text, sizeof text);
    }
    return say(buffer, size, text);
}

static int fingerprint(const net_cipher_session *session, char *buffer, size_t size,
                       net_cipher_failure *failure)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE];
    unsigned length = 0;
    const X509 *certificate = peer(session);

    if (certificate == NULL) {
        return say(buffer, size, "");
    }
    if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1) {
        return nf_tls_no_memory(failure);
    }
    for (unsigned i = 0; i < length; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    return hand_out(buffer, size, text, 2 * (size_t)length);
}

static int certificate(const net_cipher_session *session, char *buffer, size_t size,
                       net_cipher_failure *failure)
{
    BIO *memory;
    char *text = NULL;
    long length;
    int code;

    if (peer(session) == NULL) {
        return say(buffer, size, "");
    }
    memory = BIO_new(BIO_s_mem());
    if (memory == NULL || PEM_write_bio_X509(memory, peer(session)) != 1) {
        BIO_free(memory);
        return nf_tls_no_memory(failure);
    }
    length = BIO_get_mem_data(memory, &text);
    code = hand_out(buffer, size, text, (size_t)length);
    BIO_free(memory);
    return code;
}

/* What is known of the peer once hands are shaken. */
static int of_peer(const net_cipher_session *session, const char *name, char *buffer, size_t size,
                   net_cipher_failure *failure)
{
    if (!session->greeted) {
        return say(buffer, size, "");
    }
    if (strcmp(name, "alpn") == 0) {
        return alpn(session, buffer, size);
    }
    if (strcmp(name, "tls-version") == 0) {
        return version(session, buffer, size);
    }
    if (strcmp(name, "tls-cipher") == 0) {
        return say(buffer, size, SSL_CIPHER_standard_name(SSL_get_current_cipher(session->ssl)));
    }
    if (strcmp(name, "server-name") == 0) {
        return say(buffer, size, SSL_get_servername(session->ssl, TLSEXT_NAMETYPE_host_name));
    }
    if (strcmp(name, "peer-name") == 0) {
        return peer_name(session, buffer, size);
    }
    if (strcmp(name, "peer-fingerprint") == 0) {
        return fingerprint(session, buffer, size, failure);
    }
    return certificate(session, buffer, size, failure);
}

/* An option as it is in force: the system's openssl.cnf may want a newer version of TLS. */
static int of_option(const net_cipher_settings *settings, const net_cipher_session *session,
                     enum nf_tls_option option, char *buffer, size_t size)
{
    if (option == NF_TLS_MIN_VERSION) {
        return say(buffer, size,
                   SSL_CTX_get_min_proto_version(settings->context) >= TLS1_3_VERSION ? "1.3"
                                                                                      : "1.2");
    }
    if (option == NF_TLS_NAME && settings->values[option] == NULL && session != NULL) {
        return say(buffer, size, session->name);
    }
    return say(buffer, size, settings->values[option]);
}

static int find(const net_cipher_settings *settings, const net_cipher_session *session,
                const char *name, char *buffer, size_t size, net_cipher_failure *failure)
{
    for (int i = 0; i < NF_TLS_OPTIONS; i++) {
        if (strcmp(name, nf_tls_option_names[i]) == 0 && (i != NF_TLS_ALPN || session == NULL)) {
            return of_option(settings, session, (enum nf_tls_option)i, buffer, size);
        }
    }
    return session != NULL ? of_peer(session, name, buffer, size, failure) : say(buffer, size, "");
}

int nf_tls_text(const net_cipher_settings *settings, const net_cipher_session *session,
                const char *name, char *buffer, size_t size, net_cipher_failure *failure)
{
    struct nf_tls_errors errors;
    int length;

    nf_tls_errors_begin(&errors);
    length = find(settings, session, name, buffer, size, failure);
    nf_tls_errors_end(&errors);
    return length;
}

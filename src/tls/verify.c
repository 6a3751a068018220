/* What is asked of a peer's certificate, and the sentence of why it was refused. */
#define _GNU_SOURCE
#include "tls/verify.h"

#include "tls/failure.h"
#include "tls/host.h"
#include "tls/records.h"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum {
    SUBJECT_SIZE = 160,
    LIST_SIZE = 160,
    LINE_SIZE = 470 /* within net_cipher_failure's text */
};

/* Sentences for what goes wrong most; OpenSSL's own words for the rest. */
static const struct {
    int error;
    const char *text;
} reasons[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, "the certificate has expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "the certificate is not yet valid"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "the certificate is self-signed, and not trusted"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "the certificate's authority is not trusted"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
     "the certificate's issuer is not known: not trusted, or the peer does not send it"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "the certificate's issuer is not known"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
     "the certificate's issuer is not known: not trusted, or the peer does not send it"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "the certificate's signature is false"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, "the certificate's key is too weak"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, "the key of the certificate's authority is too weak"},
    {X509_V_ERR_CA_MD_TOO_WEAK, "the certificate is signed with a hash that is too weak"},
    {X509_V_ERR_INVALID_CA, "the certificate's issuer is no authority"},
    {X509_V_ERR_INVALID_PURPOSE, "the certificate is for another purpose"},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, "the certificate has more issuers than one of them allows"},
    {X509_V_ERR_PERMITTED_VIOLATION, "the certificate's authority may not name this host"},
    {X509_V_ERR_EXCLUDED_VIOLATION, "the certificate's authority may not name this host"},
    {X509_V_ERR_CERT_REVOKED, "the certificate is revoked"},
};

static const char *reason_of(int error)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].error == error) {
            return reasons[i].text;
        }
    }
    return X509_verify_cert_error_string(error);
}

/* Keep why: OpenSSL itself keeps no certificate that it refused. */
static void refuse(net_cipher_session *session, int error, X509 *certificate)
{
    char subject[SUBJECT_SIZE];
    char list[LIST_SIZE];
    char line[LINE_SIZE];

    nf_tls_host_subject(certificate, subject, sizeof subject);
    if (certificate != NULL &&
        (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH)) {
        nf_tls_host_list(certificate, list, sizeof list);
        snprintf(line, sizeof line, "the certificate is for %s, not for %.80s; subject %s", list,
                 session->name != NULL ? session->name : "this host", subject);
    } else {
        snprintf(line, sizeof line, "%s; subject %s", reason_of(error), subject);
    }
    if (session->code == 0) {
        session->code = error == X509_V_ERR_OUT_OF_MEM ? NET_LIMIT : NET_DENIED;
        session->reason = strdup(line);
    }
}

static int on_verdict(int good, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

    if (good == 0) {
        refuse(nf_tls_records_owner(ssl), X509_STORE_CTX_get_error(store),
               X509_STORE_CTX_get_current_cert(store));
    }
    return good;
}

/* For verify=off: no time is spent on a verdict that nobody asks for. */
static int accept_any(X509_STORE_CTX *store, void *unused)
{
    (void)store;
    (void)unused;
    return 1;
}

void nf_tls_verify(net_cipher_settings *settings)
{
    SSL_CTX *context = settings->context;

    if (settings->verify) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verdict);
        X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(context), nf_tls_host_flags());
    } else {
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
        SSL_CTX_set_cert_verify_callback(context, accept_any, NULL);
    }
}

bool nf_tls_verify_name(net_cipher_session *session)
{
    X509_VERIFY_PARAM *wanted = SSL_get0_param(session->ssl);

    return nf_tls_host_is_address(session->name)
               ? X509_VERIFY_PARAM_set1_ip_asc(wanted, session->name) == 1
               : X509_VERIFY_PARAM_set1_host(wanted, session->name, 0) == 1;
}

/* A client resumes only what it has verified for the same host under the same settings, and that is
 * still valid (remember.c). */
int nf_tls_verify_again(net_cipher_session *session, net_cipher_failure *failure)
{
    const net_cipher_settings *settings = session->settings;
    X509 *certificate;
    int error = X509_V_OK;

    if (!settings->verify || settings->side == NET_CIPHER_CLIENT ||
        SSL_session_reused(session->ssl) == 0) {
        return 0;
    }
    certificate = SSL_get0_peer_certificate(session->ssl);
    if (certificate == NULL) {
        error = X509_V_ERR_UNSPECIFIED;
    } else if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
        error = X509_V_ERR_CERT_HAS_EXPIRED;
    }
    if (error == X509_V_OK) {
        return 0;
    }
    refuse(session, error, certificate);
    return nf_tls_fail(failure, session->code, "%s",
                       session->reason != NULL ? session->reason : reason_of(error));
}

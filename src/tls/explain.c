/* Why a session failed, as a code and a sentence. */
#define _GNU_SOURCE
#include "tls/explain.h"

#include "tls/failure.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <string.h>

struct meaning {
    int number;
    int code;
    const char *text;
};

/* What the peer says about us. OpenSSL's reason is SSL_AD_REASON_OFFSET and the alert. */
static const struct meaning alerts[] = {
    {SSL_AD_NO_CERTIFICATE, NET_DENIED, "the peer refused our certificate: it wants one"},
    {SSL_AD_BAD_CERTIFICATE, NET_DENIED, "the peer refused our certificate: it is bad"},
    {SSL_AD_UNSUPPORTED_CERTIFICATE, NET_DENIED,
     "the peer refused our certificate: its kind or purpose does not fit"},
    {SSL_AD_CERTIFICATE_REVOKED, NET_DENIED, "the peer refused our certificate: it is revoked"},
    {SSL_AD_CERTIFICATE_EXPIRED, NET_DENIED, "the peer refused our certificate: it has expired"},
    {SSL_AD_CERTIFICATE_UNKNOWN, NET_DENIED,
     "the peer refused our certificate: it is not acceptable there"},
    {SSL_AD_UNKNOWN_CA, NET_DENIED,
     "the peer refused our certificate: its issuer is not trusted there"},
    {SSL_AD_ACCESS_DENIED, NET_DENIED, "the peer refused our certificate: access is denied"},
    {SSL_AD_CERTIFICATE_REQUIRED, NET_DENIED,
     "the peer refused our certificate: it wants one, by cert= and key="},
    {SSL_AD_HANDSHAKE_FAILURE, NET_RESET,
     "the peer found no version, cipher or key in common with us"},
    {SSL_AD_INSUFFICIENT_SECURITY, NET_RESET, "the peer wants stronger ciphers"},
    {SSL_AD_PROTOCOL_VERSION, NET_RESET, "the peer does not speak our versions of TLS"},
    {SSL_AD_UNRECOGNIZED_NAME, NET_RESET, "the peer does not serve the name that we asked for"},
    {SSL_AD_NO_APPLICATION_PROTOCOL, NET_RESET, "the peer speaks no protocol of our alpn="},
};

/* What we say about the peer. */
static const struct meaning reasons[] = {
    {SSL_R_WRONG_VERSION_NUMBER, NET_RESET, "the peer does not speak TLS"},
    {SSL_R_HTTP_REQUEST, NET_RESET, "the peer does not speak TLS, but HTTP in the clear"},
    {SSL_R_HTTPS_PROXY_REQUEST, NET_RESET, "the peer does not speak TLS, but asks for a proxy"},
    {SSL_R_UNKNOWN_PROTOCOL, NET_RESET, "the peer does not speak TLS"},
    {SSL_R_UNSUPPORTED_PROTOCOL, NET_RESET,
     "the peer speaks only versions of TLS that are off here"},
    {SSL_R_VERSION_TOO_LOW, NET_RESET, "the peer speaks only versions of TLS that are off here"},
    {SSL_R_VERSION_TOO_HIGH, NET_RESET, "the peer speaks only versions of TLS that are off here"},
    {SSL_R_WRONG_SSL_VERSION, NET_RESET, "the peer speaks only versions of TLS that are off here"},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, NET_RESET, "no version of TLS is on here: see openssl.cnf"},
    {SSL_R_NO_SHARED_CIPHER, NET_RESET, "the peer has no cipher in common with us"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, NET_RESET, "the peer has no key exchange in common with us"},
    {SSL_R_NO_APPLICATION_PROTOCOL, NET_RESET, "the peer speaks no protocol of our alpn="},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, NET_DENIED, "the peer has no certificate"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, NET_RESET, "a record was changed on its way"},
};

static const struct meaning *find(const struct meaning *list, size_t count, int number)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].number == number) {
            return &list[i];
        }
    }
    return NULL;
}

static int explain_alert(const net_cipher_session *session, int alert, net_cipher_failure *failure)
{
    const struct meaning *known = find(alerts, sizeof alerts / sizeof alerts[0], alert);

    if (alert == SSL_AD_HANDSHAKE_FAILURE && session->asked) { /* as TLS 1.2 says it */
        known = find(alerts, sizeof alerts / sizeof alerts[0], SSL_AD_CERTIFICATE_REQUIRED);
    }
    return known != NULL ? nf_tls_fail(failure, known->code, "%s", known->text)
                         : nf_tls_fail(failure, NET_RESET, "the peer broke off: %s",
                                       SSL_alert_desc_string_long(alert));
}

/* The oldest error that libssl itself names: newer ones follow from it, others led to it. */
static int explain_queue(const net_cipher_session *session, net_cipher_failure *failure)
{
    unsigned long error;
    int first = 0;
    const struct meaning *known;

    while ((error = ERR_get_error()) != 0) {
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) {
            return nf_tls_no_memory(failure);
        }
        if (first == 0 && ERR_GET_LIB(error) == ERR_LIB_SSL) {
            first = ERR_GET_REASON(error);
        }
    }
    if (first == 0) {
        return nf_tls_fail(failure, NET_RESET, "the peer's records are not good");
    }
    if (first > SSL_AD_REASON_OFFSET) {
        return explain_alert(session, first - SSL_AD_REASON_OFFSET, failure);
    }
    known = find(reasons, sizeof reasons / sizeof reasons[0], first);
    if (known != NULL) {
        return nf_tls_fail(failure, known->code, "%s", known->text);
    }
    return nf_tls_fail(failure, NET_RESET, "the peer's records are not good: %s",
                       ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, first)));
}

static int explain_noted(const net_cipher_session *session, net_cipher_failure *failure)
{
    if (session->reason != NULL) {
        return nf_tls_fail(failure, session->code, "%s", session->reason);
    }
    switch (session->code) {
    case NET_LIMIT:
        return nf_tls_no_memory(failure);
    case NET_DENIED:
        return nf_tls_fail(failure, NET_DENIED, "the certificate is refused");
    default:
        return nf_tls_fail(failure, session->code,
                           "the peer asks for answers, and does not take them");
    }
}

int nf_tls_explain(net_cipher_session *session, net_cipher_failure *failure)
{
    if (session->code != 0) {
        return explain_noted(session, failure);
    }
    session->code = explain_queue(session, failure);
    session->reason = strdup(failure->text);
    return session->code;
}

/* Sessions: one connection. */
#define _GNU_SOURCE
#include "tls/session.h"

#include "tls/explain.h"
#include "tls/failure.h"
#include "tls/host.h"
#include "tls/records.h"
#include "tls/remember.h"
#include "tls/verify.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LARGEST_RECORD = 16 * 1024,
    MOST_AT_ONCE = 4 * LARGEST_RECORD, /* of one encrypt */
    RECORD_EXTRA = 64                  /* a record's header, nonce and tag, and more */
};

/* The name to verify and to send: `name=`, else the host of the address. */
static int take_name(net_cipher_session *session, const char *host, net_cipher_failure *failure)
{
    const net_cipher_settings *settings = session->settings;
    const char *text = settings->values[NF_TLS_NAME];
    char name[NF_TLS_HOST_SIZE];

    text = text != NULL ? text : host;
    if (text == NULL || !nf_tls_host(name, text)) {
        if (!settings->verify) {
            return 0;
        }
        return text == NULL
                   ? nf_tls_fail(failure, NET_ADDRESS,
                                 "name= is missing: the address has no host whose certificate "
                                 "could be verified")
                   : nf_tls_fail(failure, NET_ADDRESS,
                                 "name= is missing: %.200s is no name that a certificate could be "
                                 "for",
                                 text);
    }
    session->name = strdup(name);
    return session->name != NULL ? 0 : nf_tls_no_memory(failure);
}

static void resume(net_cipher_session *session, const char *host, const char *port)
{
    size_t size;
    SSL_SESSION *remembered;

    if (!session->settings->resumes || host == NULL || port == NULL) {
        return;
    }
    size = strlen(host) + strlen(port) + 2;
    session->place = malloc(size);
    if (session->place == NULL) {
        return; /* and nothing is resumed */
    }
    snprintf(session->place, size, "%s %s", host, port);
    remembered = nf_tls_recall(session->settings, session->place);
    if (remembered != NULL) {
        SSL_set_session(session->ssl, remembered);
        SSL_SESSION_free(remembered);
    }
}

static int begin_client(net_cipher_session *session, const char *host, const char *port,
                        net_cipher_failure *failure)
{
    int code = take_name(session, host, failure);

    if (code != 0) {
        return code;
    }
    SSL_set_connect_state(session->ssl);
    if (session->name != NULL) {
        if (!nf_tls_host_is_address(session->name) && /* RFC 6066 has no addresses there */
            SSL_set_tlsext_host_name(session->ssl, session->name) != 1) {
            return nf_tls_no_memory(failure);
        }
        if (session->settings->verify && !nf_tls_verify_name(session)) {
            return nf_tls_no_memory(failure);
        }
    }
    resume(session, host, port);
    return 0;
}

static net_cipher_session *make(net_cipher_settings *settings, net_cipher_failure *failure)
{
    net_cipher_session *session = calloc(1, sizeof *session);
    BIO *records = session != NULL ? nf_tls_records(session) : NULL;

    if (records == NULL) {
        free(session);
        nf_tls_no_memory(failure);
        return NULL;
    }
    session->settings = settings;
    session->ssl = SSL_new(settings->context);
    if (session->ssl == NULL) {
        BIO_free(records);
        free(session);
        nf_tls_no_memory(failure);
        return NULL;
    }
    SSL_set_bio(session->ssl, records, records); /* which takes one reference */
    return session;
}

static void destroy(net_cipher_session *session)
{
    SSL_free(session->ssl);
    free(session->sealed);
    free(session->name);
    free(session->place);
    free(session->reason);
    free(session);
}

net_cipher_session *nf_tls_open(net_cipher_settings *settings, int side, const char *host,
                                const char *port, net_cipher_failure *failure)
{
    struct nf_tls_errors errors;
    net_cipher_session *session;

    nf_tls_errors_begin(&errors);
    session = make(settings, failure);
    if (session != NULL && side == NET_CIPHER_SERVER) {
        SSL_set_accept_state(session->ssl);
    } else if (session != NULL && begin_client(session, host, port, failure) != 0) {
        destroy(session);
        session = NULL;
    }
    nf_tls_errors_end(&errors);
    return session;
}

void nf_tls_close(net_cipher_session *session)
{
    struct nf_tls_errors errors;

    nf_tls_errors_begin(&errors);
    if (session->greeted && session->code == 0) { /* else OpenSSL would spoil it for resumption */
        SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    destroy(session);
    nf_tls_errors_end(&errors);
}

/* What a call of OpenSSL's that did not succeed means. */
static int outcome(net_cipher_session *session, int result, net_cipher_failure *failure)
{
    switch (SSL_get_error(session->ssl, result)) { /* right, as the queue of errors was empty */
    case SSL_ERROR_WANT_READ:
        return NET_CIPHER_HUNGRY;
    case SSL_ERROR_ZERO_RETURN:
        session->ended = true;
        session->lent = 0;
        return NET_EOF;
    default:
        return nf_tls_explain(session, failure);
    }
}

/* Whether OpenSSL could only ask for bytes. It would make a buffer of 16 KiB to find that out. */
static bool is_hungry(const net_cipher_session *session)
{
    return session->lent == 0 && !session->ended && SSL_has_pending(session->ssl) == 0;
}

static int shake_hands(net_cipher_session *session, net_cipher_failure *failure)
{
    int result = SSL_do_handshake(session->ssl);
    int code =
        result == 1 ? nf_tls_verify_again(session, failure) : outcome(session, result, failure);

    if (code == NET_EOF) {
        session->code = nf_tls_fail(failure, NET_RESET, "the peer ended during the handshake");
        session->reason = strdup(failure->text);
        code = NET_RESET;
    }
    if (code == 0) {
        session->greeted = true;
    } else if (code != NET_CIPHER_HUNGRY && session->place != NULL) {
        nf_tls_forget(session->settings, session->place);
    }
    return code;
}

int nf_tls_greet(net_cipher_session *session, net_cipher_failure *failure)
{
    struct nf_tls_errors errors;
    int code;

    if (session->code != 0) {
        return nf_tls_explain(session, failure);
    }
    if (is_hungry(session) && (SSL_is_server(session->ssl) || !SSL_in_before(session->ssl))) {
        return NET_CIPHER_HUNGRY;
    }
    nf_tls_errors_begin(&errors);
    code = shake_hands(session, failure);
    nf_tls_errors_end(&errors);
    return code;
}

ssize_t nf_tls_encrypt(net_cipher_session *session, const void *data, size_t size,
                       net_cipher_failure *failure)
{
    struct nf_tls_errors errors;
    size_t written = 0;
    size_t taken = size < MOST_AT_ONCE ? size : MOST_AT_ONCE;
    size_t records = (taken + LARGEST_RECORD - 1) / LARGEST_RECORD;
    int result;

    if (session->code != 0) {
        return nf_tls_explain(session, failure);
    }
    if (!nf_tls_records_reserve(session, taken + records * RECORD_EXTRA)) {
        return nf_tls_no_memory(failure); /* nothing is lost: it may be tried again */
    }
    nf_tls_errors_begin(&errors);
    result = SSL_write_ex(session->ssl, data, taken, &written);
    if (result != 1) {
        result = outcome(session, result, failure);
    }
    nf_tls_errors_end(&errors);
    return result == 1 ? (ssize_t)written : result;
}

/* As much as can be had without being fed: the rest of a record, and the records that are lent. */
static ssize_t read_records(net_cipher_session *session, unsigned char *buffer, size_t size,
                            net_cipher_failure *failure)
{
    size_t total = 0;

    do {
        size_t got = 0;
        int result = SSL_read_ex(session->ssl, buffer + total, size - total, &got);

        if (result != 1) {
            result = outcome(session, result, failure);
            session->news = total > 0 && result != NET_CIPHER_HUNGRY; /* it is said next time */
            return total > 0 ? (ssize_t)total : result;
        }
        total += got;
    } while (total < size && (session->lent > 0 || SSL_pending(session->ssl) > 0));
    return (ssize_t)total;
}

/* It stays in the session. */
static ssize_t peek_record(net_cipher_session *session, unsigned char *buffer, size_t size,
                           net_cipher_failure *failure)
{
    size_t got = 0;
    int result = SSL_peek_ex(session->ssl, buffer, size, &got);

    return result == 1 ? (ssize_t)got : outcome(session, result, failure);
}

static ssize_t receive(net_cipher_session *session, void *buffer, size_t size, bool peeks,
                       net_cipher_failure *failure)
{
    struct nf_tls_errors errors;
    ssize_t got;

    if (session->code != 0) {
        return nf_tls_explain(session, failure);
    }
    if (is_hungry(session)) {
        return NET_CIPHER_HUNGRY;
    }
    nf_tls_errors_begin(&errors);
    session->reading = true;
    got = peeks ? peek_record(session, buffer, size, failure)
                : read_records(session, buffer, size, failure);
    session->reading = false;
    nf_tls_errors_end(&errors);
    return got;
}

ssize_t nf_tls_decrypt(net_cipher_session *session, void *buffer, size_t size,
                       net_cipher_failure *failure)
{
    session->news = false;
    return receive(session, buffer, size, false, failure);
}

ssize_t nf_tls_peek(net_cipher_session *session, void *buffer, size_t size,
                    net_cipher_failure *failure)
{
    return receive(session, buffer, size, true, failure);
}

void nf_tls_finish(net_cipher_session *session)
{
    struct nf_tls_errors errors;

    nf_tls_errors_begin(&errors);
    SSL_shutdown(session->ssl);
    nf_tls_errors_end(&errors);
}

unsigned nf_tls_waiting(const net_cipher_session *session)
{
    unsigned ready = session->sealed_end > session->sealed_begin ? NET_CIPHER_SEALED : 0;

    /* Nobody would ask for an end or a failure that came in one loan with the last bytes. */
    if (session->news || (session->code == 0 && SSL_pending(session->ssl) > 0)) {
        ready |= NET_CIPHER_PLAIN;
    }
    return ready;
}

/* The sessions that a client's settings remember. */
#define _GNU_SOURCE
#include "tls/remember.h"

#include "tls/library.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_SESSIONS = 64, /* of all places */
    MOST_OF_A_PLACE = 4 /* a server of TLS 1.3 hands out several, for connections side by side */
};

struct entry {
    char *place;
    SSL_SESSION *session;
};

/* The oldest first. */
struct nf_tls_remembered {
    struct entry entries[MOST_SESSIONS];
    size_t count;
};

static void drop(struct nf_tls_remembered *remembered, size_t index)
{
    struct entry *entry = &remembered->entries[index];

    free(entry->place);
    SSL_SESSION_free(entry->session);
    remembered->count--;
    memmove(entry, entry + 1, (remembered->count - index) * sizeof *entry);
}

/* Drop the oldest of a place until fewer than `most` are left. */
static void thin_out(struct nf_tls_remembered *remembered, const char *place, size_t most)
{
    size_t found = 0;

    for (size_t i = remembered->count; i-- > 0;) {
        if (strcmp(remembered->entries[i].place, place) == 0) {
            found++;
            if (found >= most) {
                drop(remembered, i);
            }
        }
    }
}

static void add(net_cipher_settings *settings, char *place, SSL_SESSION *session)
{
    struct nf_tls_remembered *remembered = settings->remembered;
    bool once = SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;

    thin_out(remembered, place, once ? MOST_OF_A_PLACE : 1);
    if (remembered->count == MOST_SESSIONS) {
        drop(remembered, 0);
    }
    remembered->entries[remembered->count++] = (struct entry){place, session};
}

void nf_tls_remember(net_cipher_settings *settings, const char *place, SSL_SESSION *session)
{
    char *copy = strdup(place);

    nf_tls_lock();
    if (copy != NULL && settings->remembered == NULL) {
        settings->remembered = calloc(1, sizeof *settings->remembered);
    }
    if (copy != NULL && settings->remembered != NULL) {
        add(settings, copy, session);
        copy = NULL;
        session = NULL;
    }
    nf_tls_unlock();
    free(copy);
    SSL_SESSION_free(session);
}

/* Also the certificate still has to be valid: who resumes sees it no more. */
static bool usable(const SSL_SESSION *session)
{
    X509 *certificate = SSL_SESSION_get0_peer((SSL_SESSION *)session);

    return SSL_SESSION_is_resumable(session) != 0 &&
           SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) > (long)time(NULL) &&
           certificate != NULL && X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

static SSL_SESSION *find(struct nf_tls_remembered *remembered, const char *place)
{
    for (size_t i = remembered->count; i-- > 0;) {
        SSL_SESSION *session = remembered->entries[i].session;

        if (strcmp(remembered->entries[i].place, place) != 0) {
            continue;
        }
        if (!usable(session)) {
            drop(remembered, i);
            continue;
        }
        SSL_SESSION_up_ref(session);
        if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) {
            drop(remembered, i);
        }
        return session;
    }
    return NULL;
}

SSL_SESSION *nf_tls_recall(net_cipher_settings *settings, const char *place)
{
    SSL_SESSION *session = NULL;

    nf_tls_lock();
    if (settings->remembered != NULL) {
        session = find(settings->remembered, place);
    }
    nf_tls_unlock();
    return session;
}

void nf_tls_forget(net_cipher_settings *settings, const char *place)
{
    nf_tls_lock();
    if (settings->remembered != NULL) {
        thin_out(settings->remembered, place, 1);
    }
    nf_tls_unlock();
}

void nf_tls_forget_all(net_cipher_settings *settings)
{
    while (settings->remembered != NULL && settings->remembered->count > 0) {
        drop(settings->remembered, settings->remembered->count - 1);
    }
    free(settings->remembered);
    settings->remembered = NULL;
}

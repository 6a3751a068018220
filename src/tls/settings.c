/* Settings: a context of OpenSSL's, made from the options of an address. */
#include "tls/settings.h"

#include "tls/context.h"
#include "tls/failure.h"
#include "tls/file.h"
#include "tls/library.h"
#include "tls/option.h"
#include "tls/remember.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_KEPT = 8 };

/* Those of clients, the newest first, each with a reference. They are in reach when the process
 * ends. */
static net_cipher_settings *kept[MOST_KEPT];

static void destroy(net_cipher_settings *settings)
{
    nf_tls_forget_all(settings);
    SSL_CTX_free(settings->context);
    for (int i = 0; i < NF_TLS_OPTIONS; i++) {
        free(settings->values[i]);
    }
    free(settings->alpn);
    free(settings);
}

static void drop(net_cipher_settings *settings)
{
    size_t left;

    if (settings == NULL) {
        return;
    }
    nf_tls_lock();
    settings->references--;
    left = settings->references;
    nf_tls_unlock();
    if (left == 0) {
        destroy(settings);
    }
}

/* Taken before the files are read: one that changes meanwhile is read again next time. */
static void stamp(net_cipher_settings *settings)
{
    bool systems = settings->verify && settings->values[NF_TLS_CA] == NULL;
    const char *file = getenv(X509_get_default_cert_file_env());     /* NOLINT */
    const char *directory = getenv(X509_get_default_cert_dir_env()); /* NOLINT */

    file = file != NULL ? file : X509_get_default_cert_file();
    directory = directory != NULL ? directory : X509_get_default_cert_dir();
    nf_tls_stamp(&settings->stamps[0], settings->values[NF_TLS_CA]);
    nf_tls_stamp(&settings->stamps[1], settings->values[NF_TLS_CERT]);
    nf_tls_stamp(&settings->stamps[2], settings->values[NF_TLS_KEY]);
    nf_tls_stamp(&settings->stamps[3], systems ? file : NULL);
    nf_tls_stamp(&settings->stamps[4], systems ? directory : NULL);
}

static bool same_stamp(const struct nf_tls_stamp *one, const struct nf_tls_stamp *other)
{
    return one->device == other->device && one->inode == other->inode && one->size == other->size &&
           one->modified.tv_sec == other->modified.tv_sec &&
           one->modified.tv_nsec == other->modified.tv_nsec;
}

static bool same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool same(const net_cipher_settings *one, const net_cipher_settings *other)
{
    for (int i = 0; i < NF_TLS_OPTIONS; i++) {
        if (!same_text(one->values[i], other->values[i])) {
            return false;
        }
    }
    for (int i = 0; i < NF_TLS_STAMPS; i++) {
        if (!same_stamp(&one->stamps[i], &other->stamps[i])) {
            return false;
        }
    }
    return true;
}

/* Put these in front, and return those that fall out at the end; under the lock. */
static net_cipher_settings *put_in_front(net_cipher_settings *settings, size_t from)
{
    net_cipher_settings *last = kept[from];

    for (size_t i = from; i > 0; i--) {
        kept[i] = kept[i - 1];
    }
    kept[0] = settings;
    return last;
}

/* Settings that are kept for these options, with a reference; or NULL. */
static net_cipher_settings *find_kept(const net_cipher_settings *wanted)
{
    net_cipher_settings *found = NULL;

    nf_tls_lock();
    for (size_t i = 0; i < MOST_KEPT && found == NULL; i++) {
        if (kept[i] != NULL && same(kept[i], wanted)) {
            found = kept[i];
            found->references++;
            put_in_front(found, i);
        }
    }
    nf_tls_unlock();
    return found;
}

static void keep(net_cipher_settings *settings)
{
    net_cipher_settings *last;

    nf_tls_lock();
    settings->references++;
    last = put_in_front(settings, MOST_KEPT - 1);
    nf_tls_unlock();
    drop(last);
}

static net_cipher_settings *make(const net_cipher_settings *old, const char *const *values,
                                 int side, net_cipher_failure *failure)
{
    net_cipher_settings *settings = calloc(1, sizeof *settings);
    net_cipher_settings *found = NULL;
    int code = settings != NULL && nf_tls_library() != NULL ? 0 : nf_tls_no_memory(failure);

    if (settings == NULL) {
        return NULL;
    }
    settings->references = 1;
    settings->side = side;
    code = code != 0 ? code : nf_tls_options(settings, old, values, failure);
    if (code == 0) {
        stamp(settings);
        found = side == NET_CIPHER_CLIENT ? find_kept(settings) : NULL;
    }
    if (code == 0 && found == NULL) {
        code = nf_tls_context(settings, failure);
    }
    if (code != 0 || found != NULL) {
        drop(settings);
        return found;
    }
    if (side == NET_CIPHER_CLIENT) {
        keep(settings);
    }
    return settings;
}

net_cipher_settings *nf_tls_configure(const net_cipher_settings *old, const char *const *values,
                                      int side, net_cipher_failure *failure)
{
    struct nf_tls_errors errors;
    net_cipher_settings *settings;

    nf_tls_errors_begin(&errors);
    settings = make(old, values, side, failure);
    nf_tls_errors_end(&errors);
    return settings;
}

void nf_tls_release(net_cipher_settings *settings)
{
    struct nf_tls_errors errors;

    nf_tls_errors_begin(&errors);
    drop(settings);
    nf_tls_errors_end(&errors);
}

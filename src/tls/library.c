/* What is made once in a process: our own context of OpenSSL, and the lock. It is never freed: it
 * serves as long as there is the process, and this library is not unloaded. */
#include "tls/library.h"

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static OSSL_LIB_CTX *library;

/* The parts of the system's configuration that belong to a context. The others hold for the whole
 * process: OpenSSL has read them for its own context, and read again they would change under the
 * hands of the program. */
static const char *const parts[] = {"providers", "alg_section", "random"};

static bool is_ours(const char *name)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(name, parts[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Move the entries that are not of our parts from `section` to `others`. */
static void set_aside(STACK_OF(CONF_VALUE) * section, STACK_OF(CONF_VALUE) * others)
{
    for (int i = sk_CONF_VALUE_num(section) - 1; i >= 0; i--) {
        CONF_VALUE *entry = sk_CONF_VALUE_value(section, i);

        if (!is_ours(entry->name) && sk_CONF_VALUE_push(others, entry) > 0) {
            sk_CONF_VALUE_delete(section, i);
        }
    }
}

/* Load our parts. The configuration owns its entries, and gets the others back in the end. */
static void load_parts(CONF *configuration)
{
    const char *name = NCONF_get_string(configuration, NULL, "openssl_conf");
    STACK_OF(CONF_VALUE) *section = name != NULL ? NCONF_get_section(configuration, name) : NULL;
    STACK_OF(CONF_VALUE) *others = section != NULL ? sk_CONF_VALUE_new_null() : NULL;

    if (others == NULL) {
        return;
    }
    set_aside(section, others);
    CONF_modules_load(configuration, "openssl_conf",
                      CONF_MFLAGS_IGNORE_RETURN_CODES | CONF_MFLAGS_NO_DSO);
    while (sk_CONF_VALUE_num(others) > 0) {
        sk_CONF_VALUE_push(section, sk_CONF_VALUE_pop(others));
    }
    sk_CONF_VALUE_free(others);
}

/* Providers and the like, as the system's openssl.cnf says. As in OpenSSL's own context, a
 * configuration that cannot be used is passed over. */
static void configure(void)
{
    char *file = CONF_get1_default_config_file();
    CONF *configuration = NCONF_new_ex(library, NULL);
    long line;

    if (file != NULL && configuration != NULL && NCONF_load(configuration, file, &line) > 0) {
        load_parts(configuration);
    }
    NCONF_free(configuration);
    OPENSSL_free(file);
}

/* A child of a fork finds the lock free, whoever held it. */
static void make(void)
{
    /* The first call decides: no atexit handler of OpenSSL's if we are first. A detached thread may
     * still talk when the process ends. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
    library = OSSL_LIB_CTX_new();
    if (library != NULL) {
        configure();
    }
    pthread_atfork(nf_tls_lock, nf_tls_unlock, nf_tls_unlock);
}

OSSL_LIB_CTX *nf_tls_library(void)
{
    pthread_once(&once, make);
    return library;
}

void nf_tls_lock(void)
{
    pthread_mutex_lock(&lock);
}

void nf_tls_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

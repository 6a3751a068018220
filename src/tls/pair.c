/* Certificates and keys from PEM files. */
#include "tls/pair.h"

#include "tls/failure.h"
#include "tls/file.h"
#include "tls/library.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sslerr.h>
#include <openssl/x509.h>

/* A key that wants a password: nobody is asked for one. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL gives the type */
static int no_password(char *buffer, int size, int writing, void *asked)
{
    (void)buffer;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

/* The next certificate of a file. 1; 0 at its end; NET_ADDRESS, NET_LIMIT. */
static int next_certificate(BIO *memory, X509 **certificate, const char *option, const char *path,
                            net_cipher_failure *failure)
{
    bool asked = false;
    X509 *made = X509_new_ex(nf_tls_library(), NULL);

    if (made == NULL) {
        return nf_tls_no_memory(failure);
    }
    if (PEM_read_bio_X509(memory, &made, no_password, &asked) != NULL) {
        *certificate = made;
        return 1;
    }
    X509_free(made);
    if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
        ERR_clear_error();
        return 0;
    }
    return nf_tls_fail(failure, NET_ADDRESS, "%s=%s: a certificate in it cannot be read: %s",
                       option, path, nf_tls_newest_reason());
}

static int open_pem(struct nf_tls_file *file, BIO **memory, const char *option, const char *path,
                    net_cipher_failure *failure)
{
    int code = nf_tls_file_read(file, option, path, failure);

    if (code != 0) {
        return code;
    }
    *memory = BIO_new_mem_buf(file->bytes, (int)file->size);
    if (*memory == NULL) {
        nf_tls_file_free(file);
        return nf_tls_no_memory(failure);
    }
    return 0;
}

static void close_pem(struct nf_tls_file *file, BIO *memory)
{
    BIO_free(memory);
    nf_tls_file_free(file);
}

static int none_in(const char *what, const char *option, const char *path,
                   net_cipher_failure *failure)
{
    return nf_tls_fail(failure, NET_ADDRESS, "%s=%s: no %s in PEM form is in it", option, path,
                       what);
}

/* The rest of the file. */
static int read_chain(BIO *memory, STACK_OF(X509) * chain, const char *path,
                      net_cipher_failure *failure)
{
    X509 *certificate = NULL;
    int code;

    for (;;) {
        code = next_certificate(memory, &certificate, "cert", path, failure);
        if (code <= 0) {
            return code;
        }
        if (sk_X509_push(chain, certificate) == 0) {
            X509_free(certificate);
            return nf_tls_no_memory(failure);
        }
    }
}

static int read_certificates(const char *path, X509 **certificate, STACK_OF(X509) * chain,
                             net_cipher_failure *failure)
{
    struct nf_tls_file file;
    BIO *memory;
    int code = open_pem(&file, &memory, "cert", path, failure);

    if (code != 0) {
        return code;
    }
    code = next_certificate(memory, certificate, "cert", path, failure);
    if (code == 0) {
        code = none_in("certificate", "cert", path, failure);
    }
    if (code > 0) {
        code = read_chain(memory, chain, path, failure);
    }
    close_pem(&file, memory);
    return code;
}

static int read_key(const char *path, EVP_PKEY **key, net_cipher_failure *failure)
{
    struct nf_tls_file file;
    BIO *memory;
    bool asked = false;
    int code = open_pem(&file, &memory, "key", path, failure);

    if (code != 0) {
        return code;
    }
    *key = PEM_read_bio_PrivateKey_ex(memory, NULL, no_password, &asked, nf_tls_library(), NULL);
    if (*key == NULL) {
        code = asked ? nf_tls_fail(failure, NET_ADDRESS,
                                   "key=%s: the key is encrypted, and nobody is asked for its "
                                   "password",
                                   path)
                     : none_in("private key", "key", path, failure);
    }
    close_pem(&file, memory);
    return code;
}

static const char *refusal(void)
{
    switch (ERR_GET_REASON(ERR_peek_last_error())) {
    case SSL_R_EE_KEY_TOO_SMALL:
        return "its key is too weak";
    case SSL_R_CA_KEY_TOO_SMALL:
        return "the key of an issuer is too weak";
    case SSL_R_CA_MD_TOO_WEAK:
        return "it is signed with a hash that is too weak";
    default:
        return nf_tls_newest_reason();
    }
}

static int use(SSL_CTX *context, X509 *certificate, EVP_PKEY *key, STACK_OF(X509) * chain,
               const char *const *paths, net_cipher_failure *failure)
{
    if (X509_check_private_key(certificate, key) != 1) {
        return nf_tls_fail(failure, NET_ADDRESS, "key=%s: it does not fit the certificate %s",
                           paths[1], paths[0]);
    }
    if (SSL_CTX_use_cert_and_key(context, certificate, key, chain, 1) != 1) {
        return nf_tls_fail(failure, NET_ADDRESS, "cert=%s: %s", paths[0], refusal());
    }
    return 0;
}

int nf_tls_pair(SSL_CTX *context, const char *cert, const char *key, net_cipher_failure *failure)
{
    const char *const paths[] = {cert, key};
    X509 *certificate = NULL;
    EVP_PKEY *private_key = NULL;
    STACK_OF(X509) *chain = sk_X509_new_null();
    int code = chain != NULL ? 0 : nf_tls_no_memory(failure);

    code = code != 0 ? code : read_certificates(cert, &certificate, chain, failure);
    code = code != 0 ? code : read_key(key, &private_key, failure);
    code = code != 0 ? code : use(context, certificate, private_key, chain, paths, failure);
    EVP_PKEY_free(private_key);
    X509_free(certificate);
    sk_X509_pop_free(chain, X509_free);
    return code;
}

static int trust_all(SSL_CTX *context, BIO *memory, const char *ca, int side,
                     net_cipher_failure *failure)
{
    X509 *certificate = NULL;
    int code;

    for (int count = 0;; count++) {
        code = next_certificate(memory, &certificate, "ca", ca, failure);
        if (code <= 0) {
            return code < 0 || count > 0 ? code : none_in("certificate", "ca", ca, failure);
        }
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) != 1 ||
            (side == NET_CIPHER_SERVER && SSL_CTX_add_client_CA(context, certificate) != 1)) {
            code = nf_tls_no_memory(failure);
        }
        X509_free(certificate);
        if (code < 0) {
            return code;
        }
    }
}

int nf_tls_trust(SSL_CTX *context, const char *ca, int side, net_cipher_failure *failure)
{
    struct nf_tls_file file;
    BIO *memory;
    int code = nf_tls_file_is_store("ca", ca, failure);

    if (code < 0) {
        return code;
    }
    if (code > 0) {
        return SSL_CTX_load_verify_dir(context, ca) == 1 ? 0 : nf_tls_no_memory(failure);
    }
    code = open_pem(&file, &memory, "ca", ca, failure);
    if (code != 0) {
        return code;
    }
    code = trust_all(context, memory, ca, side, failure);
    close_pem(&file, memory);
    return code;
}

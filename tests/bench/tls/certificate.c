/* An authority, and the certificate of a server at 127.0.0.1 that it has signed. */
#include "contest.h"
#include "stack.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NEWEST_VERSION = 2, DAY = 24 * 60 * 60 };

static char folder[] = "/tmp/bench_tls.XXXXXX";
struct certificate certificate;

static void add_extension(X509 *of, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, of, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);

    need(extension != NULL && X509_add_ext(of, extension, -1) == 1, "an extension");
    X509_EXTENSION_free(extension);
}

static X509 *make(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *made = X509_new();

    need(made != NULL && X509_set_version(made, NEWEST_VERSION) == 1, "a certificate");
    X509_gmtime_adj(X509_getm_notBefore(made), -DAY);
    X509_gmtime_adj(X509_getm_notAfter(made), DAY);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(made, X509_get_subject_name(issuer != NULL ? issuer : made));
    X509_set_pubkey(made, key);
    ASN1_INTEGER_set(X509_get_serialNumber(made), issuer != NULL ? 2 : 1);
    if (issuer == NULL) {
        add_extension(made, made, NID_basic_constraints, "critical,CA:TRUE");
    } else {
        add_extension(made, issuer, NID_subject_alt_name, "IP:127.0.0.1");
    }
    add_extension(made, issuer != NULL ? issuer : made, NID_subject_key_identifier, "hash");
    need(X509_sign(made, issuer_key, EVP_sha256()) > 0, "X509_sign");
    return made;
}

static FILE *create(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");

    need(file != NULL, path);
    return file;
}

static void write_certificate(char *path, size_t size, const char *name, X509 *of)
{
    FILE *file = create(path, size, name);

    need(PEM_write_X509(file, of) == 1, "PEM_write_X509");
    fclose(file);
}

void certificate_make(void)
{
    EVP_PKEY *authority_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_EC_gen("P-256");

    need(authority_key != NULL && key != NULL, "EVP_EC_gen");
    need(mkdtemp(folder) != NULL, "mkdtemp");
    X509 *authority = make("bench authority", authority_key, NULL, authority_key);
    X509 *server = make("bench server", key, authority, authority_key);

    write_certificate(certificate.authority, sizeof certificate.authority, "authority.pem", authority);
    write_certificate(certificate.chain, sizeof certificate.chain, "server.pem", server);
    FILE *file = create(certificate.key, sizeof certificate.key, "key.pem");

    need(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1, "PEM_write_PrivateKey");
    fclose(file);
    X509_free(authority);
    X509_free(server);
    EVP_PKEY_free(authority_key);
    EVP_PKEY_free(key);
}

void certificate_remove(void)
{
    unlink(certificate.authority);
    unlink(certificate.chain);
    unlink(certificate.key);
    rmdir(folder);
}

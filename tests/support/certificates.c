/* Certificates for tests of tls://. A failure here ends the program, since no test could go on. */
#include "certificates.h"

#include <dirent.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DAY = 24 * 60 * 60, PATH_SIZE = 128 };

/* Who signs. */
enum issuer { ROOT, INTERMEDIATE, BOUNDED, NO_CA, ITSELF, ISSUERS = ITSELF };

struct recipe {
    const char *name; /* of the files, and CN of the subject unless there is a subject */
    const char *subject;
    const char *hosts; /* NULL: no alternative names */
    enum issuer issuer;
    int first_day; /* from now */
    int last_day;
    int rsa_bits; /* 0: an elliptic curve, which is made faster */
    const char *usage;
};

static const char local[] = "DNS:localhost,IP:127.0.0.1,IP:::1";

static const struct recipe recipes[CERTIFICATES] = {
    [CERTIFICATE_GOOD] = {"good", NULL, local, ROOT, -1, 90, 0, "serverAuth"},
    [CERTIFICATE_ANOTHER] = {"another", NULL, local, ROOT, -1, 90, 0, "serverAuth"},
    [CERTIFICATE_RENEWED] = {"renewed", NULL, local, ROOT, -1, 120, 0, "serverAuth"},
    [CERTIFICATE_RSA] = {"rsa", NULL, local, ROOT, -1, 90, 2048, "serverAuth"},
    [CERTIFICATE_EXPIRED] = {"expired", NULL, local, ROOT, -30, -1, 0, "serverAuth"},
    [CERTIFICATE_NOT_YET] = {"not-yet", NULL, local, ROOT, 1, 30, 0, "serverAuth"},
    [CERTIFICATE_SELF_SIGNED] = {"self-signed", NULL, local, ITSELF, -1, 90, 0, "serverAuth"},
    [CERTIFICATE_OTHER_HOST] = {"other-host", NULL, "DNS:a.example,DNS:b.example", ROOT, -1, 90, 0,
                                "serverAuth"},
    [CERTIFICATE_NO_NAMES] = {"no-names", "localhost", NULL, ROOT, -1, 90, 0, "serverAuth"},
    [CERTIFICATE_NO_ADDRESS] = {"no-address", "127.0.0.1", "DNS:localhost,DNS:127.0.0.1", ROOT, -1,
                                90, 0, "serverAuth"},
    [CERTIFICATE_WILDCARD] = {"wildcard", NULL, "DNS:*.example.test", ROOT, -1, 90, 0,
                              "serverAuth"},
    [CERTIFICATE_PARTIAL_WILDCARD] = {"partial", NULL, "DNS:w*.example.test", ROOT, -1, 90, 0,
                                      "serverAuth"},
    [CERTIFICATE_WEAK] = {"weak", NULL, local, ROOT, -1, 90, 1024, "serverAuth"},
    [CERTIFICATE_WITH_CHAIN] = {"with-chain", NULL, local, INTERMEDIATE, -1, 90, 0, "serverAuth"},
    [CERTIFICATE_NO_CHAIN] = {"no-chain", NULL, local, INTERMEDIATE, -1, 90, 0, "serverAuth"},
    [CERTIFICATE_ODD_KEY] = {"odd-key", NULL, local, ROOT, -1, 90, 0, "serverAuth"},
    [CERTIFICATE_LOCKED_KEY] = {"locked-key", NULL, local, ROOT, -1, 90, 0, "serverAuth"},
    [CERTIFICATE_CONSTRAINED] = {"constrained", NULL, local, BOUNDED, -1, 90, 0, "serverAuth"},
    [CERTIFICATE_NO_AUTHORITY] = {"no-authority", NULL, local, NO_CA, -1, 90, 0, "serverAuth"},
    [CERTIFICATE_CLIENT] = {"client", "somebody", NULL, ROOT, -1, 90, 0, "clientAuth"},
    [CERTIFICATE_CLIENT_EXPIRED] = {"client-expired", "somebody", NULL, ROOT, -30, -1, 0,
                                    "clientAuth"},
    [CERTIFICATE_STRANGER] = {"stranger", "stranger", NULL, ITSELF, -1, 90, 0, "clientAuth"},
};

static struct {
    X509 *certificate;
    EVP_PKEY *key;
} issuers[ISSUERS];

static EVP_PKEY *keys[CERTIFICATES];
static char files[CERTIFICATES][PATH_SIZE];
static char key_files[CERTIFICATES][PATH_SIZE];
static char ca_file[PATH_SIZE];
static char directory[PATH_SIZE];
static pid_t owner; /* whose directory it is */

static void must(bool works, const char *what)
{
    if (!works) {
        fprintf(stderr, "certificates: %s failed\n", what);
        abort();
    }
}

static void add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    must(extension != NULL && X509_add_ext(certificate, extension, -1) == 1, value);
    X509_EXTENSION_free(extension);
}

/* A certificate without extensions and signature. */
static X509 *begin(const char *subject, EVP_PKEY *key, int first_day, int last_day)
{
    unsigned char serial[9] = {1}; /* 64 bits that nobody can guess, as scanners want them */
    BIGNUM *number = RAND_bytes(serial + 1, sizeof serial - 1) == 1
                         ? BN_bin2bn(serial, sizeof serial, NULL)
                         : NULL;
    X509 *certificate = X509_new();
    X509_NAME *name = certificate != NULL ? X509_get_subject_name(certificate) : NULL;

    must(name != NULL && number != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
             BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL &&
             X509_gmtime_adj(X509_getm_notBefore(certificate), (long)first_day * DAY) != NULL &&
             X509_gmtime_adj(X509_getm_notAfter(certificate), (long)last_day * DAY) != NULL &&
             X509_set_pubkey(certificate, key) == 1 &&
             X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)subject,
                                        -1, -1, 0) == 1,
         "X509_new");
    BN_free(number);
    return certificate;
}

static void sign(X509 *certificate, X509 *issuer, EVP_PKEY *key)
{
    must(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
             X509_sign(certificate, key, EVP_sha256()) > 0,
         "X509_sign");
}

static void make_issuer(enum issuer which)
{
    static const char *const names[ISSUERS] = {"Test Root", "Test Intermediate", "Test Bounded",
                                               "no authority"};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *made;
    X509 *above;

    must(key != NULL, "EVP_EC_gen");
    made = begin(names[which], key, -2, 3650);
    above = which == ROOT ? made : issuers[ROOT].certificate;
    add_extension(made, above, NID_basic_constraints,
                  which == NO_CA ? "critical,CA:FALSE" : "critical,CA:TRUE");
    add_extension(made, above, NID_key_usage,
                  which == NO_CA ? "critical,digitalSignature" : "critical,keyCertSign,cRLSign");
    add_extension(made, made, NID_subject_key_identifier, "hash");
    if (which == BOUNDED) {
        add_extension(made, above, NID_name_constraints, "critical,permitted;DNS:example.test");
    }
    sign(made, above, which == ROOT ? key : issuers[ROOT].key);
    issuers[which].certificate = made;
    issuers[which].key = key;
}

static FILE *create(char path[PATH_SIZE], const char *name, const char *ending)
{
    FILE *file;

    snprintf(path, PATH_SIZE, "%s/%s%s", certificates_directory(), name, ending);
    file = fopen(path, "w");
    must(file != NULL, path);
    return file;
}

static X509 *make_certificate(const struct recipe *recipe, EVP_PKEY *key)
{
    X509 *made = begin(recipe->subject != NULL ? recipe->subject : recipe->name, key,
                       recipe->first_day, recipe->last_day);
    bool itself = recipe->issuer == ITSELF;
    X509 *above = itself ? made : issuers[recipe->issuer].certificate;

    add_extension(made, above, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(made, above, NID_key_usage, "critical,digitalSignature");
    add_extension(made, above, NID_ext_key_usage, recipe->usage);
    if (recipe->hosts != NULL) {
        add_extension(made, above, NID_subject_alt_name, recipe->hosts);
    }
    sign(made, above, itself ? key : issuers[recipe->issuer].key);
    return made;
}

static void write_key(enum certificate which, EVP_PKEY *key)
{
    static char password[] = "secret";
    bool locked = which == CERTIFICATE_LOCKED_KEY;
    FILE *file = create(key_files[which], recipes[which].name, ".key");

    must(PEM_write_PrivateKey(file, key, locked ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
                              locked ? password : NULL) == 1 &&
             fclose(file) == 0,
         key_files[which]);
}

static void make(enum certificate which)
{
    const struct recipe *recipe = &recipes[which];
    EVP_PKEY *key;
    X509 *made;
    FILE *file;

    certificate_ca();
    if (recipe->issuer != ITSELF && issuers[recipe->issuer].certificate == NULL) {
        make_issuer(recipe->issuer);
    }
    if (which == CERTIFICATE_RENEWED) {
        certificate_file(CERTIFICATE_GOOD);
        key = keys[CERTIFICATE_GOOD];
        EVP_PKEY_up_ref(key);
    } else {
        key = recipe->rsa_bits > 0 ? EVP_RSA_gen((unsigned)recipe->rsa_bits) : EVP_EC_gen("P-256");
    }
    must(key != NULL, "making a key");
    keys[which] = key;
    made = make_certificate(recipe, key);
    if (which == CERTIFICATE_ODD_KEY) {
        certificate_file(CERTIFICATE_GOOD);
        write_key(which, keys[CERTIFICATE_GOOD]);
    } else {
        write_key(which, key);
    }
    file = create(files[which], recipe->name, ".pem");
    must(PEM_write_X509(file, made) == 1, recipe->name);
    if (which == CERTIFICATE_WITH_CHAIN || which == CERTIFICATE_NO_AUTHORITY ||
        which == CERTIFICATE_CONSTRAINED) {
        must(PEM_write_X509(file, issuers[recipe->issuer].certificate) == 1, recipe->name);
    }
    must(fclose(file) == 0, recipe->name);
    X509_free(made);
}

bool certificates_here(void)
{
    return true;
}

const char *certificates_directory(void)
{
    if (directory[0] == '\0') {
        snprintf(directory, sizeof directory, "/tmp/netfacade-certificates-XXXXXX");
        must(mkdtemp(directory) != NULL, "mkdtemp");
        owner = getpid();
        atexit(certificates_end);
    }
    return directory;
}

const char *certificate_ca(void)
{
    FILE *file;

    if (ca_file[0] == '\0') {
        make_issuer(ROOT);
        file = create(ca_file, "ca", ".pem");
        must(PEM_write_X509(file, issuers[ROOT].certificate) == 1 && fclose(file) == 0, ca_file);
    }
    return ca_file;
}

const char *certificate_file(enum certificate which)
{
    if (files[which][0] == '\0') {
        make(which);
    }
    return files[which];
}

const char *certificate_key(enum certificate which)
{
    certificate_file(which);
    return key_files[which];
}

static void remove_files(void)
{
    DIR *stream = opendir(directory);
    const struct dirent *entry;
    char path[PATH_SIZE + 300];

    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        unlink(path);
    }
    if (stream != NULL) {
        closedir(stream);
    }
    rmdir(directory);
}

void certificates_end(void)
{
    if (directory[0] != '\0' && owner == getpid()) {
        remove_files();
    }
    for (size_t i = 0; i < ISSUERS; i++) {
        X509_free(issuers[i].certificate);
        EVP_PKEY_free(issuers[i].key);
    }
    for (size_t i = 0; i < CERTIFICATES; i++) {
        EVP_PKEY_free(keys[i]);
    }
    memset(issuers, 0, sizeof issuers);
    memset(keys, 0, sizeof keys);
    memset(files, 0, sizeof files);
    memset(key_files, 0, sizeof key_files);
    ca_file[0] = '\0';
    directory[0] = '\0';
}

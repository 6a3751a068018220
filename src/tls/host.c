/* Names of hosts. */
#include "tls/host.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>

enum { LONGEST_LABEL = 63 };

bool nf_tls_host_is_address(const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static bool good_labels(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_";

    for (;;) {
        size_t length = strspn(name, letters);

        if (length == 0 || length > LONGEST_LABEL) {
            return false;
        }
        name += length;
        if (*name == '\0') {
            return true;
        }
        if (*name != '.') {
            return false;
        }
        name++;
    }
}

/* A dot in front is refused with the rest: OpenSSL would take it for any host of a domain. */
bool nf_tls_host(char name[NF_TLS_HOST_SIZE], const char *text)
{
    size_t length = strcspn(text, "%");

    if (length == 0 || length >= NF_TLS_HOST_SIZE) {
        return false;
    }
    memcpy(name, text, length);
    name[length] = '\0';
    if (nf_tls_host_is_address(name)) {
        return text[length] == '\0' || strchr(name, ':') != NULL;
    }
    if (name[length - 1] == '.') {
        name[length - 1] = '\0';
    }
    return text[length] == '\0' && good_labels(name);
}

unsigned nf_tls_host_flags(void)
{
    return X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
}

bool nf_tls_host_matches(X509 *certificate, const char *name)
{
    return nf_tls_host_is_address(name)
               ? X509_check_ip_asc(certificate, name, 0) == 1
               : X509_check_host(certificate, name, 0, nf_tls_host_flags(), NULL) == 1;
}

/* The text of a name that is for a host; false: it is for something else. */
static bool host_of(const GENERAL_NAME *name, char *text, size_t size)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    int length = type == GEN_DNS || type == GEN_IPADD ? ASN1_STRING_length(value) : 0;
    const unsigned char *data = length > 0 ? ASN1_STRING_get0_data(value) : NULL;

    if (data == NULL) {
        return false;
    }
    if (type == GEN_DNS) {
        size_t used = 0;

        for (; used < (size_t)length && used < size - 1; used++) { /* a NUL would hide the rest */
            text[used] = data[used] != '\0' ? (char)data[used] : '?';
        }
        text[used] = '\0';
        return true;
    }
    return (length == 4 || length == 16) &&
           inet_ntop(length == 4 ? AF_INET : AF_INET6, data, text, (socklen_t)size) != NULL;
}

void nf_tls_host_list(X509 *certificate, char *text, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t used = 0;

    snprintf(text, size, "no host");
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && used < size; i++) {
        char host[NF_TLS_HOST_SIZE];

        if (host_of(sk_GENERAL_NAME_value(names, i), host, sizeof host)) {
            if (used + strlen(host) + sizeof ", ..." > size) {
                snprintf(text + used, size - used, used > 0 ? ", ..." : "...");
                break;
            }
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", host);
        }
    }
    GENERAL_NAMES_free(names);
}

bool nf_tls_host_first(X509 *certificate, char *text, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
        found = host_of(sk_GENERAL_NAME_value(names, i), text, size);
    }
    GENERAL_NAMES_free(names);
    return found;
}

void nf_tls_host_subject(const X509 *certificate, char *text, size_t size)
{
    BIO *memory = BIO_new(BIO_s_mem());
    int length = 0;

    if (memory != NULL && certificate != NULL) {
        X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0,
                           XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
        length = BIO_read(memory, text, (int)size - 1);
    }
    text[length > 0 ? length : 0] = '\0';
    if (length <= 0) {
        snprintf(text, size, "none");
    }
    BIO_free(memory);
}

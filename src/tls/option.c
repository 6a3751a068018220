/* The options of an address. Which files they name is settings.c's business. */
#define _GNU_SOURCE
#include "tls/option.h"

#include "tls/failure.h"
#include "tls/host.h"

#include <stdlib.h>
#include <string.h>

const char *const nf_tls_option_names[NF_TLS_OPTIONS] = {
    [NF_TLS_CA] = "ca",         [NF_TLS_CERT] = "cert",       [NF_TLS_KEY] = "key",
    [NF_TLS_NAME] = "name",     [NF_TLS_ALPN] = "alpn",       [NF_TLS_MIN_VERSION] = "min-version",
    [NF_TLS_VERIFY] = "verify", [NF_TLS_TICKETS] = "tickets",
};

static int take(net_cipher_settings *settings, enum nf_tls_option option, const char *text,
                size_t length, net_cipher_failure *failure)
{
    char *copy = strndup(text, length);

    if (copy == NULL) {
        return nf_tls_no_memory(failure);
    }
    free(settings->values[option]);
    settings->values[option] = copy;
    return 0;
}

/* cert=CERT,KEY gives both, so that they can be changed as one. */
static int split_pair(net_cipher_settings *settings, const char *key, net_cipher_failure *failure)
{
    const char *cert = settings->values[NF_TLS_CERT];
    const char *comma = cert != NULL ? strchr(cert, ',') : NULL;
    int code;

    if (comma == NULL) {
        return 0;
    }
    if (key != NULL) {
        return nf_tls_fail(failure, NET_ADDRESS, "cert=%s has a key with it, and key=%s is another",
                           cert, key);
    }
    if (comma == cert || comma[1] == '\0' || strchr(comma + 1, ',') != NULL) {
        return nf_tls_fail(failure, NET_ADDRESS, "cert=%s is not CERT or CERT,KEY", cert);
    }
    code = take(settings, NF_TLS_KEY, comma + 1, strlen(comma + 1), failure);
    return code != 0 ? code : take(settings, NF_TLS_CERT, cert, (size_t)(comma - cert), failure);
}

static const char *standard(enum nf_tls_option option, int side)
{
    switch (option) {
    case NF_TLS_MIN_VERSION:
        return "1.2";
    case NF_TLS_VERIFY:
        return side == NET_CIPHER_CLIENT ? "on" : "off";
    case NF_TLS_TICKETS:
        return "on";
    default:
        return NULL;
    }
}

static int merge(net_cipher_settings *settings, const net_cipher_settings *old,
                 const char *const *values, net_cipher_failure *failure)
{
    for (int i = 0; i < NF_TLS_OPTIONS; i++) {
        const char *text = values[i];

        if (text == NULL && old != NULL) {
            text = old->values[i];
        }
        if (text == NULL) {
            text = standard((enum nf_tls_option)i, settings->side);
        }
        if (text != NULL) {
            int code = take(settings, (enum nf_tls_option)i, text, strlen(text), failure);

            if (code != 0) {
                return code;
            }
        }
    }
    return split_pair(settings, values[NF_TLS_KEY], failure);
}

static int check_choice(const net_cipher_settings *settings, enum nf_tls_option option,
                        const char *const *choices, net_cipher_failure *failure)
{
    const char *value = settings->values[option];

    for (size_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(value, choices[i]) == 0) {
            return 0;
        }
    }
    return nf_tls_fail(failure, NET_ADDRESS, "%s=%s: it is %s or %s", nf_tls_option_names[option],
                       value, choices[0], choices[1]);
}

/* A client checks the server, unless told not to. A server checks its callers only if it is told
 * whose certificates are good, or that the system's store says it. */
static int check_verify(const net_cipher_settings *settings, net_cipher_failure *failure)
{
    static const char *const client[] = {"on", "off", NULL};
    static const char *const server[] = {"off", "peer", NULL};
    bool calls = settings->side == NET_CIPHER_CLIENT;
    const char *verify = settings->values[NF_TLS_VERIFY];

    if (calls && strcmp(verify, "peer") == 0) {
        return nf_tls_fail(failure, NET_ADDRESS,
                           "verify=peer is for a listener; a dial verifies unless verify=off");
    }
    if (!calls && strcmp(verify, "on") == 0) {
        return nf_tls_fail(failure, NET_ADDRESS,
                           "verify=on is for a dial; verify=peer refuses callers without a valid "
                           "certificate");
    }
    if (!calls && strcmp(verify, "off") == 0 && settings->values[NF_TLS_CA] != NULL) {
        return nf_tls_fail(failure, NET_ADDRESS,
                           "ca= has no effect on a listener without verify=peer");
    }
    return check_choice(settings, NF_TLS_VERIFY, calls ? client : server, failure);
}

static int check_name(const net_cipher_settings *settings, net_cipher_failure *failure)
{
    char name[NF_TLS_HOST_SIZE];
    const char *value = settings->values[NF_TLS_NAME];

    if (value == NULL) {
        return 0;
    }
    if (settings->side == NET_CIPHER_SERVER) {
        return nf_tls_fail(failure, NET_ADDRESS,
                           "name=%s is for a dial: a listener has the names in its certificate",
                           value);
    }
    return nf_tls_host(name, value)
               ? 0
               : nf_tls_fail(failure, NET_ADDRESS, "name=%s is no host's name", value);
}

static int encode_alpn(net_cipher_settings *settings, net_cipher_failure *failure)
{
    const char *item = settings->values[NF_TLS_ALPN];
    size_t size = item != NULL ? strlen(item) + 1 : 0; /* a length for each comma, and one */

    if (item == NULL) {
        return 0;
    }
    if (size > UINT16_MAX) {
        return nf_tls_fail(failure, NET_ADDRESS, "alpn= is longer than 65534 bytes");
    }
    settings->alpn = malloc(size);
    if (settings->alpn == NULL) {
        return nf_tls_no_memory(failure);
    }
    for (;;) {
        size_t length = strcspn(item, ",");

        if (length == 0 || length > UINT8_MAX) {
            return nf_tls_fail(failure, NET_ADDRESS,
                               "alpn=%.100s: each name has 1 to 255 bytes, with commas between "
                               "them",
                               settings->values[NF_TLS_ALPN]);
        }
        settings->alpn[settings->alpn_size] = (unsigned char)length;
        memcpy(settings->alpn + settings->alpn_size + 1, item, length);
        settings->alpn_size += (unsigned)length + 1;
        if (item[length] == '\0') {
            return 0;
        }
        item += length + 1;
    }
}

static int check_pair(const net_cipher_settings *settings, net_cipher_failure *failure)
{
    bool cert = settings->values[NF_TLS_CERT] != NULL;
    bool key = settings->values[NF_TLS_KEY] != NULL;

    if (settings->side == NET_CIPHER_SERVER && (!cert || !key)) {
        return nf_tls_fail(failure, NET_ADDRESS,
                           "a listener needs cert= and key=, PEM files; %s= is missing",
                           cert ? "key" : "cert");
    }
    if (cert != key) {
        return nf_tls_fail(failure, NET_ADDRESS, "%s= needs %s= beside it", cert ? "cert" : "key",
                           cert ? "key" : "cert");
    }
    return 0;
}

int nf_tls_options(net_cipher_settings *settings, const net_cipher_settings *old,
                   const char *const *values, net_cipher_failure *failure)
{
    static const char *const versions[] = {"1.2", "1.3", NULL};
    static const char *const switches[] = {"off", "on", NULL};
    int code = merge(settings, old, values, failure);

    code = code != 0 ? code : check_choice(settings, NF_TLS_MIN_VERSION, versions, failure);
    code = code != 0 ? code : check_choice(settings, NF_TLS_TICKETS, switches, failure);
    code = code != 0 ? code : check_verify(settings, failure);
    code = code != 0 ? code : check_name(settings, failure);
    code = code != 0 ? code : check_pair(settings, failure);
    code = code != 0 ? code : encode_alpn(settings, failure);
    if (code == 0) {
        settings->verify = strcmp(settings->values[NF_TLS_VERIFY], "off") != 0;
        settings->resumes = settings->side == NET_CIPHER_CLIENT &&
                            strcmp(settings->values[NF_TLS_TICKETS], "on") == 0;
    }
    return code;
}

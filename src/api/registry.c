/* The list of schemes, and the backend of each. */
#include "api/registry.h"
#include "api/cipher.h"
#include "name/nearest.h"
#include "name/text.h"
#include "open/adopt.h"
#include "wires/cipher.h"
#include "wires/wires.h"

#include <string.h>

static const struct nf_backend *const backends[] = {
    &nf_tcp,
    &nf_udp,
    &nf_unix,
    &nf_unixgram,
    &nf_mem,
    &nf_memgram,
    &nf_chaos_tcp,
    &nf_chaos_udp,
    &nf_chaos_unix,
    &nf_chaos_unixgram,
    &nf_chaos_mem,
    &nf_chaos_memgram,
    &nf_framed_tcp,
    &nf_framed_unix,
    &nf_framed_mem,
    &nf_framed_chaos_tcp,
    &nf_framed_chaos_unix,
    &nf_framed_chaos_mem,
};

enum { BACKENDS = sizeof backends / sizeof backends[0] };

/* The backend for an adopted descriptor, by what the system says of it. */
static const struct {
    enum nf_family family;
    enum nf_transport transport;
    const struct nf_backend *backend;
} owners[] = {
    {NF_IPV4, NF_STREAM, &nf_tcp},   {NF_IPV6, NF_STREAM, &nf_tcp},
    {NF_IPV4, NF_DATAGRAM, &nf_udp}, {NF_IPV6, NF_DATAGRAM, &nf_udp},
    {NF_UNIX, NF_STREAM, &nf_unix},  {NF_UNIX, NF_DATAGRAM, &nf_unixgram},
};

static const struct nf_backend *owner_of(int fd, const struct nf_descriptor *what)
{
    if (what->is_file) {
        return &nf_file;
    }
    for (size_t i = 0; i < sizeof owners / sizeof owners[0]; i++) {
        if (owners[i].family == what->family && owners[i].transport == what->transport) {
            return owners[i].backend;
        }
    }
    nf_fail_because(NET_ADDRESS, "descriptor %d is a socket that no scheme is for: %s", fd,
                    what->summary);
    return NULL;
}

static const struct nf_backend *adopt(struct nf_target *target)
{
    struct nf_descriptor what;
    int fd = nf_adopt_find(&target->url, &what);

    target->adopted = fd >= 0 ? fd : -1;
    return fd >= 0 ? owner_of(fd, &what) : NULL;
}

/* A connection is adopted by the wire that its descriptor is for, and encrypted above it. */
static const struct nf_backend *adopt_below(struct nf_target *target, const net_cipher *cipher,
                                            const char *adopts)
{
    memmove(target->url.scheme, adopts, strlen(adopts) + 1);
    const struct nf_backend *below = adopt(target);
    const struct nf_backend *over = below != NULL ? nf_cipher_wires_over(cipher, below) : NULL;

    if (below != NULL && over == NULL) {
        nf_fail_because(NET_ADDRESS,
                        "only a tcp or unix stream can be encrypted, and descriptor "
                        "%d is none",
                        target->adopted);
    }
    return over;
}

static const char *scheme_of(int i, const void *none)
{
    (void)none;
    if (i < BACKENDS) {
        return backends[i]->scheme;
    }
    return i < BACKENDS + NF_ADOPT_SCHEMES
               ? nf_adopt_scheme(i - BACKENDS)
               : nf_cipher_wires_scheme(i - BACKENDS - NF_ADOPT_SCHEMES);
}

/* Words that promise encryption. The first may be misspelled. */
static const char *const encrypted[] = {"tls", "ssl", "dtls", "quic", "ssh", "sftp"};

enum { MISSPELLED = 3, ENCRYPTED = sizeof encrypted / sizeof encrypted[0] };

/* The schemes without encryption, and words that promise it. */
static const char *scheme_or_encrypted(int i, const void *none)
{
    if (i < BACKENDS + NF_ADOPT_SCHEMES) {
        return scheme_of(i, none);
    }
    i -= BACKENDS + NF_ADOPT_SCHEMES;
    return i < MISSPELLED ? encrypted[i] : NULL;
}

static bool has_word(const char *part, size_t length, const char *word)
{
    size_t size = strlen(word);
    size_t at = 0;

    while (at + size <= length && !nf_text_is_word(part + at, size, word)) {
        at++;
    }
    return at + size <= length;
}

/* Whether a part of a scheme, which are joined by `+`, promises encryption: it is a cipher's, has
 * such a word in it, is nearest to one, or is the last and ends in s, as https does. */
static bool promises_encryption(const char *part, size_t length)
{
    const char *nearest = nf_nearest(part, length, scheme_or_encrypted, NULL);

    for (int i = 0; i < ENCRYPTED; i++) {
        if (nearest == encrypted[i] || has_word(part, length, encrypted[i])) {
            return true;
        }
    }
    return nf_cipher_wires_has(part, length) ||
           (part[length] == '\0' && length > 2 && (part[length - 1] | 0x20) == 's');
}

/* A plaintext scheme is never the nearest to a name that promises encryption. */
static int refuse_scheme(const char *scheme)
{
    const char *part = scheme;
    size_t length = strcspn(part, "+");

    if (nf_text_is_word(scheme, strlen(scheme), "dtls")) {
        return nf_fail_because(NET_UNSUPPORTED, "datagrams are not encrypted yet; tls:// encrypts "
                                                "a stream over tcp");
    }
    while (!promises_encryption(part, length)) {
        if (part[length] == '\0') {
            return nf_unknown("scheme", scheme, strlen(scheme), scheme_of, NULL);
        }
        part += length + 1;
        length = strcspn(part, "+");
    }
    return nf_fail_because(NET_ADDRESS,
                           "no scheme is called '%s'; an address that is encrypted begins with "
                           "tls://",
                           scheme);
}

static const struct nf_backend *find_listed(const char *scheme)
{
    int i = 0;

    while (i < BACKENDS && strcmp(backends[i]->scheme, scheme) != 0) {
        i++;
    }
    return i < BACKENDS ? backends[i] : NULL;
}

/* The backend of a scheme that a cipher serves. NULL: the cause is recorded. */
static const struct nf_backend *find_encrypted(struct nf_target *target)
{
    const char *inner = NULL;
    int code = 0;
    const struct nf_backend *found = nf_cipher_backend(target->url.scheme, &code);

    if (found != NULL || code < 0) {
        return found;
    }
    const net_cipher *cipher = nf_cipher_that_adopts(target->url.scheme, &inner);

    if (cipher != NULL) {
        return adopt_below(target, cipher, inner);
    }
    refuse_scheme(target->url.scheme);
    return NULL;
}

/* Returns the backend of a target. NULL: the cause is recorded. */
static const struct nf_backend *find(struct nf_target *target)
{
    const struct nf_backend *listed = find_listed(target->url.scheme);

    if (listed != NULL) {
        return listed;
    }
    return nf_adopt_is_scheme(target->url.scheme) ? adopt(target) : find_encrypted(target);
}

const struct nf_backend *nf_registry_scheme(const char *scheme)
{
    bool is_adopting = nf_adopt_is_scheme(scheme);
    const char *inner = NULL;
    int code = 0;
    const struct nf_backend *found = find_listed(scheme);

    if (found == NULL && !is_adopting) {
        found = nf_cipher_backend(scheme, &code);
    }
    if (found != NULL || code < 0) {
        return found;
    }
    if (is_adopting || nf_cipher_that_adopts(scheme, &inner) != NULL) {
        nf_fail_because(NET_ADDRESS, "%s:// names a descriptor, and no host", scheme);
    } else {
        refuse_scheme(scheme);
    }
    return NULL;
}

int nf_registry_find(const char *address, struct nf_target *target)
{
    int code = nf_url_split(address, &target->url);

    if (code < 0) {
        return code;
    }
    target->address = address;
    target->adopted = -1;
    target->backend = find(target);
    if (target->backend == NULL) {
        return nf_cause_pending()->code;
    }
    const struct nf_properties set = nf_properties_of(target->backend);

    return nf_options_parse(&set, target->url.query, target->url.query_length, &target->options);
}

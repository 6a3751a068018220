/* The list of schemes, and the backend of each. */
#include "api/registry.h"
#include "name/nearest.h"
#include "name/text.h"
#include "open/adopt.h"
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

static const char *scheme_of(int i, const void *none)
{
    (void)none;
    return i < BACKENDS ? backends[i]->scheme : nf_adopt_scheme(i - BACKENDS);
}

/* Words that promise encryption, which this build has not. The first may be misspelled. */
static const char *const encrypted[] = {"tls", "ssl", "dtls", "quic", "ssh", "sftp"};

enum { MISSPELLED = 3, ENCRYPTED = sizeof encrypted / sizeof encrypted[0] };

static const char *scheme_or_encrypted(int i, const void *none)
{
    int schemes = BACKENDS;

    while (nf_adopt_scheme(schemes - BACKENDS) != NULL) {
        schemes++;
    }
    if (i < schemes) {
        return scheme_of(i, none);
    }
    return i - schemes < MISSPELLED ? encrypted[i - schemes] : NULL;
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

/* Whether a part of a scheme, which are joined by `+`, promises encryption: it has such a word in
 * it, or is nearest to one, or is the last and ends in s, as https does. */
static bool promises_encryption(const char *part, size_t length)
{
    const char *nearest = nf_nearest(part, length, scheme_or_encrypted, NULL);

    for (int i = 0; i < ENCRYPTED; i++) {
        if (nearest == encrypted[i] || has_word(part, length, encrypted[i])) {
            return true;
        }
    }
    return part[length] == '\0' && length > 2 && (part[length - 1] | 0x20) == 's';
}

/* A plaintext scheme is never the nearest to a name that promises encryption. */
static int refuse_scheme(const char *scheme)
{
    const char *part = scheme;
    size_t length = strcspn(part, "+");

    while (!promises_encryption(part, length)) {
        if (part[length] == '\0') {
            return nf_unknown("scheme", scheme, strlen(scheme), scheme_of, NULL);
        }
        part += length + 1;
        length = strcspn(part, "+");
    }
    return nf_fail_because(NET_ADDRESS,
                           "no scheme is called '%s'; this build of the library has no encryption",
                           scheme);
}

/* Returns the backend of a target. NULL: the cause is recorded. */
static const struct nf_backend *find(struct nf_target *target)
{
    const char *scheme = target->url.scheme;
    const char *name = NULL;
    int i = 0;

    for (name = scheme_of(i, NULL); name != NULL; name = scheme_of(++i, NULL)) {
        if (strcmp(name, scheme) == 0) {
            return i < BACKENDS ? backends[i] : adopt(target);
        }
    }
    refuse_scheme(scheme);
    return NULL;
}

const struct nf_backend *nf_registry_scheme(const char *scheme)
{
    for (int i = 0; i < BACKENDS; i++) {
        if (strcmp(backends[i]->scheme, scheme) == 0) {
            return backends[i];
        }
    }
    for (int i = 0; nf_adopt_scheme(i) != NULL; i++) {
        if (strcmp(nf_adopt_scheme(i), scheme) == 0) {
            nf_fail_because(NET_ADDRESS, "%s:// names a descriptor, and no host", scheme);
            return NULL;
        }
    }
    refuse_scheme(scheme);
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
    return nf_options_parse(nf_properties_of(target->backend).options, target->url.query,
                            target->url.query_length, &target->options);
}

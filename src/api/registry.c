/* The list of schemes: the one place that names the backends. */
#include "api/registry.h"
#include "backends/mem.h"
#include "backends/tcp.h"
#include "backends/udp.h"
#include "backends/unix.h"

#include <string.h>

static const struct nf_backend *const backends[] = {&nf_tcp, &nf_udp, &nf_unix, &nf_mem};

enum { BACKENDS = sizeof backends / sizeof backends[0] };

static const char *scheme_of(int i, const void *none)
{
    (void)none;
    return i < BACKENDS ? backends[i]->scheme : NULL;
}

static const struct nf_backend *find(const char *scheme)
{
    for (int i = 0; i < BACKENDS; i++) {
        if (strcmp(backends[i]->scheme, scheme) == 0) {
            return backends[i];
        }
    }
    nf_unknown("scheme", scheme, strlen(scheme), scheme_of, NULL);
    return NULL;
}

int nf_registry_find(const char *address, struct nf_target *target)
{
    int code = nf_url_split(address, &target->url);

    if (code < 0) {
        return code;
    }
    target->address = address;
    target->backend = find(target->url.scheme);
    if (target->backend == NULL) {
        return NET_ADDRESS;
    }
    return nf_options_parse(target->backend->words, target->url.query, target->url.query_length,
                            &target->options);
}

/* net_address: compose an address from a scheme, a host or name, and a port. It looks up nothing:
 * the system is not asked whether the host exists. */
#include "api/check.h"
#include "api/failure.h"
#include "api/registry.h"
#include "name/compose.h"

#include <string.h>

/* Let the wire check the name: its resolve refuses a wrong one, and never asks the system. An empty
 * name ("" or "@") stands for any name, to listen on, and resolve refuses it. It is checked with a
 * byte added, which passes if the wire takes names of that form. */
static int check_name(const struct nf_backend *backend, const char *address, const char *name)
{
    bool is_any = name[0] == '\0' || strcmp(name, "@") == 0;
    char longer[NF_COMPOSED_MAX + 1];
    struct nf_target target;
    struct nf_text text;
    net_endpoint endpoint;

    nf_text_begin(&text, longer, sizeof longer);
    nf_text_add(&text, "%s%s", address, is_any ? "x" : "");
    int code = nf_registry_find(longer, &target);

    if (code == 0) {
        code = backend->resolve(&target, &endpoint, 1, NET_NOW);
    }
    return code < 0 ? code : 0;
}

static int compose(char address[NF_COMPOSED_MAX], const char *scheme, const char *host,
                   const char *port)
{
    const struct nf_backend *backend = nf_registry_scheme(scheme);

    if (backend == NULL) {
        return nf_cause_pending()->code;
    }
    bool has_port = (nf_properties_of(backend).others & NF_PROPERTY(NF_PORT)) != 0;

    if (has_port != (port != NULL)) {
        return nf_fail_because(NET_ADDRESS, has_port ? "the port is missing" : "%s:// has no ports",
                               scheme);
    }
    if (has_port) {
        return nf_compose_host(address, scheme, host, port);
    }
    int code = nf_compose_name(address, scheme, host);

    return code == 0 ? check_name(backend, address, host) : code;
}

/* On failure the buffer holds an empty text: a program that ignores the code cannot dial a wrong
 * address. */
int net_address(char *buffer, size_t size, const char *scheme, const char *host, const char *port)
{
    char address[NF_COMPOSED_MAX];
    int code = nf_check_text(scheme, host, buffer, size);

    if (code == 0) {
        nf_text_copy(buffer, size, "");
        code = compose(address, scheme, host, port);
    }
    if (code < 0) {
        return nf_failed_for(code, "address", NULL);
    }
    nf_text_copy(buffer, size, address);
    return (int)strlen(address);
}

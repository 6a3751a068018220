/* Composes an address from parts. The parts are not trusted: the written address is parsed
 * again, and the result has to equal the parts. */
#include "name/compose.h"
#include "name/endpoint.h"
#include "name/path.h"
#include "name/url.h"
#include "os/cause.h"

#include <string.h>

/* Whether it splits into the scheme and a target, without options. */
static bool splits_into(const char *address, const char *scheme, struct nf_url *url)
{
    return nf_url_split(address, url) == 0 && strcmp(url->scheme, scheme) == 0 &&
           url->target[url->target_length] == '\0';
}

/* Whether `text` is the literal of a host. Any spelling of an address matches, but the zone has
 * to match as text. */
static bool is_literal(const struct nf_host *host, const char *text)
{
    size_t length = strcspn(text, "%");
    const char *zone = text[length] == '%' ? text + length + 1 : "";
    struct nf_addr addr = {0};

    return nf_literal_parse(text, length, &addr) && addr.family == host->addr.family &&
           memcmp(addr.ip, host->addr.ip, sizeof addr.ip) == 0 && strcmp(host->zone, zone) == 0;
}

static bool is_host(const struct nf_host *host, const char *text)
{
    switch (host->kind) {
    case NF_HOST_WILDCARD:
        return text[0] == '\0' || strcmp(text, "*") == 0;
    case NF_HOST_LITERAL:
        return is_literal(host, text);
    default:
        return strcmp(host->name, text) == 0;
    }
}

static bool is_port(const struct nf_host *host, const char *port)
{
    char number[NF_SERVICE_MAX];
    struct nf_text text;

    if (host->service[0] != '\0') {
        return strcmp(host->service, port) == 0;
    }
    nf_text_begin(&text, number, sizeof number);
    nf_text_add(&text, "%u", (unsigned)host->addr.port);
    return strcmp(number, port) == 0;
}

static int refuse(const char *why)
{
    return nf_fail_because(NET_ADDRESS, "%s", why);
}

int nf_compose_host(char address[NF_COMPOSED_MAX], const char *scheme, const char *host,
                    const char *port)
{
    bool v6 = strchr(host, ':') != NULL; /* no name and no IPv4 address has one */
    struct nf_url url;
    struct nf_host parsed;
    struct nf_text text;

    nf_text_begin(&text, address, NF_COMPOSED_MAX);
    nf_text_add(&text, "%s://%s%s%s:%s", scheme, v6 ? "[" : "", host, v6 ? "]" : "", port);
    if (text.length >= NF_COMPOSED_MAX) {
        return refuse("no host or port is that long");
    }
    if (host[0] == '[') {
        return refuse("an IPv6 host is given without its brackets");
    }
    if (!splits_into(address, scheme, &url)) {
        return refuse("no host or port has '?' in it");
    }
    int code = nf_host_parse(url.target, url.target_length, &parsed);

    if (code == 0 && !(is_host(&parsed, host) && is_port(&parsed, port))) {
        code = refuse("it would mean another host or port");
    }
    return code;
}

int nf_compose_name(char address[NF_COMPOSED_MAX], const char *scheme, const char *name)
{
    /* not NF_UNIX, which would escape a leading '@' */
    struct nf_addr addr = {.family = NF_MEM, .name = name};
    size_t length = strlen(name);
    char parsed[NF_ADDR_NAME_MAX];
    struct nf_url url;
    struct nf_text text;

    if (length > NF_ADDR_NAME_MAX) {
        return nf_fail_because(NET_ADDRESS, "a path or name has less than %d bytes",
                               NF_ADDR_NAME_MAX);
    }
    addr.size = (uint16_t)length;
    nf_text_begin(&text, address, NF_COMPOSED_MAX);
    nf_text_add(&text, "%s://", scheme);
    nf_path_print(&text, &addr);
    if (text.length >= NF_COMPOSED_MAX || !splits_into(address, scheme, &url)) {
        return refuse("no path or name is that long");
    }
    int size = nf_path_parse(url.target, url.target_length, parsed);

    if (size >= 0 && ((size_t)size != length || memcmp(parsed, name, length) != 0)) {
        size = refuse("it would mean another path or name");
    }
    return size < 0 ? size : 0;
}

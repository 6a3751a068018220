/* Everything that net_address composes is parsed again to exactly its parts, by the library's own
 * parser. The input is a scheme, a host and a port with a newline between them. Without the second
 * newline there is no port. Every byte but NUL and the first two newlines may be anywhere. */
#include "api/registry.h"
#include "name/path.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_target(const struct nf_url *url, const char *host, const char *port)
{
    struct nf_host parsed;
    char expected[TEXT_MAX];
    bool v6 = strchr(host, ':') != NULL;

    snprintf(expected, sizeof expected, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
    expect(url->target_length == strlen(expected));
    expect(memcmp(url->target, expected, strlen(expected)) == 0);
    expect(nf_host_parse(url->target, url->target_length, &parsed) == 0 && parsed.has_port);
}

static void check_name(const struct nf_url *url, const char *name)
{
    char parsed[NF_ADDR_NAME_MAX];
    int size = nf_path_parse(url->target, url->target_length, parsed);

    expect(size >= 0 && (size_t)size == strlen(name));
    expect(memcmp(parsed, name, strlen(name)) == 0);
}

/* No cipher is linked, so an encrypted scheme is NET_UNSUPPORTED. */
static void check(const char *scheme, const char *host, const char *port)
{
    char address[TEXT_MAX];
    char tail[8];
    struct nf_target target;
    int n = net_address(address, sizeof address, scheme, host, port);

    if (n < 0) {
        expect(n == NET_ADDRESS || (n == NET_UNSUPPORTED && nf_registry_scheme(scheme) == NULL));
        expect(net_error() == n && address[0] == '\0');
        return;
    }
    expect((size_t)n == strlen(address));
    expect(net_address(tail, sizeof tail, scheme, host, port) == n);
    expect(strncmp(tail, address, sizeof tail - 1) == 0);
    expect(nf_registry_find(address, &target) == 0);
    expect(strcmp(target.backend->scheme, scheme) == 0);
    expect(target.options.given == 0 && strchr(address, '?') == NULL);
    if (port != NULL) {
        check_target(&target.url, host, port);
    } else {
        check_name(&target.url, host);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    expect(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    char *host = strchr(text, '\n');
    char *port = host != NULL ? strchr(host + 1, '\n') : NULL;

    if (port != NULL) {
        *port++ = '\0';
    }
    if (host != NULL) {
        *host++ = '\0';
        check(text, host, port);
    }
    free(text);
    return 0;
}

/* Input: any text. A text that parses as an address prints as an address with the same meaning, and
 * parsing and printing that again changes nothing. Whatever is printed of it, and every sentence
 * about it, may be printed on a terminal. This uses the library's own parser, without the network.
 */
#include "api/failure.h"
#include "api/registry.h"
#include "name/endpoint.h"
#include "name/path.h"
#include "safe_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[NF_OPTIONS] = {[NF_NODELAY] = "nodelay",
                                              [NF_KEEPALIVE] = "keepalive",
                                              [NF_USER_TIMEOUT] = "user-timeout",
                                              [NF_REUSEPORT] = "reuseport",
                                              [NF_V6ONLY] = "v6only",
                                              [NF_SNDBUF] = "sndbuf",
                                              [NF_RCVBUF] = "rcvbuf",
                                              [NF_BROADCAST] = "broadcast",
                                              [NF_BACKLOG] = "backlog",
                                              [NF_SOURCE] = "source",
                                              [NF_PEERS] = "peers",
                                              [NF_QUEUE] = "queue",
                                              [NF_TOTAL] = "total",
                                              [NF_STRANGERS] = "strangers",
                                              [NF_IDLE] = "idle",
                                              [NF_DEVICE] = "device",
                                              [NF_DSCP] = "dscp",
                                              [NF_CONGESTION] = "congestion",
                                              [NF_TTL] = "ttl",
                                              [NF_FRAGMENT] = "fragment",
                                              [NF_MULTICAST_LOOP] = "multicast-loop",
                                              [NF_INTERFACE] = "interface",
                                              [NF_GROUP_SOURCE] = "group-source",
                                              [NF_MODE] = "mode",
                                              [NF_UNLINK] = "unlink",
                                              [NF_SEED] = "seed",
                                              [NF_CHUNK] = "chunk",
                                              [NF_DELAY] = "delay",
                                              [NF_LOSS] = "loss",
                                              [NF_DUPLICATE] = "duplicate",
                                              [NF_REORDER] = "reorder",
                                              [NF_RESET_AFTER] = "reset-after",
                                              [NF_STALL_AFTER] = "stall-after",
                                              [NF_ACCEPT_FAIL] = "accept-fail",
                                              [NF_FAMILY] = "family",
                                              [NF_SOCKOPT] = "sockopt",
                                              [NF_FRAME] = "frame",
                                              [NF_MAX] = "max",
                                              [NF_SIDE] = "side"};

static void expect(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* The sentence of a call with this address, which failed as the pending cause says. */
static void check_sentence(int code, const char *address)
{
    nf_failed_for(code, "connect", address);
    expect(net_error() == code && is_safe_text(net_error_text()));
}

/* If the text is taken, it must parse to the same again after printing. If it is refused, a
 * sentence must say why. */
static void check_host(const char *text, size_t length,
                       int parse(const char *text, size_t length, struct nf_host *host))
{
    struct nf_host host;
    struct nf_host again;
    struct nf_text printed;
    char buffer[TEXT_MAX];

    nf_fail(0);
    if (parse(text, length, &host) != 0) {
        expect(nf_cause_pending()->code == NET_ADDRESS && nf_cause_pending()->detail[0] != '\0');
        check_sentence(NET_ADDRESS, text);
        return;
    }
    nf_text_begin(&printed, buffer, sizeof buffer);
    nf_host_print(&printed, &host);
    expect(is_safe_text(buffer));
    expect(printed.length < sizeof buffer);
    expect(parse(buffer, printed.length, &again) == 0);
    expect(memcmp(&host, &again, sizeof host) == 0);
    nf_host_find_zone(&host);
}

/* The address that its parts print as. */
static void print_target(struct nf_text *text, const struct nf_target *target)
{
    const struct nf_options *options = &target->options;
    char sign = '?';
    size_t values;

    nf_text_add(text, "%s://%.*s", target->backend->scheme, (int)target->url.target_length,
                target->url.target);
    values = text->length;
    for (int i = 0; i < NF_OPTIONS; i++) {
        struct nf_value value = {0};

        nf_options_value(options, (enum nf_property)i, &value);
        if ((options->given & NF_OPTION(i)) != 0) {
            nf_text_add(text, "%c%s=", sign, names[i]);
            nf_value_print(text, (enum nf_property)i, &value);
            sign = '&';
        }
    }
    expect(is_safe_text(text->buffer + values));
}

/* What happens with such an address depends on the descriptors that this process has: one that is
 * open for writing only cannot become a socket. */
static bool names_descriptor(const char *address)
{
    return strncmp(address, "fd://", strlen("fd://")) == 0;
}

/* No cipher is linked, so an encrypted scheme is NET_UNSUPPORTED. */
static void check_target(const char *address)
{
    struct nf_target target;
    struct nf_target again;
    struct nf_text text;
    char *printed = malloc(strlen(address) + TEXT_MAX);

    expect(printed != NULL);
    nf_fail(0);
    if (nf_registry_find(address, &target) == 0) {
        nf_text_begin(&text, printed, strlen(address) + TEXT_MAX);
        print_target(&text, &target);
        expect(text.length < strlen(address) + TEXT_MAX);
        expect(nf_registry_find(printed, &again) == 0);
        expect(again.backend == target.backend);
        expect(memcmp(&target.options, &again.options, sizeof target.options) == 0);
    } else {
        int code = nf_cause_pending()->code;

        expect(code == NET_ADDRESS || code == NET_UNSUPPORTED ||
               (code == NET_MISUSE && names_descriptor(address)));
        expect(nf_cause_pending()->detail[0] != '\0');
        check_sentence(code, address);
    }
    free(printed);
}

/* A literal prints as RFC 5952 says, and reads back as the same address. */
static void check_literal(const char *text, size_t length)
{
    struct nf_addr addr = {0};
    struct nf_addr again = {0};
    struct nf_text printed;
    char buffer[TEXT_MAX];

    if (nf_literal_parse(text, length, &addr)) {
        bool v6 = addr.family == NF_IPV6;

        nf_text_begin(&printed, buffer, sizeof buffer);
        nf_print_host(&printed, &addr);
        expect(nf_literal_parse(buffer + (v6 ? 1 : 0), printed.length - (v6 ? 2 : 0), &again));
        expect(memcmp(&addr, &again, sizeof addr) == 0);
    }
}

/* A name prints as a text that means the same bytes, both as a part of an address and alone. */
static void check_name(const char *text, size_t length, enum nf_family family)
{
    char name[NF_ADDR_NAME_MAX];
    char again[NF_ADDR_NAME_MAX];
    char buffer[TEXT_MAX];
    struct nf_text printed;
    net_endpoint endpoint;
    struct nf_addr back;
    int size = nf_path_parse(text, length, name);

    if (size < 0) {
        return;
    }
    struct nf_addr addr = {.family = (uint8_t)family, .size = (uint16_t)size, .name = name};

    nf_text_begin(&printed, buffer, sizeof buffer);
    nf_path_print(&printed, &addr);
    expect(printed.length < sizeof buffer && is_safe_text(buffer));
    if (family != NF_UNIX || size == 0 || name[0] != '\0') {
        expect(nf_path_parse(buffer, printed.length, again) == size);
        expect(size == 0 || memcmp(name, again, (size_t)size) == 0);
    }
    nf_endpoint_make(&endpoint, &addr, NULL);
    nf_endpoint_remote(&endpoint, &back);
    expect(!nf_endpoint_is_empty(&endpoint));
    expect(nf_addr_equal(&addr, &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    expect(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    check_host(text, size, nf_host_parse);
    check_host(text, size, nf_host_parse_source);
    check_literal(text, size);
    check_name(text, size, NF_UNIX);
    check_name(text, size, NF_MEM);
    check_target(text);
    free(text);
    return 0;
}

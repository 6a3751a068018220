/* The grammar of addresses. Every refusal says what is wrong and, where possible, what would be
 * right. */
#include "name/url.h"
#include "name/endpoint.h"
#include "os/cause.h"

#include <string.h>

enum {
    HOST_MAX = 253, /* characters of a name (RFC 1035, 2.3.4) */
    LABEL_MAX = 63,
    PORT_DIGITS = 5
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_scheme_character(char c)
{
    return is_letter(c) || nf_is_digit(c) || c == '+' || c == '-' || c == '.';
}

int nf_url_split(const char *address, struct nf_url *url)
{
    size_t length = 0;

    while (is_scheme_character(address[length])) {
        length++;
    }
    if (length == 0 || strncmp(address + length, "://", 3) != 0) {
        return nf_fail_because(NET_ADDRESS,
                               "an address begins with scheme://, as in tcp://host:port");
    }
    if (length >= NF_SCHEME_MAX) {
        return nf_fail_because(NET_ADDRESS, "no scheme is that long");
    }
    memcpy(url->scheme, address, length);
    url->scheme[length] = '\0';
    url->target = address + length + 3;
    url->target_length = strcspn(url->target, "?");
    url->query = url->target + url->target_length;
    if (*url->query == '?') {
        url->query++;
    }
    url->query_length = strlen(url->query);
    return 0;
}

static int parse_number(const char *text, size_t length, struct nf_host *host)
{
    unsigned value = 0;

    for (size_t i = 0; i < length; i++) {
        if (i == PORT_DIGITS || !nf_is_digit(text[i])) {
            return nf_fail_because(NET_ADDRESS,
                                   "a port is a number up to 65535, or a service name");
        }
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (value > UINT16_MAX) {
        return nf_fail_because(NET_ADDRESS, "port %u is over 65535", value);
    }
    if (length > 1 && text[0] == '0') {
        return nf_fail_because(NET_ADDRESS, "a port has no leading zeros: %u", value);
    }
    host->addr.port = (uint16_t)value;
    return 0;
}

/* A service name has to begin with a letter here (RFC 6335, 5.1, only requires one somewhere):
 * what begins with a digit is a number. */
static int parse_port(const char *text, size_t length, struct nf_host *host)
{
    host->has_port = true;
    if (length == 0) {
        return nf_fail_because(NET_ADDRESS, "the port is missing after the colon");
    }
    if (nf_is_digit(text[0])) {
        return parse_number(text, length, host);
    }
    for (size_t i = 0; i < length; i++) {
        bool good = is_letter(text[i]) || (i > 0 && (nf_is_digit(text[i]) || text[i] == '-'));

        if (!good || i + 1 == NF_SERVICE_MAX) {
            return nf_fail_because(NET_ADDRESS,
                                   "a port is a number up to 65535, or a service name");
        }
        host->service[i] = text[i];
    }
    return 0;
}

/* localhost is always the loopback address; no resolver is asked (RFC 6761, 6.3). */
static bool is_localhost(const char *text, size_t length)
{
    return nf_text_is_word(text, text[length - 1] == '.' ? length - 1 : length, "localhost");
}

static int parse_name(const char *text, size_t length, struct nf_host *host)
{
    size_t label = 0;
    size_t most = HOST_MAX + (text[length - 1] == '.' ? 1 : 0);

    if (nf_looks_numeric(text, length)) {
        return nf_fail_because(
            NET_ADDRESS, "a numeric IPv4 address is four numbers up to 255, without leading zeros");
    }
    if (length > most) {
        return nf_fail_because(NET_ADDRESS, "a host name has at most %d characters", HOST_MAX);
    }
    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (!is_letter(c) && !nf_is_digit(c) && c != '-' && c != '_' && c != '.') {
            return nf_fail_because(NET_ADDRESS,
                                   "a host name has letters, digits, '-' and '.' only");
        }
        if ((c == '.' && label == 0) || (c != '.' && label == LABEL_MAX)) {
            return nf_fail_because(
                NET_ADDRESS, "between its dots a host name has 1 to %d characters", LABEL_MAX);
        }
        label = c == '.' ? 0 : label + 1;
    }
    memcpy(host->name, text, length);
    host->kind = is_localhost(text, length) ? NF_HOST_LOCALHOST : NF_HOST_NAME;
    return 0;
}

/* The text between the brackets. */
static int parse_bracketed(const char *text, size_t length, struct nf_host *host)
{
    const char *percent = memchr(text, '%', length);
    size_t literal = percent != NULL ? (size_t)(percent - text) : length;
    size_t zone = percent != NULL ? length - literal - 1 : 0;

    host->kind = NF_HOST_LITERAL;
    if (memchr(text, ':', literal) == NULL || !nf_literal_parse(text, literal, &host->addr)) {
        return nf_fail_because(NET_ADDRESS, "what is in brackets is no IPv6 address");
    }
    if (percent == NULL) {
        return 0;
    }
    if (!nf_addr_is_link_local(&host->addr)) {
        return nf_fail_because(NET_ADDRESS, "only a link-local IPv6 address takes a zone");
    }
    if (zone == 0 || zone >= sizeof host->zone || memchr(percent, '/', zone + 1) != NULL ||
        !nf_text_is_safe(percent, zone + 1)) {
        return nf_fail_because(NET_ADDRESS, "the zone after '%%' is no interface name");
    }
    memcpy(host->zone, percent + 1, zone);
    return 0;
}

static int parse_host(const char *text, size_t length, struct nf_host *host)
{
    if (length == 0 || (length == 1 && text[0] == '*')) {
        host->kind = NF_HOST_WILDCARD;
        host->addr.family = NF_EVERYWHERE;
        return 0;
    }
    if (nf_literal_parse(text, length, &host->addr)) {
        host->kind = NF_HOST_LITERAL;
        return 0;
    }
    return parse_name(text, length, host);
}

/* The port may be missing; then has_port is false. */
static int parse_authority(const char *text, size_t length, struct nf_host *host)
{
    size_t end = 0;
    int code;

    memset(host, 0, sizeof *host);
    if (length > 0 && text[0] == '[') {
        const char *bracket = memchr(text, ']', length);

        if (bracket == NULL) {
            return nf_fail_because(NET_ADDRESS, "the bracket '[' is not closed");
        }
        end = (size_t)(bracket - text) + 1;
        if (end < length && text[end] != ':') {
            return nf_fail_because(NET_ADDRESS, "after the bracket ']' comes ':port'");
        }
        code = parse_bracketed(text + 1, end - 2, host);
    } else {
        while (end < length && text[end] != ':') {
            end++;
        }
        if (end < length && memchr(text + end + 1, ':', length - end - 1) != NULL) {
            return nf_fail_because(NET_ADDRESS, "an IPv6 address stands in brackets: [::1]:port");
        }
        code = parse_host(text, end, host);
    }
    if (code == 0 && end < length) {
        code = parse_port(text + end + 1, length - end - 1, host);
    }
    return code;
}

int nf_host_parse(const char *text, size_t length, struct nf_host *host)
{
    int code = parse_authority(text, length, host);

    if (code == 0 && !host->has_port) {
        return nf_fail_because(NET_ADDRESS, "the port is missing: host:port");
    }
    return code;
}

int nf_host_parse_source(const char *text, size_t length, struct nf_host *host)
{
    int code = parse_authority(text, length, host);

    if (code == 0 && (host->kind != NF_HOST_LITERAL || host->service[0] != '\0')) {
        return nf_fail_because(NET_ADDRESS, "a source is a numeric address, with :port if wanted");
    }
    return code;
}

int nf_zone_find(const char *zone, uint32_t *index)
{
    enum { DIGITS = 9 };
    int code = nf_zone_index(zone, index);
    uint32_t number = 0;
    size_t i = 0;

    while (i < DIGITS && nf_is_digit(zone[i])) {
        number = number * 10 + (uint32_t)(zone[i++] - '0');
    }
    if (code < 0 && zone[i] == '\0' && number != 0) {
        *index = number;
        return 0;
    }
    return code;
}

int nf_host_find_zone(struct nf_host *host)
{
    return host->zone[0] != '\0' ? nf_zone_find(host->zone, &host->addr.scope) : 0;
}

void nf_host_print(struct nf_text *text, const struct nf_host *host)
{
    switch (host->kind) {
    case NF_HOST_WILDCARD:
        nf_text_add(text, "*");
        break;
    case NF_HOST_LITERAL:
        if (host->zone[0] == '\0') {
            nf_print_host(text, &host->addr);
        } else {
            char literal[64];
            struct nf_text inner;

            nf_text_begin(&inner, literal, sizeof literal);
            nf_print_host(&inner, &host->addr);
            nf_text_add(text, "%.*s%%%s]", (int)inner.length - 1, literal, host->zone);
        }
        break;
    default:
        nf_text_add(text, "%s", host->name);
    }
    if (host->has_port && host->service[0] != '\0') {
        nf_text_add(text, ":%s", host->service);
    } else if (host->has_port) {
        nf_text_add(text, ":%u", (unsigned)host->addr.port);
    }
}

/* Parses the query of an address. */
#include "name/option.h"
#include "os/cause.h"

#include <string.h>

void nf_options_value(const struct nf_options *options, enum nf_property property,
                      struct nf_value *value)
{
    bool group = property == NF_GROUP_SOURCE;

    value->number = options->value[property];
    value->addr = group ? options->group_source : options->source;
    value->has_port = group ? options->group_source.port != 0 : options->source_has_port;
    memcpy(value->text, options->congestion, sizeof value->text);
    value->list = options->sockopt;
}

static void store(struct nf_options *options, enum nf_property property,
                  const struct nf_value *value)
{
    options->given |= NF_OPTION(property);
    options->value[property] = value->number;
    if (property == NF_SOURCE) {
        options->source = value->addr;
        options->source_has_port = value->has_port;
    } else if (property == NF_GROUP_SOURCE) {
        options->group_source = value->addr;
    } else if (property == NF_CONGESTION) {
        memcpy(options->congestion, value->text, sizeof options->congestion);
    } else if (property == NF_SOCKOPT) {
        options->sockopt = value->list;
    }
}

static int parse_listed(enum nf_property property, const char *text, size_t length,
                        struct nf_options *options)
{
    struct nf_value value;

    if ((options->given & NF_OPTION(property)) != 0) {
        return nf_fail_because(NET_ADDRESS, "%s is given twice", nf_rules[property].name);
    }
    int code = nf_value_parse(property, text, length, &value);

    if (code == 0) {
        store(options, property, &value);
    }
    return code;
}

static int parse_named(const net_cipher_property *named, uint32_t bit, const char *text,
                       size_t length, struct nf_options *options)
{
    if ((options->given_named & bit) != 0) {
        return nf_fail_because(NET_ADDRESS, "%s is given twice", named->name);
    }
    options->given_named |= bit;
    return nf_value_check_named(named, text, length);
}

/* What comes before the `=` of an option; 0: it is not name=value. */
static size_t name_length(const char *text, size_t length)
{
    const char *sign = memchr(text, '=', length);

    return sign != NULL ? (size_t)(sign - text) : 0;
}

static int parse_one(const struct nf_properties *set, const char *text, size_t length,
                     struct nf_options *options)
{
    size_t name = name_length(text, length);

    if (name == 0) {
        return nf_fail_because(NET_ADDRESS, "an option is name=value, not '%.*s'",
                               nf_quoted(text, length), text);
    }
    int property = nf_property_find(set, text, name);
    const net_cipher_property *named = nf_property_named(set, property);
    const char *value = text + name + 1;
    size_t size = length - name - 1;

    if (property < 0) {
        return property;
    }
    return named == NULL
               ? parse_listed((enum nf_property)property, value, size, options)
               : parse_named(named, (uint32_t)1 << (property - NF_NAMED), value, size, options);
}

/* The length of the option that begins at `at`. */
static size_t piece_of(const char *query, size_t length, size_t at)
{
    const char *end = memchr(query + at, '&', length - at);

    return end != NULL ? (size_t)(end - query) - at : length - at;
}

int nf_options_parse(const struct nf_properties *set, const char *query, size_t length,
                     struct nf_options *options)
{
    const struct nf_properties only_options = {.options = set->options, .cipher = set->cipher};
    int code = 0;
    size_t at = 0;

    memset(options, 0, sizeof *options);
    for (int i = 0; i < NF_OPTIONS; i++) {
        options->value[i] = nf_rules[i].standard;
    }
    while (code == 0 && length > 0 && at <= length) {
        size_t piece = piece_of(query, length, at);

        code = parse_one(&only_options, query + at, piece, options);
        at += piece + 1;
    }
    return code;
}

const char *nf_options_find(const char *query, size_t length, const char *name, size_t *size)
{
    size_t at = 0;

    while (at < length) {
        size_t piece = piece_of(query, length, at);
        size_t before = name_length(query + at, piece);

        if (strlen(name) == before && memcmp(query + at, name, before) == 0) {
            *size = piece - before - 1;
            return query + at + before + 1;
        }
        at += piece + 1;
    }
    return NULL;
}

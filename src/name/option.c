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

static int parse_one(uint64_t allowed, const char *text, size_t length, struct nf_options *options)
{
    const char *sign = memchr(text, '=', length);
    size_t name = sign != NULL ? (size_t)(sign - text) : length;
    struct nf_value value;

    if (sign == NULL || name == 0) {
        return nf_fail_because(NET_ADDRESS, "an option is name=value, not '%.*s'",
                               nf_quoted(text, length), text);
    }
    const struct nf_properties set = {.options = allowed};
    int property = nf_property_find(&set, text, name);

    if (property < 0) {
        return property;
    }
    if ((options->given & NF_OPTION(property)) != 0) {
        return nf_fail_because(NET_ADDRESS, "%s is given twice", nf_rules[property].name);
    }
    int code = nf_value_parse((enum nf_property)property, sign + 1, length - name - 1, &value);

    if (code == 0) {
        store(options, (enum nf_property)property, &value);
    }
    return code;
}

int nf_options_parse(uint64_t allowed, const char *query, size_t length, struct nf_options *options)
{
    int code = 0;
    size_t at = 0;

    memset(options, 0, sizeof *options);
    for (int i = 0; i < NF_OPTIONS; i++) {
        options->value[i] = nf_rules[i].standard;
    }
    while (code == 0 && length > 0 && at <= length) {
        const char *end = memchr(query + at, '&', length - at);
        size_t piece = end != NULL ? (size_t)(end - query) - at : length - at;

        code = parse_one(allowed, query + at, piece, options);
        at += piece + 1;
    }
    return code;
}

/* The options of an address, `?name=value&name=value`. */
#ifndef NF_NAME_OPTION_H
#define NF_NAME_OPTION_H

#include "name/value.h"

/* What an address asked for. */
struct nf_options {
    uint64_t given; /* which of these stood in the address; the others have their defaults */
    int64_t value[NF_OPTIONS]; /* in the units of nf_value */
    struct nf_addr source;     /* NF_NOWHERE: as the system likes */
    bool source_has_port;
    struct nf_addr group_source; /* NF_NOWHERE: whoever sends to the group */
    char congestion[NF_VALUE_TEXT_MAX];
    struct nf_rawopts sockopt;
};

/* A query, `name=value&name=value`, whose names are options of a set; defaults for the rest. 0 or
 * NET_ADDRESS. */
int nf_options_parse(uint64_t allowed, const char *query, size_t length,
                     struct nf_options *options);

/* What the options say of a word. */
void nf_options_value(const struct nf_options *options, enum nf_property property,
                      struct nf_value *value);

#endif

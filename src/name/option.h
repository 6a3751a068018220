/* The options of an address, `?name=value&name=value`. */
#ifndef NF_NAME_OPTION_H
#define NF_NAME_OPTION_H

#include "name/value.h"

struct nf_options {
    uint64_t given;            /* those that the address has; the others have their defaults */
    uint32_t given_named;      /* the same for those of the cipher, from bit 0 */
    int64_t value[NF_OPTIONS]; /* in the units of nf_value */
    struct nf_addr source;     /* NF_NOWHERE: the system chooses */
    bool source_has_port;
    struct nf_addr group_source; /* NF_NOWHERE: any sender to the group */
    char congestion[NF_VALUE_TEXT_MAX];
    struct nf_rawopts sockopt;
};

/* Parse a query, `name=value&name=value`, whose names have to be options of `set`. Options that it
 * lacks get their defaults. The values of a cipher's own are only checked. 0 or NET_ADDRESS. */
int nf_options_parse(const struct nf_properties *set, const char *query, size_t length,
                     struct nf_options *options);

/* The value that a query which was parsed gives an option; NULL: none. */
const char *nf_options_find(const char *query, size_t length, const char *name, size_t *size);

void nf_options_value(const struct nf_options *options, enum nf_property property,
                      struct nf_value *value);

#endif

/* The value of an option or property: parsed from text, and printed as text. */
#ifndef NF_NAME_VALUE_H
#define NF_NAME_VALUE_H

#include "name/property.h"
#include "name/text.h"
#include "os/address.h"
#include "os/rawopt.h"

enum { NF_VALUE_TEXT_MAX = 16 }; /* a short name with its NUL, as in the kernel */

/* The value of a property. The property decides which member is valid. */
struct nf_value {
    int64_t number; /* in the unit of its kind: 0 or 1, milliseconds, microseconds (rtt), bytes, a
                       count, an interface's index, permissions, millionths, a code, or a family (4,
                       6; 0: any). Where the value can be off, 0 is off */
    struct nf_addr addr;
    char name[NF_ADDR_NAME_MAX]; /* the memory of addr's name, if no one else owns it */
    bool has_port;               /* of a source: print the port too */
    const char *scheme;
    char text[NF_VALUE_TEXT_MAX];
    struct nf_rawopts list;
    /* of a property of a cipher */
    const net_cipher_property *named;
    const char *string;   /* to write */
    struct nf_text *into; /* where a read prints it */
};

/* A number in the units of net_get: nanoseconds, bytes, a count, 0 or 1. */
int64_t nf_value_number(enum nf_property property, const struct nf_value *value);

/* Parse the text of a value. 0, or NET_ADDRESS with what is wrong and what would be right. */
int nf_value_parse(enum nf_property property, const char *text, size_t length,
                   struct nf_value *value);

/* Whether an option of a cipher may have this value: 0 or NET_ADDRESS. */
int nf_value_check_named(const net_cipher_property *named, const char *text, size_t length);

/* Print it so that parsing it gives the same value. */
void nf_value_print(struct nf_text *text, enum nf_property property, const struct nf_value *value);

#endif

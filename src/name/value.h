/* The value of an option or property: its text, both ways. */
#ifndef NF_NAME_VALUE_H
#define NF_NAME_VALUE_H

#include "name/property.h"
#include "name/text.h"
#include "os/address.h"
#include "os/rawopt.h"

enum { NF_VALUE_TEXT_MAX = 16 }; /* a short name with its NUL, as the kernel has them */

/* What a word stands for; which member counts is the word's affair. */
struct nf_value {
    int64_t number; /* milliseconds (0: off), bytes (of faults 0: off), a count, 0 or 1; of rtt
                       microseconds; the number of an interface (0: off); permissions; millionths;
                       a code (0: off); of a family 0, 4 or 6 */
    struct nf_addr addr;
    char name[NF_ADDR_NAME_MAX]; /* of addr, where it is by name and nobody else's */
    bool has_port;               /* of a source: print the port too */
    const char *scheme;
    char text[NF_VALUE_TEXT_MAX];
    struct nf_rawopts list;
};

/* A number as callers have it: nanoseconds, bytes, a count, 0 or 1. */
int64_t nf_value_number(enum nf_property property, const struct nf_value *value);

/* 0, or NET_ADDRESS with what is wrong and what would be right. */
int nf_value_parse(enum nf_property property, const char *text, size_t length,
                   struct nf_value *value);

/* Print it so that it parses to the same again. */
void nf_value_print(struct nf_text *text, enum nf_property property, const struct nf_value *value);

#endif

/* What is known of each word: for the list of words and the grammar of their values, which share
 * it. */
#ifndef NF_NAME_RULE_H
#define NF_NAME_RULE_H

#include "name/option.h"

enum nf_kind {
    SWITCH,
    DURATION,
    SIZE,
    COUNT,
    ADDRESS,
    TEXT,
    INTERFACE,
    MICROSECONDS,
    OFF,
    LIMIT,
    MODE,
    SHARE,
    CODE,
    FAMILY,
    HOST,
    SOCKOPT
};

/* The names stand in the table itself: pointers to them would have to be relocated. */
struct nf_rule {
    char name[20];
    uint8_t kind;
    bool settable;
    int16_t step; /* a value is a multiple of it */
    int32_t standard;
    int32_t least;
    int64_t most;
};

extern const struct nf_rule nf_rules[NF_WORDS];

/* The grammar of a value of kind SOCKOPT. */
int nf_sockopt_parse(const char *text, size_t length, struct nf_rawopts *list);
void nf_sockopt_print(struct nf_text *text, const struct nf_rawopts *list);

#define NF_SECOND    ((int64_t)1000)
#define NF_KIB       ((int64_t)1024)
#define NF_MIB       (1024 * NF_KIB)
#define NF_GIB       (1024 * NF_MIB)
#define NF_WHOLE     ((int64_t)1000000) /* millionths */
#define NF_UNLIMITED ((int64_t)1 << 50) /* far more than a machine has, and far from overflow */

#endif

/* Text being printed into a caller's buffer, counted as snprintf counts: the length that all of it
 * needs. And digits being read. */
#ifndef NF_NAME_TEXT_H
#define NF_NAME_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum { NF_QUOTE_MAX = 200 };

struct nf_text {
    char *buffer;
    size_t size;
    size_t length; /* of the whole text, also of what did not fit */
};

/* A whole string, cut where it does not fit. */
void nf_text_copy(char *buffer, size_t size, const char *string);

/* An address as given, or NULL; "..." stands where it is cut. */
void nf_text_quote(char quote[NF_QUOTE_MAX], const char *address);

void nf_text_begin(struct nf_text *text, char *buffer, size_t size);
void nf_text_add(struct nf_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline bool nf_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What a hex digit stands for; -1: it is none. */
int nf_hex_value(char c);

#endif

/* Text printed into a caller's buffer. It counts as snprintf does: the length that the whole
 * text needs. Also the parsing of digits. */
#ifndef NF_NAME_TEXT_H
#define NF_NAME_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum { NF_QUOTE_MAX = 200 };

struct nf_text {
    char *buffer;
    size_t size;
    size_t length; /* of the whole text, with what did not fit */
};

/* Copy a string, cut where it does not fit. */
void nf_text_copy(char *buffer, size_t size, const char *string);

/* Copy an address (may be NULL) for a sentence. "..." ends it where it is cut. */
void nf_text_quote(char quote[NF_QUOTE_MAX], const char *address);

/* How many bytes of a part of an address a sentence quotes. */
static inline int nf_quoted(size_t length)
{
    enum { MAX = 64 };

    return length > MAX ? MAX : (int)length;
}

void nf_text_begin(struct nf_text *text, char *buffer, size_t size);
void nf_text_add(struct nf_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline bool nf_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The value of a hex digit; -1: it is none. */
int nf_hex_value(char c);

#endif

/* Text printed into a caller's buffer. It counts as snprintf does: the length that the whole
 * text needs. Also which text from outside may be printed, and the parsing of digits.
 *
 * Text from outside (addresses, names, values) may hold bytes that mislead a terminal or the reader
 * of a log: control characters, marks that change the direction of writing, line separators, and
 * bytes that are no UTF-8. They never come out. An address has its own escape for them, %XX
 * (name/path.h). A sentence may quote anything, so the whole of it is escaped when it is asked for
 * (api/failure.c). */
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

/* How many bytes of a part of an address a sentence quotes. No character is cut. */
int nf_quoted(const char *text, size_t length);

/* Whether the text is `word`, which is in small letters; the text's may be capitals. */
bool nf_text_is_word(const char *text, size_t length, const char *word);

/* How many bytes the character has that the text begins with; 0: its first byte must be escaped. */
size_t nf_text_safe(const char *text, size_t length);

/* Whether no byte of it must be escaped. */
bool nf_text_is_safe(const char *text, size_t length);

void nf_text_begin(struct nf_text *text, char *buffer, size_t size);
void nf_text_add(struct nf_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Add one character of `length` bytes. One that does not fit is left out whole. */
void nf_text_add_character(struct nf_text *text, const char *character, size_t length);

/* Add a string with each unsafe byte as \xNN, and a backslash as two. */
void nf_text_add_escaped(struct nf_text *text, const char *string);

static inline bool nf_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The value of a hex digit; -1: it is none. */
int nf_hex_value(char c);

#endif

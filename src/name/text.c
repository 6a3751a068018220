/* Printing piece by piece, and counting the full length. */
#include "name/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void nf_text_begin(struct nf_text *text, char *buffer, size_t size)
{
    *text = (struct nf_text){.buffer = buffer, .size = size};
    if (size > 0) {
        buffer[0] = '\0';
    }
}

void nf_text_add(struct nf_text *text, const char *format, ...)
{
    va_list arguments;
    size_t used = text->length < text->size ? text->length : text->size;
    size_t room = text->size - used;

    va_start(arguments, format);
    int length = vsnprintf(room > 0 ? text->buffer + used : NULL, room, format, arguments);
    va_end(arguments);
    if (length > 0) {
        text->length += (size_t)length;
    }
}

void nf_text_copy(char *buffer, size_t size, const char *string)
{
    struct nf_text text;

    nf_text_begin(&text, buffer, size);
    nf_text_add(&text, "%s", string);
}

void nf_text_quote(char quote[NF_QUOTE_MAX], const char *address)
{
    static const char cut[] = "...";

    nf_text_copy(quote, NF_QUOTE_MAX, address != NULL ? address : "");
    if (address != NULL && strlen(address) >= NF_QUOTE_MAX) {
        memcpy(quote + NF_QUOTE_MAX - sizeof cut, cut, sizeof cut);
    }
}

int nf_hex_value(char c)
{
    if (nf_is_digit(c)) {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

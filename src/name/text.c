/* Printing piece by piece, and counting the full length. Telling which text may be printed. */
#include "name/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ---- What may be printed ---- */

/* The bytes that UTF-8 gives to a character, by the byte that it begins with (RFC 3629, 3), and the
 * least code point that needs so many. 0: none begins with it. */
static size_t length_of(unsigned char first, uint32_t *least)
{
    static const uint32_t leasts[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = first < 0x80             ? 1
                    : (first & 0xe0) == 0xc0 ? 2
                    : (first & 0xf0) == 0xe0 ? 3
                    : (first & 0xf8) == 0xf0 ? 4
                                             : 0;

    *least = leasts[length];
    return length;
}

/* Control characters, surrogates, marks of direction (Unicode, UAX 9), separators of lines. */
static bool is_unsafe(uint32_t point)
{
    static const struct {
        uint32_t first;
        uint32_t last;
    } ranges[] = {{0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},   {0x200e, 0x200f},
                  {0x2028, 0x202e}, {0x2066, 0x2069}, {0xd800, 0xdfff}, {0x110000, UINT32_MAX}};

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (point >= ranges[i].first && point <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

size_t nf_text_safe(const char *text, size_t length)
{
    uint32_t least;
    size_t bytes = length > 0 ? length_of((unsigned char)text[0], &least) : 0;

    if (bytes == 0 || bytes > length) {
        return 0;
    }
    uint32_t point = (unsigned char)text[0] & (bytes == 1 ? 0x7fu : 0x7fu >> bytes);

    for (size_t i = 1; i < bytes; i++) {
        unsigned char next = (unsigned char)text[i];

        if ((next & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (next & 0x3fu);
    }
    return point < least || is_unsafe(point) ? 0 : bytes;
}

bool nf_text_is_safe(const char *text, size_t length)
{
    size_t at = 0;
    size_t bytes = 1;

    while (at < length && bytes > 0) {
        bytes = nf_text_safe(text + at, length - at);
        at += bytes;
    }
    return at == length;
}

/* ---- Printing ---- */

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

void nf_text_add_character(struct nf_text *text, const char *character, size_t length)
{
    if (text->length + length < text->size) {
        memcpy(text->buffer + text->length, character, length);
        text->buffer[text->length + length] = '\0';
    }
    text->length += length;
}

void nf_text_add_escaped(struct nf_text *text, const char *string)
{
    size_t left = strlen(string);

    while (left > 0) {
        size_t bytes = nf_text_safe(string, left);
        char escape[8];

        if (bytes == 0) {
            snprintf(escape, sizeof escape, "\\x%02x", (unsigned)(unsigned char)*string);
            nf_text_add_character(text, escape, strlen(escape));
            bytes = 1;
        } else if (*string == '\\') {
            nf_text_add_character(text, "\\\\", 2);
        } else {
            nf_text_add_character(text, string, bytes);
        }
        string += bytes;
        left -= bytes;
    }
}

/* How many of `length` bytes fit into `most`, without a part of a character. */
static size_t cut(const char *text, size_t length, size_t most)
{
    size_t fits = length < most ? length : most;

    while (fits < length && fits > 0 && ((unsigned char)text[fits] & 0xc0) == 0x80) {
        fits--;
    }
    return fits;
}

int nf_quoted(const char *text, size_t length)
{
    enum { MOST = 64 };

    return (int)cut(text, length, MOST);
}

/* Of ASCII only, whatever the locale. */
bool nf_text_is_word(const char *text, size_t length, const char *word)
{
    size_t i = 0;

    while (i < length && word[i] != '\0' && (text[i] | 0x20) == word[i]) {
        i++;
    }
    return i == length && word[i] == '\0';
}

void nf_text_copy(char *buffer, size_t size, const char *string)
{
    struct nf_text text;

    nf_text_begin(&text, buffer, size);
    nf_text_add(&text, "%s", string);
}

void nf_text_quote(char quote[NF_QUOTE_MAX], const char *address)
{
    static const char dots[] = "...";
    size_t length = address != NULL ? strlen(address) : 0;

    nf_text_copy(quote, NF_QUOTE_MAX, address != NULL ? address : "");
    if (length >= NF_QUOTE_MAX) {
        memcpy(quote + cut(address, length, NF_QUOTE_MAX - sizeof dots), dots, sizeof dots);
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

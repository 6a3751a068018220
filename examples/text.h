/* Text that others wrote: a number of the command line, words of the network. For the examples; a
 * program that copies one of them needs this file, too. */
#ifndef EXAMPLES_TEXT_H
#define EXAMPLES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number that `text` is, from `least` (at least 0) to `most`, or -1 when it is anything else.
 * strtol would also take " 10", "+10", "10x" and, as the largest number, more digits than fit. */
static inline int64_t text_number(const char *text, int64_t least, int64_t most)
{
    int64_t number = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        int digit = *at - '0';
        if (digit > most || number > (most - digit) / 10) {
            return -1;
        }
        number = number * 10 + digit;
    }
    return at > text && *at == '\0' && number >= least ? number : -1;
}

/* The size in bytes of the character that `text` begins with, or 0 if it is not UTF-8 (RFC 3629).
 */
static inline size_t text_decode(const unsigned char *text, size_t left, uint32_t *character)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000}; /* by number of bytes */
    size_t bytes = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

    *character = bytes == 1 ? text[0] : text[0] & (0xffU >> (bytes + 1));
    if (bytes > left || (text[0] & 0xc0) == 0x80 || text[0] > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        *character = *character << 6 | (text[i] & 0x3fU);
    }
    bool is_surrogate = *character >= 0xd800 && *character < 0xe000;
    return *character < smallest[bytes] || *character > 0x10ffff || is_surrogate ? 0 : bytes;
}

/* A terminal does not obey it, it does not break or reorder the line, and a reader sees it. The
 * ranges are in rising order. */
static inline bool text_is_harmless(uint32_t character)
{
    static const uint32_t harmful[][2] = {
        {0x0, 0x1f},        {0x7f, 0x9f},       /* controls */
        {0xad, 0xad},       {0x34f, 0x34f},     /* no width */
        {0x61c, 0x61c},                         /* a bidirectional mark */
        {0x115f, 0x1160},   {0x17b4, 0x17b5},   /* no width */
        {0x180b, 0x180f},   {0x200b, 0x200f},   /* no width, and bidirectional marks */
        {0x2028, 0x202e},                       /* ends of lines, bidirectional marks */
        {0x2060, 0x206f},   {0x3164, 0x3164},   /* no width, and bidirectional marks */
        {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   /* no width */
        {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   /* no width, annotations */
        {0xfffe, 0xffff},                       /* no characters */
        {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, /* no width */
        {0xe0000, 0xe0fff}};                    /* tags */

    for (size_t i = 0; i < sizeof harmful / sizeof harmful[0] && character >= harmful[i][0]; i++) {
        if (character <= harmful[i][1]) {
            return false;
        }
    }
    return true;
}

/* Make one line of foreign text fit to be shown, in place: a tab becomes a space, and what is not
 * UTF-8 or not harmless a question mark. Returns its size, which never grows. */
static inline size_t text_clean(char *text, size_t size)
{
    size_t clean = 0;

    for (size_t i = 0; i < size;) {
        uint32_t character;
        size_t bytes = text_decode((const unsigned char *)text + i, size - i, &character);
        bool is_shown = bytes > 0 && text_is_harmless(character);
        char instead = text[i] == '\t' ? ' ' : '?';

        for (size_t j = 0; is_shown && j < bytes; j++) {
            text[clean + j] = text[i + j];
        }
        if (!is_shown) {
            text[clean] = instead;
        }
        clean += is_shown ? bytes : 1;
        i += bytes > 0 ? bytes : 1;
    }
    return clean;
}

#endif

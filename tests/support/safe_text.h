/* Which text may be printed, told by its bytes (Unicode, table 3-7) and not by the library's code.
 * For tests and fuzz targets. */
#ifndef SAFE_TEXT_H
#define SAFE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* The well-formed sequences of UTF-8, and among them those that must not be printed: control
 * characters, marks of direction, separators of lines. */
struct byte_range {
    unsigned char first;
    unsigned char last;
};

static const struct byte_range well_formed[][4] = {
    {{0x00, 0x7f}},
    {{0xc2, 0xdf}, {0x80, 0xbf}},
    {{0xe0, 0xe0}, {0xa0, 0xbf}, {0x80, 0xbf}},
    {{0xe1, 0xec}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xed, 0xed}, {0x80, 0x9f}, {0x80, 0xbf}},
    {{0xee, 0xef}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf0, 0xf0}, {0x90, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf1, 0xf3}, {0x80, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf4, 0xf4}, {0x80, 0x8f}, {0x80, 0xbf}, {0x80, 0xbf}},
};

static const struct byte_range misleading[][4] = {
    {{0x00, 0x1f}},
    {{0x7f, 0x7f}},
    {{0xc2, 0xc2}, {0x80, 0x9f}},
    {{0xd8, 0xd8}, {0x9c, 0x9c}},
    {{0xe2, 0xe2}, {0x80, 0x80}, {0x8e, 0x8f}},
    {{0xe2, 0xe2}, {0x80, 0x80}, {0xa8, 0xae}},
    {{0xe2, 0xe2}, {0x81, 0x81}, {0xa6, 0xa9}},
};

/* How many bytes of the text, which ends with a NUL, a sequence of ranges matches; 0: it does not.
 */
static inline size_t matches(const struct byte_range range[4], const unsigned char *text)
{
    size_t n = 0;

    while (n < 4 && (n == 0 || range[n].last != 0)) {
        if (text[n] < range[n].first || text[n] > range[n].last) {
            return 0;
        }
        n++;
    }
    return n;
}

static inline size_t first_match(const struct byte_range ranges[][4], size_t count,
                                 const unsigned char *text)
{
    size_t n = 0;

    for (size_t i = 0; i < count && n == 0; i++) {
        n = matches(ranges[i], text);
    }
    return n;
}

/* Whether all of a text may be printed. */
static inline bool is_safe_text(const char *text)
{
    enum {
        FORMS = sizeof well_formed / sizeof well_formed[0],
        MISLEADING = sizeof misleading / sizeof misleading[0]
    };
    const unsigned char *at = (const unsigned char *)text;
    bool safe = true;

    while (safe && *at != '\0') {
        size_t bytes = first_match(well_formed, FORMS, at);

        safe = bytes > 0 && first_match(misleading, MISLEADING, at) == 0;
        at += bytes;
    }
    return safe;
}

#endif

/* Finds the name that is nearest to a misspelled one. */
#include "name/nearest.h"
#include "name/text.h"
#include "os/cause.h"

#include <stdint.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The Levenshtein distance, ignoring case. A text over LONGEST bytes is far from every name. */
static size_t distance(const char *text, size_t length, const char *name)
{
    enum { LONGEST = 32 };
    size_t row[LONGEST + 1];
    size_t width = strlen(name);

    if (length > LONGEST || width > LONGEST) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= width; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= length; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t changed = diagonal + (lower(text[i - 1]) == lower(name[j - 1]) ? 0 : 1);
            size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = changed < shorter ? changed : shorter;
        }
    }
    return row[width];
}

const char *nf_nearest(const char *text, size_t length, const char *(*next)(int, const void *),
                       const void *argument)
{
    const char *nearest = NULL;
    size_t least = length / 2 + 2; /* a difference of more than half is no typing error */
    int i = 0;

    for (const char *name = next(i, argument); name != NULL; name = next(++i, argument)) {
        size_t far = *name != '\0' ? distance(text, length, name) : SIZE_MAX;

        if (far < least) {
            least = far;
            nearest = name;
        }
    }
    return nearest;
}

int nf_unknown(const char *what, const char *text, size_t length,
               const char *(*next)(int, const void *), const void *argument)
{
    const char *nearest = nf_nearest(text, length, next, argument);
    int quoted = nf_quoted(text, length);

    return nearest != NULL
               ? nf_fail_because(NET_ADDRESS, "no %s is called '%.*s'; the nearest is '%s'", what,
                                 quoted, text, nearest)
               : nf_fail_because(NET_ADDRESS, "no %s is called '%.*s'", what, quoted, text);
}

/* Compare what a peer knows of a file, its tag or its date, with the file. */
#define _XOPEN_SOURCE     700 /* strptime */
#define _DEFAULT_SOURCE       /* timegm */
#define _FILE_OFFSET_BITS 64

#include "conditions.h"

#include <string.h>
#include <time.h>

enum { OK = 200, NOT_MODIFIED = 304, FAILED = 412 };

/* Whether the list has the file's tag. A tag of the list that is weak, W/"...", does not promise
 * the same bytes. */
static bool has_tag(const char *list, const char *tag, bool takes_weak)
{
    size_t length = strlen(tag);
    const char *end = list;

    if (strcmp(list, "*") == 0) {
        return true;
    }
    while (end != NULL) {
        list = end + strspn(end, ", \t");
        bool is_weak = strncmp(list, "W/", 2) == 0;

        list += is_weak ? 2 : 0;
        end = *list == '"' ? strchr(list + 1, '"') : NULL;
        end = end != NULL ? end + 1 : NULL;
        if (end == list + length && memcmp(list, tag, length) == 0 && (takes_weak || !is_weak)) {
            return true;
        }
    }
    return false;
}

/* A date in one of the three formats that a server must understand (RFC 9110, 5.6.7). A field that
 * is not there, or is no date, counts as `otherwise`. */
static time_t date_of(const char *field, time_t otherwise)
{
    static const char *const formats[] = {HTTP_DATE, "%A, %d-%b-%y %H:%M:%S GMT",
                                          "%a %b %d %H:%M:%S %Y"};

    for (size_t i = 0; field != NULL && i < sizeof formats / sizeof formats[0]; i++) {
        struct tm utc = {0};
        const char *end = strptime(field, formats[i], &utc);

        if (end != NULL && *end == '\0') {
            return timegm(&utc);
        }
    }
    return otherwise;
}

/* A tag says more than a date: if there is one, the date is not looked at. */
int conditions_check(const struct request *request, const struct file *file)
{
    const char *expected = request->field[FIELD_IF_MATCH];
    const char *known = request->field[FIELD_IF_NONE_MATCH];
    time_t modified = file->modified;

    if (expected != NULL
            ? !has_tag(expected, file->etag, false)
            : modified > date_of(request->field[FIELD_IF_UNMODIFIED_SINCE], modified)) {
        return FAILED;
    }
    if (known != NULL
            ? has_tag(known, file->etag, true)
            : modified <= date_of(request->field[FIELD_IF_MODIFIED_SINCE], modified - 1)) {
        return NOT_MODIFIED;
    }
    return OK;
}

/* The value of `sockopt`: LEVEL/NAME/VALUE[,...]. Each part is a number. LEVEL and NAME may also
 * be a name that C's headers define. */
#include "name/sockopt.h"
#include "name/nearest.h"
#include "os/cause.h"

#include <limits.h>
#include <string.h>

enum { PARTS = 3 };

/* One part of an option, as written. */
struct part {
    const char *text;
    size_t length;
};

static int refuse(const char *text, size_t length)
{
    return nf_fail_because(NET_ADDRESS,
                           "sockopt takes LEVEL/NAME/VALUE, as in SOL_SOCKET/SO_MARK/7, not '%.*s'",
                           nf_quoted(text, length), text);
}

/* Split into exactly three parts, none empty. */
static bool split(const char *text, size_t length, struct part parts[PARTS])
{
    size_t at = 0;

    for (int i = 0; i < PARTS; i++) {
        const char *end = memchr(text + at, '/', length - at);
        bool is_last = i == PARTS - 1;

        if ((end == NULL) != is_last) {
            return false;
        }
        parts[i].text = text + at;
        parts[i].length = is_last ? length - at : (size_t)(end - text) - at;
        at += parts[i].length + 1;
        if (parts[i].length == 0) {
            return false;
        }
    }
    return true;
}

/* Whether it is written as a number. A number that does not fit an int becomes the nearest that
 * does, and `is_int` is false. */
static bool read_number(const struct part *part, int32_t *number, bool *is_int)
{
    size_t sign = part->text[0] == '-' ? 1 : 0;
    int64_t value = 0;

    for (size_t i = sign; i < part->length; i++) {
        if (part->text[i] < '0' || part->text[i] > '9') {
            return false;
        }
        if (value <= INT32_MAX) {
            value = value * 10 + (part->text[i] - '0');
        }
    }
    value = sign != 0 ? -value : value;
    *is_int = value >= INT32_MIN && value <= INT32_MAX;
    *number = *is_int ? (int32_t)value : sign != 0 ? INT32_MIN : INT32_MAX;
    return part->length > sign;
}

static int quoted(const struct part *part)
{
    return nf_quoted(part->text, part->length);
}

static int refuse_range(const struct part parts[PARTS], int which, int32_t nearest)
{
    char number[16];
    struct nf_text text;

    nf_text_begin(&text, number, sizeof number);
    nf_text_add(&text, "%d", (int)nearest);
    return nf_fail_because(NET_ADDRESS,
                           "sockopt cannot be '%.*s': the nearest that fits is %.*s/%.*s/%s",
                           quoted(&parts[which]), parts[which].text, quoted(&parts[0]),
                           parts[0].text, quoted(&parts[1]), parts[1].text, number);
}

static bool is_called(const struct part *part, const char *name)
{
    return *name != '\0' && strlen(name) == part->length &&
           memcmp(name, part->text, part->length) == 0;
}

static const char *next_level(int i, const void *none)
{
    int32_t number;

    (void)none;
    return nf_rawopt_level(i, &number);
}

static const char *next_name(int i, const void *level)
{
    int32_t number;

    return nf_rawopt_name(*(const int32_t *)level, i, &number);
}

static int find_level(const struct part *part, int32_t *level)
{
    int32_t number;
    int i = 0;

    for (const char *name = nf_rawopt_level(i, &number); name != NULL;
         name = nf_rawopt_level(++i, &number)) {
        if (is_called(part, name)) {
            *level = number;
            return 0;
        }
    }
    return nf_unknown("level of sockopt", part->text, part->length, next_level, NULL);
}

static int find_name(const struct part *part, int32_t level, int32_t *which)
{
    int32_t number;
    int i = 0;

    for (const char *name = nf_rawopt_name(level, i, &number); name != NULL;
         name = nf_rawopt_name(level, ++i, &number)) {
        if (is_called(part, name)) {
            *which = number;
            return 0;
        }
    }
    return nf_unknown("socket option of that level", part->text, part->length, next_name, &level);
}

static int parse_one(const char *text, size_t length, struct nf_rawopt *option)
{
    struct part parts[PARTS];
    int32_t *numbers[PARTS] = {&option->level, &option->name, &option->value};
    int code = 0;

    if (!split(text, length, parts)) {
        return refuse(text, length);
    }
    for (int i = 0; i < PARTS && code == 0; i++) {
        bool is_int = true;

        if (read_number(&parts[i], numbers[i], &is_int)) {
            code = is_int           ? 0
                   : i == PARTS - 1 ? refuse_range(parts, i, *numbers[i])
                                    : refuse(text, length);
        } else if (i == 0) {
            code = find_level(&parts[i], &option->level);
        } else {
            code =
                i == 1 ? find_name(&parts[i], option->level, &option->name) : refuse(text, length);
        }
    }
    return code;
}

int nf_rawopts_parse(const char *text, size_t length, struct nf_rawopts *list)
{
    size_t at = 0;
    int code = 0;

    list->count = 0;
    while (code == 0 && at <= length) {
        const char *end = memchr(text + at, ',', length - at);
        size_t piece = end != NULL ? (size_t)(end - text) - at : length - at;

        if (list->count == NF_RAWOPTS_MAX) {
            return nf_fail_because(NET_ADDRESS, "sockopt takes at most %d options", NF_RAWOPTS_MAX);
        }
        code = parse_one(text + at, piece, &list->option[list->count]);
        list->count += code == 0 ? 1 : 0;
        at += piece + 1;
    }
    return code;
}

void nf_rawopts_print(struct nf_text *text, const struct nf_rawopts *list)
{
    for (int i = 0; i < list->count; i++) {
        const struct nf_rawopt *each = &list->option[i];

        nf_text_add(text, "%s%d/%d/%d", i > 0 ? "," : "", (int)each->level, (int)each->name,
                    (int)each->value);
    }
}

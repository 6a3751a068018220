/* The grammar of values: what an option has behind its `=`, and what net_get prints. */
#include "name/value.h"
#include "name/endpoint.h"
#include "name/path.h"
#include "name/sockopt.h"
#include "name/url.h"
#include "os/cause.h"

#include <string.h>

/* The codes that accept-fail can make an accept return. */
static const struct {
    char name[16];
    int code;
} failures[] = {{"NET_LIMIT", NET_LIMIT},
                {"NET_SYSTEM", NET_SYSTEM},
                {"NET_DENIED", NET_DENIED},
                {"NET_RESET", NET_RESET}};

enum { FAILURES = sizeof failures / sizeof failures[0], NS_PER_US = 1000, NS_PER_MS = 1000000 };

static const char frames[][16] = {
    [NF_FRAME_U32] = "u32",
    [NF_FRAME_U16] = "u16",
    [NF_FRAME_NETSTRING] = "netstring",
    [NF_FRAME_LINE] = "line",
};

static const char sides[][16] = {
    [NF_SIDE_NOT_SAID] = "off",
    [NF_SIDE_CLIENT] = "client",
    [NF_SIDE_SERVER] = "server",
};

enum { FRAMES = sizeof frames / sizeof frames[0], SIDES = sizeof sides / sizeof sides[0] };

/* The units of a kind, the smallest first. */
static const struct unit {
    const char *name;
    int64_t factor;
} durations[] = {{"ms", 1}, {"s", NF_SECOND_IN_MS}, {NULL, 0}},
  sizes[] = {{"B", 1}, {"KiB", NF_KIB}, {"MiB", NF_MIB}, {"GiB", NF_GIB}, {NULL, 0}};

static const struct unit *units_of(int kind)
{
    return kind == NF_KIND_DURATION ? durations : sizes;
}

static void print_units(struct nf_text *text, const struct unit *units, int64_t number)
{
    const struct unit *best = units;

    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (number % unit->factor == 0) {
            best = unit;
        }
    }
    nf_text_add(text, "%lld%s", (long long)(number / best->factor), best->name);
}

/* Print as few decimals as the value needs. */
static void print_share(struct nf_text *text, int64_t millionths)
{
    int digits = 6;

    while (digits > 0 && millionths % 10 == 0) {
        millionths /= 10;
        digits--;
    }
    if (digits == 0) {
        nf_text_add(text, "%d", (int)millionths);
    } else {
        nf_text_add(text, "0.%0*d", digits, (int)millionths);
    }
}

static const char *name_of_code(int code)
{
    int i = 0;

    while (i < FAILURES - 1 && failures[i].code != code) {
        i++;
    }
    return failures[i].name;
}

static void print_family(struct nf_text *text, int64_t family)
{
    if (family == 0) {
        nf_text_add(text, "any");
    } else {
        nf_text_add(text, "%d", (int)family);
    }
}

static void print_address(struct nf_text *text, const struct nf_value *value)
{
    if (value->scheme != NULL) {
        nf_text_add(text, "%s://", value->scheme);
    }
    if (value->addr.family == NF_NOWHERE) {
        nf_text_add(text, "off");
    } else if (value->has_port) {
        nf_print_addr(text, &value->addr);
    } else {
        nf_print_host(text, &value->addr);
    }
}

void nf_value_print(struct nf_text *text, enum nf_property property, const struct nf_value *value)
{
    int kind = nf_rules[property].kind;
    bool off = value->number == 0 &&
               (kind == NF_KIND_SWITCH || kind == NF_KIND_DURATION || kind == NF_KIND_INTERFACE ||
                kind == NF_KIND_LIMIT || kind == NF_KIND_CODE);

    switch (off ? NF_KIND_OFF : kind) {
    case NF_KIND_OFF:
        nf_text_add(text, "off");
        break;
    case NF_KIND_SWITCH:
        nf_text_add(text, "on");
        break;
    case NF_KIND_DURATION:
        print_units(text, durations, value->number);
        break;
    case NF_KIND_SIZE:
    case NF_KIND_LIMIT:
        print_units(text, sizes, value->number);
        break;
    case NF_KIND_COUNT:
        nf_text_add(text, "%lld", (long long)value->number);
        break;
    case NF_KIND_MICROSECONDS:
        nf_text_add(text, "%lldus", (long long)value->number);
        break;
    case NF_KIND_TEXT:
        nf_text_add_escaped(text, value->scheme != NULL ? value->scheme : value->text);
        break;
    case NF_KIND_INTERFACE:
        nf_print_zone(text, (uint32_t)value->number);
        break;
    case NF_KIND_MODE:
        nf_text_add(text, "%04o", (unsigned)value->number);
        break;
    case NF_KIND_SHARE:
        print_share(text, value->number);
        break;
    case NF_KIND_CODE:
        nf_text_add(text, "%s", name_of_code((int)value->number));
        break;
    case NF_KIND_FAMILY:
        print_family(text, value->number);
        break;
    case NF_KIND_FRAME:
        nf_text_add(text, "%s", frames[value->number]);
        break;
    case NF_KIND_SIDE:
        nf_text_add(text, "%s", sides[value->number]);
        break;
    case NF_KIND_HOST:
        nf_print_bare_host(text, &value->addr);
        break;
    case NF_KIND_SOCKOPT:
        nf_rawopts_print(text, &value->list);
        break;
    case NF_KIND_ADDRESS:
        print_address(text, value);
        break;
    }
}

/* Multiply; a product that does not fit becomes INT64_MAX. */
static int64_t scale(int64_t number, int64_t factor)
{
    return number > INT64_MAX / factor ? INT64_MAX : number * factor;
}

int64_t nf_value_number(enum nf_property property, const struct nf_value *value)
{
    switch (nf_rules[property].kind) {
    case NF_KIND_DURATION:
        return scale(value->number, NS_PER_MS);
    case NF_KIND_MICROSECONDS:
        return scale(value->number, NS_PER_US);
    default:
        return value->number;
    }
}

/* Quote the refused value, and say what would be accepted. */
static int refuse(enum nf_property property, const char *text, size_t length, const char *advice)
{
    return nf_fail_because(NET_ADDRESS, "%s takes %s, not '%.*s'", nf_rules[property].name, advice,
                           nf_quoted(text, length), text);
}

static int refuse_range(enum nf_property property, const char *text, size_t length, int64_t nearest)
{
    char printed[64];
    struct nf_text fit;
    struct nf_value value = {.number = nearest};

    nf_text_begin(&fit, printed, sizeof printed);
    nf_value_print(&fit, property, &value);
    return nf_fail_because(NET_ADDRESS, "%s cannot be '%.*s': the nearest that fits is %s",
                           nf_rules[property].name, nf_quoted(text, length), text, printed);
}

static int parse_switch(enum nf_property property, const char *text, size_t length, int64_t *number)
{
    if (length == 2 && memcmp(text, "on", 2) == 0) {
        *number = 1;
        return 0;
    }
    if (length == 3 && memcmp(text, "off", 3) == 0) {
        *number = 0;
        return 0;
    }
    return refuse(property, text, length, "on or off");
}

/* The factor of the unit after the digits; 0: it is no unit of this kind. */
static int64_t factor_of(int kind, const char *text, size_t length)
{
    if (length == 0) {
        return kind == NF_KIND_DURATION ? 0 : 1;
    }
    if (kind == NF_KIND_COUNT) {
        return 0;
    }
    for (const struct unit *unit = units_of(kind); unit->name != NULL; unit++) {
        if (strlen(unit->name) == length && memcmp(unit->name, text, length) == 0) {
            return unit->factor;
        }
    }
    return 0;
}

static int parse_number(enum nf_property property, const char *text, size_t length, int64_t *number)
{
    const struct nf_rule *rule = &nf_rules[property];
    static const char *const advice[] = {
        [NF_KIND_DURATION] = "a number with a unit, as in 500ms or 30s",
        [NF_KIND_SIZE] = "a number of bytes, perhaps with a unit, as in 64KiB",
        [NF_KIND_LIMIT] = "off, or a number of bytes, as in 10KiB",
        [NF_KIND_COUNT] = "a number"};
    int64_t value = 0;
    size_t digits = 0;

    while (digits < length && text[digits] >= '0' && text[digits] <= '9') {
        if (value <= NF_UNLIMITED) {
            value = value * 10 + (text[digits] - '0');
        }
        digits++;
    }
    int64_t factor = factor_of(rule->kind, text + digits, length - digits);

    if (digits == 0 || factor == 0) {
        return refuse(property, text, length, advice[rule->kind]);
    }
    if (value > rule->most / factor) {
        return refuse_range(property, text, length, rule->most);
    }
    value *= factor;
    if (value < rule->least) {
        return refuse_range(property, text, length, rule->least);
    }
    if (value % rule->step != 0) {
        return refuse_range(property, text, length, value - value % rule->step);
    }
    *number = value;
    return 0;
}

/* Octal, as for chmod(1). */
static int parse_mode(enum nf_property property, const char *text, size_t length, int64_t *number)
{
    int64_t value = 0;
    bool good = length > 0 && length <= 4;

    for (size_t i = 0; i < length && good; i++) {
        good = text[i] >= '0' && text[i] <= '7';
        value = value * 8 + (text[i] - '0');
    }
    if (!good || value > nf_rules[property].most) {
        return refuse(property, text, length, "permissions in octal, as in 0660");
    }
    *number = value;
    return 0;
}

/* 0, 1, or a decimal fraction with up to six digits. */
static int parse_share(enum nf_property property, const char *text, size_t length, int64_t *number)
{
    int64_t unit = NF_MILLIONTHS;
    int64_t value = 0;
    bool good = length > 0 && length <= 8 && (length == 1 || (length > 2 && text[1] == '.'));

    for (size_t i = 0; i < length && good; i += i == 0 ? 2 : 1, unit /= 10) {
        good = text[i] >= '0' && text[i] <= '9';
        value += (text[i] - '0') * unit;
    }
    if (!good || value > NF_MILLIONTHS) {
        return refuse(property, text, length, "a share from 0 to 1, as in 0.05");
    }
    *number = value;
    return 0;
}

static int parse_code(enum nf_property property, const char *text, size_t length, int64_t *number)
{
    for (int i = 0; i < FAILURES; i++) {
        if (strlen(failures[i].name) == length && memcmp(failures[i].name, text, length) == 0) {
            *number = failures[i].code;
            return 0;
        }
    }
    return refuse(property, text, length, "off, NET_LIMIT, NET_SYSTEM, NET_DENIED or NET_RESET");
}

static int parse_family(enum nf_property property, const char *text, size_t length, int64_t *number)
{
    bool any = length == 3 && memcmp(text, "any", 3) == 0;

    if (!any && (length != 1 || (*text != '4' && *text != '6'))) {
        return refuse(property, text, length, "any, 4 or 6");
    }
    *number = any ? 0 : *text - '0';
    return 0;
}

/* One of the `count` words from number `first` on. */
static int parse_word(enum nf_property property, const char (*words)[16], int first, int count,
                      const char *advice, const char *text, size_t length, int64_t *number)
{
    for (int i = first; i < count; i++) {
        if (strlen(words[i]) == length && memcmp(words[i], text, length) == 0) {
            *number = i;
            return 0;
        }
    }
    return refuse(property, text, length, advice);
}

static int parse_source(const char *text, size_t length, struct nf_value *value)
{
    struct nf_host host;
    int code = nf_host_parse_source(text, length, &host);

    if (code == 0) {
        code = nf_host_find_zone(&host);
    }
    if (code == 0) {
        value->addr = host.addr;
        value->has_port = host.has_port;
    }
    return code;
}

/* The address of a unix peer. */
static int parse_path(const char *text, size_t length, struct nf_value *value)
{
    int size = nf_path_parse(text, length, value->name);
    bool path = *text == '/';
    bool good =
        size > 1 &&
        (!path || (size < NF_ADDR_NAME_MAX && memchr(value->name, '\0', (size_t)size) == NULL));

    if (size >= 0 && !good) {
        return refuse(NF_ADMIT, text, length, "the address of a peer, /path or @name");
    }
    if (size >= 0) {
        value->name[0] = *text == '@' ? '\0' : value->name[0];
        value->addr =
            (struct nf_addr){.family = NF_UNIX, .size = (uint16_t)size, .name = value->name};
    }
    return size < 0 ? size : 0;
}

/* The interface that has a name, or a number. */
static int find_interface(const char *text, uint32_t *index)
{
    char name[NF_ZONE_MAX];
    int code = nf_zone_find(text, index);

    if (code < 0) {
        return code;
    }
    nf_zone_name(*index, name);
    return nf_zone_index(name, index); /* NET_ADDRESS when the number is free */
}

/* A name. The name of an interface is looked up now; others are checked when they are used. */
static int parse_name(enum nf_property property, const char *text, size_t length,
                      struct nf_value *value)
{
    bool good = length > 0 && length < sizeof value->text && nf_text_is_safe(text, length);

    if (good) {
        memcpy(value->text, text, length);
    }
    if (good && nf_rules[property].kind == NF_KIND_INTERFACE) {
        uint32_t index = 0;
        int code = find_interface(value->text, &index);

        if (code == NET_LIMIT) {
            return code;
        }
        value->number = index;
        memset(value->text, 0, sizeof value->text);
        good = code == 0;
    }
    return good ? 0 : refuse(property, text, length, "a name that this system knows");
}

int nf_value_parse(enum nf_property property, const char *text, size_t length,
                   struct nf_value *value)
{
    bool off = length == 3 && memcmp(text, "off", 3) == 0;

    memset(value, 0, sizeof *value);
    switch (nf_rules[property].kind) {
    case NF_KIND_SWITCH:
        return parse_switch(property, text, length, &value->number);
    case NF_KIND_DURATION:
    case NF_KIND_LIMIT:
        return off ? 0 : parse_number(property, text, length, &value->number);
    case NF_KIND_MODE:
        return parse_mode(property, text, length, &value->number);
    case NF_KIND_SHARE:
        return parse_share(property, text, length, &value->number);
    case NF_KIND_CODE:
        return off ? 0 : parse_code(property, text, length, &value->number);
    case NF_KIND_ADDRESS:
        if (property == NF_ADMIT && length > 0 && (*text == '/' || *text == '@')) {
            return parse_path(text, length, value);
        }
        if (off || parse_source(text, length, value) == 0) {
            return 0;
        }
        return property == NF_ADMIT
                   ? refuse(property, text, length, "the address of a peer, HOST:PORT")
                   : NET_ADDRESS;
    case NF_KIND_FAMILY:
        return parse_family(property, text, length, &value->number);
    case NF_KIND_FRAME:
        return parse_word(property, frames, 0, FRAMES, "u16, u32, netstring or line", text, length,
                          &value->number);
    case NF_KIND_SIDE:
        return parse_word(property, sides, NF_SIDE_CLIENT, SIDES, "client or server", text, length,
                          &value->number);
    case NF_KIND_SOCKOPT:
        return nf_rawopts_parse(text, length, &value->list);
    case NF_KIND_INTERFACE:
        return off ? 0 : parse_name(property, text, length, value);
    case NF_KIND_TEXT:
        return parse_name(property, text, length, value);
    default:
        return parse_number(property, text, length, &value->number);
    }
}

/* One of `choices`, which `|` separates. */
static bool is_choice(const char *choices, const char *text, size_t length)
{
    size_t size = strcspn(choices, "|");

    while (choices[size] != '\0' && (size != length || memcmp(choices, text, length) != 0)) {
        choices += size + 1;
        size = strcspn(choices, "|");
    }
    return size == length && memcmp(choices, text, length) == 0;
}

int nf_value_check_named(const net_cipher_property *named, const char *text, size_t length)
{
    if (length == 0) {
        return nf_fail_because(NET_ADDRESS, "%s is empty", named->name);
    }
    if (named->choices != NULL && !is_choice(named->choices, text, length)) {
        return nf_fail_because(NET_ADDRESS, "%s takes one of %s, not '%.*s'", named->name,
                               named->choices, nf_quoted(text, length), text);
    }
    return 0;
}

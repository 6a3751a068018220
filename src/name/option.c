/* The list of words and the grammar of their values. */
#include "name/option.h"
#include "name/endpoint.h"
#include "name/path.h"
#include "name/url.h"
#include "os/cause.h"

#include <limits.h>
#include <string.h>

enum kind {
    SWITCH,
    DURATION,
    SIZE,
    COUNT,
    ADDRESS,
    TEXT,
    INTERFACE,
    MICROSECONDS,
    OFF,
    LIMIT,
    MODE,
    SHARE,
    CODE
};

#define SECOND    ((int64_t)1000)
#define KIB       ((int64_t)1024)
#define MIB       (1024 * KIB)
#define GIB       (1024 * MIB)
#define WHOLE     ((int64_t)1000000) /* millionths */
#define UNLIMITED ((int64_t)1 << 50) /* far more than a machine has, and far from overflow */

/* The names stand in the table itself: pointers to them would have to be relocated. */
static const struct rule {
    char name[20];
    uint8_t kind;
    bool settable;
    int16_t step; /* a value is a multiple of it */
    int32_t standard;
    int32_t least;
    int64_t most;
} rules[NF_WORDS] = {
    [NF_NODELAY] = {"nodelay", SWITCH, true, 1, 1, 0, 1},
    [NF_KEEPALIVE] = {"keepalive", DURATION, true, SECOND, 0, SECOND, 32767 * SECOND},
    [NF_USER_TIMEOUT] = {"user-timeout", DURATION, true, 1, 0, 1, INT_MAX},
    [NF_REUSEPORT] = {"reuseport", SWITCH, false, 1, 0, 0, 1},
    [NF_V6ONLY] = {"v6only", SWITCH, false, 1, 0, 0, 1},
    [NF_SNDBUF] = {"sndbuf", SIZE, true, 1, 0, 1, GIB - 1},
    [NF_RCVBUF] = {"rcvbuf", SIZE, true, 1, 0, 1, GIB - 1},
    [NF_BROADCAST] = {"broadcast", SWITCH, true, 1, 0, 0, 1},
    [NF_DEVICE] = {"device", INTERFACE, false, 1, 0, 0, 0},
    [NF_DSCP] = {"dscp", COUNT, true, 1, 0, 0, 63},
    [NF_CONGESTION] = {"congestion", TEXT, true, 1, 0, 0, 0},
    [NF_TTL] = {"ttl", COUNT, true, 1, 64, 1, 255},
    [NF_FRAGMENT] = {"fragment", SWITCH, true, 1, 1, 0, 1},
    [NF_MULTICAST_LOOP] = {"multicast-loop", SWITCH, true, 1, 1, 0, 1},
    [NF_INTERFACE] = {"interface", INTERFACE, false, 1, 0, 0, 0},
    [NF_BACKLOG] = {"backlog", COUNT, false, 1, INT_MAX, 0, INT_MAX},
    [NF_SOURCE] = {"source", ADDRESS, false, 1, 0, 0, 0},
    [NF_GROUP_SOURCE] = {"group-source", ADDRESS, false, 1, 0, 0, 0},
    [NF_PEERS] = {"peers", COUNT, true, 1, 65536, 1, UNLIMITED},
    [NF_QUEUE] = {"queue", SIZE, true, 1, 256 * KIB, 1, UNLIMITED},
    [NF_TOTAL] = {"total", SIZE, true, 1, 64 * MIB, 1, UNLIMITED},
    [NF_STRANGERS] = {"strangers", SIZE, true, 1, MIB, 1, UNLIMITED},
    [NF_IDLE] = {"idle", DURATION, true, 1, 60 * SECOND, 1, UNLIMITED},
    [NF_MODE] = {"mode", MODE, false, 1, 0600, 0, 0777},
    [NF_UNLINK] = {"unlink", SWITCH, false, 1, 1, 0, 1},
    [NF_SEED] = {"seed", COUNT, false, 1, 0, 0, UNLIMITED},
    [NF_CHUNK] = {"chunk", LIMIT, false, 1, 0, 1, GIB - 1},
    [NF_DELAY] = {"delay", DURATION, false, 1, 0, 1, INT_MAX},
    [NF_LOSS] = {"loss", SHARE, false, 1, 0, 0, WHOLE},
    [NF_DUPLICATE] = {"duplicate", SHARE, false, 1, 0, 0, WHOLE},
    [NF_REORDER] = {"reorder", SHARE, false, 1, 0, 0, WHOLE},
    [NF_RESET_AFTER] = {"reset-after", LIMIT, false, 1, 0, 1, UNLIMITED},
    [NF_STALL_AFTER] = {"stall-after", LIMIT, false, 1, 0, 1, UNLIMITED},
    [NF_ACCEPT_FAIL] = {"accept-fail", CODE, false, 1, 0, 0, 0},
    [NF_SCHEME] = {"scheme", TEXT, false, 0, 0, 0, 0},
    [NF_LOCAL] = {"local", ADDRESS, false, 0, 0, 0, 0},
    [NF_PEER] = {"peer", ADDRESS, false, 0, 0, 0, 0},
    [NF_PORT] = {"port", COUNT, false, 0, 0, 0, 0},
    [NF_BYTES_SENT] = {"bytes-sent", COUNT, false, 0, 0, 0, 0},
    [NF_BYTES_RECEIVED] = {"bytes-received", COUNT, false, 0, 0, 0, 0},
    [NF_MESSAGES_SENT] = {"messages-sent", COUNT, false, 0, 0, 0, 0},
    [NF_MESSAGES_RECEIVED] = {"messages-received", COUNT, false, 0, 0, 0, 0},
    [NF_DROPPED_QUEUE] = {"dropped-queue", COUNT, false, 0, 0, 0, 0},
    [NF_DROPPED_STRANGERS] = {"dropped-strangers", COUNT, false, 0, 0, 0, 0},
    [NF_TRUNCATED] = {"truncated", COUNT, false, 0, 0, 0, 0},
    [NF_RTT] = {"rtt", MICROSECONDS, false, 0, 0, 0, 0},
    [NF_RETRANSMITS] = {"retransmits", COUNT, false, 0, 0, 0, 0},
    [NF_ADMIT] = {"admit", ADDRESS, true, 0, 0, 0, 0},
    [NF_MTU] = {"mtu", COUNT, false, 0, 0, 0, 0},
    [NF_DROPPED_KERNEL] = {"dropped-kernel", COUNT, false, 0, 0, 0, 0},
    [NF_PEER_PID] = {"peer-pid", COUNT, false, 0, 0, 0, 0},
    [NF_PEER_UID] = {"peer-uid", COUNT, false, 0, 0, 0, 0},
    [NF_PEER_GID] = {"peer-gid", COUNT, false, 0, 0, 0, 0},
    [NF_FD] = {"", COUNT, false, 0, 0, 0, 0},
    [NF_ABORT] = {"", COUNT, true, 0, 0, 0, 0},
};

_Static_assert(NF_WORDS <= 8 * sizeof(nf_words), "a set holds every word");

/* What an accept can be made to fail with. */
static const struct {
    char name[16];
    int code;
} failures[] = {{"NET_LIMIT", NET_LIMIT},
                {"NET_SYSTEM", NET_SYSTEM},
                {"NET_DENIED", NET_DENIED},
                {"NET_RESET", NET_RESET}};

enum { FAILURES = sizeof failures / sizeof failures[0] };

/* The units of a kind, the smallest first. */
static const struct unit {
    const char *name;
    int64_t factor;
} durations[] = {{"ms", 1}, {"s", SECOND}, {NULL, 0}},
  sizes[] = {{"B", 1}, {"KiB", KIB}, {"MiB", MIB}, {"GiB", GIB}, {NULL, 0}};

static const struct unit *units_of(int kind)
{
    return kind == DURATION ? durations : sizes;
}

bool nf_word_is_settable(enum nf_word word)
{
    return rules[word].settable;
}

bool nf_word_is_readable(enum nf_word word)
{
    return word != NF_ADMIT;
}

bool nf_word_is_option(enum nf_word word)
{
    return word < NF_OPTIONS;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Levenshtein's distance, of names as short as ours; a longer text is far from all of them.
 * Capitals are no distance. */
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
            size_t changed = diagonal + (lower(text[i - 1]) == name[j - 1] ? 0 : 1);
            size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = changed < shorter ? changed : shorter;
        }
    }
    return row[width];
}

int nf_unknown(const char *what, const char *text, size_t length,
               const char *(*next)(int, const void *), const void *argument)
{
    const char *nearest = NULL;
    size_t least = length / 2 + 2; /* what differs in more than half is no slip of the hand */
    int quoted = length > 64 ? 64 : (int)length;
    int i = 0;

    for (const char *name = next(i, argument); name != NULL; name = next(++i, argument)) {
        size_t far = *name != '\0' ? distance(text, length, name) : SIZE_MAX;

        if (far < least) {
            least = far;
            nearest = name;
        }
    }
    return nearest != NULL
               ? nf_fail_because(NET_ADDRESS, "no %s is called '%.*s'; the nearest is '%s'", what,
                                 quoted, text, nearest)
               : nf_fail_because(NET_ADDRESS, "no %s is called '%.*s'", what, quoted, text);
}

/* The names of a set, one by one; empty for a word that is not in it. */
static const char *name_in(int i, const void *words)
{
    if (i == NF_WORDS) {
        return NULL;
    }
    return (*(const nf_words *)words & NF_WORD(i)) != 0 ? rules[i].name : "";
}

int nf_word_find(nf_words words, const char *name, size_t length)
{
    for (int i = 0; i < NF_WORDS; i++) {
        bool known = (words & NF_WORD(i)) != 0;

        if (known && strlen(rules[i].name) == length && memcmp(rules[i].name, name, length) == 0) {
            return i;
        }
    }
    return nf_unknown("option or property of this scheme", name, length, name_in, &words);
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

/* As few decimals as tell it. */
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

void nf_value_print(struct nf_text *text, enum nf_word word, const struct nf_value *value)
{
    int kind = rules[word].kind;
    bool off = value->number == 0 && (kind == SWITCH || kind == DURATION || kind == INTERFACE ||
                                      kind == LIMIT || kind == CODE);
    char name[NF_ZONE_MAX];

    switch (off ? OFF : kind) {
    case OFF:
        nf_text_add(text, "off");
        break;
    case SWITCH:
        nf_text_add(text, "on");
        break;
    case DURATION:
        print_units(text, durations, value->number);
        break;
    case SIZE:
    case LIMIT:
        print_units(text, sizes, value->number);
        break;
    case COUNT:
        nf_text_add(text, "%lld", (long long)value->number);
        break;
    case MICROSECONDS:
        nf_text_add(text, "%lldus", (long long)value->number);
        break;
    case TEXT:
        nf_text_add(text, "%s", value->scheme != NULL ? value->scheme : value->text);
        break;
    case INTERFACE:
        nf_zone_name((uint32_t)value->number, name);
        nf_text_add(text, "%s", name);
        break;
    case MODE:
        nf_text_add(text, "%04o", (unsigned)value->number);
        break;
    case SHARE:
        print_share(text, value->number);
        break;
    case CODE:
        nf_text_add(text, "%s", name_of_code((int)value->number));
        break;
    case ADDRESS:
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
        break;
    }
}

/* Quote the value refused, and say what would do. */
static int refuse(enum nf_word word, const char *text, size_t length, const char *advice)
{
    return nf_fail_because(NET_ADDRESS, "%s takes %s, not '%.*s'", rules[word].name, advice,
                           length > 64 ? 64 : (int)length, text);
}

static int refuse_range(enum nf_word word, const char *text, size_t length, int64_t nearest)
{
    char printed[64];
    struct nf_text fit;
    struct nf_value value = {.number = nearest};

    nf_text_begin(&fit, printed, sizeof printed);
    nf_value_print(&fit, word, &value);
    return nf_fail_because(NET_ADDRESS, "%s cannot be '%.*s': the nearest that fits is %s",
                           rules[word].name, length > 64 ? 64 : (int)length, text, printed);
}

static int parse_switch(enum nf_word word, const char *text, size_t length, int64_t *number)
{
    if (length == 2 && memcmp(text, "on", 2) == 0) {
        *number = 1;
        return 0;
    }
    if (length == 3 && memcmp(text, "off", 3) == 0) {
        *number = 0;
        return 0;
    }
    return refuse(word, text, length, "on or off");
}

/* The factor of what stands after the digits; 0 when it is no unit of this kind. */
static int64_t factor_of(int kind, const char *text, size_t length)
{
    if (length == 0) {
        return kind == DURATION ? 0 : 1;
    }
    if (kind == COUNT) {
        return 0;
    }
    for (const struct unit *unit = units_of(kind); unit->name != NULL; unit++) {
        if (strlen(unit->name) == length && memcmp(unit->name, text, length) == 0) {
            return unit->factor;
        }
    }
    return 0;
}

static int parse_number(enum nf_word word, const char *text, size_t length, int64_t *number)
{
    const struct rule *rule = &rules[word];
    static const char *const advice[] = {[DURATION] = "a number with a unit, as in 500ms or 30s",
                                         [SIZE] =
                                             "a number of bytes, perhaps with a unit, as in 64KiB",
                                         [LIMIT] = "off, or a number of bytes, as in 10KiB",
                                         [COUNT] = "a number"};
    int64_t value = 0;
    size_t digits = 0;

    while (digits < length && text[digits] >= '0' && text[digits] <= '9') {
        if (value <= UNLIMITED) {
            value = value * 10 + (text[digits] - '0');
        }
        digits++;
    }
    int64_t factor = factor_of(rule->kind, text + digits, length - digits);

    if (digits == 0 || factor == 0) {
        return refuse(word, text, length, advice[rule->kind]);
    }
    if (value > rule->most / factor) {
        return refuse_range(word, text, length, rule->most);
    }
    value *= factor;
    if (value < rule->least) {
        return refuse_range(word, text, length, rule->least);
    }
    if (value % rule->step != 0) {
        return refuse_range(word, text, length, value - value % rule->step);
    }
    *number = value;
    return 0;
}

/* Octal, as chmod(1) takes them. */
static int parse_mode(enum nf_word word, const char *text, size_t length, int64_t *number)
{
    int64_t value = 0;
    bool good = length > 0 && length <= 4;

    for (size_t i = 0; i < length && good; i++) {
        good = text[i] >= '0' && text[i] <= '7';
        value = value * 8 + (text[i] - '0');
    }
    if (!good || value > rules[word].most) {
        return refuse(word, text, length, "permissions in octal, as in 0660");
    }
    *number = value;
    return 0;
}

/* 0, 1, or 0. and up to six digits. */
static int parse_share(enum nf_word word, const char *text, size_t length, int64_t *number)
{
    int64_t unit = WHOLE;
    int64_t value = 0;
    bool good = length > 0 && length <= 8 && (length == 1 || (length > 2 && text[1] == '.'));

    for (size_t i = 0; i < length && good; i += i == 0 ? 2 : 1, unit /= 10) {
        good = text[i] >= '0' && text[i] <= '9';
        value += (text[i] - '0') * unit;
    }
    if (!good || value > WHOLE) {
        return refuse(word, text, length, "a share from 0 to 1, as in 0.05");
    }
    *number = value;
    return 0;
}

static int parse_code(enum nf_word word, const char *text, size_t length, int64_t *number)
{
    for (int i = 0; i < FAILURES; i++) {
        if (strlen(failures[i].name) == length && memcmp(failures[i].name, text, length) == 0) {
            *number = failures[i].code;
            return 0;
        }
    }
    return refuse(word, text, length, "off, NET_LIMIT, NET_SYSTEM, NET_DENIED or NET_RESET");
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

/* A peer of a unix socket. */
static int parse_path(const char *text, size_t length, struct nf_value *value)
{
    int size = nf_path_parse(text, length, value->name);

    if (size >= 0) {
        value->name[0] = *text == '@' ? '\0' : value->name[0];
        value->addr =
            (struct nf_addr){.family = NF_UNIX, .size = (uint16_t)size, .name = value->name};
    }
    return size < 0 ? size : 0;
}

/* A name; whether the system knows it is asked of an interface now, and of others when it is used.
 */
static int parse_name(enum nf_word word, const char *text, size_t length, struct nf_value *value)
{
    bool good = length > 0 && length < sizeof value->text;

    if (good) {
        memcpy(value->text, text, length);
    }
    if (good && rules[word].kind == INTERFACE) {
        value->number = nf_zone_index(value->text);
        good = value->number != 0;
    }
    return good ? 0 : refuse(word, text, length, "a name that this system knows");
}

int nf_value_parse(enum nf_word word, const char *text, size_t length, struct nf_value *value)
{
    bool off = length == 3 && memcmp(text, "off", 3) == 0;

    memset(value, 0, sizeof *value);
    switch (rules[word].kind) {
    case SWITCH:
        return parse_switch(word, text, length, &value->number);
    case DURATION:
    case LIMIT:
        return off ? 0 : parse_number(word, text, length, &value->number);
    case MODE:
        return parse_mode(word, text, length, &value->number);
    case SHARE:
        return parse_share(word, text, length, &value->number);
    case CODE:
        return off ? 0 : parse_code(word, text, length, &value->number);
    case ADDRESS:
        if (word == NF_ADMIT && length > 0 && (*text == '/' || *text == '@')) {
            return parse_path(text, length, value);
        }
        if (off || parse_source(text, length, value) == 0) {
            return 0;
        }
        return word == NF_ADMIT ? refuse(word, text, length, "the address of a peer, HOST:PORT")
                                : NET_ADDRESS;
    case INTERFACE:
        return off ? 0 : parse_name(word, text, length, value);
    case TEXT:
        return parse_name(word, text, length, value);
    default:
        return parse_number(word, text, length, &value->number);
    }
}

void nf_options_value(const struct nf_options *options, enum nf_word word, struct nf_value *value)
{
    bool group = word == NF_GROUP_SOURCE;

    value->number = options->value[word];
    value->addr = group ? options->group_source : options->source;
    value->has_port = group ? options->group_source.port != 0 : options->source_has_port;
    memcpy(value->text, options->congestion, sizeof value->text);
}

static void keep(struct nf_options *options, enum nf_word word, const struct nf_value *value)
{
    options->given |= NF_WORD(word);
    options->value[word] = value->number;
    if (word == NF_SOURCE) {
        options->source = value->addr;
        options->source_has_port = value->has_port;
    } else if (word == NF_GROUP_SOURCE) {
        options->group_source = value->addr;
    } else if (word == NF_CONGESTION) {
        memcpy(options->congestion, value->text, sizeof options->congestion);
    }
}

static int parse_one(nf_words words, const char *text, size_t length, struct nf_options *options)
{
    const char *sign = memchr(text, '=', length);
    size_t name = sign != NULL ? (size_t)(sign - text) : length;
    struct nf_value value;

    if (sign == NULL || name == 0) {
        return nf_fail_because(NET_ADDRESS, "an option is name=value, not '%.*s'",
                               length > 64 ? 64 : (int)length, text);
    }
    int word = nf_word_find(words & (NF_WORD(NF_OPTIONS) - 1), text, name);

    if (word < 0) {
        return word;
    }
    if ((options->given & NF_WORD(word)) != 0) {
        return nf_fail_because(NET_ADDRESS, "%s is given twice", rules[word].name);
    }
    int code = nf_value_parse((enum nf_word)word, sign + 1, length - name - 1, &value);

    if (code == 0) {
        keep(options, (enum nf_word)word, &value);
    }
    return code;
}

int nf_options_parse(nf_words words, const char *query, size_t length, struct nf_options *options)
{
    int code = 0;
    size_t at = 0;

    memset(options, 0, sizeof *options);
    for (int i = 0; i < NF_OPTIONS; i++) {
        options->value[i] = rules[i].standard;
    }
    while (code == 0 && length > 0 && at <= length) {
        const char *end = memchr(query + at, '&', length - at);
        size_t piece = end != NULL ? (size_t)(end - query) - at : length - at;

        code = parse_one(words, query + at, piece, options);
        at += piece + 1;
    }
    return code;
}

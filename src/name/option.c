/* The list of words. */
#include "name/rule.h"
#include "os/cause.h"

#include <limits.h>
#include <string.h>

const struct nf_rule nf_rules[NF_WORDS] = {
    [NF_NODELAY] = {"nodelay", SWITCH, true, 1, 1, 0, 1},
    [NF_KEEPALIVE] = {"keepalive", DURATION, true, NF_SECOND, 0, NF_SECOND, 32767 * NF_SECOND},
    [NF_USER_TIMEOUT] = {"user-timeout", DURATION, true, 1, 0, 1, INT_MAX},
    [NF_REUSEPORT] = {"reuseport", SWITCH, false, 1, 0, 0, 1},
    [NF_V6ONLY] = {"v6only", SWITCH, false, 1, 0, 0, 1},
    [NF_SNDBUF] = {"sndbuf", SIZE, true, 1, 0, 1, NF_GIB - 1},
    [NF_RCVBUF] = {"rcvbuf", SIZE, true, 1, 0, 1, NF_GIB - 1},
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
    [NF_FAMILY] = {"family", FAMILY, false, 1, 0, 0, 0},
    [NF_SOCKOPT] = {"sockopt", SOCKOPT, true, 1, 0, 0, 0},
    [NF_PEERS] = {"peers", COUNT, true, 1, 65536, 1, NF_UNLIMITED},
    [NF_QUEUE] = {"queue", SIZE, true, 1, 256 * NF_KIB, 1, NF_UNLIMITED},
    [NF_TOTAL] = {"total", SIZE, true, 1, 64 * NF_MIB, 1, NF_UNLIMITED},
    [NF_STRANGERS] = {"strangers", SIZE, true, 1, NF_MIB, 1, NF_UNLIMITED},
    [NF_IDLE] = {"idle", DURATION, true, 1, 60 * NF_SECOND, 1, NF_UNLIMITED},
    [NF_MODE] = {"mode", MODE, false, 1, 0600, 0, 0777},
    [NF_UNLINK] = {"unlink", SWITCH, false, 1, 1, 0, 1},
    [NF_SEED] = {"seed", COUNT, false, 1, 0, 0, NF_UNLIMITED},
    [NF_CHUNK] = {"chunk", LIMIT, false, 1, 0, 1, NF_GIB - 1},
    [NF_DELAY] = {"delay", DURATION, false, 1, 0, 1, INT_MAX},
    [NF_LOSS] = {"loss", SHARE, false, 1, 0, 0, NF_WHOLE},
    [NF_DUPLICATE] = {"duplicate", SHARE, false, 1, 0, 0, NF_WHOLE},
    [NF_REORDER] = {"reorder", SHARE, false, 1, 0, 0, NF_WHOLE},
    [NF_RESET_AFTER] = {"reset-after", LIMIT, false, 1, 0, 1, NF_UNLIMITED},
    [NF_STALL_AFTER] = {"stall-after", LIMIT, false, 1, 0, 1, NF_UNLIMITED},
    [NF_ACCEPT_FAIL] = {"accept-fail", CODE, false, 1, 0, 0, 0},
    [NF_SCHEME] = {"scheme", TEXT, false, 0, 0, 0, 0},
    [NF_LOCAL] = {"local", ADDRESS, false, 0, 0, 0, 0},
    [NF_PEER] = {"peer", ADDRESS, false, 0, 0, 0, 0},
    [NF_LOCAL_HOST] = {"local-host", HOST, false, 0, 0, 0, 0},
    [NF_PEER_HOST] = {"peer-host", HOST, false, 0, 0, 0, 0},
    [NF_PEER_PORT] = {"peer-port", COUNT, false, 0, 0, 0, 0},
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
    [NF_RESET] = {"reset", SWITCH, true, 1, 0, 0, 1},
    [NF_FD] = {"", COUNT, false, 0, 0, 0, 0},
    [NF_ABORT] = {"", COUNT, true, 0, 0, 0, 0},
    [NF_RELEASE] = {"", COUNT, true, 0, 0, 0, 0},
};

_Static_assert(NF_WORDS <= 8 * sizeof(nf_words), "a set holds every word");

bool nf_word_is_settable(enum nf_word word)
{
    return nf_rules[word].settable;
}

bool nf_word_is_readable(enum nf_word word)
{
    return word != NF_ADMIT && word != NF_SOCKOPT;
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
            size_t changed = diagonal + (lower(text[i - 1]) == lower(name[j - 1]) ? 0 : 1);
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
    return (*(const nf_words *)words & NF_WORD(i)) != 0 ? nf_rules[i].name : "";
}

int nf_word_find(nf_words words, const char *name, size_t length)
{
    for (int i = 0; i < NF_WORDS; i++) {
        bool known = (words & NF_WORD(i)) != 0;

        if (known && strlen(nf_rules[i].name) == length &&
            memcmp(nf_rules[i].name, name, length) == 0) {
            return i;
        }
    }
    return nf_unknown("option or property of this scheme", name, length, name_in, &words);
}

void nf_options_value(const struct nf_options *options, enum nf_word word, struct nf_value *value)
{
    bool group = word == NF_GROUP_SOURCE;

    value->number = options->value[word];
    value->addr = group ? options->group_source : options->source;
    value->has_port = group ? options->group_source.port != 0 : options->source_has_port;
    memcpy(value->text, options->congestion, sizeof value->text);
    value->list = options->sockopt;
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
    } else if (word == NF_SOCKOPT) {
        options->sockopt = value->list;
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
        return nf_fail_because(NET_ADDRESS, "%s is given twice", nf_rules[word].name);
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
        options->value[i] = nf_rules[i].standard;
    }
    while (code == 0 && length > 0 && at <= length) {
        const char *end = memchr(query + at, '&', length - at);
        size_t piece = end != NULL ? (size_t)(end - query) - at : length - at;

        code = parse_one(words, query + at, piece, options);
        at += piece + 1;
    }
    return code;
}

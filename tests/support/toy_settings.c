/* The options and properties of the toy cipher, and the faults that can be ordered. */
#include "toy_inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTINGS_MAGIC = 0x5e771465, RECORD_STANDARD = 16000 };

#define FREELY (NET_CIPHER_OPTION | NET_CIPHER_SETTABLE)

const net_cipher_property toy_properties[] = {
    [TOY_MOTTO] = {"motto", NULL, NULL, FREELY},
    [TOY_COLOR] = {"color", "red|green|dark-blue", "red", FREELY},
    [TOY_STRICT] = {"strict", "off|on", "on", FREELY},
    [TOY_MOOD] = {"mood", NULL, "calm", NET_CIPHER_OPTION},
    [TOY_PASSWORD] = {"password", NULL, NULL, FREELY | NET_CIPHER_SECRET},
    [TOY_FAULTS] = {"faults", NULL, NULL, FREELY},
    [TOY_PEER_MOTTO] = {"peer-motto", NULL, NULL, 0},
    [TOY_HOST] = {"toy-host", NULL, NULL, 0},
    [TOY_PORT] = {"toy-port", NULL, NULL, 0},
    [TOY_ASKED_HOST] = {"asked-host", NULL, NULL, 0},
    [TOY_CARD] = {"card", NULL, NULL, NET_CIPHER_LINES},
    [TOY_PROPERTIES] = {NULL, NULL, NULL, 0},
};

static atomic_long settings_alive;

long toy_settings(void)
{
    return atomic_load(&settings_alive);
}

_Noreturn void toy_violation(const char *function, const char *what)
{
    fprintf(stderr, "toy cipher: %s: %s\n", function, what);
    abort();
}

/* FNV-1a */
uint32_t toy_hash(uint32_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;

    hash ^= 2166136261u;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 16777619u;
    }
    return hash;
}

int toy_fails(net_cipher_failure *failure, int code, const char *format, ...)
{
    va_list list;

    failure->code = code;
    va_start(list, format);
    vsnprintf(failure->text, sizeof failure->text, format, list);
    va_end(list);
    return code;
}

/* ---- Faults ---- */

static const struct {
    const char *word;
    enum toy_fault fault;
} numbers[] = {{"sip", TOY_SIP},
               {"yield", TOY_YIELD_MOST},
               {"give", TOY_GIVE},
               {"take", TOY_TAKE},
               {"record", TOY_RECORD},
               {"empty", TOY_EMPTY},
               {"ask", TOY_ASKS},
               {"tickets", TOY_TICKETS},
               {"chatter", TOY_CHATTER},
               {"unfinished", TOY_UNFINISHED},
               {"silent", TOY_SILENT},
               {"break-encrypt", TOY_BREAK_ENCRYPT},
               {"break-decrypt", TOY_BREAK_DECRYPT},
               {"memory", TOY_MEMORY}};

static const struct {
    const char *word;
    int place;
} places[] = {{"configure", TOY_IN_CONFIGURE}, {"open", TOY_IN_OPEN},
              {"text", TOY_IN_TEXT},           {"refuse:1", TOY_IN_GREET + 1},
              {"refuse:2", TOY_IN_GREET + 2},  {"refuse:3", TOY_IN_GREET + 3}};

static const struct {
    const char *word;
    int code;
} codes[] = {{"denied:", NET_DENIED},
             {"reset:", NET_RESET},
             {"limit:", NET_LIMIT},
             {"address:", NET_ADDRESS},
             {"eof:", NET_EOF}};

/* What comes behind the word and its colon, or at the end; NULL: it is another one. */
static const char *after(const char *text, const char *word)
{
    size_t length = strlen(word);

    if (strncmp(text, word, length) != 0 || (text[length] != ':' && text[length] != '\0')) {
        return NULL;
    }
    return text[length] == ':' ? text + length + 1 : text + length;
}

static bool set_place(net_cipher_settings *settings, const char *fault)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *rest = after(fault, places[i].word);

        for (size_t j = 0; rest != NULL && j < sizeof codes / sizeof *codes; j++) {
            size_t length = strlen(codes[j].word);

            if (strncmp(rest, codes[j].word, length) == 0) {
                settings->place = places[i].place;
                settings->code = codes[j].code;
                snprintf(settings->words, sizeof settings->words, "%s", rest + length);
                return true;
            }
        }
    }
    return false;
}

static bool set_number(net_cipher_settings *settings, const char *fault)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const char *rest = after(fault, numbers[i].word);

        if (rest != NULL) {
            settings->fault[numbers[i].fault] = *rest != '\0' ? strtoul(rest, NULL, 10) : 1;
            return true;
        }
    }
    return false;
}

static bool set_faults(net_cipher_settings *settings, const char *text)
{
    bool known = true;

    while (known && text != NULL && *text != '\0') {
        char fault[TOY_WORDS];
        size_t length = strcspn(text, ",");

        snprintf(fault, sizeof fault, "%.*s", (int)length, text);
        known = set_place(settings, fault) || set_number(settings, fault);
        text += length + (text[length] == ',' ? 1 : 0);
    }
    settings->fault[TOY_RECORD] =
        settings->fault[TOY_RECORD] == 0 ? (size_t)RECORD_STANDARD : settings->fault[TOY_RECORD];
    return known && settings->fault[TOY_RECORD] <= TOY_BODY_MOST;
}

/* ---- Making and releasing ---- */

static bool is_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);

    for (const char *at = choices; at != NULL; at = strchr(at, '|')) {
        at += *at == '|' ? 1 : 0;
        if (strncmp(at, value, length) == 0 && (at[length] == '|' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

static void check_values(const net_cipher_settings *old, const char *const *values, int side)
{
    if (side != NET_CIPHER_CLIENT && side != NET_CIPHER_SERVER) {
        toy_violation("configure", "a side that is none");
    }
    for (int i = 0; i < TOY_PROPERTIES; i++) {
        const net_cipher_property *property = &toy_properties[i];
        const char *value = values[i];

        if (value == NULL) {
            if (old == NULL && property->standard != NULL) {
                toy_violation("configure", "no value for an option that has a standard");
            }
            continue;
        }
        if ((property->flags & NET_CIPHER_OPTION) == 0) {
            toy_violation("configure", "a value for what is no option");
        }
        if (old != NULL && (property->flags & NET_CIPHER_SETTABLE) == 0) {
            toy_violation("configure", "a change of what is not settable");
        }
        if (*value == '\0' || (property->choices != NULL && !is_choice(property->choices, value))) {
            toy_violation("configure", "a value that the option cannot have");
        }
    }
}

void toy_check_settings(const net_cipher_settings *settings, const char *function)
{
    if (settings == NULL || settings->magic != SETTINGS_MAGIC) {
        toy_violation(function, "settings that do not exist");
    }
}

static void free_settings(net_cipher_settings *settings)
{
    for (int i = 0; i < TOY_OPTIONS; i++) {
        free(settings->value[i]);
    }
    settings->magic = 0;
    free(settings);
}

/* Not strdup: a test may replace malloc, and only where it is called by name. */
static char *copy_of(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);

    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

static bool copy_values(net_cipher_settings *settings, const net_cipher_settings *old,
                        const char *const *values)
{
    bool copied = true;

    for (int i = 0; i < TOY_OPTIONS; i++) {
        const char *value = values[i] == NULL && old != NULL ? old->value[i] : values[i];

        settings->value[i] = value != NULL ? copy_of(value) : NULL;
        copied = copied && (value == NULL || settings->value[i] != NULL);
    }
    return copied;
}

net_cipher_settings *toy_make_settings(const net_cipher_settings *old, const char *const *values,
                                       int side, net_cipher_failure *failure)
{
    check_values(old, values, side);
    net_cipher_settings *settings = calloc(1, sizeof *settings);

    if (old != NULL) {
        toy_check_settings(old, "configure");
    }
    if (settings == NULL || !copy_values(settings, old, values)) {
        toy_fails(failure, NET_LIMIT, "no memory for toy settings");
    } else if (!set_faults(settings, settings->value[TOY_FAULTS])) {
        toy_fails(failure, NET_ADDRESS, "no such fault: %.200s", settings->value[TOY_FAULTS]);
    } else if (settings->place == TOY_IN_CONFIGURE) {
        toy_fails(failure, settings->code, "%s", settings->words);
    } else {
        settings->magic = SETTINGS_MAGIC;
        settings->side = side;
        atomic_fetch_add_explicit(&settings_alive, 1, memory_order_relaxed);
        return settings;
    }
    if (settings != NULL) {
        free_settings(settings);
    }
    return NULL;
}

void toy_release_settings(net_cipher_settings *settings)
{
    toy_check_settings(settings, "release");
    if (atomic_load_explicit(&settings->sessions, memory_order_relaxed) != 0) {
        toy_violation("release", "a session of these settings is open");
    }
    atomic_fetch_sub_explicit(&settings_alive, 1, memory_order_relaxed);
    free_settings(settings);
}

net_cipher_settings *toy_configure(int side, const char *faults, net_cipher_failure *failure)
{
    const char *values[TOY_PROPERTIES] = {NULL};

    for (int i = 0; i < TOY_OPTIONS; i++) {
        values[i] = toy_properties[i].standard;
    }
    values[TOY_FAULTS] = faults;
    return toy_cipher.configure(NULL, values, side, failure);
}

/* ---- Text ---- */

static int find_property(const char *name)
{
    int found = 0;

    while (found < TOY_PROPERTIES && strcmp(toy_properties[found].name, name) != 0) {
        found++;
    }
    if (found == TOY_PROPERTIES || (toy_properties[found].flags & NET_CIPHER_SECRET) != 0) {
        toy_violation("text", "a property that cannot be read");
    }
    return found;
}

static const char *text_of_session(const net_cipher_session *session, int property)
{
    switch (property) {
    case TOY_PEER_MOTTO:
        return session->peer_motto;
    case TOY_HOST:
        return session->host;
    case TOY_PORT:
        return session->port;
    case TOY_ASKED_HOST:
        return session->asked_host;
    default:
        return "";
    }
}

int toy_text(const net_cipher_settings *settings, const net_cipher_session *session,
             const char *name, char *buffer, size_t size, net_cipher_failure *failure)
{
    int property = find_property(name);
    const char *text = "";

    if (settings->place == TOY_IN_TEXT && property == TOY_CARD) {
        return toy_fails(failure, settings->code, "%s", settings->words);
    }
    if (property < TOY_OPTIONS) {
        text = settings->value[property] != NULL ? settings->value[property] : "";
    } else if (session != NULL && property == TOY_CARD) {
        return snprintf(buffer, size, "motto: %s\nhost: %s\n", session->peer_motto,
                        session->asked_host);
    } else if (session != NULL) {
        text = text_of_session(session, property);
    }
    return snprintf(buffer, size, "%s", text);
}

/* net_get, net_get_number, net_set and net_fd: find the property by its name, let the backend read
 * or write it, and print or parse its value. */
#include "api/check.h"
#include "api/failure.h"

#include <string.h>

/* Returns the property of that name if it can be read, or a code. `named` is what a cipher says of
 * one of its own. */
static int find_readable(net_socket *socket, const char *name, const net_cipher_property **named)
{
    const struct nf_properties set = nf_properties_of(socket->kind);
    int property = nf_property_find(&set, name, strlen(name));

    *named = nf_property_named(&set, property);
    bool is_readable = *named != NULL
                           ? ((*named)->flags & NET_CIPHER_SECRET) == 0
                           : property < 0 || nf_property_is_readable((enum nf_property)property);

    return is_readable ? property : nf_fail_because(NET_MISUSE, "%s can only be set", name);
}

/* Some properties are a part of another one. Backends know only the whole one. */
static enum nf_property whole_of(enum nf_property property)
{
    switch (property) {
    case NF_PEER_HOST:
    case NF_PEER_PORT:
        return NF_PEER;
    case NF_LOCAL_HOST:
        return NF_LOCAL;
    default:
        return property;
    }
}

static int read(net_socket *socket, enum nf_property property, struct nf_value *value)
{
    if (property == NF_SCHEME) {
        value->scheme = socket->kind->scheme;
        return 0;
    }
    int code = nf_backend_of(socket)->property(socket, whole_of(property), value, false);

    if (property == NF_PEER_PORT) {
        value->number = value->addr.port;
    }
    return code;
}

/* `local` and `peer` are printed as addresses, with scheme and port. `source` is printed as a host,
 * with its port if the address gave one. */
static int get(net_socket *socket, const char *name, struct nf_text *text)
{
    struct nf_value value = {.into = text};
    int property = find_readable(socket, name, &value.named);
    int code = property < 0 ? property : read(socket, (enum nf_property)property, &value);

    if (code < 0 || value.named != NULL) {
        return code < 0 ? code : (int)text->length;
    }
    if (property == NF_LOCAL || property == NF_PEER) {
        value.scheme = socket->kind->scheme;
        value.has_port = true;
    }
    nf_value_print(text, (enum nf_property)property, &value);
    return (int)text->length;
}

int net_get(net_socket *socket, const char *name, char *buffer, size_t size)
{
    struct nf_text text;
    int n = nf_check_text(socket, name, buffer, size);

    if (n == 0) {
        nf_text_begin(&text, buffer, size);
        n = get(socket, name, &text);
    }
    return n >= 0 ? n : nf_failed(n, "get", socket);
}

/* A cipher has numbers only in its switches. */
static bool is_number(int property, const net_cipher_property *named)
{
    static const char is_switch[] = "off|on";

    return named != NULL ? named->choices != NULL && strcmp(named->choices, is_switch) == 0
                         : nf_property_is_number((enum nf_property)property);
}

/* A property that is only text is refused first, whatever state the socket is in. */
static int get_number(net_socket *socket, const char *name, int64_t *number)
{
    char word[sizeof "off"];
    struct nf_text text;
    struct nf_value value = {.into = &text};
    int property = find_readable(socket, name, &value.named);

    if (property < 0) {
        return property;
    }
    if (!is_number(property, value.named)) {
        return nf_fail_because(NET_ADDRESS, "%s is a text and no number: net_get reads it", name);
    }
    nf_text_begin(&text, word, sizeof word);
    int code = read(socket, (enum nf_property)property, &value);

    if (code < 0) {
        return code;
    }
    *number = value.named != NULL ? strcmp(word, "on") == 0
                                  : nf_value_number((enum nf_property)property, &value);
    return 0;
}

int net_get_number(net_socket *socket, const char *name, int64_t *value)
{
    int code = nf_check_text(socket, name, (const char *)value, 1);

    if (code == 0) {
        code = get_number(socket, name, value);
    }
    return code == 0 ? 0 : nf_failed(code, "get", socket);
}

static bool is_settable(int property, const net_cipher_property *named)
{
    return named != NULL ? (named->flags & NET_CIPHER_SETTABLE) != 0
                         : nf_property_is_settable((enum nf_property)property);
}

static bool is_option(int property, const net_cipher_property *named)
{
    return named != NULL ? (named->flags & NET_CIPHER_OPTION) != 0
                         : nf_property_is_option((enum nf_property)property);
}

static int parse(int property, const net_cipher_property *named, const char *text,
                 struct nf_value *value)
{
    if (named == NULL) {
        return nf_value_parse((enum nf_property)property, text, strlen(text), value);
    }
    *value = (struct nf_value){.named = named, .string = text};
    return nf_value_check_named(named, text, strlen(text));
}

static int set(net_socket *socket, const char *name, const char *text)
{
    struct nf_value value;
    const struct nf_properties set = nf_properties_of(socket->kind);
    int property = nf_property_find(&set, name, strlen(name));

    if (property < 0) {
        return property;
    }
    const net_cipher_property *named = nf_property_named(&set, property);

    if (!is_settable(property, named)) {
        return nf_fail_because(NET_MISUSE, "%s can only be %s", name,
                               is_option(property, named) ? "given in the address" : "read");
    }
    int code = parse(property, named, text, &value);

    return code < 0
               ? code
               : nf_backend_of(socket)->property(socket, (enum nf_property)property, &value, true);
}

int net_set(net_socket *socket, const char *name, const char *value)
{
    int code = nf_check_text(socket, name, value, 1);

    if (code == 0) {
        code = set(socket, name, value);
    }
    return code >= 0 ? code : nf_failed(code, "set", socket);
}

int net_fd(net_socket *socket)
{
    struct nf_value value = {0};
    int code = nf_check_call(socket, NET_NOW);

    if (code == 0) {
        code = nf_backend_of(socket)->property(socket, NF_FD, &value, false);
    }
    return code >= 0 ? (int)value.number : nf_failed(code, "fd", socket);
}

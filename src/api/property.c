/* The properties of a socket, as text: find the word, let the backend read or write it, print or
 * parse it. */
#include "api/check.h"
#include "api/failure.h"

#include <string.h>

/* Addresses that can be dialed are printed with their scheme; a source is a host, with its port if
 * it was given. */
static int get(net_socket *socket, const char *name, struct nf_text *text)
{
    const struct nf_backend *kind = socket->kind;
    struct nf_value value = {0};
    int word = nf_word_find(nf_words_of(kind), name, strlen(name));

    if (word < 0) {
        return word;
    }
    if (!nf_word_is_readable((enum nf_word)word)) {
        return nf_fail_because(NET_MISUSE, "%s can only be set", name);
    }
    if (word == NF_SCHEME) {
        value.scheme = kind->scheme;
    } else {
        int code = nf_backend_of(socket)->property(socket, (enum nf_word)word, &value, false);

        if (code < 0) {
            return code;
        }
    }
    if (word == NF_LOCAL || word == NF_PEER) {
        value.scheme = kind->scheme;
        value.has_port = true;
    }
    nf_value_print(text, (enum nf_word)word, &value);
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

static int set(net_socket *socket, const char *name, const char *text)
{
    struct nf_value value;
    int word = nf_word_find(nf_words_of(socket->kind), name, strlen(name));

    if (word < 0) {
        return word;
    }
    if (!nf_word_is_settable((enum nf_word)word)) {
        return nf_fail_because(NET_MISUSE, "%s can only be %s", name,
                               nf_word_is_option((enum nf_word)word) ? "given in the address"
                                                                     : "read");
    }
    int code = nf_value_parse((enum nf_word)word, text, strlen(text), &value);

    return code < 0 ? code
                    : nf_backend_of(socket)->property(socket, (enum nf_word)word, &value, true);
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

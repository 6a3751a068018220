/* net_use_cipher, and loading the cipher of tls:// when an address asks for it. */
#include "api/cipher.h"
#include "api/failure.h"
#include "open/adopt.h"
#include "os/library.h"
#include "wires/cipher.h"

#include <string.h>

enum { SCHEME_MAX = 8, PROPERTIES_MAX = NF_NAMED_MAX };

static bool is_scheme(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789");

    return length > 0 && length <= SCHEME_MAX && text[length] == '\0' &&
           (text[0] < '0' || text[0] > '9');
}

static bool has_all_functions(const net_cipher *cipher)
{
    return cipher->configure != NULL && cipher->release != NULL && cipher->open != NULL &&
           cipher->close != NULL && cipher->greet != NULL && cipher->encrypt != NULL &&
           cipher->decrypt != NULL && cipher->peek != NULL && cipher->finish != NULL &&
           cipher->feed != NULL && cipher->yield != NULL && cipher->waiting != NULL &&
           cipher->text != NULL;
}

static bool are_properties(const net_cipher_property *properties)
{
    int count = 0;

    while (properties != NULL && count <= PROPERTIES_MAX && properties[count].name != NULL) {
        count++;
    }
    return properties != NULL && count <= PROPERTIES_MAX;
}

/* A word of the library's own schemes means a wire of the library. */
static bool is_taken(const char *scheme)
{
    static const char *const words[] = {"tcp", "udp",     "unix",  "unixgram",
                                        "mem", "memgram", "chaos", "framed"};
    bool taken = nf_adopt_is_scheme(scheme);

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        taken = taken || strcmp(scheme, words[i]) == 0;
    }
    return taken;
}

static int use(const net_cipher *cipher)
{
    if (cipher == NULL) {
        return nf_fail_because(NET_MISUSE, "the cipher is NULL");
    }
    if (cipher->version != NET_CIPHER_VERSION) {
        return nf_fail_because(NET_UNSUPPORTED, "a cipher of version %d; this library knows %d",
                               cipher->version, NET_CIPHER_VERSION);
    }
    if (cipher->scheme == NULL || !is_scheme(cipher->scheme) || is_taken(cipher->scheme)) {
        return nf_fail_because(NET_MISUSE,
                               "the scheme of a cipher is 1 to %d small letters and digits, and "
                               "no wire's name",
                               SCHEME_MAX);
    }
    if (!has_all_functions(cipher) || !are_properties(cipher->properties)) {
        return nf_fail_because(NET_MISUSE, "the cipher lacks a function, or the end of its "
                                           "properties");
    }
    return nf_cipher_wires_make(cipher);
}

int net_use_cipher(const net_cipher *cipher)
{
    int code = use(cipher);

    return code == 0 ? 0 : nf_failed_for(code, "use cipher", NULL);
}

/* Whether one of the words that `+` joins is `word`. */
static bool has_part(const char *scheme, const char *word)
{
    size_t length = strcspn(scheme, "+");

    while (scheme[length] != '\0' &&
           (length != strlen(word) || memcmp(scheme, word, length) != 0)) {
        scheme += length + 1;
        length = strcspn(scheme, "+");
    }
    return length == strlen(word) && memcmp(scheme, word, length) == 0;
}

/* Two threads may load it at once: both find the same table. */
static int load_tls(void)
{
    const void *(*function)(void) = NULL;
    int code = nf_library_tls(&function);

    return code == 0 ? use(function()) : code;
}

static int load_for(const char *scheme)
{
    static const char tls[] = "tls";
    bool is_known = nf_cipher_wires_find(tls) != NULL;

    return !is_known && has_part(scheme, tls) ? load_tls() : 0;
}

const struct nf_backend *nf_cipher_backend(const char *scheme, int *code)
{
    *code = load_for(scheme);
    return *code == 0 ? nf_cipher_wires_find(scheme) : NULL;
}

const net_cipher *nf_cipher_that_adopts(const char *scheme, const char **adopts)
{
    const net_cipher *cipher = nf_cipher_wires_begins(scheme, adopts);

    return cipher != NULL && nf_adopt_is_scheme(*adopts) ? cipher : NULL;
}

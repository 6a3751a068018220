/* What the options of an address say, as the cipher understands it. A listener shares its settings
 * with the connections that it accepts; a change gives it new ones. */
#include "cipher/cipher.h"
#include "name/path.h"

#include <stdlib.h>
#include <string.h>

struct nf_cipher_settings {
    const net_cipher *cipher;
    net_cipher_settings *inside;
    _Atomic int users;
};

enum { VALUE_MAX = 8192 /* bytes of one option: two paths and more */ };

/* The text of each option, for `configure`. */
struct values {
    const char *text[NF_NAMED_MAX];
    char *copy[NF_NAMED_MAX]; /* what is to be freed */
};

static void free_values(struct values *values)
{
    for (int i = 0; i < NF_NAMED_MAX; i++) {
        free(values->copy[i]);
    }
}

static int set_value(struct values *values, int i, const char *text, size_t length)
{
    size_t room = length < VALUE_MAX ? length : VALUE_MAX;
    char *copy = malloc(room + 1);

    if (copy == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    int size = nf_path_decode(text, length, copy, (int)room);

    if (size >= 0 && memchr(copy, '\0', (size_t)size) != NULL) {
        size = nf_fail_because(NET_ADDRESS, "an option cannot have a NUL in it");
    }
    if (size < 0) {
        free(copy);
        return size;
    }
    copy[size] = '\0';
    values->copy[i] = copy;
    values->text[i] = copy;
    return 0;
}

static int read_query(struct values *values, const net_cipher *cipher, const struct nf_url *url)
{
    int code = 0;

    for (int i = 0; cipher->properties[i].name != NULL && code == 0; i++) {
        const net_cipher_property *named = &cipher->properties[i];
        size_t length = 0;
        const char *text = NULL;

        if ((named->flags & NET_CIPHER_OPTION) != 0) {
            text = nf_options_find(url->query, url->query_length, named->name, &length);
            values->text[i] = named->standard;
        }
        code = text != NULL ? set_value(values, i, text, length) : 0;
    }
    return code;
}

static struct nf_cipher_settings *configure(const net_cipher *cipher,
                                            const struct nf_cipher_settings *old,
                                            const struct values *values, int side)
{
    struct nf_cipher_settings *settings = calloc(1, sizeof *settings);
    net_cipher_failure failure = {0};

    if (settings == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    settings->cipher = cipher;
    settings->users = 1;
    settings->inside =
        cipher->configure(old != NULL ? old->inside : NULL, values->text, side, &failure);
    if (settings->inside == NULL) {
        free(settings);
        nf_fail_because(failure.code, "%s", failure.text);
        return NULL;
    }
    return settings;
}

struct nf_cipher_settings *nf_cipher_settings_of(const struct nf_target *target, int side)
{
    const net_cipher *cipher = target->backend->properties.cipher;
    struct nf_cipher_settings *settings = NULL;
    struct values values = {0};

    if (read_query(&values, cipher, &target->url) == 0) {
        settings = configure(cipher, NULL, &values, side);
    }
    free_values(&values);
    return settings;
}

struct nf_cipher_settings *nf_cipher_settings_with(const struct nf_cipher_settings *old,
                                                   const net_cipher *cipher,
                                                   const struct nf_value *value)
{
    struct nf_cipher_settings *settings = NULL;
    struct values values = {0};
    int i = (int)(value->named - cipher->properties);

    if (set_value(&values, i, value->string, strlen(value->string)) == 0) {
        settings = configure(cipher, old, &values, NET_CIPHER_SERVER);
    }
    free_values(&values);
    return settings;
}

net_cipher_settings *nf_cipher_settings_inside(const struct nf_cipher_settings *settings)
{
    return settings->inside;
}

struct nf_cipher_settings *nf_cipher_settings_share(struct nf_cipher_settings *settings)
{
    atomic_fetch_add(&settings->users, 1);
    return settings;
}

void nf_cipher_settings_drop(struct nf_cipher_settings *settings)
{
    if (settings != NULL && atomic_fetch_sub(&settings->users, 1) == 1) {
        settings->cipher->release(settings->inside);
        free(settings);
    }
}

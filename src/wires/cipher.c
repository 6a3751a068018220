/* The tables of the schemes of a cipher: SCHEME:// over tcp, and its kin. A cipher comes while the
 * program runs, so they are made then: from the tables here, and from those of chaos and framed.
 * The layer itself is in cipher/. */
#include "wires/cipher.h"
#include "cipher/cipher.h"
#include "wires/wires.h"
#include "os/forkmutex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMON                                                                                     \
    .size = sizeof(struct nf_cipher), .properties = {.options = NF_OPTION(NF_SIDE)},               \
    .resolve = nf_layer_resolve, .cancel = nf_cipher_cancel, .close = nf_cipher_close,             \
    .property = nf_cipher_property

static const struct nf_backend listener_table = {
    COMMON,
    .scheme = "",
    .open = nf_cipher_listen,
    .accept = nf_cipher_accept,
    .send = nf_refuse_send,
    .recv = nf_refuse_recv,
    .send_messages = nf_refuse_send_messages,
    .recv_messages = nf_refuse_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .ready = nf_layer_ready,
};

static const struct nf_backend connection_table = {
    COMMON,
    .scheme = "",
    .listener = &listener_table,
    .open = nf_cipher_connect,
    .accept = nf_refuse_accept,
    .send = nf_cipher_send,
    .recv = nf_cipher_recv,
    .send_messages = nf_refuse_send_messages,
    .recv_messages = nf_refuse_recv_messages,
    .shutdown = nf_cipher_shutdown,
    .ready = nf_cipher_ready,
};

/* The wires of a cipher: %s is its scheme. One stands on a wire of the library, or on an earlier
 * one of these. */
enum { OVER_TCP, OVER_UNIX, OVER_MEM, FIRST_LAYER };

static const struct row {
    const char *scheme;
    const struct nf_backend *model;
    const struct nf_backend *below; /* NULL: number `on` of this list */
    int on;
} rows[] = {
    [OVER_TCP] = {"%s", &connection_table, &nf_tcp, 0},
    [OVER_UNIX] = {"%s+unix", &connection_table, &nf_unix, 0},
    [OVER_MEM] = {"%s+mem", &connection_table, &nf_mem, 0},
    [FIRST_LAYER] = {"%s+chaos+tcp", &connection_table, &nf_chaos_tcp, 0},
    {"%s+chaos+mem", &connection_table, &nf_chaos_mem, 0},
    {"chaos+%s", &nf_chaos_tcp, NULL, OVER_TCP},
    {"chaos+%s+unix", &nf_chaos_unix, NULL, OVER_UNIX},
    {"chaos+%s+mem", &nf_chaos_mem, NULL, OVER_MEM},
    {"framed+%s", &nf_framed_tcp, NULL, OVER_TCP},
    {"framed+%s+unix", &nf_framed_unix, NULL, OVER_UNIX},
    {"framed+%s+mem", &nf_framed_mem, NULL, OVER_MEM},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

struct wires {
    struct wires *next;
    const net_cipher *cipher;
    struct {
        char scheme[NF_SCHEME_MAX];
        struct nf_backend listener;
        struct nf_backend connection;
    } wire[ROWS];
};

static _Atomic(struct wires *) all;

static void make(struct wires *made, int i)
{
    const struct row *row = &rows[i];
    struct nf_backend *connection = &made->wire[i].connection;
    struct nf_backend *listener = &made->wire[i].listener;
    char *scheme = made->wire[i].scheme;
    size_t before = strcspn(row->scheme, "%");

    snprintf(scheme, NF_SCHEME_MAX, "%.*s%s%s", (int)before, row->scheme, made->cipher->scheme,
             row->scheme + before + strlen("%s"));
    *connection = *row->model;
    *listener = *row->model->listener;
    connection->scheme = scheme;
    connection->listener = listener;
    connection->lower = row->below != NULL ? row->below : &made->wire[row->on].connection;
    connection->properties.cipher = made->cipher;
    listener->scheme = scheme;
    listener->listener = listener;
    listener->lower = connection->lower;
    listener->properties.cipher = made->cipher;
}

static struct wires *of_scheme(const char *scheme, size_t length)
{
    struct wires *each = atomic_load(&all);

    while (each != NULL && (strlen(each->cipher->scheme) != length ||
                            memcmp(each->cipher->scheme, scheme, length) != 0)) {
        each = each->next;
    }
    return each;
}

bool nf_cipher_wires_has(const char *word, size_t length)
{
    return of_scheme(word, length) != NULL;
}

/* With the lock. */
static int add(const net_cipher *cipher)
{
    struct wires *known = of_scheme(cipher->scheme, strlen(cipher->scheme));

    if (known != NULL) {
        return known->cipher == cipher
                   ? 0
                   : nf_fail_because(NET_INUSE, "another cipher has the scheme '%s'",
                                     cipher->scheme);
    }
    struct wires *made = calloc(1, sizeof *made);

    if (made == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    made->cipher = cipher;
    made->next = atomic_load(&all);
    for (int i = 0; i < ROWS; i++) {
        make(made, i);
    }
    atomic_store(&all, made);
    return 0;
}

int nf_cipher_wires_make(const net_cipher *cipher)
{
    static struct nf_fork_mutex lock;

    nf_fork_mutex_lock(&lock);
    int code = add(cipher);

    nf_fork_mutex_unlock(&lock);
    return code;
}

const struct nf_backend *nf_cipher_wires_find(const char *scheme)
{
    for (struct wires *each = atomic_load(&all); each != NULL; each = each->next) {
        for (int i = 0; i < ROWS; i++) {
            if (strcmp(each->wire[i].scheme, scheme) == 0) {
                return &each->wire[i].connection;
            }
        }
    }
    return NULL;
}

const net_cipher *nf_cipher_wires_begins(const char *scheme, const char **rest)
{
    size_t length = strcspn(scheme, "+");
    struct wires *found = scheme[length] == '+' ? of_scheme(scheme, length) : NULL;

    *rest = found != NULL ? scheme + length + 1 : NULL;
    return found != NULL ? found->cipher : NULL;
}

const struct nf_backend *nf_cipher_wires_over(const net_cipher *cipher,
                                              const struct nf_backend *below)
{
    struct wires *wires = of_scheme(cipher->scheme, strlen(cipher->scheme));
    int i = 0;

    while (i < FIRST_LAYER && rows[i].below != below) {
        i++;
    }
    return i < FIRST_LAYER ? &wires->wire[i].connection : NULL;
}

const char *nf_cipher_wires_scheme(int i)
{
    struct wires *each = atomic_load(&all);

    while (each != NULL && i >= ROWS) {
        each = each->next;
        i -= ROWS;
    }
    return each != NULL ? each->wire[i].scheme : NULL;
}

/* Handshakes for tests that know nothing of them. */
#define ENCRYPTED_BY_HAND
#include "encrypted.h"
#include "certificates.h"
#include "support.h"
#include "toy_cipher.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socket/backend.h"
#include "socket/layer.h"
#include "wait/deadline.h"

/* The options of a listener and of a dial, and a property that is there once a connection has
 * shaken hands. */
struct cipher_words {
    const char *scheme;
    const char *listens;
    const char *dials;
    const char *agreed;
};

static char tls_listens[ADDRESS_MAX];
static char tls_dials[ADDRESS_MAX];

static const struct cipher_words ciphers[] = {
    {"toy", NULL, NULL, "peer-motto"},
    {"tls", tls_listens, tls_dials, "tls-version"},
};

/* Not before a test asks: some are about a program that knows no cipher. */
static pthread_once_t toy_is_known = PTHREAD_ONCE_INIT;
static pthread_once_t tls_is_known = PTHREAD_ONCE_INIT;

static void use_toy(void)
{
    if (net_use_cipher(&toy_cipher) != 0) {
        abort();
    }
}

static void use_tls(void)
{
#ifdef NETFACADE_TEST_TLS
    if (net_use_cipher(net_tls()) != 0) {
        abort();
    }
    snprintf(tls_listens, sizeof tls_listens, "cert=%s&key=%s", certificate_file(CERTIFICATE_GOOD),
             certificate_key(CERTIFICATE_GOOD));
    snprintf(tls_dials, sizeof tls_dials, "ca=%s&name=localhost", certificate_ca());
#endif
}

/* ---- Addresses ---- */

/* The word between two of the signs that a scheme may have. */
static bool has_word(const char *scheme, const char *word)
{
    size_t length = strcspn(scheme, "+:");

    while (scheme[length] == '+' &&
           (length != strlen(word) || strncmp(scheme, word, length) != 0)) {
        scheme += length + 1;
        length = strcspn(scheme, "+:");
    }
    return length == strlen(word) && strncmp(scheme, word, length) == 0;
}

static const struct cipher_words *cipher_of(const char *address)
{
    const struct cipher_words *found = NULL;

    for (size_t i = 0; address != NULL && i < COUNT(ciphers); i++) {
        found = has_word(address, ciphers[i].scheme) ? &ciphers[i] : found;
    }
    if (found != NULL) {
        bool is_tls = found->listens == tls_listens;

        pthread_once(is_tls ? &tls_is_known : &toy_is_known, is_tls ? use_tls : use_toy);
    }
    return found;
}

bool is_encrypted(const char *address)
{
    return cipher_of(address) != NULL;
}

bool is_toy(const char *address)
{
    return has_word(address, toy_cipher.scheme);
}

int cost_of_dialing(const char *address)
{
    enum { HANDSHAKE = 20 };

    return is_encrypted(address) ? HANDSHAKE : 1;
}

static const struct cipher_words *cipher_of_socket(net_socket *socket)
{
    char scheme[64] = "";

    return net_get(socket, "scheme", scheme, sizeof scheme) >= 0 ? cipher_of(scheme) : NULL;
}

bool is_socket_encrypted(net_socket *socket)
{
    return cipher_of_socket(socket) != NULL;
}

/* ---- Dials of this process that have not shaken hands ---- */

struct dial {
    net_socket *socket;
};

static struct {
    pthread_mutex_t lock;
    struct dial *dial;
    size_t count;
    size_t room;
    int coming; /* calls that dial, and have not added theirs */
} begun = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void lock(void)
{
    pthread_mutex_lock(&begun.lock);
}

static void unlock(void)
{
    pthread_mutex_unlock(&begun.lock);
}

/* With the lock. */
static void append(net_socket *socket)
{
    if (begun.count == begun.room) {
        begun.room = begun.room * 2 + 16;
        begun.dial = realloc(begun.dial, begun.room * sizeof *begun.dial);
        if (begun.dial == NULL) {
            abort();
        }
    }
    begun.dial[begun.count++].socket = socket;
}

static void begin_in_the_child(void)
{
    begun.coming = 0;
    begun.count = 0;
    unlock();
}

__attribute__((constructor)) static void keep_the_lock_over_a_fork(void)
{
    pthread_atfork(lock, unlock, begin_in_the_child);
}

static void expect_a_dial(void)
{
    lock();
    begun.coming++;
    unlock();
}

/* NULL: it has come to nothing. */
static void add_dial(net_socket *socket)
{
    lock();
    begun.coming--;
    if (socket != NULL) {
        append(socket);
    }
    unlock();
}

static void forget(const net_socket *socket)
{
    lock();
    for (size_t i = 0; i < begun.count; i++) {
        if (begun.dial[i].socket == socket) {
            begun.dial[i] = begun.dial[--begun.count];
            break;
        }
    }
    unlock();
}

/* A step of each handshake that this process has begun. Whether any is left. */
static bool go_on_with_dials(void)
{
    lock();
    bool left = begun.coming > 0;

    for (size_t i = begun.count; i-- > 0;) {
        if (net_get(begun.dial[i].socket, "peer", NULL, 0) != NET_TIMEOUT) {
            begun.dial[i] = begun.dial[--begun.count];
        } else {
            left = true;
        }
    }
    unlock();
    return left;
}

/* ---- The verbs ---- */

enum { WHOLE_MAX = 1024 };

static void add_options(char whole[WHOLE_MAX], const char *address, const char *options)
{
    const char *sign = options == NULL ? "" : strchr(address, '?') != NULL ? "&" : "?";

    snprintf(whole, WHOLE_MAX, "%s%s%s", address, sign, options != NULL ? options : "");
}

net_socket *greeting_listen(const char *address)
{
    const struct cipher_words *cipher = cipher_of(address);
    char whole[WHOLE_MAX];

    if (cipher == NULL || cipher->listens == NULL) {
        return net_listen(address);
    }
    add_options(whole, address, cipher->listens);
    return net_listen(whole);
}

/* Whether the connection below all layers is not there yet. */
static bool is_dialing(net_socket *socket)
{
    struct nf_text text;

    while (socket->kind->lower != NULL) {
        socket = ((struct nf_layer *)socket)->lower;
    }
    struct nf_value value = {.into = &text};

    nf_text_begin(&text, NULL, 0);
    return nf_backend_of(socket)->property(socket, NF_PEER, &value, false) == NET_TIMEOUT;
}

/* The last step says hello to the peer, so that it does not have to wait. */
static net_socket *await_dial(net_socket *socket, net_deadline deadline)
{
    bool was_dialing = true;
    int code = NET_TIMEOUT;

    while (code == NET_TIMEOUT && was_dialing && !nf_deadline_passed(deadline)) {
        was_dialing = is_dialing(socket);
        code = net_get(socket, "peer", NULL, 0);
        if (was_dialing) {
            nap(1);
        }
    }
    if (code < 0 && (code != NET_TIMEOUT || was_dialing)) {
        net_close(socket, NET_NOW);
        return NULL;
    }
    return socket;
}

net_socket *greeting_connect(const char *address, net_deadline deadline)
{
    const struct cipher_words *cipher = cipher_of(address);
    bool waits = deadline != NET_NOW && nf_deadline_is_valid(deadline);
    char whole[WHOLE_MAX];

    if (cipher == NULL) {
        return net_connect(address, deadline);
    }
    add_options(whole, address, cipher->dials);
    expect_a_dial();
    net_socket *socket = net_connect(whole, waits ? NET_NOW : deadline);

    if (socket != NULL && waits) {
        socket = await_dial(socket, deadline);
    }
    add_dial(socket);
    return socket;
}

net_socket *whole_connect(const char *address, net_deadline deadline)
{
    const struct cipher_words *cipher = cipher_of(address);
    char whole[WHOLE_MAX];

    if (cipher == NULL) {
        return net_connect(address, deadline);
    }
    add_options(whole, address, strstr(address, "ca=") == NULL ? cipher->dials : NULL);
    expect_a_dial();
    net_socket *socket = net_connect(whole, deadline);

    add_dial(NULL);
    return socket;
}

net_socket *greeting_accept(net_socket *listener, net_deadline deadline)
{
    net_socket *made = net_accept(listener, deadline);
    const struct cipher_words *cipher = made != NULL ? cipher_of_socket(made) : NULL;
    double since = now_ms();

    if (cipher == NULL) {
        return made;
    }
    bool is_ours = go_on_with_dials();

    while (is_ours && net_get(made, cipher->agreed, NULL, 0) == NET_TIMEOUT &&
           elapsed_ms(since) < 20000.0 * slowness()) {
        go_on_with_dials();
        sched_yield();
    }
    go_on_with_dials();
    return made;
}

void answer_begin(struct caller *answering, const char *address, net_socket *listener)
{
    if (is_encrypted(address)) {
        caller_launch(answering, call_accept, listener, soon());
    }
}

net_socket *answer_end(struct caller *answering, const char *address, net_socket *listener)
{
    if (!is_encrypted(address)) {
        return greeting_accept(listener, soon());
    }
    caller_join(answering);
    return answering->made;
}

int greeting_close(net_socket *socket, net_deadline deadline)
{
    forget(socket);
    return net_close(socket, deadline);
}

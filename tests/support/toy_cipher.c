/* The sessions of the toy cipher, and its table. */
#include "toy_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SESSION_MAGIC = 0x5e5510 };

atomic_long toy_calls[TOY_CALLS];
atomic_long toy_sealed_most;
atomic_long toy_held_most;

static atomic_long sessions_alive;
static atomic_uint last_nonce;

long toy_sessions(void)
{
    return atomic_load(&sessions_alive);
}

/* ---- What is promised to a session ---- */

static const char *const call_names[TOY_CALLS] = {"configure", "release", "open", "close",  "greet",
                                                  "encrypt",   "decrypt", "peek", "finish", "feed",
                                                  "yield",     "waiting", "text"};

/* Relaxed, like all counters here: else they would put the calls in order for the thread sanitizer,
 * and it could not see that nothing else does. */
static void count(enum toy_call call)
{
    atomic_fetch_add_explicit(&toy_calls[call], 1, memory_order_relaxed);
}

static void enter(net_cipher_session *session, enum toy_call call)
{
    count(call);
    if (session == NULL || session->magic != SESSION_MAGIC) {
        toy_violation(call_names[call], "a session that does not exist");
    }
    if (atomic_flag_test_and_set_explicit(&session->busy, memory_order_relaxed)) {
        toy_violation(call_names[call], "another thread is in this session");
    }
    if (session->process != getpid()) {
        toy_violation(call_names[call], "another process opened this session");
    }
    session->calls[call]++;
    size_t sip = session->settings->fault[TOY_SIP];

    session->budget = sip > 0 ? sip : (size_t)-1;
}

static void leave(net_cipher_session *session)
{
    atomic_flag_clear_explicit(&session->busy, memory_order_relaxed);
}

/* For what needs a session that has shaken hands and has not failed. */
static void enter_ready(net_cipher_session *session, enum toy_call call)
{
    enter(session, call);
    if (session->state == TOY_FAILED) {
        toy_violation(call_names[call], "the session has failed");
    }
    if (session->state != TOY_READY) {
        toy_violation(call_names[call], "the session has not shaken hands");
    }
}

/* ---- Opening and closing ---- */

static void keep_name(char *to, size_t room, const char *name)
{
    snprintf(to, room, "%s", name != NULL ? name : "");
}

static net_cipher_session *open_session(net_cipher_settings *settings, int side, const char *host,
                                        const char *port, net_cipher_failure *failure)
{
    count(TOY_OPEN);
    toy_check_settings(settings, "open");
    if (side != settings->side) {
        toy_violation("open", "the settings are of the other side");
    }
    if (settings->place == TOY_IN_OPEN) {
        toy_fails(failure, settings->code, "%s", settings->words);
        return NULL;
    }
    net_cipher_session *session = calloc(1, sizeof *session);

    if (session == NULL) {
        toy_fails(failure, NET_LIMIT, "no memory for a toy session");
        return NULL;
    }
    session->magic = SESSION_MAGIC;
    session->process = getpid();
    atomic_flag_clear(&session->busy);
    session->settings = settings;
    session->side = side;
    session->nonce[0] = atomic_fetch_add_explicit(&last_nonce, 1, memory_order_relaxed);
    keep_name(session->host, sizeof session->host, host);
    keep_name(session->port, sizeof session->port, port);
    atomic_fetch_add_explicit(&settings->sessions, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&sessions_alive, 1, memory_order_relaxed);
    return session;
}

static void close_session(net_cipher_session *session)
{
    enter(session, TOY_CLOSE);
    atomic_fetch_sub_explicit(&session->settings->sessions, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&sessions_alive, 1, memory_order_relaxed);
    toy_buffer_free(&session->unread);
    toy_buffer_free(&session->body);
    toy_buffer_free(&session->plain);
    toy_buffer_free(&session->sealed);
    session->magic = 0;
    free(session);
}

/* ---- The handshake ---- */

static int greet(net_cipher_session *session, net_cipher_failure *failure)
{
    enter(session, TOY_GREET);
    if (session->state == TOY_FAILED) {
        toy_violation("greet", "the session has failed");
    }
    int code = toy_shake_hands(session, failure);

    leave(session);
    return code;
}

/* ---- Receiving ---- */

/* After the end that this side has said, nothing is. */
static int answer(net_cipher_session *session, net_cipher_failure *failure)
{
    uint32_t size = 0;

    if (session->has_finished) {
        return 0;
    }

    toy_buffer_take(&session->body, &size, sizeof size, false);
    size = size < TOY_BODY_MOST ? size : 0;
    void *body = calloc(1, size + 1);
    bool said = body != NULL && toy_write_record(session, TOY_ANSWER, body, size);

    free(body);
    return said ? 0 : toy_fail(session, failure, NET_LIMIT, "no memory");
}

/* One record has come after the handshake. */
static int use_record(net_cipher_session *session, enum toy_type type, net_cipher_failure *failure)
{
    switch (type) {
    case TOY_DATA:
        session->plain = session->body;
        session->body = (struct toy_buffer){0};
        if (session->plain.count == 0) {
            toy_buffer_free(&session->plain);
        }
        return 0;
    case TOY_FINISH:
        session->has_ended = true;
        return 0;
    case TOY_ALERT:
        return toy_fail_by_alert(session, failure);
    case TOY_ASK:
        return answer(session, failure);
    case TOY_ANSWER:
    case TOY_TICKET:
        return 0;
    default:
        return toy_fail(session, failure, NET_RESET, "a record out of its place");
    }
}

/* Read until there is something to hand out: 0, or why not. */
static int fill_plain(net_cipher_session *session, net_cipher_failure *failure)
{
    int code = 0;

    while (code == 0 && session->plain.count == 0 && !session->has_ended) {
        enum toy_type type;
        int got = toy_read_record(session, &type);

        if (got < 0) {
            code = toy_fail_to_read(session, failure, got);
        } else if (got == 0) {
            code = NET_CIPHER_HUNGRY;
        } else {
            code = use_record(session, type, failure);
            toy_drop_record(session);
        }
    }
    return code == 0 && session->plain.count == 0 ? NET_EOF : code;
}

static ssize_t receive(net_cipher_session *session, void *buffer, size_t size, enum toy_call call,
                       net_cipher_failure *failure)
{
    enter_ready(session, call);
    if (size == 0 || buffer == NULL) {
        toy_violation(call_names[call], "no place for a byte");
    }
    const size_t *fault = session->settings->fault;
    ssize_t n = fill_plain(session, failure);

    session->handed_out += n == 0 && call == TOY_DECRYPT ? 1 : 0;
    if (n == 0 && call == TOY_DECRYPT && session->handed_out == fault[TOY_BREAK_DECRYPT]) {
        n = toy_fail(session, failure, NET_RESET, "decrypt breaks by order");
    }

    if (n == 0) {
        size = fault[TOY_GIVE] > 0 && fault[TOY_GIVE] < size ? fault[TOY_GIVE] : size;
        n = (ssize_t)toy_buffer_take(&session->plain, buffer, size, call == TOY_PEEK);
    }
    if (n == NET_EOF) {
        toy_fails(failure, NET_EOF, "the peer has finished");
    }
    leave(session);
    return n;
}

static ssize_t decrypt(net_cipher_session *session, void *buffer, size_t size,
                       net_cipher_failure *failure)
{
    return receive(session, buffer, size, TOY_DECRYPT, failure);
}

static ssize_t peek(net_cipher_session *session, void *buffer, size_t size,
                    net_cipher_failure *failure)
{
    return receive(session, buffer, size, TOY_PEEK, failure);
}

/* ---- Sending ---- */

static bool write_data(net_cipher_session *session, const void *data, size_t size)
{
    const size_t *fault = session->settings->fault;
    uint32_t asks = (uint32_t)fault[TOY_ASKS];
    bool said = asks == 0 || toy_write_record(session, TOY_ASK, &asks, sizeof asks);

    for (size_t i = 0; i < fault[TOY_EMPTY]; i++) {
        said = said && toy_write_record(session, TOY_DATA, NULL, 0);
    }
    return said && toy_write_record(session, TOY_DATA, data, size);
}

static ssize_t encrypt(net_cipher_session *session, const void *data, size_t size,
                       net_cipher_failure *failure)
{
    enter_ready(session, TOY_ENCRYPT);
    if (size == 0 || data == NULL) {
        toy_violation("encrypt", "nothing to encrypt");
    }
    if (session->has_finished) {
        toy_violation("encrypt", "the session has finished");
    }
    const size_t *fault = session->settings->fault;
    ssize_t n = 0;

    size = size < fault[TOY_RECORD] ? size : fault[TOY_RECORD];
    size = fault[TOY_TAKE] > 0 && fault[TOY_TAKE] < size ? fault[TOY_TAKE] : size;
    if (session->calls[TOY_ENCRYPT] == fault[TOY_BREAK_ENCRYPT]) {
        n = toy_fail(session, failure, NET_RESET, "encrypt breaks by order");
    } else {
        n = write_data(session, data, size) ? (ssize_t)size
                                            : toy_fails(failure, NET_LIMIT, "no memory");
    }
    leave(session);
    return n;
}

static void finish(net_cipher_session *session)
{
    enter_ready(session, TOY_FINISH_CALL);
    if (session->has_finished) {
        toy_violation("finish", "it was called before");
    }
    session->has_finished = true;
    if (session->settings->fault[TOY_UNFINISHED] == 0) {
        (void)toy_write_record(session, TOY_FINISH, NULL, 0);
    }
    leave(session);
}

/* ---- Records in and out ---- */

static size_t feed(net_cipher_session *session, const void *bytes, size_t size)
{
    enter(session, TOY_FEED);
    if (size > 0 && (bytes == NULL || session->state == TOY_FAILED)) {
        toy_violation("feed", bytes == NULL ? "bytes that are nowhere" : "the session has failed");
    }
    size_t left = session->loan_size - session->loan_at;

    toy_lend(session, bytes, size);
    leave(session);
    return left;
}

static size_t yield(net_cipher_session *session, void *buffer, size_t size)
{
    enter(session, TOY_YIELD);
    if (size == 0 || buffer == NULL) {
        toy_violation("yield", "no place for a byte");
    }
    size_t most = session->settings->fault[TOY_YIELD_MOST];
    size_t n =
        toy_buffer_take(&session->sealed, buffer, most > 0 && most < size ? most : size, false);

    leave(session);
    return n;
}

static unsigned waiting(const net_cipher_session *session)
{
    net_cipher_session *mine = (net_cipher_session *)(uintptr_t)session;

    enter(mine, TOY_WAITING);
    unsigned has = (session->plain.count > 0 ? NET_CIPHER_PLAIN : 0u) |
                   (session->sealed.count > 0 ? NET_CIPHER_SEALED : 0u);

    leave(mine);
    return has;
}

void toy_add(net_cipher_session *session, enum toy_type type, const void *body, size_t size)
{
    if (!toy_write_record(session, type, body, size)) {
        toy_violation("toy_add", "no memory");
    }
}

/* ---- Settings, with their calls counted ---- */

static net_cipher_settings *configure(const net_cipher_settings *old, const char *const *values,
                                      int side, net_cipher_failure *failure)
{
    count(TOY_CONFIGURE);
    return toy_make_settings(old, values, side, failure);
}

static void release(net_cipher_settings *settings)
{
    count(TOY_RELEASE);
    toy_release_settings(settings);
}

static int text(const net_cipher_settings *settings, const net_cipher_session *session,
                const char *name, char *buffer, size_t size, net_cipher_failure *failure)
{
    net_cipher_session *mine = (net_cipher_session *)(uintptr_t)session;

    toy_check_settings(settings, "text");
    if (mine == NULL) {
        count(TOY_TEXT);
        return toy_text(settings, NULL, name, buffer, size, failure);
    }
    enter(mine, TOY_TEXT);
    int n = toy_text(settings, session, name, buffer, size, failure);

    leave(mine);
    return n;
}

const net_cipher toy_cipher = {
    .version = NET_CIPHER_VERSION,
    .scheme = "toy",
    .properties = toy_properties,
    .configure = configure,
    .release = release,
    .open = open_session,
    .close = close_session,
    .greet = greet,
    .encrypt = encrypt,
    .decrypt = decrypt,
    .peek = peek,
    .finish = finish,
    .feed = feed,
    .yield = yield,
    .waiting = waiting,
    .text = text,
};

/* The handshake of the toy cipher, and how a session fails. */
#include "toy_inside.h"

#include <stdio.h>
#include <string.h>

enum { TICKET_SIZE = 200, HELLO_FIXED = 4 + 1 + 4, OURS = 0, PEER = 1 };

/* ---- Failing ---- */

/* Tell the peer, too. */
int toy_fail(net_cipher_session *session, net_cipher_failure *failure, int code, const char *words)
{
    char alert[1 + TOY_WORDS];

    session->state = TOY_FAILED;
    if (session->settings->fault[TOY_SILENT] == 0) {
        alert[0] = (char)-code;
        size_t length = (size_t)snprintf(alert + 1, TOY_WORDS, "%s", words);

        (void)toy_write_record(session, TOY_ALERT, alert, 1 + length);
    }
    return toy_fails(failure, code, "%s", words);
}

int toy_fail_by_alert(net_cipher_session *session, net_cipher_failure *failure)
{
    const struct toy_buffer *body = &session->body;
    const char *text = body->count > 0 ? (const char *)body->bytes + body->at : NULL;
    int code =
        body->count > 0 && (text[0] == -NET_DENIED || text[0] == -NET_LIMIT) ? -text[0] : NET_RESET;
    int length = body->count > 1 ? (int)body->count - 1 : 0;

    session->state = TOY_FAILED;
    return toy_fails(failure, code == NET_LIMIT ? NET_RESET : code, "the peer says: %.*s", length,
                     length > 0 ? text + 1 : "");
}

/* For a read of a record that gave no record. */
int toy_fail_to_read(net_cipher_session *session, net_cipher_failure *failure, int code)
{
    return toy_fail(session, failure, code,
                    code == NET_LIMIT ? "no memory" : "a record that is none");
}

/* ---- The handshake ---- */

static uint32_t password_of(const net_cipher_session *session)
{
    const char *password = session->settings->value[TOY_PASSWORD];

    return password != NULL ? toy_hash(1, password, strlen(password)) : 0;
}

static unsigned char *put_text(unsigned char *to, const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;

    length = length < TOY_WORDS ? length : TOY_WORDS - 1;
    *to++ = (unsigned char)length;
    memcpy(to, text != NULL ? text : "", length);
    return to + length;
}

static bool say_hello(net_cipher_session *session)
{
    unsigned char hello[HELLO_FIXED + 2 * TOY_WORDS];
    uint32_t password = password_of(session);
    unsigned char *to = hello;

    memcpy(to, &session->nonce[OURS], sizeof(uint32_t));
    to += sizeof(uint32_t);
    *to++ = (unsigned char)session->settings->value[TOY_COLOR][0];
    memcpy(to, &password, sizeof password);
    to += sizeof password;
    to = put_text(to, session->settings->value[TOY_MOTTO]);
    to = put_text(to, session->host);
    return toy_write_record(session, TOY_HELLO, hello, (size_t)(to - hello));
}

/* Take a text out of a hello. False: it is cut. */
static bool take_text(struct toy_buffer *body, char *text)
{
    unsigned char length = 0;

    if (toy_buffer_take(body, &length, 1, false) == 0 || body->count < length) {
        return false;
    }
    toy_buffer_take(body, text, length, false);
    text[length] = '\0';
    return true;
}

static int hear_hello(net_cipher_session *session, net_cipher_failure *failure)
{
    struct toy_buffer *body = &session->body;
    uint32_t password = 0;

    if (body->count < HELLO_FIXED) {
        return toy_fail(session, failure, NET_RESET, "a short hello");
    }
    toy_buffer_take(body, &session->nonce[PEER], sizeof(uint32_t), false);
    toy_buffer_take(body, &session->peer_color, 1, false);
    toy_buffer_take(body, &password, sizeof password, false);
    if (!take_text(body, session->peer_motto) || !take_text(body, session->asked_host)) {
        return toy_fail(session, failure, NET_RESET, "a short hello");
    }
    if (session->side == NET_CIPHER_SERVER && password != password_of(session)) {
        return toy_fail(session, failure, NET_DENIED, "the password is wrong");
    }
    if (strcmp(session->settings->value[TOY_STRICT], "on") == 0 &&
        session->peer_color != session->settings->value[TOY_COLOR][0]) {
        return toy_fail(session, failure, NET_DENIED, "the colors differ");
    }
    return 0;
}

/* Whether this greet is to fail here. */
static bool is_refused(const net_cipher_session *session, int step)
{
    return session->settings->place == TOY_IN_GREET + step;
}

static int refuse(net_cipher_session *session, net_cipher_failure *failure)
{
    return toy_fail(session, failure, session->settings->code, session->settings->words);
}

static int answer_hello(net_cipher_session *session, net_cipher_failure *failure)
{
    bool is_client = session->side == NET_CIPHER_CLIENT;
    int code = hear_hello(session, failure);

    if (code != 0) {
        return code;
    }
    if (is_refused(session, 2)) {
        return refuse(session, failure);
    }
    bool said = is_client || say_hello(session);

    session->is_sealed[OURS] = true;
    session->is_sealed[PEER] = true;
    said = said && (!is_client || toy_write_record(session, TOY_DONE, NULL, 0));
    session->state = is_client ? TOY_READY : TOY_WAITS_FOR_DONE;
    return said ? 0 : toy_fail(session, failure, NET_LIMIT, "no memory");
}

static int end_handshake(net_cipher_session *session, net_cipher_failure *failure)
{
    static const char ticket[TICKET_SIZE];
    bool said = true;

    if (is_refused(session, 3)) {
        return refuse(session, failure);
    }
    for (size_t i = 0; i < session->settings->fault[TOY_TICKETS]; i++) {
        said = said && toy_write_record(session, TOY_TICKET, ticket, sizeof ticket);
    }
    session->state = TOY_READY;
    return said ? 0 : toy_fail(session, failure, NET_LIMIT, "no memory");
}

/* One record of the handshake has come. */
static int shake(net_cipher_session *session, enum toy_type type, net_cipher_failure *failure)
{
    if (type == TOY_ALERT) {
        return toy_fail_by_alert(session, failure);
    }
    if (session->settings->fault[TOY_CHATTER] != 0) {
        return toy_write_record(session, TOY_NOISE, "noise", 5)
                   ? 0
                   : toy_fail(session, failure, NET_LIMIT, "no memory");
    }
    if (type == TOY_NOISE) {
        return 0;
    }
    if (session->state == TOY_WAITS && type == TOY_HELLO) {
        return answer_hello(session, failure);
    }
    if (session->state == TOY_WAITS_FOR_DONE && type == TOY_DONE) {
        return end_handshake(session, failure);
    }
    return toy_fail(session, failure, NET_RESET, "a record out of its place");
}

static int begin(net_cipher_session *session, net_cipher_failure *failure)
{
    if (is_refused(session, 1)) {
        return refuse(session, failure);
    }
    session->state = TOY_WAITS;
    return session->side == NET_CIPHER_SERVER || say_hello(session)
               ? 0
               : toy_fail(session, failure, NET_LIMIT, "no memory");
}

int toy_shake_hands(net_cipher_session *session, net_cipher_failure *failure)
{
    int code = session->state == TOY_NEW ? begin(session, failure) : 0;

    while (code == 0 && session->state != TOY_READY) {
        enum toy_type type;
        int got = toy_read_record(session, &type);

        if (got < 0) {
            code = toy_fail_to_read(session, failure, got);
        } else if (got == 0) {
            code = NET_CIPHER_HUNGRY;
        } else {
            code = shake(session, type, failure);
            toy_drop_record(session);
        }
    }
    return code;
}

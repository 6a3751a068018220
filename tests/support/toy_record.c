/* The records of the toy cipher, and the buffers that hold them. */
#include "toy_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEALED = 0x80 /* of the type: the body is mixed, and has a check */,
    GROWTH = 2,
    OURS,
    PEER
};

/* ---- Buffers ---- */

/* Whether the fault is ordered for this allocation. */
static bool is_out_of_memory(net_cipher_session *session)
{
    size_t which = session->settings->fault[TOY_MEMORY];

    session->allocations++;
    return which != 0 && session->allocations == which;
}

unsigned char *toy_buffer_room(net_cipher_session *session, struct toy_buffer *buffer, size_t size)
{
    if (buffer->room - buffer->at - buffer->count < size && buffer->at > 0) {
        memmove(buffer->bytes, buffer->bytes + buffer->at, buffer->count);
        buffer->at = 0;
    }
    if (buffer->room - buffer->count < size) {
        size_t room = (buffer->count + size) * GROWTH;
        unsigned char *bytes = is_out_of_memory(session) ? NULL : realloc(buffer->bytes, room);

        if (bytes == NULL) {
            return NULL;
        }
        buffer->bytes = bytes;
        buffer->room = room;
    }
    return buffer->bytes + buffer->at + buffer->count;
}

size_t toy_buffer_take(struct toy_buffer *buffer, void *to, size_t size, bool keeps)
{
    size_t n = size < buffer->count ? size : buffer->count;

    if (n > 0) {
        memcpy(to, buffer->bytes + buffer->at, n);
    }
    if (!keeps) {
        buffer->at += n;
        buffer->count -= n;
        if (buffer->count == 0) {
            toy_buffer_free(buffer);
        }
    }
    return n;
}

void toy_buffer_free(struct toy_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct toy_buffer){0};
}

static void note_most(atomic_long *most, size_t now)
{
    long was = atomic_load_explicit(most, memory_order_relaxed);

    while (was < (long)now &&
           !atomic_compare_exchange_weak_explicit(most, &was, (long)now, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

/* ---- The loan ---- */

/* What is not read is remembered, to see that it comes first in the next loan. Nothing of the
 * cipher depends on it, so it may be given up. */
static void keep_unread(net_cipher_session *session)
{
    size_t left = session->loan_size - session->loan_at;

    if (session->loan_at == 0 && session->unread.count > left) {
        return;
    }
    toy_buffer_free(&session->unread);
    unsigned char *to = left > 0 ? malloc(left) : NULL;

    if (to != NULL) {
        memcpy(to, session->loan + session->loan_at, left);
        session->unread = (struct toy_buffer){.bytes = to, .count = left, .room = left};
    }
}

void toy_lend(net_cipher_session *session, const void *bytes, size_t size)
{
    keep_unread(session);
    session->loan = bytes;
    session->loan_size = size;
    session->loan_at = 0;
}

static void check_unread(net_cipher_session *session, size_t n)
{
    const struct toy_buffer *unread = &session->unread;
    size_t from = session->loan_at;

    for (size_t i = from; i < from + n && i < unread->count; i++) {
        if (session->loan[i] != unread->bytes[i]) {
            toy_violation("feed", "what was not read of a loan does not come first in the next");
        }
    }
}

/* Returns how many bytes there are, at most `size`. */
static size_t read_loan(net_cipher_session *session, void *to, size_t size)
{
    size_t left = session->loan_size - session->loan_at;
    size_t n = size < left ? size : left;

    n = n < session->budget ? n : session->budget;
    check_unread(session, n);
    if (n > 0) {
        memcpy(to, session->loan + session->loan_at, n);
    }
    session->loan_at += n;
    session->budget -= n;
    return n;
}

/* ---- Mixing ---- */

struct mix {
    uint32_t key;
    uint32_t number;
};

static struct mix mix_of(net_cipher_session *session, bool reads)
{
    uint32_t both[2] = {session->nonce[reads], session->nonce[!reads]};

    return (struct mix){toy_hash(0, both, sizeof both), session->number[reads]++};
}

static void apply(const struct mix *mix, unsigned char *bytes, size_t size)
{
    uint32_t key = mix->key + mix->number;

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(bytes[i] ^ (key + i * 7) ^ (i >> 8));
    }
}

static uint32_t check_of(const struct mix *mix, const unsigned char *bytes, size_t size)
{
    return toy_hash(mix->key ^ mix->number, bytes, size);
}

/* ---- Writing ---- */

static void put_number(unsigned char *to, size_t bytes, uint32_t number)
{
    for (size_t i = 0; i < bytes; i++) {
        to[i] = (unsigned char)(number >> 8 * (bytes - 1 - i));
    }
}

static uint32_t number_at(const unsigned char *from, size_t bytes)
{
    uint32_t number = 0;

    for (size_t i = 0; i < bytes; i++) {
        number = number << 8 | from[i];
    }
    return number;
}

bool toy_write_record(net_cipher_session *session, enum toy_type type, const void *body,
                      size_t size)
{
    bool seals = session->is_sealed[0];
    size_t whole = size + (seals ? TOY_CHECK : 0);
    unsigned char *to = toy_buffer_room(session, &session->sealed, TOY_HEAD + whole);

    if (to == NULL) {
        return false;
    }
    to[0] = (unsigned char)((unsigned)type | (seals ? SEALED : 0u));
    put_number(to + 1, TOY_HEAD - 1, (uint32_t)whole);
    if (size > 0) {
        memcpy(to + TOY_HEAD, body, size);
    }
    if (seals) {
        struct mix mix = mix_of(session, false);

        put_number(to + TOY_HEAD + size, TOY_CHECK, check_of(&mix, to + TOY_HEAD, size));
        apply(&mix, to + TOY_HEAD, size);
    }
    session->sealed.count += TOY_HEAD + whole;
    note_most(&toy_sealed_most, session->sealed.count);
    return true;
}

/* ---- Reading ---- */

/* Read the body as it comes: memory follows the bytes and not the length that a peer says. */
static int read_body(net_cipher_session *session, size_t size)
{
    enum { AT_ONCE = 64 * 1024 };
    size_t n = 1;

    while (n > 0 && session->body.count < size) {
        size_t lacks = size - session->body.count;
        size_t some = lacks < AT_ONCE ? lacks : AT_ONCE;
        unsigned char *to = toy_buffer_room(session, &session->body, some);

        if (to == NULL) {
            return NET_LIMIT;
        }
        n = read_loan(session, to, some);
        session->body.count += n;
    }
    note_most(&toy_held_most, session->body.count);
    return session->body.count == size ? 1 : 0;
}

/* Types that come in the clear; ours are sealed once we can. */
static bool is_clear(int type)
{
    return type == TOY_HELLO || type == TOY_ALERT || type == TOY_NOISE;
}

static int open_body(net_cipher_session *session)
{
    struct toy_buffer *body = &session->body;

    if (!session->is_sealed[1] || body->count < TOY_CHECK) {
        return NET_RESET;
    }
    body->count -= TOY_CHECK;
    struct mix mix = mix_of(session, true);
    unsigned char *bytes = body->bytes + body->at;

    apply(&mix, bytes, body->count);
    return number_at(bytes + body->count, TOY_CHECK) == check_of(&mix, bytes, body->count)
               ? 1
               : NET_RESET;
}

int toy_read_record(net_cipher_session *session, enum toy_type *type)
{
    size_t lacks = TOY_HEAD - session->head_count;

    session->head_count += read_loan(session, session->head + session->head_count, lacks);
    if (session->head_count < TOY_HEAD) {
        return 0;
    }
    int known = session->head[0] & ~SEALED;
    int got = known >= TOY_HELLO && known <= TOY_TICKET ? 1 : NET_RESET;

    got = got == 1 ? read_body(session, number_at(session->head + 1, TOY_HEAD - 1)) : got;
    if (got == 1 && (session->head[0] & SEALED) != 0) {
        got = open_body(session);
    } else if (got == 1 && !is_clear(known)) {
        got = NET_RESET;
    }
    *type = (enum toy_type)known;
    return got;
}

void toy_drop_record(net_cipher_session *session)
{
    toy_buffer_free(&session->body);
    session->head_count = 0;
}

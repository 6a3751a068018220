/* What a socket that carries messages must do with the bytes that its peer says, and what its peer
 * must hear. It knows only the whole bytes of each direction, and its frames are written from their
 * description. For the fuzz target. */
#ifndef FRAMED_MODEL_H
#define FRAMED_MODEL_H

#include "name/property.h"

#include <netfacade.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IN_MOST = 160 * 1024,  /* bytes that the peer says in one run */
    OUT_MOST = 160 * 1024, /* bytes that it hears */
    LATE_READS = 2048      /* of `queue` bytes each, that a call makes whose deadline has passed */
};

static void check(bool holds, const char *what, int line)
{
    if (!holds) {
        fprintf(stderr, "line %d: %s; last failure: %s\n", line, what, net_error_text());
        abort();
    }
}

#define expect(holds) check((holds), #holds, __LINE__)

static struct {
    enum nf_frame_kind kind;
    size_t max;
    size_t queue;
    unsigned char in[IN_MOST]; /* all that the peer has said */
    size_t in_count;
    size_t in_at;                /* of which so many bytes belong to received messages */
    int end;                     /* how the peer has ended: NET_EOF, NET_RESET; 0: not yet */
    unsigned char out[OUT_MOST]; /* all that counts as sent */
    size_t out_count;
    size_t out_at; /* of which the peer has heard so many */
    bool was_bad;  /* a bad frame may be good since `max` is larger: a poller may not know it yet */
    bool is_shut;  /* our side has half-closed */
    int64_t messages;
    int64_t bytes;
    int64_t truncated;
} model;

struct found {
    const unsigned char *bytes;
    size_t size;
    size_t whole; /* with its frame */
};

/* The length in `n` bytes. 1, 0 (not enough has come), NET_RESET. */
static int find_by_number(const unsigned char *bytes, size_t left, size_t n, struct found *found)
{
    uint64_t length = 0;

    if (left < n) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        length = length * 256 + bytes[i];
    }
    *found = (struct found){bytes + n, length, n + length};
    return length > model.max ? NET_RESET : left >= n + length;
}

static int find_netstring(const unsigned char *bytes, size_t left, struct found *found)
{
    size_t length = 0;
    size_t digits = 0;

    for (; digits < left && bytes[digits] >= '0' && bytes[digits] <= '9'; digits++) {
        length = length * 10 + bytes[digits] - '0';
        if (length > model.max || (digits == 1 && bytes[0] == '0')) {
            return NET_RESET;
        }
    }
    if (left == digits) {
        return 0;
    }
    if (digits == 0 || bytes[digits] != ':') {
        return NET_RESET;
    }
    *found = (struct found){bytes + digits + 1, length, digits + 1 + length + 1};
    if (left < found->whole) {
        return 0;
    }
    return bytes[found->whole - 1] == ',' ? 1 : NET_RESET;
}

static int find_line(const unsigned char *bytes, size_t left, struct found *found)
{
    const unsigned char *end = memchr(bytes, '\n', left);
    size_t size = end != NULL ? (size_t)(end - bytes) : left;

    *found = (struct found){bytes, size, size + 1};
    if (size > 0 && bytes[size - 1] == '\r') {
        found->size--;
    }
    return found->size > model.max ? NET_RESET : end != NULL;
}

/* What a receive finds next: 1, or the code that it returns. */
static int next_message(struct found *found)
{
    const unsigned char *bytes = model.in + model.in_at;
    size_t left = model.in_count - model.in_at;
    int known = 0;

    if (left > 0 && model.kind == NF_FRAME_NETSTRING) {
        known = find_netstring(bytes, left, found);
    } else if (left > 0 && model.kind == NF_FRAME_LINE) {
        known = find_line(bytes, left, found);
    } else if (left > 0) {
        known = find_by_number(bytes, left, model.kind == NF_FRAME_U16 ? 2 : 4, found);
    }
    if (known != 0) {
        return known;
    }
    if (model.end == 0) {
        return NET_TIMEOUT;
    }
    return model.end == NET_EOF && left == 0 ? NET_EOF : NET_RESET;
}

/* Whether one call may have to leave some of what is there to the next one. */
static bool is_much(void)
{
    return model.in_count - model.in_at > LATE_READS * model.queue;
}

static void take_message(const struct found *found, size_t capacity)
{
    model.in_at += found->whole;
    model.messages++;
    model.bytes += (int64_t)found->size;
    model.truncated += found->size > capacity ? 1 : 0;
}

/* What the peer must hear of a message. */
static void add_sent(const unsigned char *bytes, size_t size)
{
    unsigned char *to = model.out + model.out_count;
    size_t head = 0;

    expect(OUT_MOST - model.out_count >= size + 16);
    if (model.kind == NF_FRAME_NETSTRING) {
        head = (size_t)sprintf((char *)to, "%lu:", (unsigned long)size);
    } else if (model.kind != NF_FRAME_LINE) {
        size_t n = model.kind == NF_FRAME_U16 ? 2 : 4;

        for (; head < n; head++) {
            to[head] = (unsigned char)(size >> 8 * (n - 1 - head));
        }
    }
    if (size > 0) {
        memcpy(to + head, bytes, size);
    }
    model.out_count += head + size;
    if (model.kind == NF_FRAME_NETSTRING || model.kind == NF_FRAME_LINE) {
        model.out[model.out_count++] = model.kind == NF_FRAME_LINE ? '\n' : ',';
    }
}

/* Whether such a message may be sent: 0 or the code. */
static int refused(const unsigned char *bytes, size_t size)
{
    if (size > model.max) {
        return NET_TOOBIG;
    }
    if (model.kind == NF_FRAME_LINE && size > 0 &&
        (memchr(bytes, '\n', size) != NULL || bytes[size - 1] == '\r')) {
        return NET_MISUSE;
    }
    return 0;
}

#endif

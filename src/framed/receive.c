/* From bytes to messages. A message is handed out when all of it has come. Until then it stays in
 * `kept` of the head. A bad frame stays there, too, so every later call fails alike. */
#include "framed/framed.h"
#include "socket/counter.h"
#include "socket/socket.h"
#include "datagram/datagram.h"
#include "name/endpoint.h"

#include <string.h>

enum {
    AHEAD_MOST = 64 * 1024,       /* bytes that one receive takes ahead */
    AHEAD_LEAST = 512,            /* and may take, however small `queue` is */
    DIRECT_MOST = 2 * AHEAD_MOST, /* bytes of a message that are copied for is_direct */
    FILL_LEAST = 512              /* bytes that a receive below counts as: each takes time */
};

/* Where a call puts a message, and how far it has come. */
struct place {
    char *data;
    size_t capacity;
    bool has_more;       /* the stream below had all the bytes that it was asked for */
    struct nf_pace pace; /* of the whole call */
    size_t filled; /* bytes that the last receive below took, and the pace does not count yet */
};

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Find the first message: as nf_frame_find. */
static int find(struct nf_framed *self, struct nf_frame *frame)
{
    size_t max = atomic_load_explicit(&self->max, memory_order_relaxed);

    return nf_frame_find(self->frame, self->layer.head.kept, max, frame);
}

static bool is_whole(struct nf_framed *self, const struct nf_frame *frame)
{
    const struct nf_kept *kept = self->layer.head.kept;

    return kept != NULL && kept->count >= nf_frame_whole(frame);
}

/* A long message is received straight into the caller's buffer, unless much of it is kept already
 * or the call does not wait: a program that calls again and again would copy its beginning each
 * time. */
static bool is_direct(const struct nf_framed *self, const struct nf_frame *frame,
                      const struct place *place, net_deadline deadline)
{
    return deadline != NET_NOW && frame->size > AHEAD_MOST && frame->tail == 0 &&
           frame->size <= place->capacity && nf_kept_count(self->layer.head.kept) <= DIRECT_MOST;
}

/* How many bytes to ask for: those that the message lacks, but no more than have come of it, and
 * then some of the messages after it. So memory grows with what a peer has sent, and not with what
 * it has announced. */
static size_t next_piece(struct nf_framed *self, size_t missing)
{
    size_t has = nf_kept_count(self->layer.head.kept);
    size_t queue = (size_t)atomic_load_explicit(&self->queue, memory_order_relaxed);

    return lesser(missing, larger(has, AHEAD_MOST)) +
           larger(AHEAD_LEAST, lesser(queue, AHEAD_MOST));
}

/* The stream below ends with `code`. Only between two messages is that the end of this socket. */
static int ended(struct nf_framed *self, int code)
{
    return code == NET_EOF && self->layer.head.kept != NULL
               ? nf_fail_because(NET_RESET, "the peer ended inside a message")
               : code;
}

/* With the turn: receive until the first message is whole, or is_direct. 0 or a code. */
static int await_message(struct nf_framed *self, struct nf_frame *frame, struct place *place,
                         net_deadline deadline)
{
    net_socket *socket = &self->layer.head;

    for (;;) {
        int known = find(self, frame);

        if (known < 0 ||
            (known > 0 && (is_whole(self, frame) || is_direct(self, frame, place, deadline)))) {
            return known < 0 ? known : 0;
        }
        int code =
            place->filled > 0 ? nf_socket_go_on(socket, &place->pace, place->filled, deadline) : 0;

        if (code < 0) {
            return code;
        }
        size_t missing = known > 0 ? nf_frame_whole(frame) - nf_kept_count(socket->kept) : 0;
        size_t piece = next_piece(self, missing);
        ssize_t n = nf_layer_fill(socket, piece, deadline);

        if (n < 0) {
            return ended(self, (int)n);
        }
        place->filled = (size_t)n;
        place->has_more = place->filled == piece;
    }
}

/* With the turn: receive the first message, whose beginning is kept, straight into the buffer. What
 * has come of it when that fails goes behind its beginning: there is room before it is received. 0
 * or a code. */
static int receive_directly(struct nf_framed *self, const struct nf_frame *frame,
                            struct place *place, net_deadline deadline)
{
    net_socket *socket = &self->layer.head;
    char *data = place->data;
    size_t began = socket->kept->count - frame->head;
    size_t got = began;
    int code = 0;

    memcpy(data, nf_kept_start(socket->kept) + frame->head, began);
    while (got < frame->size && code == 0) {
        size_t piece = lesser(frame->size - got, larger(got, AHEAD_MOST));
        char *room = nf_kept_space(&socket->kept, AHEAD_MOST, got - began + piece);
        ssize_t n =
            room != NULL ? nf_layer_recv(socket, data + got, piece, deadline) : (ssize_t)NET_LIMIT;

        got += n > 0 ? (size_t)n : 0;
        code = n < 0               ? (int)n
               : got < frame->size ? nf_socket_go_on(socket, &place->pace, (size_t)n, deadline)
                                   : 0;
    }
    if (code == 0) {
        nf_kept_take(&socket->kept, NULL, SIZE_MAX);
        return 0;
    }
    if (got > began) {
        memcpy(nf_kept_space(&socket->kept, AHEAD_MOST, got - began), data + began, got - began);
        socket->kept->count += got - began;
    }
    return ended(self, code);
}

/* With the turn: the next message, or only its length if it does not fit. 0 or a code. */
static int receive(struct nf_framed *self, struct place *place, size_t *size, net_deadline deadline)
{
    struct nf_kept **kept = &self->layer.head.kept;
    struct nf_frame frame;
    int code = await_message(self, &frame, place, deadline);

    if (code == 0 && is_whole(self, &frame)) {
        if (frame.size > 0 && frame.size <= place->capacity) {
            memcpy(place->data, nf_kept_start(*kept) + frame.head, frame.size);
        }
        nf_kept_take(kept, NULL, nf_frame_whole(&frame));
    } else if (code == 0) {
        code = receive_directly(self, &frame, place, deadline);
    }
    if (code == 0) {
        *size = frame.size;
        nf_count(&self->bytes_in, (int64_t)frame.size);
        nf_count(&self->messages_in, 1);
        nf_count(&self->truncated, frame.size > place->capacity ? 1 : 0);
    }
    return code;
}

/* Leave the turn. A message that waits here is shown by no descriptor. */
static void leave(struct nf_framed *self)
{
    net_socket *socket = &self->layer.head;
    struct nf_frame frame;

    nf_kept_fit(&socket->kept);
    int known = find(self, &frame);
    bool is_ready = known < 0 || (known > 0 && is_whole(self, &frame));

    nf_kept_set_ready(socket, is_ready);
    nf_turn_leave(&self->layer.in);
}

bool nf_framed_pull(struct nf_framed *self)
{
    struct place nowhere = {.pace = {.least = FILL_LEAST}};
    struct nf_frame frame;
    int code = await_message(self, &frame, &nowhere, NET_NOW);

    nf_kept_fit(&self->layer.head.kept);
    return code != NET_TIMEOUT;
}

ssize_t nf_framed_recv(net_socket *socket, void *buffer, size_t size, int until,
                       net_deadline deadline)
{
    struct nf_framed *self = (struct nf_framed *)socket;
    struct place place = {.data = buffer, .capacity = size, .pace = {.least = FILL_LEAST}};
    size_t length = 0;

    if (until != NF_SOME) {
        return nf_datagram_refuse_until();
    }
    int code = nf_layer_enter(socket, &self->layer.in, deadline);

    if (code == 0) {
        code = receive(self, &place, &length, deadline);
        leave(self);
    }
    return code < 0 ? code : nf_datagram_received((ssize_t)length, size);
}

/* Whether a call that has a message already takes another: if one waits here, or may wait below. */
static bool has_another(struct nf_framed *self, const struct place *place)
{
    struct nf_frame frame;

    return place->has_more || (find(self, &frame) > 0 && is_whole(self, &frame));
}

/* After the first message a failure is no loss: the next call meets it again. */
int nf_framed_recv_messages(net_socket *socket, net_message *messages, int count,
                            net_deadline deadline)
{
    struct nf_framed *self = (struct nf_framed *)socket;
    struct nf_datagram_pace pace = {0};
    struct place place = {.has_more = true, .pace = {.least = FILL_LEAST}};
    int code = nf_layer_enter(socket, &self->layer.in, deadline);
    int i = 0;

    if (code < 0) {
        return code;
    }
    while (i < count && code == 0 && (i == 0 || has_another(self, &place))) {
        place.data = messages[i].data;
        place.capacity = messages[i].capacity;
        code = receive(self, &place, &messages[i].size, i == 0 ? deadline : NET_NOW);
        if (code == 0) {
            nf_endpoint_make(&messages[i].endpoint, &nf_layer_lower(socket)->name, NULL);
            i++;
        }
        if (code == 0 && !nf_datagram_goes_on(&pace, messages[i - 1].size, deadline)) {
            code = NET_TIMEOUT;
        }
    }
    leave(self);
    return i > 0 ? i : code;
}

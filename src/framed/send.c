/* From messages to bytes. Small messages are copied behind each other, and one system call sends
 * them; a long one is sent from where it is. Memory for what a deadline may leave unsent is there
 * before a byte goes out, so a message is never cut for want of it. */
#include "framed/framed.h"
#include "socket/counter.h"
#include "socket/socket.h"
#include "datagram/datagram.h"
#include "os/transfer.h"

#include <string.h>

enum {
    COPIED_MOST = 16 * 1024, /* bytes of a message that is copied */
    BATCH_MOST = 64 * 1024,  /* bytes after which copied messages are sent */
    ENDS = 2                 /* what comes before and after the slices of a message */
};

/* Whether the socket carries such a message: 0 or a code. */
static int check(struct nf_framed *self, const net_slice *slices, int count, size_t size)
{
    int code = nf_datagram_check_size(size, atomic_load_explicit(&self->max, memory_order_relaxed));

    return code < 0 ? code : nf_frame_check(self->frame, slices, count);
}

/* Take the turn and send what is to go first: 0, or a code, without the turn. */
static int enter(struct nf_framed *self, net_deadline deadline)
{
    net_socket *socket = &self->layer.head;
    int code = nf_layer_enter(socket, &self->layer.out, deadline);

    if (code < 0) {
        return code;
    }
    if (atomic_load(&self->layer.half_close) != NF_HALF_CLOSE_OFF) {
        code = nf_fail_ended(NET_MISUSE);
    }
    code = code == 0 ? nf_layer_send_rest(socket, deadline) : code;
    if (code < 0) {
        nf_layer_leave_out(socket);
    }
    return code;
}

static void leave(struct nf_framed *self)
{
    nf_layer_leave_out(&self->layer.head);
    if (atomic_load(&self->layer.has_rest)) {
        nf_socket_notify(&self->layer.head); /* so that a poller sends it */
    }
}

static void count_sent(struct nf_framed *self, size_t size)
{
    nf_count(&self->bytes_out, (int64_t)size);
    nf_count(&self->messages_out, 1);
}

/* Copy a message with its frame behind what is to be sent. A first one makes room for `messages` of
 * its size, if that is little. 0 or NET_LIMIT. */
static int append(struct nf_framed *self, const net_slice *slices, int count, size_t size,
                  int messages, struct nf_frame *frame)
{
    char head[NF_FRAME_HEAD_MAX];
    char tail[NF_FRAME_HEAD_MAX];

    nf_frame_write(self->frame, size, head, tail, frame);
    size_t whole = nf_frame_whole(frame);
    size_t least = whole < BATCH_MOST / (size_t)messages ? whole * (size_t)messages : whole;
    char *to = nf_kept_space(&self->layer.rest, least, whole);

    if (to == NULL) {
        return NET_LIMIT;
    }
    memcpy(to, head, frame->head);
    to += frame->head;
    to += nf_slices_copy(to, slices, count, 0, SIZE_MAX);
    memcpy(to, tail, frame->tail);
    self->layer.rest->count += whole;
    return 0;
}

/* After a send that did not take all of `total` copied bytes: how many of the `count` messages have
 * a byte out. What is left of the last of them stays to be sent first; the others are dropped. */
static int keep_begun(struct nf_framed *self, const net_message *messages, int count, size_t total)
{
    char ends[ENDS][NF_FRAME_HEAD_MAX];
    size_t sent = total - nf_kept_count(self->layer.rest);
    size_t end = 0;
    int begun = 0;

    while (begun < count && end < sent) {
        struct nf_frame frame;

        nf_frame_write(self->frame, messages[begun].size, ends[0], ends[1], &frame);
        end += nf_frame_whole(&frame);
        begun++;
    }
    if (self->layer.rest != NULL) {
        self->layer.rest->count = end - sent;
        nf_kept_fit(&self->layer.rest);
    }
    return begun;
}

/* With the turn: one message, copied into one piece. */
static int send_copied(struct nf_framed *self, const net_slice *slices, int count, size_t size,
                       net_deadline deadline)
{
    const net_message message = {.size = size};
    struct nf_frame frame;
    int code = append(self, slices, count, size, 1, &frame);

    if (code < 0) {
        return code;
    }
    code = nf_layer_send_rest(&self->layer.head, deadline);
    return code < 0 && keep_begun(self, &message, 1, nf_frame_whole(&frame)) == 1 ? 0 : code;
}

/* With the turn: one message, of at most NF_SLICES_MAX - ENDS slices, from where it is. */
static int send_in_place(struct nf_framed *self, const net_slice *slices, int count, size_t size,
                         net_deadline deadline)
{
    net_socket *lower = self->layer.lower;
    net_slice all[NF_SLICES_MAX];
    char head[NF_FRAME_HEAD_MAX];
    char tail[NF_FRAME_HEAD_MAX];
    struct nf_frame frame;

    nf_frame_write(self->frame, size, head, tail, &frame);
    char *room = nf_kept_space(&self->layer.rest, nf_frame_whole(&frame), nf_frame_whole(&frame));

    if (room == NULL) {
        return NET_LIMIT;
    }
    all[0] = (net_slice){.data = head, .size = frame.head};
    memcpy(all + 1, slices, (size_t)count * sizeof *slices);
    all[count + 1] = (net_slice){.data = tail, .size = frame.tail};
    ssize_t n = nf_backend_of(lower)->send(lower, all, count + ENDS, deadline);

    if (n > 0 && (size_t)n < nf_frame_whole(&frame)) {
        self->layer.rest->count = nf_slices_copy(room, all, count + ENDS, (size_t)n, SIZE_MAX);
    }
    nf_kept_fit(&self->layer.rest);
    return n < 0 ? (int)n : 0;
}

static int send_one(struct nf_framed *self, const net_slice *slices, int count, size_t size,
                    net_deadline deadline)
{
    bool copies = size <= COPIED_MOST || count > NF_SLICES_MAX - ENDS;
    int code = copies ? send_copied(self, slices, count, size, deadline)
                      : send_in_place(self, slices, count, size, deadline);

    if (code == 0) {
        count_sent(self, size);
    }
    return code;
}

ssize_t nf_framed_send(net_socket *socket, const net_slice *slices, int count,
                       net_deadline deadline)
{
    struct nf_framed *self = (struct nf_framed *)socket;
    size_t size = nf_slices_size(slices, count);
    int code = check(self, slices, count, size);

    code = code == 0 ? enter(self, deadline) : code;
    if (code < 0) {
        return code;
    }
    code = send_one(self, slices, count, size, deadline);
    leave(self);
    return code < 0 ? code : (ssize_t)size;
}

/* ---- Many messages ---- */

static int check_message(struct nf_framed *self, const net_message *message)
{
    const net_slice slice = {.data = message->data, .size = message->size};
    int code = nf_datagram_check_peer(self->layer.lower, &message->endpoint);

    return code < 0 ? code : check(self, &slice, 1, message->size);
}

/* With the turn: copy messages up to a long one behind each other, and add their bytes to `total`.
 * Returns how many; or, if not even the first can be copied, a code, or 0 if it is a long one. */
static int append_many(struct nf_framed *self, const net_message *messages, int count,
                       size_t *total)
{
    int i = 0;

    while (i < count && *total < BATCH_MOST && messages[i].size <= COPIED_MOST) {
        const net_slice slice = {.data = messages[i].data, .size = messages[i].size};
        struct nf_frame frame;
        int code = check_message(self, &messages[i]);

        if (code == 0) {
            code = append(self, &slice, 1, slice.size, count - i, &frame);
        }
        if (code != 0) {
            return i > 0 ? i : code;
        }
        *total += nf_frame_whole(&frame);
        i++;
    }
    return i;
}

/* With the turn: some of the messages, at least one. Returns how many; `code` says why no more can
 * be sent, and is 0 if that is not known. */
static int send_some(struct nf_framed *self, const net_message *messages, int count, int *code,
                     net_deadline deadline)
{
    const net_slice slice = {.data = messages->data, .size = messages->size};
    size_t total = 0;
    int sent = append_many(self, messages, count, &total);

    if (sent < 0) {
        *code = sent;
        return 0;
    }
    if (sent == 0) {
        *code = check_message(self, messages);
        if (*code == 0) {
            *code = send_one(self, &slice, 1, slice.size, deadline);
        }
        return *code == 0 ? 1 : 0;
    }
    *code = nf_layer_send_rest(&self->layer.head, deadline);
    if (*code < 0) {
        sent = keep_begun(self, messages, sent, total);
    }
    for (int i = 0; i < sent; i++) {
        count_sent(self, messages[i].size);
    }
    return sent;
}

int nf_framed_send_messages(net_socket *socket, const net_message *messages, int count,
                            net_deadline deadline)
{
    struct nf_framed *self = (struct nf_framed *)socket;
    struct nf_datagram_pace pace = {0};
    int code = enter(self, deadline);
    int i = 0;

    if (code < 0) {
        return code;
    }
    while (i < count && code == 0 && self->layer.rest == NULL) {
        int sent = send_some(self, messages + i, count - i, &code, deadline);
        size_t bytes = 0;

        for (int j = 0; j < sent; j++) {
            bytes += messages[i + j].size;
        }
        i += sent;
        if (code == 0 && i < count &&
            !nf_datagram_goes_on(&pace, nf_datagram_cost(bytes, sent), deadline)) {
            code = NET_TIMEOUT;
        }
    }
    leave(self);
    return i > 0 ? i : code;
}

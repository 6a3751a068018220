/* Streams with faults. The option chunk cuts the stream at random places: no receive returns bytes
 * of both sides of a cut, and no send below crosses one. The places depend on the seed alone, and
 * not on timing or on the size of buffers. */
#include "chaos/stream.h"
#include "socket/counter.h"
#include "socket/layer.h"
#include "socket/until.h"
#include "socket/socket.h"
#include "os/transfer.h"
#include "wait/pace.h"

#include <string.h>

/* How many of `size` bytes come before the next cut. */
static size_t before_cut(struct nf_chaos *self, struct nf_dice *dice, int64_t *cut, size_t size)
{
    int64_t chunk = nf_chaos_fault(self, NF_CHUNK);

    if (chunk == 0) {
        return size;
    }
    if (*cut == 0) {
        *cut = nf_dice_upto(dice, chunk);
    }
    return size < (size_t)*cut ? size : (size_t)*cut;
}

static void pass_cut(int64_t *cut, ssize_t n)
{
    *cut -= *cut > 0 ? n : 0;
}

static size_t lesser(size_t size, int64_t room)
{
    return room < (int64_t)size ? (size_t)room : size;
}

/* ---- Sending ---- */

/* With the turn: send a slice piece by piece. Returns how many bytes were sent, or why none. */
static ssize_t send_slice(struct nf_chaos *self, const char *data, size_t size,
                          struct nf_pace *pace, net_deadline deadline)
{
    net_socket *lower = self->layer.lower;
    size_t sent = 0;

    while (sent < size) {
        int64_t room = nf_chaos_room(self);
        size_t piece = before_cut(self, &self->dice_out, &self->cut_out, size - sent);
        net_slice slice = {.data = data + sent, .size = lesser(piece, room)};
        ssize_t n = room == 0 ? nf_chaos_over_limit(self, deadline)
                              : nf_backend_of(lower)->send(lower, &slice, 1, deadline);

        if (n < 0) {
            return sent > 0 ? (ssize_t)sent : nf_chaos_failed(self, (int)n);
        }
        pass_cut(&self->cut_out, n);
        nf_chaos_move(self, n);
        sent += (size_t)n;
        if ((size_t)n < slice.size ||
            (sent < size && !nf_pace_goes_on(pace, (size_t)n, deadline))) {
            break;
        }
    }
    return (ssize_t)sent;
}

static ssize_t send_slices(struct nf_chaos *self, const net_slice *slices, int count,
                           net_deadline deadline)
{
    struct nf_pace pace = {.least = NF_SEND_LEAST};
    ssize_t sent = 0;

    for (int i = 0; i < count; i++) {
        ssize_t n = send_slice(self, slices[i].data, slices[i].size, &pace, deadline);

        if (n < 0) {
            return sent > 0 ? sent : n;
        }
        sent += n;
        bool asks = sent > 0 && i + 1 < count && (i + 1) % NF_SLICES_MAX == 0;

        if ((size_t)n < slices[i].size || (asks && !nf_pace_goes_on(&pace, 0, deadline))) {
            break;
        }
    }
    return sent;
}

static bool is_empty(const net_slice *slices, int count)
{
    int i = 0;

    while (i < count && slices[i].size == 0) {
        i++;
    }
    return i == count;
}

ssize_t nf_chaos_stream_send(net_socket *socket, const net_slice *slices, int count,
                             net_deadline deadline)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    net_socket *lower = self->layer.lower;

    if (self->sends_plainly || is_empty(slices, count)) {
        return nf_backend_of(lower)->send(lower, slices, count, deadline);
    }
    ssize_t n = nf_layer_enter(socket, &self->layer.out, deadline);

    if (n == 0) {
        n = send_slices(self, slices, count, deadline);
        nf_turn_leave(&self->layer.out);
    }
    return n;
}

/* ---- Receiving through a delay ---- */

/* A receive below has returned `n`: the delay of its bytes, or of the end, starts now. */
static void start_delay(struct nf_chaos *self, ssize_t n)
{
    net_deadline due = nf_deadline_after(nf_now(), nf_chaos_fault(self, NF_DELAY));

    if (n > 0) {
        nf_delay_put(self->delay, (size_t)n, due);
    } else if (n != NET_TIMEOUT && n != NET_CANCELED) {
        self->delay->end = due;
    }
}

static void pull(struct nf_chaos *self)
{
    net_socket *lower = self->layer.lower;
    char *where = NULL;
    size_t space = nf_delay_space(self->delay, &where);
    ssize_t n = (ssize_t)space;

    while (space > 0 && n == (ssize_t)space) {
        n = nf_backend_of(lower)->recv(lower, where, space, NF_SOME, NET_NOW);
        start_delay(self, n);
        space = nf_delay_space(self->delay, &where);
    }
}

/* No byte has arrived: wait until one does, or until the socket below has more. 0 to look again, or
 * why not. */
static int wait_for_more(struct nf_chaos *self, net_deadline deadline)
{
    net_socket *lower = self->layer.lower;
    net_deadline until = nf_earlier(deadline, nf_delay_next(self->delay));
    char *where = NULL;
    size_t space = nf_delay_space(self->delay, &where);
    ssize_t n = NET_TIMEOUT;

    if (nf_is_canceled(&self->layer.head)) {
        return nf_fail(NET_CANCELED);
    }
    if (nf_deadline_passed(deadline)) {
        return nf_fail(NET_TIMEOUT);
    }
    if (space > 0) {
        n = nf_backend_of(lower)->recv(lower, where, space, NF_SOME, until);
        start_delay(self, n);
    } else {
        n = nf_chaos_sleep(self, until);
    }
    return n == NET_CANCELED ? NET_CANCELED : 0;
}

/* The end has arrived, and all bytes before it are taken. Ask the socket below again which end it
 * was. A failure that was transient is not an end: then 0, and the stream goes on. */
static ssize_t end(struct nf_chaos *self)
{
    net_socket *lower = self->layer.lower;
    net_deadline ended = self->delay->end;
    char *where = NULL;

    self->delay->end = 0;
    size_t space = nf_delay_space(self->delay, &where);
    ssize_t n = nf_backend_of(lower)->recv(lower, where, space, NF_SOME, NET_NOW);

    if (n < 0 && n != NET_TIMEOUT) {
        self->delay->end = ended;
        return n;
    }
    start_delay(self, n);
    return 0;
}

static bool has_ended(const struct nf_delay *delay, net_deadline now)
{
    return delay->parts == 0 && delay->end != 0 && delay->end <= now;
}

bool nf_chaos_stream_pull(struct nf_chaos *self)
{
    const char *bytes = NULL;

    pull(self);
    net_deadline now = nf_now();

    return nf_delay_arrived(self->delay, now, &bytes) > 0 || has_ended(self->delay, now);
}

/* Copy out at most `size` bytes of those that have arrived. Returns how many. */
static size_t hand_out(struct nf_chaos *self, void *buffer, size_t size, int how)
{
    const char *bytes = NULL;
    size_t n = lesser(size, (int64_t)nf_delay_arrived(self->delay, nf_now(), &bytes));

    if ((how & NF_PEEK) == 0) {
        nf_delay_take(self->delay, buffer, n);
    } else if (n > 0) {
        memcpy(buffer, bytes, n);
    }
    return n;
}

static ssize_t take_delayed(struct nf_chaos *self, void *buffer, size_t size, int how,
                            net_deadline deadline)
{
    for (;;) {
        pull(self);
        ssize_t n = (ssize_t)hand_out(self, buffer, size, how);

        if (n > 0) {
            return n;
        }
        n = self->delay->count == 0 && has_ended(self->delay, nf_now())
                ? end(self)
                : wait_for_more(self, deadline);
        if (n < 0) {
            return n;
        }
    }
}

/* ---- Receiving ---- */

static ssize_t take_below(struct nf_chaos *self, void *buffer, size_t size, int how,
                          net_deadline deadline)
{
    net_socket *lower = self->layer.lower;
    int until = (how & NF_PEEK) != 0 ? NF_LOOK : NF_SOME;

    return self->delay != NULL ? take_delayed(self, buffer, size, how, deadline)
                               : nf_backend_of(lower)->recv(lower, buffer, size, until, deadline);
}

/* With the turn: what comes next, up to the next cut and the limit. An nf_take. */
static ssize_t take(net_socket *socket, void *buffer, size_t size, int how, net_deadline deadline)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    size_t most = lesser(size, nf_chaos_room(self));

    if (most == 0) {
        return nf_chaos_over_limit(self, deadline);
    }
    most = before_cut(self, &self->dice_in, &self->cut_in, most);
    ssize_t n = take_below(self, buffer, most, how, deadline);

    if (n < 0) {
        return nf_chaos_failed(self, (int)n);
    }
    if ((how & NF_PEEK) != 0) {
        return n;
    }
    pass_cut(&self->cut_in, n);
    n = (ssize_t)nf_chaos_move(self, n);
    return n > 0 ? n : nf_chaos_over_limit(self, deadline);
}

ssize_t nf_chaos_stream_recv(net_socket *socket, void *buffer, size_t size, int until,
                             net_deadline deadline)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    net_socket *lower = self->layer.lower;

    if (self->receives_plainly || (size == 0 && until < 0)) {
        return nf_backend_of(lower)->recv(lower, buffer, size, until, deadline);
    }
    ssize_t n = nf_layer_enter(socket, &self->layer.in, deadline);

    if (n < 0) {
        return n;
    }
    n = nf_receive(socket, take, buffer, size, until, deadline);
    if (n > 0 && until != NF_LOOK) {
        nf_count(&self->bytes_in, n);
    }
    bool has_more = self->delay != NULL && (self->delay->count > 0 || self->delay->end != 0);

    nf_turn_leave(&self->layer.in);
    if (has_more) { /* no descriptor shows this */
        nf_socket_notify(socket);
    }
    return n;
}

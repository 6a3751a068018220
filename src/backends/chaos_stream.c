/* Streams with faults. Chunk cuts the stream at random places: no receive hands out bytes of both
 * sides of a cut, no piece that is sent below crosses one. Where the cuts are depends on the seed
 * alone, and not on how fast bytes come or how large the buffers are. */
#include "backends/chaos.h"
#include "backends/counter.h"

#include <string.h>

/* At most so many bytes of `size`, before the next cut. */
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

/* Send a slice piece by piece, the turn being ours. All of it, or as much as went, or why none. */
static ssize_t send_slice(struct nf_chaos *self, const char *data, size_t size,
                          net_deadline deadline)
{
    net_socket *lower = self->layer.lower;
    size_t sent = 0;

    while (sent < size) {
        int64_t room = nf_chaos_room(self);
        size_t piece = before_cut(self, &self->dice_out, &self->cut_out, size - sent);
        net_slice slice = {.data = data + sent, .size = lesser(piece, room)};
        ssize_t n = room == 0 ? nf_chaos_beyond(self, deadline)
                              : nf_backend_of(lower)->send(lower, &slice, 1, deadline);

        if (n < 0) {
            return sent > 0 ? (ssize_t)sent : nf_chaos_failed(self, (int)n);
        }
        pass_cut(&self->cut_out, n);
        nf_chaos_move(self, n);
        sent += (size_t)n;
        if ((size_t)n < slice.size) {
            break;
        }
    }
    return (ssize_t)sent;
}

static ssize_t send_slices(struct nf_chaos *self, const net_slice *slices, int count,
                           net_deadline deadline)
{
    ssize_t sent = 0;

    for (int i = 0; i < count; i++) {
        ssize_t n = send_slice(self, slices[i].data, slices[i].size, deadline);

        if (n < 0) {
            return sent > 0 ? sent : n;
        }
        sent += n;
        if ((size_t)n < slices[i].size) {
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
    ssize_t n = nf_chaos_enter(self, &self->out, deadline);

    if (n == 0) {
        n = send_slices(self, slices, count, deadline);
        nf_turn_leave(&self->out);
    }
    return n;
}

/* ---- Receiving through a delay ---- */

/* A receive below came back with `n`: bytes, or the end, begin their way. */
static void begin_way(struct nf_chaos *self, ssize_t n)
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
        begin_way(self, n);
        space = nf_delay_space(self->delay, &where);
    }
}

/* Nothing has arrived that would do: wait until more does, or until more can be pulled. 0, or why
 * not. */
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
        begin_way(self, n);
    } else {
        n = nf_chaos_sleep(self, until);
    }
    return n == NET_CANCELED ? NET_CANCELED : 0;
}

/* The end has arrived, all bytes before it being gone: the socket below says again what it was. It
 * may have been no end but a moment of distress, and there is more. */
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
    begin_way(self, n);
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

    return nf_delay_arrived(self->delay, now, &bytes) > self->seen || has_ended(self->delay, now);
}

/* How many of the `arrived` bytes answer a search for the delimiter: up to it, or all before the
 * end; 0: not enough is there. */
static ssize_t find(struct nf_delay *delay, const char *bytes, size_t arrived, size_t size,
                    int delimiter, bool ended)
{
    size_t most = arrived < size ? arrived : size;
    const char *found = memchr(bytes, delimiter, most);

    if (found != NULL) {
        return found - bytes + 1;
    }
    if (arrived >= size) {
        return nf_fail_because(NET_TOOBIG, "no delimiter in %zu bytes", size);
    }
    if (ended) {
        return (ssize_t)arrived;
    }
    return arrived == delay->room ? nf_delay_grow(delay, arrived * 2) : 0;
}

/* Hand out what has arrived, if it answers the call: bytes, or 0, or NET_TOOBIG. */
static ssize_t hand_out(struct nf_chaos *self, void *buffer, size_t size, int until)
{
    struct nf_delay *delay = self->delay;
    const char *bytes = NULL;
    net_deadline now = nf_now();
    size_t arrived = nf_delay_arrived(delay, now, &bytes);
    ssize_t n = (ssize_t)(arrived < size ? arrived : size);

    if (until >= 0) {
        n = find(delay, bytes, arrived, size, until, has_ended(delay, now));
    }
    if (n > 0) {
        nf_delay_take(delay, buffer, (size_t)n);
        nf_count(&self->bytes_in, n);
    }
    return n;
}

static ssize_t take_delayed(struct nf_chaos *self, char *buffer, size_t size, int until,
                            net_deadline deadline)
{
    size_t filled = 0;

    for (;;) {
        pull(self);
        ssize_t n = hand_out(self, buffer + filled, size - filled, until);

        if (n > 0) {
            filled += (size_t)n;
        }
        if (filled == size || (n > 0 && until != NF_ALL)) {
            return (ssize_t)filled;
        }
        if (n == 0 && self->delay->count == 0 && has_ended(self->delay, nf_now())) {
            n = end(self);
        } else if (n == 0) {
            n = wait_for_more(self, deadline);
        }
        if (n < 0) {
            return filled > 0 ? (ssize_t)filled : n;
        }
    }
}

/* ---- Receiving ---- */

static ssize_t take(struct nf_chaos *self, void *buffer, size_t size, int until,
                    net_deadline deadline)
{
    net_socket *lower = self->layer.lower;

    return self->delay != NULL ? take_delayed(self, buffer, size, until, deadline)
                               : nf_backend_of(lower)->recv(lower, buffer, size, until, deadline);
}

/* The delimiter is not in the bytes that may still go through. They are all there is before a
 * reset; before a stall they wait for the rest of their line. */
static ssize_t take_part_of_line(struct nf_chaos *self, void *buffer, size_t size,
                                 net_deadline deadline)
{
    return self->breaks ? take(self, buffer, size, NF_ALL, NET_NOW)
                        : nf_chaos_sleep(self, deadline);
}

/* The turn being ours. */
static ssize_t receive(struct nf_chaos *self, void *buffer, size_t size, int until,
                       net_deadline deadline)
{
    int64_t room = nf_chaos_room(self);
    size_t most = lesser(size, room);

    if (room == 0) {
        return nf_chaos_beyond(self, deadline);
    }
    if (until == NF_SOME) {
        most = before_cut(self, &self->dice_in, &self->cut_in, most);
    }
    ssize_t n = take(self, buffer, most, until, deadline);

    if (n == NET_TOOBIG && most < size) {
        n = take_part_of_line(self, buffer, most, deadline);
    }
    if (n < 0) {
        return nf_chaos_failed(self, (int)n);
    }
    if (until == NF_SOME) {
        pass_cut(&self->cut_in, n);
    }
    n = nf_chaos_move(self, n);
    bool lacks = n == 0 || (until == NF_ALL && (size_t)n < size);

    if (lacks && nf_chaos_room(self) == 0) {
        int code = nf_chaos_beyond(self, deadline);

        return n > 0 ? n : code;
    }
    return n;
}

ssize_t nf_chaos_stream_recv(net_socket *socket, void *buffer, size_t size, int until,
                             net_deadline deadline)
{
    struct nf_chaos *self = (struct nf_chaos *)socket;
    net_socket *lower = self->layer.lower;

    if (self->receives_plainly || size == 0) {
        return nf_backend_of(lower)->recv(lower, buffer, size, until, deadline);
    }
    ssize_t n = nf_chaos_enter(self, &self->in, deadline);

    if (n < 0) {
        return n;
    }
    n = receive(self, buffer, size, until, deadline);
    self->seen = until >= 0 && n == NET_TIMEOUT && self->delay != NULL ? self->delay->due : 0;
    bool has_more = self->delay != NULL && (self->delay->count > 0 || self->delay->end != 0);

    nf_turn_leave(&self->in);
    if (has_more) { /* which no descriptor tells of */
        nf_socket_ring(socket);
    }
    return n;
}

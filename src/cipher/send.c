/* From bytes to records. */
#include "cipher/cipher.h"
#include "socket/counter.h"
#include "socket/socket.h"
#include "os/transfer.h"
#include "wait/wait.h"

enum {
    RECORD = 16 * 1024,   /* bytes of a record of TLS (RFC 8446, 5.1); slices are joined to it */
    AT_ONCE = 4 * RECORD, /* bytes that are encrypted before they are sent */
    OVERHEAD_SHARE = 64,  /* one byte in so many for what is around records, */
    OVERHEAD_LEAST = 128, /* and so many at least */
    READ_SLICE = 5        /* ms of one wait to read what has to be read first */
};

/* How far a send has come. */
struct cursor {
    const net_slice *slices;
    int count;
    size_t skip;  /* bytes of the first slice that are taken */
    size_t taken; /* bytes of all slices that are taken */
};

static void advance(struct cursor *at, size_t size)
{
    at->taken += size;
    at->skip += size;
    while (at->count > 0 && at->skip >= at->slices->size) {
        at->skip -= at->slices->size;
        at->slices++;
        at->count--;
    }
}

/* Room for the records of so many bytes. */
static size_t room_for(size_t size)
{
    return size + size / OVERHEAD_SHARE + OVERHEAD_LEAST;
}

/* With the turn `out`: encrypt, and move the records to the rest, which gets room for those of
 * `ahead` bytes. 0, NET_CIPHER_HUNGRY, or a code. Want of memory breaks nothing: records that found
 * no room stay in the session. */
static int seal(struct nf_cipher *self, struct cursor *at, const char *data, size_t size,
                size_t ahead)
{
    net_cipher_failure failure = {0};

    nf_turn_take(&self->session_turn, NET_FOREVER);
    bool talks = atomic_load(&self->state) == NF_TALKING;
    ssize_t n =
        talks ? nf_cipher_of(self)->encrypt(self->session, data, size, &failure) : NET_RESET;

    if (n < 0 && n != NET_CIPHER_HUNGRY && talks && failure.code != NET_LIMIT) {
        nf_cipher_note_broken(self, &failure);
    }
    if (n < 0 || nf_cipher_collect(self, room_for(ahead), room_for(size)) < 0) {
        atomic_store(&self->has_output, true);
    }
    nf_turn_leave(&self->session_turn);
    if (n == NET_CIPHER_HUNGRY) {
        return NET_CIPHER_HUNGRY;
    }
    if (n < 0) {
        return failure.code == NET_LIMIT ? nf_fail_because(NET_LIMIT, "%s", failure.text)
                                         : nf_cipher_fail_broken(self);
    }
    advance(at, (size_t)n);
    return 0;
}

/* Small slices share a record. */
static __attribute__((noinline)) int seal_joined(struct nf_cipher *self, struct cursor *at)
{
    char copy[RECORD];
    size_t size = nf_slices_copy(copy, at->slices, at->count, at->skip, sizeof copy);

    return seal(self, at, copy, size, size);
}

/* One record is made after another: the session's room for one is used again, while it is still in
 * the processor's cache. A call that does not wait is likely to leave a rest, which is then one
 * record at most. */
static int seal_some(struct nf_cipher *self, struct cursor *at, net_deadline deadline)
{
    size_t end = at->taken + (deadline == NET_NOW ? RECORD : AT_ONCE);
    int code = 0;

    while (code == 0 && at->count > 0 && at->taken < end) {
        size_t left = at->slices->size - at->skip;
        size_t ahead = left < end - at->taken ? left : end - at->taken;

        code = at->count > 1 && left < RECORD
                   ? seal_joined(self, at)
                   : seal(self, at, (const char *)at->slices->data + at->skip,
                          ahead < RECORD ? ahead : RECORD, ahead);
    }
    return code;
}

/* With the turn `out`: a message of the peer has begun that the session must read first. A receiver
 * reads it; without one, this call does. 0 to try again, or a code. */
static int read_first(struct nf_cipher *self, net_deadline deadline)
{
    net_deadline slice = nf_earlier(deadline, nf_deadline_after(nf_now(), READ_SLICE));

    if (nf_is_canceled(&self->layer.head)) {
        return nf_fail(NET_CANCELED);
    }
    if (nf_deadline_passed(deadline)) {
        return nf_fail(NET_TIMEOUT);
    }
    if (!nf_turn_try(&self->layer.in)) {
        return nf_pause(NULL, READ_SLICE, deadline);
    }
    nf_cipher_pull(self, slice);
    nf_turn_leave(&self->layer.in);
    return 0;
}

/* With the turn `out`. What is encrypted counts as sent: its records cannot be taken back. */
static ssize_t send_slices(struct nf_cipher *self, struct cursor *at, net_deadline deadline)
{
    struct nf_pace pace = {.least = NF_SEND_LEAST};
    int code = nf_cipher_send_out(self, deadline);

    while (at->count > 0 && code == 0) {
        size_t before = at->taken;

        code = seal_some(self, at, deadline);
        code = code == NET_CIPHER_HUNGRY ? read_first(self, deadline) : code;
        if (at->taken > before) {
            int out = nf_cipher_send_out(self, deadline);

            code = code < 0 ? code : out;
            at->taken = self->layer.is_cut ? before : at->taken; /* the peer cannot open it */
        }
        if (code == 0 && at->count > 0) {
            code = nf_socket_go_on(&self->layer.head, &pace, at->taken - before, deadline);
        }
    }
    nf_count(&self->bytes_out, (int64_t)at->taken);
    return at->taken > 0 ? (ssize_t)at->taken : code;
}

ssize_t nf_cipher_send(net_socket *socket, const net_slice *slices, int count,
                       net_deadline deadline)
{
    struct nf_cipher *self = (struct nf_cipher *)socket;
    struct cursor at = {.slices = slices, .count = count};

    advance(&at, 0);
    bool is_over = at.count > 0 && atomic_load(&self->finish) != NF_FINISH_NOT_ASKED;
    ssize_t n = is_over ? nf_fail_ended(NET_MISUSE) : nf_cipher_talk(self, deadline);

    if (n == 0 && at.count == 0) {
        return nf_is_canceled(socket) ? nf_fail(NET_CANCELED) : 0;
    }
    n = n == 0 ? nf_layer_enter(socket, &self->layer.out, deadline) : n;
    if (n < 0) {
        return n;
    }
    if (atomic_load(&self->finish) != NF_FINISH_NOT_ASKED) {
        n = nf_fail_ended(NET_MISUSE);
    } else {
        n = send_slices(self, &at, deadline);
    }
    nf_cipher_leave_out(self);
    nf_cipher_push(self);
    return n;
}

/* An accepted connection that is not through its handshake says it at the end of that. */
int nf_cipher_shutdown(net_socket *socket)
{
    struct nf_cipher *self = (struct nf_cipher *)socket;
    uint8_t asked = NF_FINISH_NOT_ASKED;
    int code = nf_is_canceled(socket) ? nf_fail(NET_CANCELED) : nf_cipher_talk(self, NET_NOW);

    if (code < 0 && (code != NET_TIMEOUT || self->is_dialed)) {
        return code;
    }
    if (atomic_load(&self->finish) != NF_FINISH_NOT_ASKED) {
        return 0;
    }
    if (atomic_load(&self->layer.is_cut)) {
        return nf_fail(NET_RESET);
    }
    atomic_compare_exchange_strong(&self->finish, &asked, NF_FINISH_ASKED);
    nf_cipher_push(self);
    return 0;
}

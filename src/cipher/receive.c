/* From records to bytes. Records are received ahead, into `sealed`; bytes are decrypted only as
 * they are asked for. */
#include "cipher/cipher.h"
#include "socket/counter.h"
#include "socket/kept.h"
#include "socket/socket.h"
#include "socket/until.h"
#include "os/transfer.h"

enum {
    LARGE = 4 * NF_CIPHER_PIECE, /* bytes received at once */
    MANY = 16 * 1024,            /* for a caller that asks for so many */
    BARREN = 256 /* times as many count what brings the caller nothing: it may be many
                    small records, each of which takes as long as a large one */
};

/* In memory: at least one byte, NET_CIPHER_HUNGRY, or a code. */
static ssize_t open_records(struct nf_cipher *self, void *buffer, size_t size, int how,
                            net_cipher_failure *failure)
{
    const net_cipher *cipher = nf_cipher_of(self);

    nf_turn_take(&self->session_turn, NET_FOREVER);
    if (atomic_load(&self->state) == NF_BROKEN) {
        nf_turn_leave(&self->session_turn);
        return self->broken_code;
    }
    nf_cipher_lend(self);
    ssize_t n = (how & NF_PEEK) != 0 ? cipher->peek(self->session, buffer, size, failure)
                                     : cipher->decrypt(self->session, buffer, size, failure);

    nf_cipher_take_back(self);
    if ((cipher->waiting(self->session) & NET_CIPHER_SEALED) != 0) {
        nf_cipher_take_answers(self);
    }
    if (n < 0 && n != NET_CIPHER_HUNGRY && n != NET_EOF) {
        nf_cipher_note_broken(self, failure);
    }
    nf_turn_leave(&self->session_turn);
    return n;
}

/* Only a record of the cipher says that the stream has ended: an attacker can cut a connection
 * (RFC 8446, 6.1). */
static int end_below(int code)
{
    return code == NET_EOF ? nf_fail_because(NET_RESET, "the connection ended, and the peer has "
                                                        "not said that it has finished")
                           : code;
}

static ssize_t end_inside(struct nf_cipher *self, int code)
{
    if (code == NET_EOF) {
        return nf_fail(code);
    }
    nf_cipher_push(self); /* an alert */
    nf_socket_notify(&self->layer.head);
    return nf_cipher_fail_broken(self);
}

/* With the turn `in`. An nf_take. */
static ssize_t take(net_socket *socket, void *buffer, size_t size, int how, net_deadline deadline)
{
    struct nf_cipher *self = (struct nf_cipher *)socket;
    struct nf_pace pace = {.least = NF_CIPHER_FILL_LEAST};

    for (;;) {
        net_cipher_failure failure = {0};
        size_t before = nf_kept_count(self->sealed);
        ssize_t n = open_records(self, buffer, size, how, &failure);
        size_t left = nf_kept_count(self->sealed);
        int code = 0;

        if (n < 0 && n != NET_CIPHER_HUNGRY) {
            return end_inside(self, (int)n);
        }
        if (atomic_load(&self->has_output)) {
            nf_cipher_push(self);
        }
        if (n > 0) {
            return n;
        }
        if (nf_cipher_owes_answers(self)) {
            code = nf_cipher_send_answers(self, deadline);
        }
        if (before > 0 && code == 0) {
            code = nf_socket_go_on(socket, &pace, (before - left) * BARREN, deadline);
        }
        if (code == 0 && (left == 0 || left == before)) {
            code = nf_cipher_fill(self, size < MANY ? NF_CIPHER_PIECE : LARGE, deadline);
        }
        if (code < 0) {
            return end_below(code);
        }
    }
}

/* With the turn `in`: whether bytes wait inside, which no descriptor shows. */
static bool holds_bytes(struct nf_cipher *self)
{
    nf_turn_take(&self->session_turn, NET_FOREVER);
    unsigned has = nf_cipher_of(self)->waiting(self->session);

    nf_turn_leave(&self->session_turn);
    return self->sealed != NULL || (has & NET_CIPHER_PLAIN) != 0;
}

ssize_t nf_cipher_recv(net_socket *socket, void *buffer, size_t size, int until,
                       net_deadline deadline)
{
    struct nf_cipher *self = (struct nf_cipher *)socket;
    bool greets = atomic_load(&self->state) == NF_GREETING || !nf_cipher_is_ours(self);
    int code = greets ? nf_cipher_greet(self, deadline) : 0;

    code = code == 0 ? nf_layer_enter(socket, &self->layer.in, deadline) : code;
    if (code < 0) {
        return code;
    }
    bool is_empty = size == 0 && until < 0 && atomic_load(&self->state) != NF_BROKEN;
    ssize_t n = is_empty ? 0 : nf_receive(socket, take, buffer, size, until, deadline);

    if (n > 0 && until != NF_LOOK) {
        nf_count(&self->bytes_in, n);
    }
    bool has_more = until != NF_LOOK && atomic_load(&socket->notice) != NULL && holds_bytes(self);

    nf_turn_leave(&self->layer.in);
    if (has_more) {
        nf_socket_notify(socket);
    }
    return n;
}

bool nf_cipher_pull(struct nf_cipher *self, net_deadline deadline)
{
    char byte = 0;

    return take(&self->layer.head, &byte, 1, NF_PEEK, deadline) != NET_TIMEOUT;
}

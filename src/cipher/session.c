/* The session of a connection: how it breaks, how what it has for the peer goes out, and how what
 * comes of the peer gets in. */
#include "cipher/cipher.h"
#include "socket/kept.h"
#include "socket/socket.h"

#include <stdlib.h>

enum {
    YIELD = 4096,            /* bytes of room for a yield */
    ANSWER = 128,            /* the same for answers to the peer */
    ANSWERS_MOST = 64 * 1024 /* bytes of answers before they have to go out */
};

/* ms of one wait for the peer. The longer one is long enough to be one system call, as the socket's
 * timeout serves it, and always the same one, as it is set once. */
enum {
    REST_SLICE = 5, /* while there is something to send; */
    SLICE = 1024    /* else another thread may leave something to send, as a half-close does */
};

int nf_cipher_open(struct nf_cipher *self, const char *host, const char *port)
{
    net_cipher_failure failure = {0};

    self->session = nf_cipher_of(self)->open(nf_cipher_settings_inside(self->settings), self->side,
                                             host, port, &failure);
    return self->session != NULL ? 0 : nf_fail_because(failure.code, "%s", failure.text);
}

/* A dial that is lost says so in each call, as any other dial. */
int nf_cipher_fail_broken(struct nf_cipher *self)
{
    if (self->dialed != NULL) {
        return nf_fail_sentence(self->broken_code, "connect %s: %s (%s)", self->dialed,
                                nf_code_text(self->broken_code),
                                self->failure != NULL ? self->failure->text : "no memory");
    }
    return self->failure != NULL ? nf_fail_because(self->failure->code, "%s", self->failure->text)
                                 : nf_fail(self->broken_code);
}

/* The first failure stays. */
void nf_cipher_note_broken(struct nf_cipher *self, const net_cipher_failure *failure)
{
    if (atomic_load(&self->state) != NF_BROKEN) {
        self->failure = malloc(sizeof *self->failure);
        if (self->failure != NULL) {
            *self->failure = *failure;
        }
        self->broken_code = (int8_t)failure->code;
        atomic_store(&self->state, NF_BROKEN);
    }
}

int nf_cipher_break(struct nf_cipher *self, const net_cipher_failure *failure)
{
    nf_turn_take(&self->session_turn, NET_FOREVER);
    nf_cipher_note_broken(self, failure);
    nf_turn_leave(&self->session_turn);
    return nf_cipher_fail_broken(self);
}

/* Move what the session has for the peer to a store. */
static int yield_into(struct nf_cipher *self, struct nf_kept **store, size_t least, size_t room)
{
    const net_cipher *cipher = nf_cipher_of(self);

    while ((cipher->waiting(self->session) & NET_CIPHER_SEALED) != 0) {
        char *space = nf_kept_space(store, least, room);

        if (space == NULL) {
            return NET_LIMIT;
        }
        (*store)->count += cipher->yield(self->session, space, room);
    }
    return 0;
}

void nf_cipher_take_answers(struct nf_cipher *self)
{
    size_t before = nf_kept_count(self->answered);

    yield_into(self, &self->answered, ANSWER, ANSWER);
    atomic_fetch_add(&self->answers, (uint32_t)(nf_kept_count(self->answered) - before));
    nf_kept_fit(&self->answered);
    atomic_store(&self->has_output, true);
}

/* Answers were made before all that is in the session. */
int nf_cipher_collect(struct nf_cipher *self, size_t least, size_t room)
{
    size_t answered = nf_kept_count(self->answered);
    char *space = answered > 0 ? nf_kept_space(&self->layer.rest, answered, answered) : NULL;

    if (answered > 0 && space == NULL) {
        return NET_LIMIT;
    }
    if (answered > 0) {
        self->layer.rest->count += nf_kept_take(&self->answered, space, answered);
    }
    if (yield_into(self, &self->layer.rest, least, room) < 0) {
        return NET_LIMIT;
    }
    atomic_store(&self->has_output, false);
    return 0;
}

int nf_cipher_send_out(struct nf_cipher *self, net_deadline deadline)
{
    net_socket *socket = &self->layer.head;
    int code = 0;

    if (atomic_load(&self->has_output)) {
        nf_turn_take(&self->session_turn, NET_FOREVER);
        code = nf_cipher_collect(self, YIELD, YIELD);
        nf_turn_leave(&self->session_turn);
    }
    int sent = nf_layer_send_rest(socket, deadline);

    if (code == 0 && sent == 0) {
        atomic_store(&self->answers, 0);
    }
    return code < 0 ? nf_fail(code) : sent;
}

/* With the turn `out`: say that nothing more is sent. Once that has left the session, the socket
 * below is half-closed after it. */
static void say_finish(struct nf_cipher *self)
{
    if (atomic_load(&self->finish) == NF_FINISH_ASKED) {
        nf_turn_take(&self->session_turn, NET_FOREVER);
        if (atomic_load(&self->state) == NF_TALKING) {
            nf_cipher_of(self)->finish(self->session);
            atomic_store(&self->has_output, true);
        }
        atomic_store(&self->finish, NF_FINISH_SAID);
        nf_turn_leave(&self->session_turn);
    }
    nf_cipher_send_out(self, NET_NOW);
    if (!atomic_load(&self->has_output)) {
        atomic_store(&self->layer.half_close, NF_HALF_CLOSE_DUE);
    }
}

static bool is_finish_due(struct nf_cipher *self)
{
    return atomic_load(&self->state) == NF_TALKING &&
           atomic_load(&self->finish) != NF_FINISH_NOT_ASKED &&
           atomic_load(&self->layer.half_close) == NF_HALF_CLOSE_OFF;
}

void nf_cipher_leave_out(struct nf_cipher *self)
{
    net_socket *socket = &self->layer.head;

    if (is_finish_due(self)) {
        say_finish(self);
    }
    bool had_rest = atomic_load(&self->layer.has_rest); /* a poller has heard of it */

    nf_layer_leave_out(socket);
    if (!had_rest && atomic_load(&self->layer.has_rest)) {
        nf_socket_notify(socket); /* so that a poller sends it */
    }
}

int nf_cipher_flush(struct nf_cipher *self, net_deadline deadline)
{
    int code = nf_layer_enter(&self->layer.head, &self->layer.out, deadline);

    if (code == 0) {
        code = nf_cipher_send_out(self, deadline);
        nf_cipher_leave_out(self);
        nf_cipher_push(self);
    }
    return code;
}

/* Another thread may make output, or ask for a half-close, after this one has looked and before the
 * turn is free: it then relies on this one. Without memory the output stays for the next call. */
void nf_cipher_push(struct nf_cipher *self)
{
    bool is_due = atomic_load(&self->layer.has_rest);
    int code = 0;

    while (code != NET_LIMIT && (is_due || atomic_load(&self->has_output) || is_finish_due(self)) &&
           nf_turn_try(&self->layer.out)) {
        code = nf_cipher_send_out(self, NET_NOW);
        nf_cipher_leave_out(self);
        is_due = false;
    }
}

bool nf_cipher_owes_answers(const struct nf_cipher *self)
{
    return atomic_load(&self->answers) >= ANSWERS_MOST;
}

int nf_cipher_send_answers(struct nf_cipher *self, net_deadline deadline)
{
    int code = nf_layer_enter(&self->layer.head, &self->layer.out, deadline);

    if (code < 0) {
        return code;
    }
    code = nf_cipher_send_out(self, deadline);
    if (atomic_load(&self->layer.is_cut)) {
        nf_kept_take(&self->layer.rest, NULL, SIZE_MAX);
        atomic_store(&self->answers, 0);
        code = 0;
    }
    nf_cipher_leave_out(self);
    nf_cipher_push(self);
    return code;
}

/* A handshake that is not done just ends. */
void nf_cipher_say_last(struct nf_cipher *self)
{
    int state = atomic_load(&self->state);

    if (state == NF_GREETING) {
        if (self->layer.rest != NULL) {
            nf_kept_take(&self->layer.rest, NULL, SIZE_MAX);
        }
        return;
    }
    if (state == NF_TALKING && atomic_load(&self->finish) != NF_FINISH_SAID) {
        nf_cipher_of(self)->finish(self->session);
    }
    nf_cipher_collect(self, YIELD, YIELD);
}

/* ---- What comes in ---- */

static ssize_t receive(struct nf_cipher *self, char *space, size_t most, net_deadline deadline)
{
    net_socket *lower = self->layer.lower;
    net_deadline until = NET_NOW;
    ssize_t n = NET_TIMEOUT;

    do {
        nf_cipher_push(self);
        if (deadline != NET_NOW) {
            int64_t slice = atomic_load(&self->layer.has_rest) ? REST_SLICE : SLICE;

            until = nf_earlier(deadline, nf_deadline_after(nf_now(), slice));
        }
        n = nf_backend_of(lower)->recv(lower, space, most, NF_SOME, until);
    } while (n == NET_TIMEOUT && until != deadline);
    return n;
}

int nf_cipher_fill(struct nf_cipher *self, size_t most, net_deadline deadline)
{
    char *space = nf_kept_space(&self->sealed, most, most);
    ssize_t n = space != NULL ? receive(self, space, most, deadline) : (ssize_t)NET_LIMIT;

    if (n > 0) {
        self->sealed->count += (size_t)n;
    } else {
        nf_kept_fit(&self->sealed);
    }
    return n < 0 ? (int)n : 0;
}

void nf_cipher_lend(struct nf_cipher *self)
{
    size_t count = nf_kept_count(self->sealed);

    nf_cipher_of(self)->feed(self->session, count > 0 ? nf_kept_start(self->sealed) : NULL, count);
}

void nf_cipher_take_back(struct nf_cipher *self)
{
    size_t left = nf_cipher_of(self)->feed(self->session, NULL, 0);
    size_t count = nf_kept_count(self->sealed);

    if (count > left) {
        nf_kept_take(&self->sealed, NULL, count - left);
    }
}

/* The handshake. Who has its turn drives it, within the deadline of its call. */
#include "cipher/cipher.h"
#include "socket/kept.h"
#include "socket/socket.h"
#include "name/text.h"
#include "name/url.h"
#include "wait/deadline.h"

#include <stdio.h>
#include <stdlib.h>

/* A connection that was accepted and has not shaken hands belongs to the process that begins to. */
static int begin(struct nf_cipher *self)
{
    self->layer.head.process = (uint16_t)nf_process();
    return nf_cipher_open(self, NULL, NULL);
}

static int refuse_process(void)
{
    return nf_fail_because(NET_MISUSE, "the session belongs to the process that shook hands");
}

/* With the turn: what state the handshake is in: 1: done; 0: go on; or a code. */
static int check(struct nf_cipher *self)
{
    int state = atomic_load(&self->state);

    if (self->session != NULL && !nf_cipher_is_ours(self)) {
        return refuse_process();
    }
    if (state == NF_BROKEN) {
        return nf_cipher_fail_broken(self);
    }
    if (state == NF_TALKING) {
        return 1;
    }
    return self->session != NULL ? 0 : begin(self);
}

/* One step in memory: 0, NET_CIPHER_HUNGRY, or a code with `failure` filled. */
static int step(struct nf_cipher *self, net_cipher_failure *failure)
{
    nf_turn_take(&self->session_turn, NET_FOREVER);
    nf_cipher_lend(self);
    int code = nf_cipher_of(self)->greet(self->session, failure);

    nf_cipher_take_back(self);
    atomic_store(&self->has_output, true);
    nf_turn_leave(&self->session_turn);
    return code;
}

/* The handshake has failed, by us or by what the peer said. An alert goes out if that needs no
 * wait. */
static int fail(struct nf_cipher *self, const net_cipher_failure *failure)
{
    nf_cipher_flush(self, NET_NOW);
    return nf_cipher_break(self, failure);
}

/* The connection below cannot go on, or goes on later. If the dial below is what was lost, the
 * whole sentence is there. */
static int fail_below(struct nf_cipher *self, int code)
{
    const struct nf_cause *cause = nf_cause_pending();
    net_cipher_failure failure = {.code = code == NET_EOF ? NET_RESET : code};
    bool goes_on = code == NET_TIMEOUT || code == NET_CANCELED || code == NET_LIMIT;

    if (goes_on || cause->whole) {
        return code;
    }
    if (code != NET_EOF && cause->detail[0] != '\0') {
        nf_text_copy(failure.text, sizeof failure.text, cause->detail);
    } else if (code != NET_EOF && cause->error != 0) {
        nf_errno_text(cause->error, failure.text, sizeof failure.text);
    } else {
        snprintf(failure.text, sizeof failure.text, "the peer ended during the handshake");
    }
    return nf_cipher_break(self, &failure);
}

/* The client's last message has to be out before it talks; what a server says last may wait. A peer
 * that broke off may have said why: that is received first. */
static int send_step(struct nf_cipher *self, bool is_done, net_deadline deadline)
{
    bool waits = !is_done || self->side == NET_CIPHER_CLIENT;
    int code = nf_cipher_flush(self, waits ? deadline : NET_NOW);

    return (is_done && !waits) || (!is_done && code == NET_RESET) ? 0 : code;
}

static int shake(struct nf_cipher *self, net_deadline deadline)
{
    struct nf_pace pace = {.least = NF_CIPHER_FILL_LEAST};
    net_cipher_failure failure = {0};
    int code = NET_CIPHER_HUNGRY;

    while (code == NET_CIPHER_HUNGRY) {
        size_t before = nf_kept_count(self->sealed);
        int greeted = step(self, &failure);
        size_t left = nf_kept_count(self->sealed);

        if (greeted < 0 && greeted != NET_CIPHER_HUNGRY) {
            return fail(self, &failure);
        }
        code = send_step(self, greeted == 0, deadline);
        if (code < 0 || greeted == 0) {
            return code < 0 ? fail_below(self, code) : 0;
        }
        if (before > 0) {
            code = nf_socket_go_on(&self->layer.head, &pace, before - left, deadline);
        }
        if (code == 0 && (left == 0 || left == before)) {
            code = nf_cipher_fill(self, NF_CIPHER_PIECE, deadline);
        }
        if (code < 0) {
            return fail_below(self, code);
        }
        code = NET_CIPHER_HUNGRY;
    }
    return code;
}

/* What has changed concerns a poller, too. */
int nf_cipher_greet(struct nf_cipher *self, net_deadline deadline)
{
    net_socket *socket = &self->layer.head;
    int state = atomic_load(&self->state);

    if (state != NF_GREETING) {
        return nf_cipher_is_ours(self) ? nf_cipher_fail_broken(self) : refuse_process();
    }
    int code = nf_layer_enter(socket, &self->greet_turn, deadline);

    if (code < 0) {
        return code;
    }
    int known = check(self);

    code = known == 0 ? shake(self, deadline) : known;
    if (known == 0 && code == 0) {
        free(self->dialed);
        self->dialed = NULL;
        atomic_store(&self->has_talked, true);
        atomic_store(&self->state, NF_TALKING);
    }
    nf_turn_leave(&self->greet_turn);
    if (known == 0 && atomic_load(&self->state) != NF_GREETING) {
        nf_cipher_push(self); /* a half-close may have waited for this */
        nf_socket_notify(socket);
    }
    return code > 0 ? 0 : code;
}

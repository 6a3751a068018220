/* tls:// and its kin - a layer that encrypts a stream. A cipher (netfacade/cipher.h) turns bytes
 * into records and back; this layer moves the records over the socket below, and waits.
 *
 *   socket.c    opening, accepting, closing, properties, readiness
 *   settings.c  what the options of an address say, shared by a listener and all that it accepts
 *   greet.c     the handshake
 *   send.c      from bytes to records; half-closing
 *   receive.c   from records to bytes
 *   session.c   the session, and moving out what it has for the peer
 *
 * The dial includes the handshake. An accept never waits for it: the first call, or the poller,
 * drives it, within its own deadline. All calls begin with nf_cipher_talk, which does that.
 *
 * Who may touch what:
 *   `greet_turn`              the handshake, and until it is done what `in` guards; held while a
 *                             call waits for the peer. Who waits for the handshake waits for this
 *   turn `in` of the layer    `sealed`; held while a call waits for the peer
 *   turn `out` of the layer   `rest` of the layer; held while a call waits to send
 *   `session_turn`            the session and `answered`; never held while waiting
 * They are taken in this order. Receiving makes records, too: answers to the peer. They wait
 * in `answered` (`has_output`) until somebody has the turn `out`: the receiver itself if it is
 * free, else the sender that has it.
 *
 * A record that is made cannot be taken back. So what a send could not send before its deadline
 * counts as sent, and is the `rest` of the layer, which goes first later (socket/layer.h).
 *
 * A session belongs to the process that shook hands. Another one neither uses nor frees it: a
 * thread that it does not have may hold a lock of the cipher. */
#ifndef NF_CIPHER_CIPHER_H
#define NF_CIPHER_CIPHER_H

#include "netfacade/cipher.h"
#include "socket/layer.h"
#include "os/process.h"

enum {
    NF_CIPHER_PIECE = 17 * 1024, /* bytes received at once: a record of TLS, what is around it */
    NF_CIPHER_FILL_LEAST = 512   /* bytes that a receive below counts as: each takes time */
};

/* How far it has come. */
enum { NF_GREETING, NF_TALKING, NF_BROKEN };

/* What a half-close has done. The socket below is half-closed after it. */
enum { NF_FINISH_NOT_ASKED, NF_FINISH_ASKED, NF_FINISH_SAID };

struct nf_cipher {
    struct nf_layer layer;
    struct nf_cipher_settings *settings;
    net_cipher_session *session;            /* NULL until the handshake begins */
    const struct nf_backend *accepted_kind; /* table of what a listener accepts; else NULL */
    net_cipher_failure *failure;            /* why it is broken; NULL: no memory for it */
    char *dialed; /* the address of a dial that no call waits for, until it is won; or NULL */
    struct nf_kept *sealed;   /* received, and not read by the session yet */
    struct nf_kept *answered; /* answers to the peer that are not in the rest yet */
    struct nf_turn greet_turn;
    struct nf_turn session_turn;
    _Atomic uint32_t answers; /* bytes that receiving has made for the peer and that wait */
    _Atomic uint8_t state;
    _Atomic uint8_t finish;
    _Atomic bool has_output; /* the session may have bytes for the peer */
    uint8_t side;            /* NET_CIPHER_CLIENT or NET_CIPHER_SERVER */
    bool is_dialed;
    _Atomic bool has_talked; /* the handshake is done, whatever came then */
    int8_t broken_code;
    _Atomic int64_t bytes_in; /* of the caller, not of the records */
    _Atomic int64_t bytes_out;
};

static inline const net_cipher *nf_cipher_of(const struct nf_cipher *self)
{
    return self->layer.head.kind->properties.cipher;
}

static inline bool nf_cipher_is_ours(const struct nf_cipher *self)
{
    return self->layer.head.process == (uint16_t)nf_process();
}

/* ---- Settings ---- */

/* Settings of a listener (`old` NULL) or a dial from its address. NULL: why is recorded. */
struct nf_cipher_settings *nf_cipher_settings_of(const struct nf_target *target, int side);

/* Settings with one option changed. */
struct nf_cipher_settings *nf_cipher_settings_with(const struct nf_cipher_settings *old,
                                                   const net_cipher *cipher,
                                                   const struct nf_value *value);

net_cipher_settings *nf_cipher_settings_inside(const struct nf_cipher_settings *settings);
struct nf_cipher_settings *nf_cipher_settings_share(struct nf_cipher_settings *settings);
void nf_cipher_settings_drop(struct nf_cipher_settings *settings); /* NULL is allowed */

/* ---- Session ---- */

/* Begin the session with its settings; of a dial, to this host and port, or NULL. 0 or a code. */
int nf_cipher_open(struct nf_cipher *self, const char *host, const char *port);

/* With the session's turn: a call of the session has failed for good. No other one may come. */
void nf_cipher_note_broken(struct nf_cipher *self, const net_cipher_failure *failure);

/* The same without the turn. Returns the code. */
int nf_cipher_break(struct nf_cipher *self, const net_cipher_failure *failure);
int nf_cipher_fail_broken(struct nf_cipher *self);

/* With the turns `out` and `session_turn`: move what the session has for the peer to the rest,
 * `room` bytes at a time; a rest that begins has room for `least`. 0; or NET_LIMIT, and it stays.
 */
int nf_cipher_collect(struct nf_cipher *self, size_t least, size_t room);

/* With the turns `in` and `session_turn`: take answers that receiving has made out of the session,
 * to know how many bytes they are. */
void nf_cipher_take_answers(struct nf_cipher *self);

/* With the turn `out`: collect, and send the rest. 0 or a code. */
int nf_cipher_send_out(struct nf_cipher *self, net_deadline deadline);

/* Leave the turn `out`, after a half-close if one is asked for. */
void nf_cipher_leave_out(struct nf_cipher *self);

/* The same with taking and leaving the turn. */
int nf_cipher_flush(struct nf_cipher *self, net_deadline deadline);

/* Send what there is to send, as far as the socket below takes it now. If a sender has the turn, it
 * does it. */
void nf_cipher_push(struct nf_cipher *self);

/* Whether so many answers to the peer wait that they have to go out before more are made; and
 * sending them, which is nothing once sending is over. 0 or a code. */
bool nf_cipher_owes_answers(const struct nf_cipher *self);
int nf_cipher_send_answers(struct nf_cipher *self, net_deadline deadline);

/* For the close: let the rest end with what the session says last. Takes no turn. */
void nf_cipher_say_last(struct nf_cipher *self);

/* ---- The handshake ---- */

int nf_cipher_greet(struct nf_cipher *self, net_deadline deadline);

/* Shake hands first, if that has not been done: 0 or a code. */
static inline int nf_cipher_talk(struct nf_cipher *self, net_deadline deadline)
{
    bool talks = atomic_load_explicit(&self->state, memory_order_acquire) == NF_TALKING;

    return talks && nf_cipher_is_ours(self) ? 0 : nf_cipher_greet(self, deadline);
}

/* With the turn `in`, or before it: receive at most `most` bytes from below, for the session to
 * read. 0 or a code. */
int nf_cipher_fill(struct nf_cipher *self, size_t most, net_deadline deadline);

/* With the turns `in` and `session_turn`: lend the session what has come, and end that. */
void nf_cipher_lend(struct nf_cipher *self);
void nf_cipher_take_back(struct nf_cipher *self);

/* With the turn `in`: whether a receive by then would not wait. Takes from below what there is. */
bool nf_cipher_pull(struct nf_cipher *self, net_deadline deadline);

/* ---- Slots ---- */

int nf_cipher_connect(net_socket *socket, const struct nf_target *target, net_deadline deadline);
int nf_cipher_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline);
net_socket *nf_cipher_accept(net_socket *socket, net_deadline deadline);
ssize_t nf_cipher_send(net_socket *socket, const net_slice *slices, int count,
                       net_deadline deadline);
ssize_t nf_cipher_recv(net_socket *socket, void *buffer, size_t size, int until,
                       net_deadline deadline);
int nf_cipher_shutdown(net_socket *socket);
void nf_cipher_cancel(net_socket *socket);
int nf_cipher_close(net_socket *socket, net_deadline deadline);
int nf_cipher_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                       bool write);
void nf_cipher_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

#endif

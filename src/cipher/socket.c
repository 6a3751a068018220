/* Encrypted sockets: opening, accepting, closing, properties and readiness. */
#include "cipher/cipher.h"
#include "socket/kept.h"
#include "socket/socket.h"
#include "name/endpoint.h"
#include "name/path.h"
#include "open/inet.h"
#include "os/forkmutex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Opening ---- */

/* What the cipher needs to know of the peer: the host of the address, and its port. */
struct dialed {
    char host[NF_NAME_MAX];
    char port[NF_SERVICE_MAX];
    bool has_host;
};

/* Whether addresses of the wire below are host and port. */
static bool has_hosts(const struct nf_target *target)
{
    const struct nf_properties set = nf_properties_of(target->backend);

    return target->adopted < 0 && nf_properties_have(&set, NF_PEER_HOST);
}

static int read_host(const struct nf_target *target, struct dialed *dialed)
{
    dialed->has_host = has_hosts(target);
    if (!dialed->has_host) {
        return 0;
    }
    struct nf_target wire = *target;
    struct nf_host host;
    struct nf_text text;

    while (wire.backend->lower != NULL) {
        wire.backend = wire.backend->lower;
    }
    int code = nf_inet_host(&wire, false, &host);

    nf_text_begin(&text, dialed->host, sizeof dialed->host);
    if (code == 0 && host.kind == NF_HOST_LITERAL) {
        host.addr.scope = 0;
        nf_print_bare_host(&text, &host.addr);
    } else if (code == 0) {
        nf_text_add(&text, "%s", host.name);
    }
    snprintf(dialed->port, sizeof dialed->port, "%u", (unsigned)host.addr.port);
    return code;
}

/* Which side this is: the dialing one, unless the address of an adopted connection says else. */
static int read_side(struct nf_cipher *self, const struct nf_target *target)
{
    int64_t side = target->options.value[NF_SIDE];

    if ((target->adopted >= 0) != (side != NF_SIDE_NOT_SAID)) {
        return nf_fail_because(NET_ADDRESS,
                               target->adopted >= 0
                                   ? "side=client or side=server is missing: which one is this?"
                                   : "side is for a connection that is adopted, with fd");
    }
    self->side = side == NF_SIDE_SERVER ? NET_CIPHER_SERVER : NET_CIPHER_CLIENT;
    return 0;
}

/* All that can be wrong with the address and its files is told before anything is dialed. */
static int prepare(struct nf_cipher *self, const struct nf_target *target)
{
    struct dialed dialed = {0};
    int code = read_side(self, target);

    code = code == 0 ? read_host(target, &dialed) : code;
    if (code < 0) {
        return code;
    }
    self->settings = nf_cipher_settings_of(target, self->side);
    if (self->settings == NULL) {
        return nf_cause_pending()->code;
    }
    return nf_cipher_open(self, dialed.has_host ? dialed.host : NULL,
                          dialed.has_host ? dialed.port : NULL);
}

/* Free what is not the layer's own. */
static void dispose(struct nf_cipher *self)
{
    if (self->session != NULL) {
        nf_cipher_of(self)->close(self->session);
    }
    nf_cipher_settings_drop(self->settings);
    free(self->sealed);
    free(self->answered);
    free(self->failure);
    free(self->dialed);
}

/* In another process the session and the settings stay as they are, in the reach of who looks for
 * leaks. They are linked by what was the socket below. */
static int leave_behind(struct nf_cipher *self)
{
    static _Atomic(net_socket *) left;
    net_socket *first = atomic_load(&left);

    do {
        self->layer.lower = first;
    } while (!atomic_compare_exchange_weak(&left, &first, &self->layer.head));
    return NF_STAYS;
}

/* For the sentence of a dial that is lost later. */
static int keep_address(struct nf_cipher *self, const char *address)
{
    self->dialed = malloc(NF_QUOTE_MAX);
    if (self->dialed == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    nf_text_quote(self->dialed, address);
    return 0;
}

/* A handshake that failed has left its sentence, which the close must not replace. */
static int give_up(net_socket *socket, int code)
{
    const struct nf_cause cause = *nf_cause_pending();

    nf_layer_close(socket, NET_NOW);
    return cause.detail[0] != '\0' ? nf_fail_because(code, "%s", cause.detail)
                                   : nf_fail_as(code, cause.error);
}

int nf_cipher_connect(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    struct nf_cipher *self = (struct nf_cipher *)socket;
    int code = prepare(self, target);

    self->is_dialed = true;
    code = code == 0 && deadline == NET_NOW ? keep_address(self, target->address) : code;
    if (code == 0) {
        code = nf_layer_dial(socket, target, deadline);
        if (code == 0 && deadline != NET_NOW) {
            code = nf_cipher_greet(self, deadline);
            code = code < 0 ? give_up(socket, code) : 0;
        }
    }
    if (code < 0) {
        dispose(self);
    }
    return code;
}

int nf_cipher_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    struct nf_cipher *self = (struct nf_cipher *)socket;

    (void)deadline;
    if (target->options.value[NF_SIDE] != NF_SIDE_NOT_SAID) {
        return nf_fail_because(NET_ADDRESS, "side is for a connection, and this listens");
    }
    self->accepted_kind = target->backend;
    self->side = NET_CIPHER_SERVER;
    self->settings = nf_cipher_settings_of(target, NET_CIPHER_SERVER);
    if (self->settings == NULL) {
        return nf_cause_pending()->code;
    }
    int code = nf_layer_listen(socket, target);

    if (code < 0) {
        dispose(self);
    }
    return code;
}

/* Processes may share a listener: a child must not wait for a thread of its parent. */
static struct nf_fork_mutex settings_lock;

static struct nf_cipher_settings *current_settings(struct nf_cipher *listener)
{
    nf_fork_mutex_lock(&settings_lock);
    struct nf_cipher_settings *settings = nf_cipher_settings_share(listener->settings);

    nf_fork_mutex_unlock(&settings_lock);
    return settings;
}

/* False: another thread has changed them since `old`. */
static bool replace_settings(struct nf_cipher *listener, struct nf_cipher_settings *old,
                             struct nf_cipher_settings *settings)
{
    nf_fork_mutex_lock(&settings_lock);
    bool is_old = listener->settings == old;

    listener->settings = is_old ? settings : listener->settings;
    nf_fork_mutex_unlock(&settings_lock);
    nf_cipher_settings_drop(is_old ? old : settings);
    return is_old;
}

net_socket *nf_cipher_accept(net_socket *socket, net_deadline deadline)
{
    struct nf_cipher *self = (struct nf_cipher *)socket;
    net_socket *accepted = nf_socket_new(self->accepted_kind);

    if (accepted != NULL && !nf_layer_accept(socket, accepted, deadline)) {
        nf_socket_free(accepted);
        return NULL;
    }
    if (accepted != NULL) {
        struct nf_cipher *made = (struct nf_cipher *)accepted;

        made->side = NET_CIPHER_SERVER;
        made->settings = current_settings(self);
    }
    return accepted;
}

/* ---- Ending ---- */

/* A signal handler may call this. */
void nf_cipher_cancel(net_socket *socket)
{
    nf_socket_cancel(nf_layer_lower(socket));
}

/* Only the process that shook hands says that it has finished. */
int nf_cipher_close(net_socket *socket, net_deadline deadline)
{
    struct nf_cipher *self = (struct nf_cipher *)socket;

    if (nf_cipher_is_ours(self) && self->session != NULL) {
        nf_cipher_say_last(self);
    }
    int code = nf_layer_close(socket, deadline);

    if (!nf_cipher_is_ours(self)) {
        return leave_behind(self);
    }
    dispose(self);
    return code;
}

/* ---- Properties ---- */

static void print_text(const net_cipher_property *named, const char *text, struct nf_text *into)
{
    if ((named->flags & NET_CIPHER_LINES) != 0) {
        nf_text_add(into, "%s", text);
    } else if ((named->flags & NET_CIPHER_OPTION) != 0) {
        nf_path_print_text(into, text);
    } else {
        nf_text_add_escaped(into, text);
    }
}

/* With the turn of the session, if there is one. The first call asks for the length. */
static int print_named(struct nf_cipher *self, const struct nf_cipher_settings *shared,
                       net_cipher_session *session, struct nf_value *value)
{
    const net_cipher *cipher = nf_cipher_of(self);
    const net_cipher_settings *settings = nf_cipher_settings_inside(shared);
    const char *name = value->named->name;
    net_cipher_failure failure = {0};
    int length = cipher->text(settings, session, name, NULL, 0, &failure);
    char *text = length >= 0 ? calloc(1, (size_t)length + 1) : NULL;

    if (length < 0 || text == NULL) {
        return length < 0 ? nf_fail_because(failure.code, "%s", failure.text)
                          : nf_fail_because(NET_LIMIT, "no memory");
    }
    cipher->text(settings, session, name, text, (size_t)length + 1, &failure);
    print_text(value->named, text, value->into);
    free(text);
    return 0;
}

static int read_of_listener(struct nf_cipher *self, struct nf_value *value)
{
    struct nf_cipher_settings *settings = current_settings(self);
    int code = print_named(self, settings, NULL, value);

    nf_cipher_settings_drop(settings);
    return code;
}

/* Options are those of the settings, of a connection that talks with what was agreed on. What only
 * a session can tell waits for the handshake. */
static int read_named(struct nf_cipher *self, struct nf_value *value)
{
    bool is_option = (value->named->flags & NET_CIPHER_OPTION) != 0;

    if (self->accepted_kind != NULL) {
        return read_of_listener(self, value);
    }
    int code = nf_cipher_talk(self, NET_NOW);
    bool has_talked = atomic_load(&self->has_talked) && nf_cipher_is_ours(self);

    if (!has_talked && !is_option) {
        return code == NET_TIMEOUT ? nf_fail_because(code, "the handshake is not done") : code;
    }
    nf_turn_take(&self->session_turn, NET_FOREVER);
    code = print_named(self, self->settings, has_talked ? self->session : NULL, value);
    nf_turn_leave(&self->session_turn);
    return code;
}

static int write_named(struct nf_cipher *self, const struct nf_value *value)
{
    struct nf_cipher_settings *settings = NULL;
    bool is_done = false;

    if (self->accepted_kind == NULL) {
        return nf_fail_because(NET_MISUSE, "%s can only be set on a listener", value->named->name);
    }
    while (!is_done) {
        struct nf_cipher_settings *old = current_settings(self);

        settings = nf_cipher_settings_with(old, nf_cipher_of(self), value);
        is_done = settings == NULL || replace_settings(self, old, settings);
        nf_cipher_settings_drop(old);
    }
    return settings != NULL ? 0 : nf_cause_pending()->code;
}

/* Until the handshake is done a foreign loop would see what it brings, and find nothing. */
static int read_descriptor(struct nf_cipher *self, struct nf_value *value, bool write)
{
    net_socket *lower = self->layer.lower;

    if (self->accepted_kind == NULL && atomic_load(&self->state) != NF_TALKING) {
        value->number = -1;
        return 0;
    }
    return nf_backend_of(lower)->property(lower, NF_FD, value, write);
}

int nf_cipher_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                       bool write)
{
    struct nf_cipher *self = (struct nf_cipher *)socket;
    net_socket *lower = self->layer.lower;
    bool tells_of_dial = property == NF_PEER || property == NF_LOCAL || property == NF_PORT;

    if (property >= NF_NAMED) {
        return write ? write_named(self, value) : read_named(self, value);
    }
    if (tells_of_dial && self->is_dialed && !atomic_load(&self->has_talked) &&
        !nf_is_canceled(socket)) {
        int code = nf_cipher_talk(self, NET_NOW);

        if (code < 0) {
            return code;
        }
    }
    switch (property) {
    case NF_BYTES_SENT:
        value->number = atomic_load(&self->bytes_out);
        return 0;
    case NF_BYTES_RECEIVED:
        value->number = atomic_load(&self->bytes_in);
        return 0;
    case NF_SIDE:
        value->number = !self->is_dialed                  ? NF_SIDE_NOT_SAID
                        : self->side == NET_CIPHER_SERVER ? NF_SIDE_SERVER
                                                          : NF_SIDE_CLIENT;
        return 0;
    case NF_FD:
        return read_descriptor(self, value, write);
    case NF_RELEASE:
        return nf_refuse_release();
    default:
        return nf_backend_of(lower)->property(lower, property, value, write);
    }
}

/* ---- Readiness ---- */

static void look(net_socket *socket, struct nf_layer_held *held)
{
    struct nf_cipher *self = (struct nf_cipher *)socket;

    held->is_ready = nf_cipher_pull(self, NET_NOW);
    held->is_full = !held->is_ready && nf_cipher_owes_answers(self);
}

/* The handshake waits for the peer, or to send, or for the dial below. What became ready there
 * after this thread has looked has no other notice where no descriptor shows it: ask again at once.
 */
static void await_handshake(struct nf_cipher *self, struct nf_readiness *out)
{
    net_socket *socket = &self->layer.head;
    net_socket *lower = self->layer.lower;
    bool is_dialing = nf_backend_of(lower) != lower->kind;
    unsigned want = is_dialing || atomic_load(&self->layer.has_rest) ? NF_OUT : NF_IN;

    nf_layer_ready(socket, want, out);
    out->again = (out->ready & want) != 0 ? nf_now() : out->again;
    out->ready = 0;
    out->is_hint = true;
}

void nf_cipher_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    struct nf_cipher *self = (struct nf_cipher *)socket;
    int code = NET_CANCELED;

    if (!nf_is_canceled(socket)) {
        if (atomic_load(&self->state) == NF_GREETING) {
            nf_socket_forget_notice(self->layer.lower); /* await_handshake lends it again */
        }
        code = nf_cipher_talk(self, NET_NOW);
    }
    if (code == 0) {
        nf_layer_held_ready(socket, interest, look, out);
        nf_cipher_push(self); /* another thread may have relied on the layer's push */
    } else if (code == NET_TIMEOUT) {
        await_handshake(self, out);
    } else {
        *out = (struct nf_readiness){
            .ready = interest, .fd = -1, .pump = NET_FOREVER, .again = NET_FOREVER};
    }
}

/* The backend of a socket that is still dialing. A call that sends or receives first drives the
 * dial, until its own deadline at most. A shutdown, a property and a query of readiness drive it
 * without waiting. A cancel and a close do not drive it. When the dial is won, the socket switches
 * to the backend of its scheme for good, and the call continues there. A connected socket therefore
 * pays nothing for this.
 *
 * One thread drives at a time: the one that holds the turn connection->driver. Only that thread
 * touches connection->dialing, with two exceptions. A cancel in any thread posts its wake;
 * therefore drive_dial frees it only after nf_socket_set_backend, which waits until no cancel is
 * inside this backend. A close takes no turn, because no other call runs then. */
#include "open/dialing.h"
#include "open/adopt.h"
#include "open/inet.h"
#include "socket/socket.h"
#include "name/resolve.h"
#include "os/ready.h"

#include <stdlib.h>

enum { LOOK_AGAIN = 20 }; /* ms until a poller asks again, where there is nothing to watch */

struct nf_dialing {
    struct nf_dial dial;
    struct nf_wake wake;          /* posted by a cancel */
    struct nf_ready *watch;       /* a set of all the dial's descriptors, for pollers; or NULL */
    struct nf_ready *outdated;    /* the set before that one */
    uint64_t watched;             /* one bit for each attempt that is in the set */
    bool watches_resolver;        /* the resolver's descriptor is in it */
    int code;                     /* of a dial that failed: every call returns it, */
    char sentence[NF_DETAIL_MAX]; /* with this sentence */
    char address[NF_QUOTE_MAX];
};

static const struct nf_backend dialing_table;

static void close_set(struct nf_ready **set)
{
    if (*set != NULL) {
        nf_ready_best()->close(*set);
        *set = NULL;
    }
}

static void free_dialing(struct nf_connection *connection)
{
    struct nf_dialing *dialing = connection->dialing;

    nf_dial_end(&dialing->dial);
    nf_wake_close(&dialing->wake);
    close_set(&dialing->watch);
    close_set(&dialing->outdated);
    connection->dialing = NULL;
    free(dialing);
}

static void fail(struct nf_dialing *dialing, int code)
{
    struct nf_text sentence;
    char attempts[NF_DETAIL_MAX];

    nf_dial_report(&dialing->dial, attempts, sizeof attempts);
    nf_text_begin(&sentence, dialing->sentence, sizeof dialing->sentence);
    nf_text_add(&sentence, "connect %s: %s (%s)", dialing->address, nf_code_text(code), attempts);
    dialing->code = code;
    nf_dial_end(&dialing->dial);
}

/* The caller holds the turn. 0: the dial is won, and the socket has the backend of its scheme. A
 * cancel that came before the switch has only posted the dial's wake, so it is repeated here. */
static int drive_dial(struct nf_connection *connection, net_deadline deadline)
{
    struct nf_dialing *dialing = connection->dialing;

    if (dialing->code == 0) {
        int code = nf_dial_drive(&dialing->dial, connection, &dialing->wake, deadline);

        if (code == 0) {
            struct nf_ready *spent = dialing->watch;

            dialing->watch = NULL;
            nf_socket_set_backend(&connection->head, dialing->dial.target.backend);
            free_dialing(connection);
            connection->dial_set = spent; /* in a union with `dialing`, which a cancel might read */
            atomic_store(&connection->has_dial_set, spent != NULL);
            nf_socket_notify(&connection->head);
            if (nf_is_canceled(&connection->head)) {
                nf_connection_cancel(&connection->head);
            }
            return 0;
        }
        if (code == NET_CANCELED) {
            nf_dial_end(&dialing->dial);
            return nf_fail(code);
        }
        if (code == NET_TIMEOUT && !dialing->dial.lost) {
            return nf_fail_because(code, "still dialing %s", dialing->address);
        }
        fail(dialing, code);
        /* A poller has to ask again: the descriptors that it watches are closed. */
        nf_socket_notify(&connection->head);
    }
    return nf_fail_sentence(dialing->code, "%s", dialing->sentence);
}

/* A call on a cancelled dial. The peer may have accepted an attempt: closing shows it the end. */
static int end_canceled(struct nf_connection *connection)
{
    if (nf_turn_try(&connection->driver)) {
        if (connection->dialing != NULL) {
            nf_dial_end(&connection->dialing->dial);
        }
        nf_turn_leave(&connection->driver);
    }
    return nf_fail(NET_CANCELED);
}

static int await_dial(net_socket *socket, net_deadline deadline)
{
    struct nf_connection *connection = (struct nf_connection *)socket;
    int code = 0;

    if (nf_is_canceled(socket)) {
        return end_canceled(connection);
    }
    if (!nf_turn_take(&connection->driver, deadline)) {
        return nf_is_canceled(socket) ? nf_fail(NET_CANCELED)
                                      : nf_fail_because(NET_TIMEOUT, "still dialing");
    }
    if (nf_is_canceled(socket)) {
        code = nf_fail(NET_CANCELED);
    } else if (nf_backend_of(socket) == &dialing_table) {
        code = drive_dial(connection, deadline);
    }
    nf_turn_leave(&connection->driver);
    return code;
}

static ssize_t dialing_send(net_socket *socket, const net_slice *slices, int count,
                            net_deadline deadline)
{
    int code = await_dial(socket, deadline);

    return code < 0 ? code : nf_backend_of(socket)->send(socket, slices, count, deadline);
}

static ssize_t dialing_recv(net_socket *socket, void *buffer, size_t size, int until,
                            net_deadline deadline)
{
    int code = await_dial(socket, deadline);

    return code < 0 ? code : nf_backend_of(socket)->recv(socket, buffer, size, until, deadline);
}

static int dialing_send_messages(net_socket *socket, const net_message *messages, int count,
                                 net_deadline deadline)
{
    int code = await_dial(socket, deadline);

    return code < 0 ? code
                    : nf_backend_of(socket)->send_messages(socket, messages, count, deadline);
}

static int dialing_recv_messages(net_socket *socket, net_message *messages, int count,
                                 net_deadline deadline)
{
    int code = await_dial(socket, deadline);

    return code < 0 ? code
                    : nf_backend_of(socket)->recv_messages(socket, messages, count, deadline);
}

static int dialing_shutdown(net_socket *socket)
{
    int code = await_dial(socket, NET_NOW);

    return code < 0 ? code : nf_backend_of(socket)->shutdown(socket);
}

/* Safe in a signal handler: the wake exists for as long as a cancel may enter this backend. */
static void dialing_cancel(net_socket *socket)
{
    struct nf_connection *connection = (struct nf_connection *)socket;

    nf_wake_post(&connection->dialing->wake);
}

static int dialing_close(net_socket *socket, net_deadline deadline)
{
    (void)deadline;
    free_dialing((struct nf_connection *)socket);
    return 0;
}

static int read_option(struct nf_connection *connection, enum nf_property property,
                       struct nf_value *value)
{
    if (!nf_turn_take(&connection->driver, NET_NOW)) {
        return nf_fail_because(NET_TIMEOUT, "still dialing");
    }
    bool dialing = connection->dialing != NULL;

    if (dialing) {
        nf_options_value(&connection->dialing->dial.target.options, property, value);
    }
    nf_turn_leave(&connection->driver);
    return dialing ? 0
                   : nf_backend_of(&connection->head)
                         ->property(&connection->head, property, value, false);
}

/* While there is no descriptor, an option is what the address asks for, and counters are 0. */
static int dialing_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                            bool write)
{
    static const struct nf_properties of_descriptors = {
        .options = NF_OPTION(NF_CONGESTION),
        .others = NF_PROPERTY(NF_LOCAL) | NF_PROPERTY(NF_PEER) | NF_PROPERTY(NF_PORT) |
                  NF_PROPERTY(NF_RTT) | NF_PROPERTY(NF_RETRANSMITS) | NF_PROPERTY(NF_MTU)};
    bool needs_descriptor =
        write || property == NF_RELEASE ||
        (property < NF_PROPERTIES && nf_properties_have(&of_descriptors, property));
    int code = nf_is_canceled(socket)
                   ? nf_fail_because(NET_TIMEOUT, "cancelled while it was still dialing")
                   : await_dial(socket, NET_NOW);

    if (code == 0) {
        return nf_backend_of(socket)->property(socket, property, value, write);
    }
    if (property == NF_RELEASE && code == NET_TIMEOUT) {
        return nf_refuse_release();
    }
    if (needs_descriptor) {
        return code;
    }
    if (nf_property_is_option(property)) {
        return read_option((struct nf_connection *)socket, property, value);
    }
    value->number = property == NF_FD ? -1 : 0;
    return 0;
}

/* Whether a descriptor in the set has been closed. The kernel keeps it in the set while another
 * process has it open, and the set may then be ready without a reason. */
static bool is_outdated(const struct nf_dialing *dialing)
{
    const struct nf_race *race = &dialing->dial.race;
    bool outdated = dialing->watches_resolver && dialing->dial.resolve == NULL;

    for (int i = 0; i < race->count; i++) {
        outdated = outdated || ((dialing->watched & (uint64_t)1 << i) != 0 &&
                                race->attempt[i].state != NF_TRYING);
    }
    return outdated;
}

/* Replace the set if it is outdated. The old one stays open for one more call: the poller still
 * watches its descriptor until dialing_ready has returned the new one. */
static void renew_set(struct nf_dialing *dialing)
{
    close_set(&dialing->outdated);
    if (dialing->watch == NULL || is_outdated(dialing)) {
        dialing->outdated = dialing->watch;
        dialing->watch = nf_ready_best()->open();
        dialing->watched = 0;
        dialing->watches_resolver = false;
    }
}

/* A descriptor that is readable when one of the dial's is ready; -1: none was made. */
static int watch_all(struct nf_dialing *dialing)
{
    struct nf_race *race = &dialing->dial.race;
    struct nf_resolve *resolve = dialing->dial.resolve;
    int code = 0;

    renew_set(dialing);
    if (dialing->watch == NULL) {
        return -1;
    }
    if (resolve != NULL && !dialing->watches_resolver) {
        code = nf_ready_best()->set(dialing->watch, nf_resolve_fd(resolve), 0, NF_IN, NULL);
        dialing->watches_resolver = code == 0;
    }
    for (int i = 0; i < race->count && code == 0; i++) {
        uint64_t bit = (uint64_t)1 << i;

        if (race->attempt[i].state == NF_TRYING && (dialing->watched & bit) == 0) {
            code = nf_ready_best()->set(dialing->watch, race->attempt[i].fd, 0, NF_OUT, NULL);
            dialing->watched |= code == 0 ? bit : 0;
        }
    }
    return code == 0 ? nf_ready_best()->fd(dialing->watch) : -1;
}

/* A dial that is won asks its own backend. One that has failed or is cancelled is ready for
 * everything, because the next call returns at once. */
static void dialing_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    struct nf_connection *connection = (struct nf_connection *)socket;
    int code = await_dial(socket, NET_NOW);

    if (code == 0) {
        nf_backend_of(socket)->ready(socket, interest, out);
        return;
    }
    *out = (struct nf_readiness){.fd = -1, .want = NF_IN, .is_hint = true, .again = NET_FOREVER};
    if (code != NET_TIMEOUT) {
        out->ready = interest;
        return;
    }
    if (!nf_turn_take(&connection->driver, NET_NOW)) {
        out->again = nf_deadline_after(nf_now(), LOOK_AGAIN); /* another thread drives */
        return;
    }
    if (connection->dialing != NULL) {
        out->fd = watch_all(connection->dialing);
        out->again = nf_race_next(&connection->dialing->dial.race, nf_now());
    }
    if (out->fd < 0) {
        out->again = nf_earlier(out->again, nf_deadline_after(nf_now(), LOOK_AGAIN));
    }
    nf_turn_leave(&connection->driver);
}

/* `open`, `resolve` and `listener` are never used: a socket gets this table after its opening. */
static const struct nf_backend dialing_table = {
    .scheme = "dialing",
    .size = sizeof(struct nf_connection),
    .listener = NULL,
    .open = nf_refuse_open,
    .resolve = nf_inet_resolve,
    .accept = nf_refuse_accept,
    .send = dialing_send,
    .recv = dialing_recv,
    .send_messages = dialing_send_messages,
    .recv_messages = dialing_recv_messages,
    .shutdown = dialing_shutdown,
    .cancel = dialing_cancel,
    .close = dialing_close,
    .property = dialing_property,
    .ready = dialing_ready,
};

/* net_connect with NET_NOW. A dial that fails at once, or a name that cannot be looked up, makes a
 * socket whose calls fail. Any other error of nf_dial_begin, such as a bad address, is returned. */
static int dial_on(struct nf_connection *connection, const struct nf_target *target,
                   enum nf_transport transport, const struct nf_addr *to)
{
    struct nf_dialing *dialing = calloc(1, sizeof *dialing);

    if (dialing == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    nf_text_quote(dialing->address, target->address);
    connection->dialing = dialing;
    connection->fd = -1;
    int code = nf_wake_open(&dialing->wake);

    if (code == 0) {
        code = nf_dial_begin(&dialing->dial, target, transport, to);
    }
    if (code < 0 && code != NET_NAME) {
        free_dialing(connection);
        return code;
    }
    dialing->dial.target = *target;
    if (code == NET_NAME) {
        nf_text_copy(dialing->dial.lookup_error, sizeof dialing->dial.lookup_error,
                     nf_cause_pending()->detail);
        fail(dialing, code);
    } else {
        nf_dial_advance(&dialing->dial, connection, NET_NOW);
    }
    atomic_store(&connection->head.backend, &dialing_table);
    return 0;
}

int nf_dialing_connect(struct nf_connection *connection, const struct nf_target *target,
                       enum nf_transport transport, const struct nf_addr *to, net_deadline deadline)
{
    if (target->adopted >= 0) {
        return nf_adopt_connection(connection, target);
    }
    return deadline == NET_NOW ? dial_on(connection, target, transport, to)
                               : nf_dial_now(connection, target, transport, to, deadline);
}

/* udp:// listening: a listener that picks up one socket for each remote peer, and those sockets.
 * All of them are members of one hub (udp_hub.h), where the lock order is; here are their slots. */
#include "backends/datagram.h"
#include "backends/inet.h"
#include "backends/udp.h"
#include "backends/udp_hub.h"
#include "name/endpoint.h"
#include "os/futex.h"
#include "os/poll.h"
#include "os/socket.h"
#include "os/sockopt.h"
#include "os/thread.h"
#include "os/transfer.h"
#include "wait/deadline.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const struct nf_backend peer_table;

static struct nf_member *member_of(net_socket *socket)
{
    return (struct nf_member *)socket;
}

static struct nf_hub *hub_of(net_socket *socket)
{
    return member_of(socket)->hub;
}

static void add(_Atomic int64_t *counter, int64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* ---- The hub's life ---- */

static void free_hub(struct nf_hub *hub)
{
    nf_wake_close(&hub->wake);
    nf_socket_close(hub->fd);
    nf_table_close(&hub->table);
    nf_mutex_destroy(&hub->lock);
    free(hub->scratch);
    free(hub);
}

static int open_hub(struct nf_hub *hub, const struct nf_target *target)
{
    hub->fd = nf_inet_bind(target, NF_DATAGRAM, &hub->name);
    if (hub->fd < 0) {
        return hub->fd;
    }
    hub->process = nf_process();
    hub->v6 = nf_socket_is_v6(hub->fd);
    hub->wildcard = nf_addr_is_wildcard(&hub->name);
    memcpy(hub->bound, target->options.value, sizeof hub->bound);
    int code = hub->wildcard ? nf_sockopt_set(hub->fd, NF_SO_PKTINFO, 1) : 0;

    if (code == 0) {
        code = nf_wake_open(&hub->wake);
    }
    if (code == 0) {
        code = nf_table_open(&hub->table);
    }
    if (code == 0) {
        hub->scratch = malloc(NF_DATAGRAM_MAX);
        code = hub->scratch != NULL ? 0 : nf_fail_because(NET_LIMIT, "no memory");
    }
    return code;
}

static int udp_listen(net_socket *socket, const struct nf_target *target)
{
    struct nf_hub *hub = calloc(1, sizeof *hub);

    if (hub == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    nf_mutex_init(&hub->lock);
    hub->fd = -1;
    int code = open_hub(hub, target);

    if (code < 0) {
        free_hub(hub);
        return code;
    }
    hub->listener = member_of(socket);
    atomic_store(&hub->members, 1);
    member_of(socket)->hub = hub;
    socket->name = hub->name;
    return 0;
}

/* Close a member: `remove` takes it out of the hub. In a forked child the parent may have held the
 * lock at the moment of the fork; then only the descriptors are given back, and the memory stays.
 */
static int close_member(net_socket *socket, void (*remove)(net_socket *socket))
{
    struct nf_hub *hub = hub_of(socket);
    bool locked = nf_hub_lock_to_close(hub);

    if (locked) {
        remove(socket);
        nf_mutex_unlock(&hub->lock);
    }
    if (atomic_fetch_sub(&hub->members, 1) > 1) {
        return 0;
    }
    if (locked) {
        free_hub(hub);
    } else {
        nf_wake_close(&hub->wake);
        nf_socket_close(hub->fd);
    }
    return 0;
}

/* ---- Waiting and receiving ---- */

static bool has_strangers(const struct nf_member *member)
{
    return member->hub->strangers.first != NULL;
}

static net_deadline never(const struct nf_member *member)
{
    (void)member;
    return NET_FOREVER;
}

static const struct nf_errand await_stranger = {has_strangers, never};

static bool has_mail_or_ended(const struct nf_member *member)
{
    const struct nf_peer *peer = (const struct nf_peer *)member;

    return peer->mail.first != NULL || peer->ended;
}

static net_deadline ends(const struct nf_member *member)
{
    const struct nf_peer *peer = (const struct nf_peer *)member;
    int64_t idle = member->hub->bound[NF_IDLE];

    return idle != 0 && !peer->ended ? nf_deadline_after(peer->heard, idle) : NET_FOREVER;
}

static const struct nf_errand await_mail = {has_mail_or_ended, ends};

/* Hand a letter out: as much as fits. Returns its real length. */
static ssize_t open_letter(struct nf_member *member, struct nf_letter *letter, void *buffer,
                           size_t size)
{
    size_t length = letter->size;
    size_t fits = length < size ? length : size;

    if (fits > 0) {
        memcpy(buffer, letter->data, fits);
    }
    add(&member->bytes_in, (int64_t)length);
    add(&member->messages_in, 1);
    if (length > size) {
        add(&member->truncated, 1);
    }
    free(letter);
    return (ssize_t)length;
}

static ssize_t take_mail(net_socket *socket, void *buffer, size_t size, net_endpoint *endpoint,
                         net_deadline deadline)
{
    struct nf_hub *hub = hub_of(socket);
    struct nf_letter *letter = NULL;

    nf_mutex_lock(&hub->lock);
    int code = nf_hub_wait(member_of(socket), &await_mail, deadline);

    if (code == 0) {
        letter = nf_hub_take_from((struct nf_peer *)socket);
    }
    nf_mutex_unlock(&hub->lock);
    if (letter == NULL) {
        return code < 0 ? code : nf_fail_because(NET_EOF, "the peer was silent too long");
    }
    if (endpoint != NULL) {
        nf_endpoint_make(endpoint, &socket->name, &letter->local);
    }
    return open_letter(member_of(socket), letter, buffer, size);
}

static ssize_t take_stranger(net_socket *socket, void *buffer, size_t size, net_endpoint *endpoint,
                             net_deadline deadline)
{
    struct nf_hub *hub = hub_of(socket);
    struct nf_letter *letter = NULL;
    struct nf_addr from;

    nf_mutex_lock(&hub->lock);
    int code = nf_hub_wait(member_of(socket), &await_stranger, deadline);

    if (code == 0) {
        letter = nf_hub_take_stranger(hub, &from);
    }
    nf_mutex_unlock(&hub->lock);
    if (letter == NULL) {
        return code;
    }
    nf_endpoint_make(endpoint, &from, &letter->local);
    return open_letter(member_of(socket), letter, buffer, size);
}

/* The lock held, a stranger waiting. */
static net_socket *accept_first(struct nf_hub *hub)
{
    net_deadline now = nf_now();

    nf_hub_expire(hub, now);
    if (hub->accepted >= hub->bound[NF_PEERS]) {
        nf_fail_because(NET_LIMIT, "all %lld peers are taken", (long long)hub->bound[NF_PEERS]);
        return NULL;
    }
    net_socket *call = nf_socket_new(&peer_table);

    if (call != NULL) {
        nf_hub_accept(hub, (struct nf_peer *)call, now);
    }
    return call;
}

static net_socket *udp_accept(net_socket *socket, net_deadline deadline)
{
    struct nf_hub *hub = hub_of(socket);
    net_socket *call = NULL;

    nf_mutex_lock(&hub->lock);
    if (nf_hub_wait(member_of(socket), &await_stranger, deadline) == 0) {
        call = accept_first(hub);
    }
    nf_mutex_unlock(&hub->lock);
    return call;
}

static int listener_recv_messages(net_socket *socket, net_message *messages, int count,
                                  net_deadline deadline)
{
    return nf_datagram_recv_messages(socket, messages, count, deadline, take_stranger);
}

static ssize_t peer_recv(net_socket *socket, void *buffer, size_t size, int until,
                         net_deadline deadline)
{
    return nf_datagram_recv(socket, buffer, size, until, deadline, take_mail);
}

static int peer_recv_messages(net_socket *socket, net_message *messages, int count,
                              net_deadline deadline)
{
    return nf_datagram_recv_messages(socket, messages, count, deadline, take_mail);
}

/* ---- Sending ---- */

static ssize_t send_slices(struct nf_member *self, const net_slice *slices, int count,
                           const struct nf_addr *to, const struct nf_addr *from,
                           net_deadline deadline)
{
    struct nf_hub *hub = self->hub;
    bool says_from = hub->wildcard && from->family == to->family;
    bool denied = false;

    for (;;) {
        if (nf_is_canceled(&self->head)) {
            return nf_fail(NET_CANCELED);
        }
        ssize_t n =
            nf_transfer_send_to(hub->fd, hub->v6, slices, count, to, says_from ? from : NULL);

        if (n >= 0) {
            add(&self->bytes_out, n);
            add(&self->messages_out, 1);
            return n;
        }
        int code = nf_datagram_retry(&self->head, hub->fd, n, &denied, deadline);

        if (code < 0) {
            return code;
        }
    }
}

static ssize_t send_joined(struct nf_member *self, const net_slice *slices, int count,
                           const struct nf_addr *to, const struct nf_addr *from,
                           net_deadline deadline)
{
    net_slice joined;

    if (count <= NF_SLICES_MAX) {
        return send_slices(self, slices, count, to, from, deadline);
    }
    void *bytes = nf_datagram_join(slices, count, &joined);

    if (bytes == NULL) {
        return NET_LIMIT;
    }
    ssize_t n = send_slices(self, &joined, 1, to, from, deadline);

    free(bytes);
    return n;
}

static ssize_t give_to_peer(net_socket *socket, const net_slice *slices, int count,
                            const net_endpoint *endpoint, net_deadline deadline)
{
    struct nf_hub *hub = hub_of(socket);
    int code = nf_datagram_check_peer(socket, endpoint);

    if (code < 0) {
        return code;
    }
    nf_mutex_lock(&hub->lock);
    struct nf_addr from = ((struct nf_peer *)socket)->local;
    nf_mutex_unlock(&hub->lock);
    return send_joined(member_of(socket), slices, count, &socket->name, &from, deadline);
}

static ssize_t give_to_anyone(net_socket *socket, const net_slice *slices, int count,
                              const net_endpoint *endpoint, net_deadline deadline)
{
    struct nf_addr to;
    struct nf_addr from;

    if (nf_endpoint_is_empty(endpoint)) {
        return nf_fail_because(NET_MISUSE, "the message has no endpoint, and a listener no peer");
    }
    nf_endpoint_remote(endpoint, &to);
    nf_endpoint_local(endpoint, &from);
    return send_joined(member_of(socket), slices, count, &to, &from, deadline);
}

static int listener_send_messages(net_socket *socket, const net_message *messages, int count,
                                  net_deadline deadline)
{
    return nf_datagram_send_messages(socket, messages, count, deadline, give_to_anyone);
}

static ssize_t peer_send(net_socket *socket, const net_slice *slices, int count,
                         net_deadline deadline)
{
    return give_to_peer(socket, slices, count, NULL, deadline);
}

static int peer_send_messages(net_socket *socket, const net_message *messages, int count,
                              net_deadline deadline)
{
    return nf_datagram_send_messages(socket, messages, count, deadline, give_to_peer);
}

/* ---- The rest ---- */

/* Sleepers hear the bell of their socket; the postman, if it is one of ours, hears the hub's. */
static void member_cancel(net_socket *socket)
{
    struct nf_member *member = member_of(socket);

    atomic_fetch_add(&member->bell, 1);
    nf_futex_wake(&member->bell, INT_MAX);
    nf_wake_post(&member->hub->wake);
}

static void remove_peer(net_socket *socket)
{
    nf_hub_remove_peer((struct nf_peer *)socket);
}

static int peer_close(net_socket *socket, net_deadline deadline)
{
    (void)deadline;
    return close_member(socket, remove_peer);
}

static void remove_listener(net_socket *socket)
{
    nf_hub_remove_strangers(hub_of(socket));
    hub_of(socket)->listener = NULL;
}

static int listener_close(net_socket *socket, net_deadline deadline)
{
    (void)deadline;
    return close_member(socket, remove_listener);
}

static int read_counter(_Atomic int64_t *counter, struct nf_value *value)
{
    value->number = atomic_load_explicit(counter, memory_order_relaxed);
    return 0;
}

/* What listener and peer have alike; the rest is the descriptor's. */
static int member_property(net_socket *socket, enum nf_word word, struct nf_value *value,
                           bool write)
{
    struct nf_member *member = member_of(socket);
    struct nf_hub *hub = member->hub;

    switch (word) {
    case NF_PORT:
        value->number = hub->name.port;
        return 0;
    case NF_SOURCE:
        return 0;
    case NF_BYTES_SENT:
        return read_counter(&member->bytes_out, value);
    case NF_BYTES_RECEIVED:
        return read_counter(&member->bytes_in, value);
    case NF_MESSAGES_SENT:
        return read_counter(&member->messages_out, value);
    case NF_MESSAGES_RECEIVED:
        return read_counter(&member->messages_in, value);
    case NF_TRUNCATED:
        return read_counter(&member->truncated, value);
    case NF_PEERS:
    case NF_QUEUE:
    case NF_TOTAL:
    case NF_STRANGERS:
    case NF_IDLE:
        nf_mutex_lock(&hub->lock);
        *(write ? &hub->bound[word] : &value->number) = write ? value->number : hub->bound[word];
        nf_mutex_unlock(&hub->lock);
        return 0;
    default:
        return nf_inet_property(hub->fd, word, value, write);
    }
}

/* Who sleeps until his peer has been silent too long must reckon anew. */
static void wake_all(struct nf_hub *hub)
{
    nf_mutex_lock(&hub->lock);
    for (struct nf_member *each = hub->asleep; each != NULL; each = each->next_asleep) {
        nf_hub_ring(each, INT_MAX);
    }
    nf_mutex_unlock(&hub->lock);
    nf_wake_post(&hub->wake);
}

static int listener_property(net_socket *socket, enum nf_word word, struct nf_value *value,
                             bool write)
{
    struct nf_hub *hub = hub_of(socket);
    int code = 0;

    switch (word) {
    case NF_FD:
        value->number = hub->fd;
        return 0;
    case NF_LOCAL:
        value->addr = hub->name;
        return 0;
    case NF_PEER:
        return nf_fail_because(NET_MISUSE, "a listener has no peer");
    case NF_DROPPED_QUEUE:
    case NF_DROPPED_STRANGERS:
        nf_mutex_lock(&hub->lock);
        value->number = word == NF_DROPPED_QUEUE ? hub->dropped_queue : hub->dropped_strangers;
        nf_mutex_unlock(&hub->lock);
        return 0;
    default:
        code = member_property(socket, word, value, write);
        if (write && word == NF_IDLE) {
            wake_all(hub);
        }
        return code;
    }
}

static int peer_property(net_socket *socket, enum nf_word word, struct nf_value *value, bool write)
{
    struct nf_peer *self = (struct nf_peer *)socket;
    struct nf_hub *hub = hub_of(socket);

    if (write) {
        return nf_fail_because(NET_MISUSE, "an accepted peer has its listener's: change it there");
    }
    switch (word) {
    case NF_FD:
        value->number = -1;
        return 0;
    case NF_LOCAL:
        nf_mutex_lock(&hub->lock);
        value->addr = self->local.family == NF_NOWHERE ? hub->name : self->local;
        nf_mutex_unlock(&hub->lock);
        value->addr.port = hub->name.port;
        return 0;
    case NF_PEER:
        value->addr = socket->name;
        return 0;
    case NF_DROPPED_QUEUE:
        nf_mutex_lock(&hub->lock);
        value->number = self->dropped;
        nf_mutex_unlock(&hub->lock);
        return 0;
    default:
        return member_property(socket, word, value, write);
    }
}

/* Whoever asks is postman for a moment; what that brings to others rings their notices. */
static void member_ready(net_socket *socket, unsigned interest, struct nf_notice *notice,
                         struct nf_readiness *out, const struct nf_errand *errand)
{
    struct nf_member *member = member_of(socket);
    struct nf_hub *hub = member->hub;
    bool canceled = nf_is_canceled(socket);

    nf_mutex_lock(&hub->lock);
    member->notice = NULL;
    if ((interest & NF_IN) != 0 && !errand->is_done(member)) {
        nf_hub_fetch(hub);
    }
    bool done = canceled || errand->is_done(member);

    member->notice = notice;
    *out = (struct nf_readiness){.ready = interest & (NF_OUT | (done ? (unsigned)NF_IN : 0)),
                                 .fd = hub->fd,
                                 .want = interest & NF_IN,
                                 .again = errand->ends(member)};
    nf_mutex_unlock(&hub->lock);
}

static void listener_ready(net_socket *socket, unsigned interest, struct nf_notice *notice,
                           struct nf_readiness *out)
{
    member_ready(socket, interest, notice, out, &await_stranger);
}

static void peer_ready(net_socket *socket, unsigned interest, struct nf_notice *notice,
                       struct nf_readiness *out)
{
    member_ready(socket, interest, notice, out, &await_mail);
}

static const struct nf_backend peer_table = {
    .scheme = "udp",
    .size = sizeof(struct nf_peer),
    .words = NF_UDP_WORDS,
    .listener = &nf_udp_listener,
    .listen = nf_refuse_listen,
    .connect = nf_refuse_connect,
    .accept = nf_refuse_accept,
    .send = peer_send,
    .recv = peer_recv,
    .send_messages = peer_send_messages,
    .recv_messages = peer_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = member_cancel,
    .close = peer_close,
    .property = peer_property,
    .ready = peer_ready,
};

const struct nf_backend nf_udp_listener = {
    .scheme = "udp",
    .size = sizeof(struct nf_member),
    .words = NF_UDP_WORDS,
    .listener = &nf_udp_listener,
    .listen = udp_listen,
    .connect = nf_refuse_connect,
    .accept = udp_accept,
    .send = nf_refuse_send,
    .recv = nf_refuse_recv,
    .send_messages = listener_send_messages,
    .recv_messages = listener_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = member_cancel,
    .close = listener_close,
    .property = listener_property,
    .ready = listener_ready,
};

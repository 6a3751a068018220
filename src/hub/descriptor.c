/* A hub on a descriptor: opening, sending, readiness. Reading is in reader.c. */
#include "hub/descriptor.h"
#include "hub/reader.h"
#include "open/adopt.h"
#include "os/poll.h"
#include "os/socket.h"
#include "os/sockopt.h"
#include "wait/deadline.h"

#include <stdlib.h>

enum {
    RECHECK_OUT = 2,  /* ms after which a poller asks again for room to send */
    MESSAGES_MAX = 64 /* in one step of a call that sends many */
};

static bool is_listener(const struct nf_member *member)
{
    return member->head.kind->listener == member->head.kind;
}

/* The standing of a peer lies behind it, on the wires whose peers have queues. */
static struct nf_standing *standing_of(struct nf_member *member)
{
    return is_listener(member) ? &member->hub->standing
                               : (struct nf_standing *)(void *)((struct nf_peer *)member + 1);
}

/* Whether a member sends only as its share allows: all of a wire whose peers have queues; else the
 * listener, for strangers, when there are peers. */
static bool has_share(const struct nf_member *member)
{
    struct nf_hub *hub = member->hub;

    return hub->kind->peer_has_queue || (is_listener(member) && atomic_load(&hub->members) > 1);
}

static ssize_t transfer(struct nf_member *member, const net_slice *slices, int count,
                        const struct nf_route *route)
{
    struct nf_hub *hub = member->hub;

    return nf_transfer_send_to(hub->fd, hub->v6, slices, count, &route->to,
                               route->says_from ? &route->from : NULL);
}

/* The same if the member's share allows it now; else NF_WOULD_BLOCK. */
static ssize_t transfer_of_share(struct nf_member *member, const net_slice *slices, int count,
                                 const struct nf_route *route)
{
    struct nf_share *share = &member->hub->share;
    struct nf_standing *standing = standing_of(member);
    int64_t cost = nf_share_cost(nf_slices_size(slices, count));
    int64_t room = nf_share_begin(share, standing, cost);

    if (room == 0) {
        return NF_WOULD_BLOCK;
    }
    ssize_t n = transfer(member, slices, count, route);

    nf_share_end(share, standing, room, n >= 0 ? cost : 0);
    if (n == NF_WOULD_BLOCK) {
        nf_share_is_full(standing, RECHECK_OUT);
    }
    return n;
}

static ssize_t send_one(struct nf_member *member, const net_slice *slices, int count,
                        const struct nf_route *route, net_deadline deadline)
{
    bool shares = has_share(member);
    struct nf_retry retry = {.is_shared = true, .pauses = shares};

    for (;;) {
        if (nf_is_canceled(&member->head)) {
            return nf_fail(NET_CANCELED);
        }
        ssize_t n = shares ? transfer_of_share(member, slices, count, route)
                           : transfer(member, slices, count, route);

        if (n >= 0) {
            nf_add(&member->bytes_out, n);
            nf_add(&member->messages_out, 1);
            return n;
        }
        int code = nf_datagram_retry(&member->head, member->hub->fd, n, &retry, deadline);

        if (code < 0) {
            return code;
        }
    }
}

static int64_t cost_of(const net_message *messages, int count)
{
    int64_t cost = 0;

    for (int i = 0; i < count; i++) {
        cost += nf_share_cost(messages[i].size);
    }
    return cost;
}

/* Send the next messages, as many as the member's share allows now. How many, NF_WOULD_BLOCK or a
 * code. */
static int send_some(struct nf_member *member, const struct nf_datagram_sender *sender,
                     const net_message *messages, int count)
{
    struct nf_share *share = &member->hub->share;
    struct nf_standing *standing = standing_of(member);
    int most = count < MESSAGES_MAX ? count : MESSAGES_MAX;
    int code = nf_datagram_check_size(messages->size, sender->size_max);

    if (code < 0) {
        return code;
    }
    int64_t room = nf_share_begin(share, standing, cost_of(messages, most));
    int64_t left = room;
    int some = 0;

    if (room == 0) {
        return NF_WOULD_BLOCK;
    }
    do {
        left -= nf_share_cost(messages[some++].size);
    } while (some < most && left > 0);
    int n = nf_datagram_send_messages(sender, messages, some, NET_NOW);

    nf_share_end(share, standing, room, cost_of(messages, n));
    if (n == NET_TIMEOUT) {
        nf_share_is_full(standing, RECHECK_OUT);
    }
    return n == NET_TIMEOUT ? NF_WOULD_BLOCK : n;
}

/* `n` of `count` messages were sent: whether to go on. */
static bool goes_on(struct nf_pace *pace, const net_message *messages, int n, int count,
                    net_deadline deadline)
{
    size_t bytes = 0;

    for (int i = 0; i < n; i++) {
        bytes += messages[i].size;
    }
    return n == count || nf_pace_goes_on(pace, nf_datagram_cost(bytes, n), deadline);
}

static int send_messages(struct nf_member *member, nf_datagram_find_route *find_route,
                         const net_message *messages, int count, net_deadline deadline)
{
    struct nf_hub *hub = member->hub;
    struct nf_retry retry = {.pauses = true};
    struct nf_datagram_sender sender = {.socket = &member->head,
                                        .fd = hub->fd,
                                        .v6 = hub->v6,
                                        .has_trains = hub->kind->has_trains,
                                        .size_max = hub->kind->size_max,
                                        .retry = {.is_shared = true},
                                        .find_route = find_route,
                                        .bytes = &member->bytes_out,
                                        .messages = &member->messages_out,
                                        .refusal = &hub->refusal};
    struct nf_pace pace = {0};
    int done = 0;
    int code = 0;

    if (!has_share(member)) {
        return nf_datagram_send_messages(&sender, messages, count, deadline);
    }
    while (code == 0 && done < count) {
        int n = send_some(member, &sender, messages + done, count - done);

        if (n == NF_WOULD_BLOCK) {
            code = nf_datagram_retry(&member->head, hub->fd, n, &retry, deadline);
        } else if (n < 0) {
            code = n;
        } else {
            code = goes_on(&pace, messages + done, n, count - done, deadline) ? 0 : NET_TIMEOUT;
            done += n;
        }
    }
    return code < 0 ? nf_datagram_stop(done, code, NULL) : done;
}

/* A poller does not wait for POLLOUT on a shared descriptor: it nearly always has room to send, and
 * if not, soon will. NF_OUT is asked for here, and again after a pause. A unix descriptor shows
 * POLLOUT only while 3/4 of its buffer are free, which one peer could change for all. */
static void ready(struct nf_member *member, unsigned interest, struct nf_readiness *out)
{
    struct nf_hub *hub = member->hub;
    struct nf_poll poll = {.fd = hub->fd, .want = NF_OUT};
    bool wants_out = (interest & NF_OUT) != 0;
    bool has_room =
        wants_out &&
        (!has_share(member) || nf_share_is_writable(&hub->share, standing_of(member))) &&
        (hub->kind->peer_has_queue || nf_poll(&poll, 1, NET_NOW) > 0);

    out->ready = has_room ? NF_OUT : 0;
    out->again = wants_out && !has_room ? nf_deadline_after(nf_now(), RECHECK_OUT) : NET_FOREVER;
    out->common = (interest & NF_IN) != 0 ? &hub->common : NULL;
}

static void close_descriptor(struct nf_hub *hub)
{
    nf_wake_close(&hub->wake);
    nf_fd_close(hub->fd);
}

static const struct nf_hub_ops descriptor_ops = {
    .send = send_one,
    .send_messages = send_messages,
    .step = nf_reader_step,
    .leave = nf_reader_leave,
    .ready = ready,
    .close = close_descriptor,
};

static int open_descriptor(struct nf_hub *hub, const struct nf_target *target)
{
    hub->common = (struct nf_common){.fd = hub->fd, .pump = nf_reader_pump};
    hub->v6 = nf_fd_is_v6(hub->fd);
    hub->wildcard = nf_addr_is_wildcard(&hub->name) || nf_addr_is_group(&hub->name);
    int code = hub->wildcard ? nf_sockopt_set(hub->fd, NF_SO_PKTINFO, 1) : 0;

    if (code == 0) {
        code = nf_wake_open(&hub->wake);
    }
    if (code == 0 && target->adopted < 0) {    /* other readers must not get joined datagrams */
        nf_sockopt_set(hub->fd, NF_SO_GRO, 1); /* may fail: then they come one by one */
    }
    return code;
}

int nf_hub_open(net_socket *listener, const struct nf_target *target, int fd,
                const struct nf_addr *name, const struct nf_datagram_kind *kind,
                const struct nf_backend *peer_table)
{
    struct nf_hub *hub = nf_hub_new(listener, target, name, &descriptor_ops, peer_table);

    if (hub == NULL) {
        return nf_cause_pending()->code;
    }
    hub->fd = fd;
    hub->kind = kind;
    nf_share_open(&hub->share, fd, kind->peer_has_queue);
    int code = open_descriptor(hub, target);

    if (code == 0) {
        code = nf_adopt_settle(target, fd, code);
    }
    if (code < 0) {
        nf_wake_close(&hub->wake);
        nf_hub_free(hub);
    } else if (target->adopted >= 0) {
        nf_transfer_discard_errors(fd);
    }
    return code;
}

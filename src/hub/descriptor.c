/* A hub on a descriptor: opening, sending, readiness. Reading is in reader.c. */
#include "hub/descriptor.h"
#include "hub/reader.h"
#include "open/adopt.h"
#include "os/poll.h"
#include "os/socket.h"
#include "os/sockopt.h"
#include "wait/deadline.h"

#include <stdlib.h>

enum { FULL_PAUSE = 2 }; /* ms after which a poller asks again for room to send */

static _Atomic net_deadline *full_until(struct nf_hub *hub)
{
    return hub->kind->peer_has_queue ? &hub->full_until : NULL;
}

static ssize_t send_one(struct nf_member *member, const net_slice *slices, int count,
                        const struct nf_route *route, net_deadline deadline)
{
    struct nf_hub *hub = member->hub;
    struct nf_retry retry = {.is_shared = true};

    for (;;) {
        if (nf_is_canceled(&member->head)) {
            return nf_fail(NET_CANCELED);
        }
        ssize_t n = nf_transfer_send_to(hub->fd, hub->v6, slices, count, &route->to,
                                        route->says_from ? &route->from : NULL);

        if (n >= 0) {
            nf_add(&member->bytes_out, n);
            nf_add(&member->messages_out, 1);
            return n;
        }
        retry.full_until = full_until(hub);
        int code = nf_datagram_retry(&member->head, hub->fd, n, &retry, deadline);

        if (code < 0) {
            return code;
        }
    }
}

static int send_messages(struct nf_member *member, nf_datagram_find_route *find_route,
                         const net_message *messages, int count, net_deadline deadline)
{
    struct nf_hub *hub = member->hub;
    struct nf_datagram_sender sender = {.socket = &member->head,
                                        .fd = hub->fd,
                                        .v6 = hub->v6,
                                        .has_trains = hub->kind->has_trains,
                                        .size_max = hub->kind->size_max,
                                        .retry = {.is_shared = true, .full_until = full_until(hub)},
                                        .find_route = find_route,
                                        .bytes = &member->bytes_out,
                                        .messages = &member->messages_out,
                                        .refusal = &hub->refusal};

    return nf_datagram_send_messages(&sender, messages, count, deadline);
}

/* A poller does not wait for POLLOUT on a shared descriptor: it nearly always has room to send, and
 * if not, soon will. NF_OUT is asked for here, and again after a pause. */
static void ready(struct nf_hub *hub, unsigned interest, struct nf_readiness *out)
{
    struct nf_poll poll = {.fd = hub->fd, .want = NF_OUT};
    bool wants_out = (interest & NF_OUT) != 0;
    bool is_full = atomic_load(&hub->full_until) != NET_NOW &&
                   !nf_deadline_passed(atomic_load(&hub->full_until));
    bool has_room = wants_out && !is_full && nf_poll(&poll, 1, NET_NOW) > 0;

    out->ready = has_room ? NF_OUT : 0;
    out->again = wants_out && !has_room ? nf_deadline_after(nf_now(), FULL_PAUSE) : NET_FOREVER;
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
        return nf_adopt_settle(target, fd, nf_cause_pending()->code);
    }
    hub->fd = fd;
    hub->kind = kind;
    int code = nf_adopt_settle(target, fd, open_descriptor(hub, target));

    if (code < 0) {
        nf_wake_close(&hub->wake);
        nf_hub_free(hub);
    } else if (target->adopted >= 0) {
        nf_transfer_discard_errors(fd);
    }
    return code;
}

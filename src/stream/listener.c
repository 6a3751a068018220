/* Accepting connections on a bound stream descriptor, with a deadline and a cancel, and what
 * happens when the process has no descriptor for the next one. */
#include "stream/listener.h"
#include "socket/kernel.h"
#include "open/adopt.h"
#include "socket/connection.h"
#include "socket/socket.h"
#include "os/socket.h"

enum {
    LIMIT_WAIT = 100, /* ms that an accept waits for a free descriptor */
    LIMIT_PAUSE = 10, /* ms between its tries */
    GONE_MAX = 16,    /* tries in one call that find the peer gone; each later one waits */
    GONE_PAUSE = 1,   /* ms of the delay, so that a persistent error does not spin */
    RECHECK = 20      /* ms until a poller looks again at a listener that could not accept */
};

static int begin(struct nf_stream_listener *self, const struct nf_target *target)
{
    int code = nf_wake_open(&self->wake);

    if (code == 0 && target->adopted < 0) {
        code = nf_fd_listen(self->fd, (int)target->options.value[NF_BACKLOG]);
    }
    return code < 0 ? code : nf_adopt_settle(target, self->fd, code);
}

/* An adopted descriptor listens already. So its backlog can be changed last, when nothing else can
 * fail, and cannot fail itself. */
static void settle_backlog(struct nf_stream_listener *self, const struct nf_target *target)
{
    int64_t backlog = target->options.value[NF_BACKLOG];
    int64_t granted;

    if (target->adopted >= 0 && (target->options.given & NF_OPTION(NF_BACKLOG)) != 0) {
        nf_fd_listen(self->fd, (int)backlog);
    }
    bool is_known = nf_sockopt_get(self->fd, NF_SO_BACKLOG, &granted) == 0; /* tcp only */

    self->backlog = (int)(is_known ? granted : nf_backlog_granted(backlog));
}

int nf_stream_listen(struct nf_stream_listener *self, const struct nf_target *target)
{
    struct nf_descriptor what = {0};

    if (target->adopted >= 0 && nf_descriptor_ask(target->adopted, &what) == 0) {
        self->did_block = what.blocks;
        self->was_inherited = what.is_inherited;
    }
    int code = begin(self, target);

    if (code < 0) {
        nf_wake_close(&self->wake);
    } else {
        settle_backlog(self, target);
    }
    return code;
}

/* There is no descriptor for the next connection. Pause, for LIMIT_WAIT in all and never beyond the
 * deadline, in case one becomes free. `give_up_at` is NET_NOW at the first try. */
static int wait_for_descriptor(struct nf_stream_listener *self, net_deadline *give_up_at,
                               net_deadline deadline)
{
    if (*give_up_at == NET_NOW) {
        *give_up_at = nf_earlier(deadline, nf_deadline_after(nf_now(), LIMIT_WAIT));
    }
    if (nf_deadline_passed(*give_up_at)) {
        return nf_fail_because(NET_LIMIT, "no descriptor or no memory for a connection");
    }
    nf_pause(&self->wake, LIMIT_PAUSE, *give_up_at);
    return 0;
}

/* A connection is in the queue, but it cannot be accepted now. The listener stays readable, and a
 * poller would report it again and again, so it is not polled for RECHECK. */
static void stop_polling(struct nf_stream_listener *self)
{
    atomic_store(&self->limited_until, nf_deadline_after(nf_now(), RECHECK));
    nf_socket_notify(&self->head);
}

/* Many peers in a row have gone, or the system says so each time. Pause before the next try. The
 * failure names the error of the last one. */
static int pause_for_gone(struct nf_stream_listener *self, net_deadline deadline)
{
    int error = nf_cause_pending()->error;
    int code = nf_pause(&self->wake, GONE_PAUSE, deadline);

    if (code < 0) {
        stop_polling(self);
        return nf_fail_as(code, error);
    }
    return 0;
}

static int accept_one(struct nf_stream_listener *self, struct nf_addr *peer, char *room,
                      net_deadline deadline)
{
    net_deadline give_up_at = NET_NOW;
    int gone = 0;
    int denied = 0;

    for (;;) {
        if (nf_is_canceled(&self->head)) {
            return nf_fail(NET_CANCELED);
        }
        int fd = nf_fd_accept(self->fd, peer, room);

        if (fd >= 0) {
            return fd;
        }
        int code = fd;

        if (fd == NF_PEER_GONE) {
            code = ++gone < GONE_MAX ? 0 : pause_for_gone(self, deadline);
        } else if (fd == NET_DENIED && ++denied < GONE_MAX) {
            /* Only this connection may be forbidden, or the call itself: pause, so as not to spin.
             * A denial counts more than the deadline, because it names the cause. */
            nf_pause(&self->wake, GONE_PAUSE, deadline);
            code = 0;
        } else if (fd == NF_WOULD_BLOCK) {
            denied = 0;
            code = nf_wait(self->fd, NF_IN, &self->wake, deadline);
        }
        if (code == NET_LIMIT) {
            code = wait_for_descriptor(self, &give_up_at, deadline);
        }
        if (code < 0) {
            return code;
        }
    }
}

static void resume_polling(struct nf_stream_listener *self)
{
    atomic_store(&self->limited_until, NET_NOW);
    nf_socket_notify(&self->head);
}

static bool is_polling_stopped(struct nf_stream_listener *self)
{
    net_deadline limited_until = atomic_load(&self->limited_until);

    if (limited_until != NET_NOW && nf_deadline_passed(limited_until)) {
        limited_until = nf_fd_has_room(1) ? NET_NOW : nf_deadline_after(nf_now(), RECHECK);
        atomic_store(&self->limited_until, limited_until);
    }
    return limited_until != NET_NOW;
}

/* The object is allocated first: without memory for it, an accepted connection would be lost. */
net_socket *nf_stream_accept(struct nf_stream_listener *self, const struct nf_backend *backend,
                             net_deadline deadline)
{
    char room[NF_ADDR_NAME_MAX];
    net_socket *accepted = nf_socket_new(backend);
    int fd = accepted != NULL ? accept_one(self, &accepted->name, room, deadline) : NET_LIMIT;

    if (fd < 0 && fd != NET_TIMEOUT && fd != NET_CANCELED) {
        stop_polling(self);
    }
    if (fd < 0) {
        nf_socket_free(accepted);
        return NULL;
    }
    if (atomic_load_explicit(&self->limited_until, memory_order_relaxed) != NET_NOW) {
        resume_polling(self);
    }
    accepted->owns_name = true;
    nf_addr_keep(&accepted->name); /* without memory for it, the peer has no name */
    ((struct nf_connection *)accepted)->fd = fd;
    return accepted;
}

/* Other processes may share the descriptor, so it is not shut down: only our own wake is posted. */
void nf_stream_listener_cancel(net_socket *socket)
{
    nf_wake_post(&((struct nf_stream_listener *)socket)->wake);
}

int nf_stream_listener_close(net_socket *socket, net_deadline deadline)
{
    struct nf_stream_listener *self = (struct nf_stream_listener *)socket;

    (void)deadline;
    nf_wake_close(&self->wake);
    nf_fd_close(self->fd);
    return 0;
}

/* Give the descriptor back. It stays non-blocking, because other processes may share it. An adopted
 * one that was blocking becomes so again. */
static int release(struct nf_stream_listener *self, struct nf_value *value)
{
    int code = self->was_delayed ? nf_sockopt_set(self->fd, NF_SO_NODELAY, 0) : 0;

    if (self->took_rights && code == 0) {
        nf_sockopt_set(self->fd, NF_SO_RIGHTS, 1); /* older systems do not have it */
    }
    if (code == 0) {
        code = nf_descriptor_give_back(self->fd, self->did_block, self->was_inherited);
    }
    if (code == 0) {
        value->number = self->fd;
        self->fd = -1;
    }
    return code;
}

int nf_stream_listener_property(net_socket *socket, enum nf_property property,
                                struct nf_value *value, bool write)
{
    struct nf_stream_listener *self = (struct nf_stream_listener *)socket;

    switch (property) {
    case NF_FD:
        value->number = self->fd;
        return 0;
    case NF_BACKLOG:
        value->number = self->backlog;
        return 0;
    case NF_RELEASE:
        return write ? release(self, value) : 0;
    case NF_FAMILY:
        value->number = self->family;
        return 0;
    case NF_SOURCE:
        return 0;
    case NF_NODELAY: /* once the user has set it, a release leaves it as it is */
        self->was_delayed = self->was_delayed && !write;
        return nf_kernel_property(self->fd, property, value, write);
    case NF_LOCAL:
        value->addr = socket->name;
        return 0;
    case NF_PEER:
    case NF_RTT:
    case NF_RETRANSMITS:
    case NF_MTU:
    case NF_RESET:
        return nf_fail_because(NET_MISUSE, "a listener has no peer");
    default:
        return nf_kernel_property(self->fd, property, value, write);
    }
}

void nf_stream_listener_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    struct nf_stream_listener *self = (struct nf_stream_listener *)socket;
    bool stopped = (interest & NF_IN) != 0 && is_polling_stopped(self);

    *out =
        (struct nf_readiness){.ready = nf_is_canceled(socket) ? interest : 0,
                              .fd = self->fd,
                              .want = stopped ? 0 : interest & NF_IN,
                              .again = stopped ? atomic_load(&self->limited_until) : NET_FOREVER};
}

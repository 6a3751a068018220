/* What a wire must be able to do: one table for each kind of socket. The door looks up the table's
 * slot and calls it, and that is all it knows.
 *
 * To add a backend: one file with its tables at the bottom, every slot filled (nf_refuse_* for what
 * it cannot do), and a line in api/registry.c. docs/architecture.md walks through it. */
#ifndef NF_SOCKET_BACKEND_H
#define NF_SOCKET_BACKEND_H

#include "name/option.h"
#include "name/url.h"
#include "netfacade.h"
#include "os/address.h"
#include "os/cause.h"
#include "os/poll.h"
#include "wait/notice.h"
#include "wait/turn.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Where to listen or to dial: an address taken apart and its options checked. Lives as long as the
 * call. */
struct nf_target {
    const char *address;
    const struct nf_backend *backend;
    struct nf_url url;
    struct nf_options options;
    int adopted; /* a descriptor to be taken (adopt.h) instead of one to be opened; -1: none */
};

/* What a receive waits for: something, all of the buffer, or a delimiter (0 to 255); or, of a
 * stream and asked by a layer alone, something that is left where it is. */
enum { NF_SOME = -1, NF_ALL = -2, NF_LOOK = -3 };

/* A close may leave the object where it is: see nf_backend.close. */
enum { NF_STAYS = 1 };

/* A descriptor that many sockets have in common. Whoever watches some of them watches it once for
 * all: when it is readable, and at the moment that the last pump returned, he pumps; and the
 * sockets to which that brought something ring. */
struct nf_common {
    int fd;
    net_deadline (*pump)(struct nf_common *common);
};

/* How ready a socket is, and where more readiness will come from. */
struct nf_readiness {
    unsigned ready; /* of NF_IN and NF_OUT: what user space knows to be ready now */
    int fd; /* watch this descriptor for `want`; -1: none. Open until asked again or closed */
    unsigned want;            /* of NF_IN and NF_OUT */
    bool is_hint;             /* what the descriptor says is not the answer: ask again */
    struct nf_common *common; /* watch this, too; or NULL */
    net_deadline pump;        /* and pump it at this moment at the latest */
    net_deadline again;       /* ask again at this moment at the latest */
};

struct nf_backend {
    const char *scheme;
    size_t size;                       /* of the object, which begins with struct net_socket */
    struct nf_properties properties;   /* its options and properties; of a layer its own ones */
    const struct nf_backend *listener; /* of its listeners; a listener's table names itself */
    const struct nf_backend *lower;    /* of a layer: whose bytes it carries; else NULL */

    /* A fresh object of zeros begins to listen, or to dial, as its table is for. On failure nothing
     * is left behind but the object, which the caller frees without close. To dial with NET_NOW
     * leaves a socket that is dialing. */
    int (*open)(net_socket *socket, const struct nf_target *target, net_deadline deadline);

    /* The endpoints of a target, at most `count`, in the order in which a dial would try them: how
     * many, or a code. */
    int (*resolve)(const struct nf_target *target, net_endpoint *endpoints, int count,
                   net_deadline deadline);

    /* A new socket, or NULL. */
    net_socket *(*accept)(net_socket *socket, net_deadline deadline);

    /* `count` is at least 1, no size is over SSIZE_MAX, nor is their sum. */
    ssize_t (*send)(net_socket *socket, const net_slice *slices, int count, net_deadline deadline);
    ssize_t (*recv)(net_socket *socket, void *buffer, size_t size, int until,
                    net_deadline deadline);
    int (*send_messages)(net_socket *socket, const net_message *messages, int count,
                         net_deadline deadline);
    int (*recv_messages)(net_socket *socket, net_message *messages, int count,
                         net_deadline deadline);
    int (*shutdown)(net_socket *socket);

    /* Wake everybody inside; the flag is set already. From any thread or signal handler. */
    void (*cancel)(net_socket *socket);

    /* Let go of everything but the object, which the caller frees; alone on the socket. NF_STAYS
     * where the object can be freed no more, else 0 or a code. */
    int (*close)(net_socket *socket, net_deadline deadline);

    /* Read a word into `value`, or write it from there. */
    int (*property)(net_socket *socket, enum nf_property property, struct nf_value *value,
                    bool write);

    /* How ready it is for `interest`. A caller that waits asks again when the notice of the socket
     * was rung, which user space does when it learns more. A layer lends its own notice to the
     * socket below before it asks that. */
    void (*ready)(net_socket *socket, unsigned interest, struct nf_readiness *out);
};

/* All the options and properties of a scheme: of a layer also those of what it stands on. */
static inline struct nf_properties nf_properties_of(const struct nf_backend *backend)
{
    struct nf_properties set = backend->properties;

    if (backend->lower != NULL) {
        set.options |= backend->lower->properties.options;
        set.others |= backend->lower->properties.others;
    }
    return set;
}

/* The head of every socket. */
struct net_socket {
    _Atomic(const struct nf_backend *) backend; /* replaced once, when a dial is won */
    const struct nf_backend *kind;              /* the table it was made for: scheme and words */
    _Atomic(struct nf_notice *) notice; /* whom to tell of readiness in user space; NULL: nobody */
    struct nf_addr name;                /* of a connection the peer, of a listener its own */
    struct nf_kept *kept;               /* the part of a line that was taken (until.h), or NULL */
    bool owns_name;                     /* it was kept, and goes with the object */
    _Atomic bool canceled;
    _Atomic bool kept_is_data; /* a poller is to tell of what is kept */
    uint16_t process;          /* whose it is: the end of what nf_process said when it was made */
    _Atomic uint16_t visitors; /* threads that may look at the notice, or at what a dial leaves */
};

/* The object of a layer begins with it. */
struct nf_layer {
    net_socket head;
    net_socket *lower;
    struct nf_turn settling; /* of who says that the dial below is won */
};

static inline net_socket *nf_layer_lower(net_socket *socket)
{
    return ((struct nf_layer *)socket)->lower;
}

static inline const struct nf_backend *nf_backend_of(net_socket *socket)
{
    return atomic_load_explicit(&socket->backend, memory_order_acquire);
}

/* How ready it is, with what it keeps. */
static inline void nf_socket_ready(net_socket *socket, unsigned interest, struct nf_readiness *out)
{
    nf_backend_of(socket)->ready(socket, interest, out);
    if (atomic_load(&socket->kept_is_data)) {
        out->ready |= interest & NF_IN;
    }
}

static inline bool nf_is_canceled(net_socket *socket)
{
    return atomic_load_explicit(&socket->canceled, memory_order_acquire);
}

/* The one place where sockets are made and freed: an object of zeros, or NULL (NET_LIMIT). */
net_socket *nf_socket_new(const struct nf_backend *backend);
void nf_socket_free(net_socket *socket);

/* Cancel: the flag first, then the backend's way of waking. */
void nf_socket_cancel(net_socket *socket);

/* Wait until nobody who was counted before is inside: a call that a cancel woke returns, and the
 * socket is closed, before that cancel has returned. */
void nf_socket_await_visitors(net_socket *socket);

/* Replace the table for good, and wait until no cancel looks at what the old one owned. */
void nf_socket_set_backend(net_socket *socket, const struct nf_backend *backend);

/* Have another notice or none, and wait until nobody rings the old one; nor does a socket below it,
 * which had it lent. */
void nf_socket_notify(net_socket *socket, struct nf_notice *notice);

/* Have none, in a forked child: whoever is counted as ringing is a thread of the parent's. */
void nf_socket_forget_notice(net_socket *socket);

/* User space has learned more: ring. With any lock held. */
void nf_socket_ring_watched(net_socket *socket);

static inline void nf_socket_ring(net_socket *socket)
{
    if (atomic_load(&socket->notice) != NULL) {
        nf_socket_ring_watched(socket);
    }
}

/* The answers of a slot that its kind of socket does not have: NET_MISUSE, with a sentence. */
int nf_refuse_open(net_socket *socket, const struct nf_target *target, net_deadline deadline);
net_socket *nf_refuse_accept(net_socket *socket, net_deadline deadline);
ssize_t nf_refuse_send(net_socket *socket, const net_slice *slices, int count,
                       net_deadline deadline);
ssize_t nf_refuse_recv(net_socket *socket, void *buffer, size_t size, int until,
                       net_deadline deadline);
int nf_refuse_send_messages(net_socket *socket, const net_message *messages, int count,
                            net_deadline deadline);
int nf_refuse_recv_messages(net_socket *socket, net_message *messages, int count,
                            net_deadline deadline);
int nf_refuse_shutdown(net_socket *socket);
int nf_refuse_release(void);

#endif

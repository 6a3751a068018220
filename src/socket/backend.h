/* What every socket is: the table of a kind of socket (a backend), and the head of the object. A
 * public function looks up the slot in the table and calls it; it knows nothing else of the
 * backend.
 *
 * To add a backend, write one file with its tables at the bottom, fill every slot (nf_refuse_*
 * for what it cannot do), and add it to api/registry.c. docs/architecture.md walks through it. */
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

/* Where to listen or dial: the parsed address with its checked options. Valid for the duration
 * of the call. */
struct nf_target {
    const char *address;
    const struct nf_backend *backend;
    struct nf_url url;
    struct nf_options options;
    int adopted; /* a descriptor to adopt (open/adopt.h) instead of opening one; -1: none */
};

/* What a receive waits for: some bytes, the whole buffer, or a delimiter (0 to 255). NF_LOOK is
 * for streams and only a layer passes it: copy bytes but leave them unread. */
enum { NF_SOME = -1, NF_ALL = -2, NF_LOOK = -3 };

/* A close may forbid freeing the object: see nf_backend.close. */
enum { NF_STAYS = 1 };

/* A descriptor that many sockets share. A poller of some of them watches it once for all. It
 * calls `pump` when the descriptor is readable, and at the moment that the last pump returned.
 * The sockets that became ready by it post their notices. */
struct nf_common {
    int fd;
    net_deadline (*pump)(struct nf_common *common);
};

/* How ready a socket is, and what makes it more ready. */
struct nf_readiness {
    unsigned ready; /* of NF_IN and NF_OUT: what is ready now, as far as user space knows */
    int fd; /* watch this for `want`; -1: none. Stays open until the next query or the close */
    unsigned want;            /* of NF_IN and NF_OUT */
    bool is_hint;             /* readiness of the descriptor is not enough: query again */
    struct nf_common *common; /* watch this too; or NULL */
    net_deadline pump;        /* and pump it no later than this */
    net_deadline again;       /* query again no later than this */
};

struct nf_backend {
    const char *scheme;
    size_t size;                       /* of the object, which begins with struct net_socket */
    struct nf_properties properties;   /* options and properties; of a layer only its own */
    const struct nf_backend *listener; /* the table of its listeners; in their table, itself */
    const struct nf_backend *lower;    /* of a layer: the backend below it; else NULL */

    /* Start listening or dialing, as the table is for, on an object of zeros. On failure it
     * leaves nothing behind but the object; the caller frees that without close. A dial with
     * NET_NOW returns a socket that is still dialing. */
    int (*open)(net_socket *socket, const struct nf_target *target, net_deadline deadline);

    /* Store at most `count` endpoints of a target, in the order in which a dial would try them.
     * Returns their number or a code. */
    int (*resolve)(const struct nf_target *target, net_endpoint *endpoints, int count,
                   net_deadline deadline);

    /* Returns a new socket, or NULL. */
    net_socket *(*accept)(net_socket *socket, net_deadline deadline);

    /* `count` is at least 1. Neither a size nor the sum of all sizes exceeds SSIZE_MAX. */
    ssize_t (*send)(net_socket *socket, const net_slice *slices, int count, net_deadline deadline);
    ssize_t (*recv)(net_socket *socket, void *buffer, size_t size, int until,
                    net_deadline deadline);
    int (*send_messages)(net_socket *socket, const net_message *messages, int count,
                         net_deadline deadline);
    int (*recv_messages)(net_socket *socket, net_message *messages, int count,
                         net_deadline deadline);
    int (*shutdown)(net_socket *socket);

    /* Wake every thread inside a call; `canceled` is set already. Called from any thread or
     * signal handler. */
    void (*cancel)(net_socket *socket);

    /* Release everything but the object, which the caller frees. No other call runs on the
     * socket. Returns 0 or a code, or NF_STAYS where the caller must not free the object. */
    int (*close)(net_socket *socket, net_deadline deadline);

    /* Read a property into `value`, or write it from there. */
    int (*property)(net_socket *socket, enum nf_property property, struct nf_value *value,
                    bool write);

    /* How ready it is for `interest`. User space posts the notice of the socket when it learns
     * more, and a caller that waits then queries again. A layer lends its own notice to the
     * socket below before it queries that one. */
    void (*ready)(net_socket *socket, unsigned interest, struct nf_readiness *out);
};

/* All options and properties of a scheme; for a layer, with those of the backends below. */
static inline struct nf_properties nf_properties_of(const struct nf_backend *backend)
{
    struct nf_properties set = backend->properties;

    for (backend = backend->lower; backend != NULL; backend = backend->lower) {
        set.options |= backend->properties.options;
        set.others |= backend->properties.others;
        set.cipher = backend->properties.cipher != NULL ? backend->properties.cipher : set.cipher;
    }
    return set;
}

/* The head of every socket. */
struct net_socket {
    _Atomic(const struct nf_backend *) backend; /* `kind`; while it dials, a table of its own */
    const struct nf_backend *kind;      /* the table it was made for: scheme and properties */
    _Atomic(struct nf_notice *) notice; /* posted on readiness in user space; NULL: none */
    struct nf_addr name;                /* of a connection the peer's, of a listener its own */
    struct nf_kept *kept; /* bytes received and not handed out yet (kept.h), or NULL */
    bool owns_name;       /* the name's memory is freed with the object */
    _Atomic bool canceled;
    _Atomic bool kept_is_ready; /* `kept` counts as readable */
    uint16_t process;           /* the low bits of nf_process() when the socket was made */
    _Atomic uint16_t users;     /* threads in a notify or a cancel: what they use is not freed */
};

/* The head of a layer's object. */
struct nf_layer {
    net_socket head;
    net_socket *lower;
    struct nf_kept *rest;       /* bytes to send before all others (layer.h), or NULL */
    struct nf_turn settling;    /* held while the won dial below is noted here */
    struct nf_turn in;          /* its holder alone receives, and uses `kept` of the head */
    struct nf_turn out;         /* the same for sending, and `rest` */
    _Atomic bool is_cut;        /* sending below has failed for good: the rest cannot go */
    _Atomic bool has_rest;      /* there is a rest that can go; for who does not have the turn */
    _Atomic uint8_t half_close; /* of NF_HALF_CLOSE_OFF and so on, below */
};

/* Whether the layer is to half-close the socket below, which waits until `rest` is sent. */
enum { NF_HALF_CLOSE_OFF, NF_HALF_CLOSE_DUE, NF_HALF_CLOSE_DONE };

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
    if (atomic_load(&socket->kept_is_ready)) {
        out->ready |= interest & NF_IN;
    }
}

static inline bool nf_is_canceled(net_socket *socket)
{
    return atomic_load_explicit(&socket->canceled, memory_order_acquire);
}

/* The slots of what a kind of socket cannot do: NET_MISUSE, with a sentence. */
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

/* Whether sockets of this kind carry bytes; else they carry messages. */
static inline bool nf_is_stream(const struct nf_backend *kind)
{
    return kind->send_messages == nf_refuse_send_messages;
}

/* A call in a direction that `end`, a code, has ended before: fail with it. */
int nf_fail_ended(int end);

/* The bytes of all slices together. */
static inline size_t nf_slices_size(const net_slice *slices, int count)
{
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        size += slices[i].size;
    }
    return size;
}

/* Copy the slices behind each other, without their first `skip` bytes, and at most `most` bytes.
 * Returns how many bytes. */
size_t nf_slices_copy(char *to, const net_slice *slices, int count, size_t skip, size_t most);

#endif

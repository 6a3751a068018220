/* Options and properties. An address gives options; net_get reads them, and net_set changes
 * some. net_get reads the other properties, and a few of them are actions of net_set. One list
 * serves all schemes; each backend states its own set. */
#ifndef NF_NAME_PROPERTY_H
#define NF_NAME_PROPERTY_H

#include "netfacade/cipher.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nf_property {
    /* options that the kernel keeps */
    NF_NODELAY,
    NF_KEEPALIVE,
    NF_USER_TIMEOUT,
    NF_REUSEPORT,
    NF_V6ONLY,
    NF_SNDBUF,
    NF_RCVBUF,
    NF_BROADCAST,
    NF_DEVICE,
    NF_DSCP,
    NF_CONGESTION,
    NF_TTL,
    NF_FRAGMENT,
    NF_MULTICAST_LOOP,
    NF_INTERFACE,
    /* options that we keep */
    NF_BACKLOG,
    NF_SOURCE,
    NF_GROUP_SOURCE,
    NF_FAMILY,
    NF_SOCKOPT, /* kernel options without a name here; write only */
    NF_PEERS,
    NF_QUEUE,
    NF_TOTAL,
    NF_STRANGERS,
    NF_IDLE,
    NF_IP_END, /* the options before this are those of IP sockets */
    /* options of unix sockets, of faults, of frames, and of encrypted wires */
    NF_MODE = NF_IP_END,
    NF_UNLINK,
    NF_SEED,
    NF_CHUNK,
    NF_DELAY,
    NF_LOSS,
    NF_DUPLICATE,
    NF_REORDER,
    NF_RESET_AFTER,
    NF_STALL_AFTER,
    NF_ACCEPT_FAIL,
    NF_FRAME,
    NF_MAX,
    NF_SIDE,    /* of a connection that is adopted and then encrypted */
    NF_OPTIONS, /* how many options there are */
    /* other properties; of these net_set takes `admit` and `reset` alone */
    NF_SCHEME = NF_OPTIONS,
    NF_LOCAL,
    NF_PEER,
    NF_LOCAL_HOST, /* parts of these two */
    NF_PEER_HOST,
    NF_PEER_PORT,
    NF_PORT,
    NF_BYTES_SENT,
    NF_BYTES_RECEIVED,
    NF_MESSAGES_SENT,
    NF_MESSAGES_RECEIVED,
    NF_DROPPED_QUEUE,
    NF_DROPPED_STRANGERS,
    NF_TRUNCATED,
    NF_RTT,
    NF_RETRANSMITS,
    NF_MTU,
    NF_ADMIT, /* an action, not a property: write only */
    NF_DROPPED_KERNEL,
    NF_PEER_PID,
    NF_PEER_UID,
    NF_PEER_GID,
    NF_RESET,      /* of a stream: its close is to reset the connection */
    NF_PROPERTIES, /* how many there are, options and others */
    /* what is read or written like a property, but has no name and is in no set */
    NF_FD = NF_PROPERTIES, /* net_fd reads it */
    NF_ABORT,              /* write: break a stream as a reset does */
    NF_RELEASE, /* read: whether the socket can release its descriptor; write: release it into
                   `value`, so that the socket has none */
    NF_NAMED    /* the first of those that a cipher has, in its order */
};

enum { NF_NAMED_MAX = 24 /* how many a cipher may have */ };

/* The values of `frame`, and of `side`. */
enum nf_frame_kind { NF_FRAME_U32, NF_FRAME_U16, NF_FRAME_NETSTRING, NF_FRAME_LINE };
enum nf_side { NF_SIDE_NOT_SAID, NF_SIDE_CLIENT, NF_SIDE_SERVER };

/* A set of options, and of properties that are no options. */
struct nf_properties {
    uint64_t options;
    uint64_t others;          /* none: the set has only options, also of the cipher */
    const net_cipher *cipher; /* the set has its properties, too; or NULL */
};

#define NF_OPTION(option)     ((uint64_t)1 << (option))
#define NF_PROPERTY(property) ((uint64_t)1 << ((property)-NF_OPTIONS))

static inline bool nf_properties_have(const struct nf_properties *set, enum nf_property property)
{
    return property < NF_OPTIONS ? (set->options & NF_OPTION(property)) != 0
                                 : (set->others & NF_PROPERTY(property)) != 0;
}

/* What all IP sockets have. */
#define NF_IP_OPTIONS                                                                              \
    (NF_OPTION(NF_REUSEPORT) | NF_OPTION(NF_V6ONLY) | NF_OPTION(NF_SNDBUF) |                       \
     NF_OPTION(NF_RCVBUF) | NF_OPTION(NF_SOURCE) | NF_OPTION(NF_FAMILY) | NF_OPTION(NF_SOCKOPT) |  \
     NF_OPTION(NF_DEVICE) | NF_OPTION(NF_DSCP))
#define NF_IP_PROPERTIES                                                                           \
    (NF_PROPERTY(NF_SCHEME) | NF_PROPERTY(NF_LOCAL) | NF_PROPERTY(NF_PEER) |                       \
     NF_PROPERTY(NF_LOCAL_HOST) | NF_PROPERTY(NF_PEER_HOST) | NF_PROPERTY(NF_PEER_PORT) |          \
     NF_PROPERTY(NF_PORT) | NF_PROPERTY(NF_BYTES_SENT) | NF_PROPERTY(NF_BYTES_RECEIVED) |          \
     NF_PROPERTY(NF_MESSAGES_SENT) | NF_PROPERTY(NF_MESSAGES_RECEIVED) |                           \
     NF_PROPERTY(NF_DROPPED_QUEUE) | NF_PROPERTY(NF_DROPPED_STRANGERS) |                           \
     NF_PROPERTY(NF_TRUNCATED) | NF_PROPERTY(NF_MTU))

/* What the cipher says of a property of its own; NULL: it is one of the list above. */
static inline const net_cipher_property *nf_property_named(const struct nf_properties *set,
                                                           int property)
{
    return property >= NF_NAMED ? &set->cipher->properties[property - NF_NAMED] : NULL;
}

/* Find a property of a set by its name. Returns it, or NET_ADDRESS, whose sentence suggests the
 * nearest name. */
int nf_property_find(const struct nf_properties *set, const char *name, size_t length);

/* Of the list above: whether net_set may change it, and net_get may read it. */
bool nf_property_is_settable(enum nf_property property);
bool nf_property_is_readable(enum nf_property property);
bool nf_property_is_option(enum nf_property property);

/* Whether its value is a number. */
bool nf_property_is_number(enum nf_property property);

/* ---- The rule of each property, for the code that parses and prints values ---- */

enum nf_kind {
    NF_KIND_SWITCH,
    NF_KIND_DURATION,
    NF_KIND_SIZE,
    NF_KIND_COUNT,
    NF_KIND_ADDRESS,
    NF_KIND_TEXT,
    NF_KIND_INTERFACE,
    NF_KIND_MICROSECONDS,
    NF_KIND_OFF,
    NF_KIND_LIMIT,
    NF_KIND_MODE,
    NF_KIND_SHARE,
    NF_KIND_CODE,
    NF_KIND_FAMILY,
    NF_KIND_FRAME,
    NF_KIND_SIDE,
    NF_KIND_HOST,
    NF_KIND_SOCKOPT
};

/* The name is an array: a pointer would need a relocation. */
struct nf_rule {
    char name[20];
    uint8_t kind;
    bool settable;
    int16_t step; /* values are multiples of this */
    int32_t standard;
    int32_t least;
    int64_t most;
};

extern const struct nf_rule nf_rules[NF_PROPERTIES];

#define NF_SECOND_IN_MS ((int64_t)1000)
#define NF_KIB          ((int64_t)1024)
#define NF_MIB          (1024 * NF_KIB)
#define NF_GIB          (1024 * NF_MIB)
#define NF_MILLIONTHS   ((int64_t)1000000)
#define NF_UNLIMITED    ((int64_t)1 << 50) /* more than any machine has, yet far from overflow */

#endif

/* The words a socket understands: the options of addresses, which net_get and net_set share, and
 * the properties that can only be read. One list for all schemes; each backend states which of them
 * are its own. */
#ifndef NF_NAME_OPTION_H
#define NF_NAME_OPTION_H

#include "name/text.h"
#include "os/address.h"
#include "os/rawopt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nf_word {
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
    NF_SOCKOPT, /* options of the kernel's that have no name here; it can only be set */
    NF_PEERS,
    NF_QUEUE,
    NF_TOTAL,
    NF_STRANGERS,
    NF_IDLE,
    NF_BOUNDS, /* the options before this are those of sockets of IP */
    /* options of unix sockets, and of faults */
    NF_MODE = NF_BOUNDS,
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
    NF_OPTIONS, /* how many options there are */
    /* properties that can only be read */
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
    NF_ADMIT, /* no property, but something to be done: it can only be set */
    NF_DROPPED_KERNEL,
    NF_PEER_PID,
    NF_PEER_UID,
    NF_PEER_GID,
    NF_RESET,   /* as NF_ADMIT, of a stream: its close is to be a reset */
    NF_FD,      /* has no name and is in no set: net_fd asks for it */
    NF_ABORT,   /* nor has this: written, it breaks a stream as a reset does */
    NF_RELEASE, /* nor this: read, it says whether the socket can give its descriptor away; written,
                   the socket has none any more, and `value` has it */
    NF_WORDS
};

/* A set of words. */
typedef uint64_t nf_words;
#define NF_WORD(word) ((nf_words)1 << (word))
#define NF_WORDS_COMMON                                                                            \
    (NF_WORD(NF_REUSEPORT) | NF_WORD(NF_V6ONLY) | NF_WORD(NF_SNDBUF) | NF_WORD(NF_RCVBUF) |        \
     NF_WORD(NF_SOURCE) | NF_WORD(NF_FAMILY) | NF_WORD(NF_SOCKOPT) | NF_WORD(NF_SCHEME) |          \
     NF_WORD(NF_LOCAL) | NF_WORD(NF_PEER) | NF_WORD(NF_LOCAL_HOST) | NF_WORD(NF_PEER_HOST) |       \
     NF_WORD(NF_PEER_PORT) | NF_WORD(NF_PORT) | NF_WORD(NF_BYTES_SENT) |                           \
     NF_WORD(NF_BYTES_RECEIVED) | NF_WORD(NF_MESSAGES_SENT) | NF_WORD(NF_MESSAGES_RECEIVED) |      \
     NF_WORD(NF_DROPPED_QUEUE) | NF_WORD(NF_DROPPED_STRANGERS) | NF_WORD(NF_TRUNCATED) |           \
     NF_WORD(NF_DEVICE) | NF_WORD(NF_DSCP) | NF_WORD(NF_MTU))

enum { NF_VALUE_TEXT_MAX = 16 }; /* a short name with its NUL, as the kernel has them */

/* What a word stands for; which member counts is the word's affair. */
struct nf_value {
    int64_t number; /* milliseconds (0: off), bytes (of faults 0: off), a count, 0 or 1; of rtt
                       microseconds; the number of an interface (0: off); permissions; millionths;
                       a code (0: off); of a family 0, 4 or 6 */
    struct nf_addr addr;
    char name[NF_ADDR_NAME_MAX]; /* of addr, where it is by name and nobody else's */
    bool has_port;               /* of a source: print the port too */
    const char *scheme;
    char text[NF_VALUE_TEXT_MAX];
    struct nf_rawopts list;
};

/* What an address asked for. */
struct nf_options {
    nf_words given; /* which of these stood in the address; the others have their defaults */
    int64_t value[NF_OPTIONS]; /* in the units of nf_value */
    struct nf_addr source;     /* NF_NOWHERE: as the system likes */
    bool source_has_port;
    struct nf_addr group_source; /* NF_NOWHERE: whoever sends to the group */
    char congestion[NF_VALUE_TEXT_MAX];
    struct nf_rawopts sockopt;
};

/* The word called so, of those in `words`; or NET_ADDRESS, which names the nearest. */
int nf_word_find(nf_words words, const char *name, size_t length);

/* Whether net_set may change it, and net_get read it. */
bool nf_word_is_settable(enum nf_word word);
bool nf_word_is_readable(enum nf_word word);
bool nf_word_is_option(enum nf_word word);

/* Whether it is a number, and that number as callers have it: nanoseconds, bytes, a count, 0 or 1.
 */
bool nf_word_is_number(enum nf_word word);
int64_t nf_value_number(enum nf_word word, const struct nf_value *value);

/* 0, or NET_ADDRESS with what is wrong and what would be right. */
int nf_value_parse(enum nf_word word, const char *text, size_t length, struct nf_value *value);

/* Print it so that it parses to the same again. */
void nf_value_print(struct nf_text *text, enum nf_word word, const struct nf_value *value);

/* A query, `name=value&name=value`, whose names are in `words`; defaults for the rest. 0 or
 * NET_ADDRESS. */
int nf_options_parse(nf_words words, const char *query, size_t length, struct nf_options *options);

/* What the options say of a word. */
void nf_options_value(const struct nf_options *options, enum nf_word word, struct nf_value *value);

/* Refuse a name that is none of those that `next` gives, one a number from 0 on, NULL after the
 * last and "" for a gap: NET_ADDRESS, with the one it was perhaps meant to be. */
int nf_unknown(const char *what, const char *text, size_t length,
               const char *(*next)(int, const void *), const void *argument);

#endif

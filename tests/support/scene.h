/* A listener and its callers over a wire, and a ledger of what the wire delivered. The sockets must
 * return exactly that: each datagram contains its sender, its number, its length and a checksum.
 * There is one scene at a time. */
#ifndef SCENE_H
#define SCENE_H

#include "wire.h"

enum {
    CALLERS = 6,
    BATCH = 16,
    SIZE_MOST = 9000,
    FITS = 1400, /* such a datagram fits into one packet */
    LEDGER = 20000
};

enum way { TO_LISTENER, TO_CALLER };

/* The head of each datagram. Each side of each call numbers its own datagrams. */
struct caption {
    uint32_t call;
    uint32_t way;
    uint32_t number;
    uint32_t size;
    uint64_t sum; /* of everything else in the datagram */
};

struct call {
    net_socket *caller;
    net_socket *peer; /* NULL: the caller is a stranger to the listener */
    net_endpoint endpoint;
    bool is_known; /* the listener has received from the caller, and has its endpoint */
    unsigned port;
    uint32_t sent[2];
};

/* One line for each datagram that the kernel delivered. */
struct entry {
    struct caption caption;
    bool is_heard;
};

struct scene {
    unsigned seed;
    bool may_miss; /* a bounded queue is full now and then, so datagrams may be missed */
    net_socket *listener;
    unsigned port;
    struct call call[CALLERS];
    long on_the_wire; /* datagrams that the wire has not taken up yet */
    struct entry ledger[LEDGER];
    size_t entries;
    size_t first;   /* all before it were received */
    long truncated; /* truncated datagrams that no counter has shown yet */
};

extern struct wire wire;
extern struct scene scene;

/* A receiver: a caller, a peer, or with NO_CALL the listener, which receives from strangers. */
struct ear {
    net_socket *socket;
    enum way way;
    int call;
};

enum { NO_CALL = -1 };

/* Opens the scene over a wire that loses nothing yet. The options begin with `?`, or are empty. The
 * callers of a wildcard use both families. */
void open_scene(const char *address, const char *options, const char *caller_options);
void close_scene(void);
/* Lays the wire of this kind. If this system has none, it prints so and returns false. From then on
 * everything random follows from a seed, which NETFACADE_TEST_SEED may give. */
bool lay(enum wire_kind kind);

/* Send for this call, this way: one datagram of at most `most` bytes, or several by one call. */
void send_one(unsigned call, enum way way, size_t most);
void send_batch(unsigned call, enum way way);
/* Sends random datagrams, and carries them. */
void send_a_round(void);
void carry(void);

struct ear ear_of(int call, enum way way);
/* Receives without waiting, by random calls. Each datagram must be the next that was delivered for
 * this receiver, or a later one if `may_miss`. In the end everything delivered was received, or
 * everything that is there if `may_miss`. */
void hear_all(const struct ear *ear);
/* Callers receive everything, the others everything or some of it. */
void hear_a_round(bool all);
/* Check what must be true of a datagram, no matter which socket received it. */
void read_caption(const unsigned char *data, size_t size, struct caption *caption);

void accept_next(void);
void leave(unsigned call);
/* How many datagrams of these calls were delivered, and how many were received. */
long delivered(enum way way, unsigned first, unsigned last);
long heard(enum way way, unsigned first, unsigned last);

#endif

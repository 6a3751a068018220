/* A listener and its callers over a wire, and a ledger of what the wire delivered, which is what
 * the sockets must hand out: each datagram says who sent it, its number and its length, and has a
 * checksum. There is one scene at a time.
 */
#ifndef SCENE_H
#define SCENE_H

#include "wire.h"

enum {
    CALLERS = 6,
    BATCH = 16,
    SIZE_MOST = 9000,
    FITS = 1400, /* into one packet */
    LEDGER = 20000
};

enum way { TO_LISTENER, TO_CALLER };

/* What stands at the head of each datagram. Each side of each call numbers its own. */
struct caption {
    uint32_t call;
    uint32_t way;
    uint32_t number;
    uint32_t size;
    uint64_t sum; /* of all the rest */
};

struct call {
    net_socket *caller;
    net_socket *peer; /* NULL: he is a stranger to the listener */
    net_endpoint endpoint;
    bool is_known; /* the listener has heard of him, and has his endpoint */
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
    bool may_miss; /* what is bounded is full now and then */
    net_socket *listener;
    unsigned port;
    struct call call[CALLERS];
    long on_the_wire; /* datagrams that the wire has not taken up yet */
    struct entry ledger[LEDGER];
    size_t entries;
    size_t first;   /* all before it are heard */
    long truncated; /* and not yet found in a counter */
};

extern struct wire wire;
extern struct scene scene;

/* Who hears: a caller, a peer, or with NO_CALL the listener, who hears the strangers. */
struct ear {
    net_socket *socket;
    enum way way;
    int call;
};

enum { NO_CALL = -1 };

/* Over a wire that is perfect yet; the options begin with `?`, or are empty. The callers of a
 * wildcard use both families. */
void open_scene(const char *address, const char *options, const char *caller_options);
void close_scene(void);
/* Lays the wire of this kind; false, and says so: this system has none. What chance does from then
 * on follows from a seed, which NETFACADE_TEST_SEED may give. */
bool lay(enum wire_kind kind);

/* Whom it is sent to, in one datagram of at most `most` bytes, or in several of one call. */
void send_one(unsigned call, enum way way, size_t most);
void send_batch(unsigned call, enum way way);
/* Sends this and that, and carries it. */
void send_a_round(void);
void carry(void);

struct ear ear_of(int call, enum way way);
/* Without waiting, by calls that chance picks. Each datagram must be the next that was delivered
 * for this ear, or where some may miss, a later one; and in the end all that was delivered was
 * heard, or where some may miss, all that there is. */
void hear_all(const struct ear *ear);
/* Callers hear all, the others all or some. */
void hear_a_round(bool all);
/* What a datagram must be, wherever it turns up. */
void read_caption(const unsigned char *data, size_t size, struct caption *caption);

void accept_next(void);
void leave(unsigned call);
/* How many datagrams of these calls were delivered, and how many heard. */
long delivered(enum way way, unsigned first, unsigned last);
long heard(enum way way, unsigned first, unsigned last);

#endif

/* A wire that loses, doubles and delays what it carries, by a seeded generator: a tun device whose
 * other end is this program.
 *
 * A datagram sent to a far address comes back as one from there to the near address: the wire swaps
 * the two, which no checksum notices. So a listener at WIRE_NEAR is dialed at WIRE_FAR, and both
 * sides hear each other from there. Nothing moves but in the calls below, and what has been carried
 * is in the socket of its receiver when they return.
 */
#ifndef WIRE_H
#define WIRE_H

#include "support.h"

#define WIRE_NEAR_V4 "10.80.0.1"
#define WIRE_FAR_V4  "10.80.0.2"
#define WIRE_NEAR_V6 "[fd80::1]"
#define WIRE_FAR_V6  "[fd80::2]"

enum wire_kind {
    WIRE_BARE,         /* an interface that can do nothing for its senders */
    WIRE_CUTS_TRAINS,  /* what UDP_SEGMENT sends leaves as datagrams, each with a fate of its own */
    WIRE_TAKES_TRAINS, /* it stays one packet all the way, and has one fate */
    WIRE_KINDS
};

/* Sees each datagram that goes on to its receiver, in this order; fragments of one it does not
 * see. */
typedef void wire_witness(void *context, unsigned from_port, unsigned to_port,
                          const unsigned char *data, size_t size);

enum { WIRE_HELD_MOST = 64 };

struct wire_packet;

struct wire {
    int fd;
    unsigned seed;
    unsigned loses; /* so many packets of a hundred; the same below */
    unsigned doubles;
    unsigned holds; /* and lets go later, in any order */
    wire_witness *witness;
    void *context;
    long lost; /* datagrams */
    long doubled;
    long delayed;
    long trains; /* that it took */
    struct wire_packet *held[WIRE_HELD_MOST];
    unsigned held_count;
};

/* Lays the wire; the descriptor is closed by wire_close. NULL, or why it may not be had here. */
const char *wire_open(struct wire *wire);
void wire_close(struct wire *wire);
/* Whether this system can make such a wire of it. What is held is gone. */
bool wire_become(struct wire *wire, enum wire_kind kind);
/* Takes up so many datagrams, which have been sent, and carries them. */
void wire_carry(struct wire *wire, long datagrams);
/* Carries what it still holds. */
void wire_release(struct wire *wire);

/* A counter of UDP as /proc/net/snmp names it; the sum of both families. */
long kernel_count(const char *name);

#endif

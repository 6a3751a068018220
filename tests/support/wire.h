/* A wire that loses, duplicates and delays packets, by a seeded generator: a tun device whose other
 * end is this program.
 *
 * A datagram sent to a far address comes back as one from there to the near address: the wire swaps
 * the two, which leaves the checksum valid. So a listener at WIRE_NEAR is dialed at WIRE_FAR, and
 * both sides see each other at that address. Packets move only in the calls below. When these
 * return, what they carried is in the receiver's socket. */
#ifndef WIRE_H
#define WIRE_H

#include "support.h"

#define WIRE_NEAR_V4 "10.80.0.1"
#define WIRE_FAR_V4  "10.80.0.2"
#define WIRE_NEAR_V6 "[fd80::1]"
#define WIRE_FAR_V6  "[fd80::2]"

enum wire_kind {
    WIRE_BARE,         /* an interface without segmentation offload */
    WIRE_CUTS_TRAINS,  /* a train of UDP_SEGMENT leaves as datagrams, each of which may be lost by
                          itself */
    WIRE_TAKES_TRAINS, /* a train stays one packet all the way, and is lost as a whole */
    WIRE_KINDS
};

/* Sees each datagram that goes on to its receiver, in this order, except those in fragments. */
typedef void wire_witness(void *context, unsigned from_port, unsigned to_port,
                          const unsigned char *data, size_t size);

enum { WIRE_HELD_MOST = 64 };

struct wire_packet;

struct wire {
    int fd;
    unsigned seed;
    unsigned loses; /* how many packets in a hundred; the same below */
    unsigned doubles;
    unsigned holds; /* and releases later, in any order */
    wire_witness *witness;
    void *context;
    long lost; /* datagrams */
    long doubled;
    long delayed;
    long trains; /* trains that it carried */
    struct wire_packet *held[WIRE_HELD_MOST];
    unsigned held_count;
};

/* Lays the wire; wire_close closes the descriptor. Returns NULL, or why this system cannot have it.
 */
const char *wire_open(struct wire *wire);
void wire_close(struct wire *wire);
/* Make it a wire of this kind. False if this system cannot. Packets that it holds are dropped. */
bool wire_become(struct wire *wire, enum wire_kind kind);
/* Takes up this many datagrams, which have been sent, and carries them. */
void wire_carry(struct wire *wire, long datagrams);
/* Carries the packets that it still holds. */
void wire_release(struct wire *wire);

/* A UDP counter, by its name in /proc/net/snmp: the sum of both families. */
long kernel_count(const char *name);

#endif

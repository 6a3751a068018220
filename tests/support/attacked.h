/* The wires that are attacked: those of the tables that the tests in attack/ print. */
#ifndef ATTACKED_H
#define ATTACKED_H

#include "support.h"

/* The first are plain, and all that a slow build tries. */
enum { PLAIN_WIRES = 6 };
#define ATTACKED_WIRES                                                                             \
    "tcp://127.0.0.1:0", "unix://@", "mem://", "udp://127.0.0.1:0", "unixgram://@", "memgram://",  \
        "tcp://*:0", "udp://*:0", "chaos+tcp://127.0.0.1:0", "chaos+unix://@", "chaos+mem://",     \
        "chaos+udp://127.0.0.1:0", "chaos+unixgram://@", "chaos+memgram://",                       \
        "framed+tcp://127.0.0.1:0", "framed+unix://@"

/* Beside them, for who can talk to it. */
#define ENCRYPTED_WIRE "tls://127.0.0.1:0"

/* Whether its bytes go over a stream, with frames or without. */
static inline bool is_over_stream(const char *wire)
{
    return is_stream(wire) || is_framed(wire);
}

#endif

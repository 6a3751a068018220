/* The backend of udp://, for the registry: udp.c has the dialed sockets, udp_listener.c and
 * udp_peers.c the others. */
#ifndef NF_BACKENDS_UDP_H
#define NF_BACKENDS_UDP_H

#include "backends/backend.h"

extern const struct nf_backend nf_udp;
extern const struct nf_backend nf_udp_listener;
extern const struct nf_backend nf_udp_peer;

/* The words of every udp socket. */
#define NF_UDP_WORDS                                                                               \
    (NF_WORDS_COMMON | NF_WORD(NF_BROADCAST) | NF_WORD(NF_PEERS) | NF_WORD(NF_QUEUE) |             \
     NF_WORD(NF_TOTAL) | NF_WORD(NF_STRANGERS) | NF_WORD(NF_IDLE) | NF_WORD(NF_TTL) |              \
     NF_WORD(NF_FRAGMENT) | NF_WORD(NF_MULTICAST_LOOP) | NF_WORD(NF_INTERFACE) |                   \
     NF_WORD(NF_GROUP_SOURCE) | NF_WORD(NF_DROPPED_KERNEL) | NF_WORD(NF_ADMIT))

#endif

/* The backend of udp://, for the registry: udp.c has the dialed sockets, udp_listener.c and
 * udp_peers.c the others. */
#ifndef NF_WIRES_UDP_H
#define NF_WIRES_UDP_H

#include "datagram/datagram.h"
#include "socket/line.h"
#include "datagram/burst.h"

extern const struct nf_backend nf_udp;
extern const struct nf_backend nf_udp_listener;
extern const struct nf_backend nf_udp_peer;

/* A dialed socket, also of unixgram. */
struct nf_udp_line {
    struct nf_line line;
    _Atomic int64_t messages_in;
    _Atomic int64_t messages_out;
    _Atomic int64_t truncated;
    struct nf_addr local; /* without its port; asked for once, by who receives messages */
    struct nf_datagram_kept kept_in;
    struct nf_datagram_kept kept_out;
    struct nf_burst burst;
    _Atomic uint64_t refusal;  /* see nf_datagram_sender */
    int64_t option[NF_BOUNDS]; /* as the address had them */
};

/* Its slots, and net_connect to the host of the target or to `to`. */
int nf_udp_connect(net_socket *socket, const struct nf_target *target, const struct nf_addr *to,
                   net_deadline deadline);
ssize_t nf_udp_send(net_socket *socket, const net_slice *slices, int count, net_deadline deadline);
ssize_t nf_udp_recv(net_socket *socket, void *buffer, size_t size, int until,
                    net_deadline deadline);
int nf_udp_send_messages(net_socket *socket, const net_message *messages, int count,
                         net_deadline deadline);
int nf_udp_recv_messages(net_socket *socket, net_message *messages, int count,
                         net_deadline deadline);
int nf_udp_close(net_socket *socket, net_deadline deadline);
int nf_udp_property(net_socket *socket, enum nf_word word, struct nf_value *value, bool write);
void nf_udp_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

/* What it takes to have a hub: a bound descriptor, its name, which the hub keeps, and the table of
 * those it accepts. 0 or a code, and then the descriptor is closed and the name dropped. */
int nf_hub_open(net_socket *socket, const struct nf_target *target, int fd,
                const struct nf_addr *name, const struct nf_backend *peers);

/* The slots of a listener, and of whom it accepted, whatever their addresses. */
net_socket *nf_listener_accept(net_socket *socket, net_deadline deadline);
int nf_listener_send_messages(net_socket *socket, const net_message *messages, int count,
                              net_deadline deadline);
int nf_listener_recv_messages(net_socket *socket, net_message *messages, int count,
                              net_deadline deadline);
int nf_listener_close(net_socket *socket, net_deadline deadline);
int nf_listener_property(net_socket *socket, enum nf_word word, struct nf_value *value, bool write);
void nf_listener_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);
ssize_t nf_peer_send(net_socket *socket, const net_slice *slices, int count, net_deadline deadline);
ssize_t nf_peer_recv(net_socket *socket, void *buffer, size_t size, int until,
                     net_deadline deadline);
int nf_peer_send_messages(net_socket *socket, const net_message *messages, int count,
                          net_deadline deadline);
int nf_peer_recv_messages(net_socket *socket, net_message *messages, int count,
                          net_deadline deadline);
int nf_peer_close(net_socket *socket, net_deadline deadline);
int nf_peer_property(net_socket *socket, enum nf_word word, struct nf_value *value, bool write);
void nf_peer_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

/* The words of a hub's sockets, whatever their addresses. */
#define NF_HUB_WORDS                                                                               \
    (NF_WORD(NF_PEERS) | NF_WORD(NF_QUEUE) | NF_WORD(NF_TOTAL) | NF_WORD(NF_STRANGERS) |           \
     NF_WORD(NF_IDLE) | NF_WORD(NF_ADMIT) | NF_WORD(NF_MESSAGES_SENT) |                            \
     NF_WORD(NF_MESSAGES_RECEIVED) | NF_WORD(NF_DROPPED_QUEUE) | NF_WORD(NF_DROPPED_STRANGERS) |   \
     NF_WORD(NF_TRUNCATED))

/* The words of every udp socket. */
#define NF_UDP_WORDS                                                                               \
    (NF_WORDS_COMMON | NF_HUB_WORDS | NF_WORD(NF_BROADCAST) | NF_WORD(NF_TTL) |                    \
     NF_WORD(NF_FRAGMENT) | NF_WORD(NF_MULTICAST_LOOP) | NF_WORD(NF_INTERFACE) |                   \
     NF_WORD(NF_GROUP_SOURCE) | NF_WORD(NF_DROPPED_KERNEL))

#endif

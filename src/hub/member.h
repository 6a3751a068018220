/* What the listener and the peers of a hub have in common. */
#ifndef NF_HUB_MEMBER_H
#define NF_HUB_MEMBER_H

#include "hub/hub.h"

/* The receive operations, which differ between a listener and a peer. */
struct nf_receiver {
    nf_condition *is_met; /* a datagram is queued, or the peer has expired */
    bool is_direct;       /* its calls may receive directly: see nf_direct */
    /* The lock held: take the oldest datagram; or a code, if there is none. */
    ssize_t (*take)(struct nf_member *member, void *buffer, size_t size, struct nf_source *from,
                    struct nf_addr *local);
};

/* Receive a datagram, or many. The real length, or the number of messages; or a code. */
ssize_t nf_member_recv(struct nf_member *member, const struct nf_receiver *receiver, void *buffer,
                       size_t size, net_deadline deadline);
int nf_member_recv_messages(struct nf_member *member, const struct nf_receiver *receiver,
                            net_message *messages, int count, net_deadline deadline);

/* Whether an answer can reach a sender: 0 or NET_UNREACHABLE. What a datagram says of its sender is
 * the sender's to choose: it may have no name, port or address. */
int nf_member_check_remote(const struct nf_addr *remote);

/* Close a member. `remove` takes it out of the hub; it is called with the lock held. In a forked
 * child a thread of the parent may have held the lock at the fork. Then only the descriptors are
 * closed, and the memory stays. */
int nf_member_close(net_socket *socket, void (*remove)(net_socket *socket));

/* Slots, or the greater part of one. */
void nf_member_cancel(net_socket *socket);
int nf_member_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                       bool write);
void nf_member_ready(net_socket *socket, unsigned interest, struct nf_readiness *out,
                     nf_condition *is_met);

#endif

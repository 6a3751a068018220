/* What the listener and the peers of a hub do alike. */
#ifndef NF_HUB_MEMBER_H
#define NF_HUB_MEMBER_H

#include "hub/hub.h"

/* What a listener and a peer do differently when they receive. */
struct nf_receiver {
    nf_condition *is_met; /* something waits, be it the end */
    bool is_direct;       /* the datagrams that it reads itself are for it: see nf_direct */
    /* The lock held: take the oldest datagram, or say why there is none. */
    ssize_t (*take)(struct nf_member *member, void *buffer, size_t size, struct nf_source *from,
                    struct nf_addr *local);
};

/* Receive a datagram, or many: its real length, or how many; or a code. */
ssize_t nf_member_recv(struct nf_member *member, const struct nf_receiver *receiver, void *buffer,
                       size_t size, net_deadline deadline);
int nf_member_recv_messages(struct nf_member *member, const struct nf_receiver *receiver,
                            net_message *messages, int count, net_deadline deadline);

/* Close a member: `remove`, called with the lock held, takes it out of the hub. In a forked child
 * the parent may have held the lock at the moment of the fork; then only the descriptors are given
 * back, and the memory stays. */
int nf_member_close(net_socket *socket, void (*remove)(net_socket *socket));

/* Slots, or most of them. */
void nf_member_cancel(net_socket *socket);
int nf_member_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                       bool write);
void nf_member_ready(net_socket *socket, unsigned interest, struct nf_readiness *out,
                     nf_condition *is_met);

#endif

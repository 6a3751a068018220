/* What the listener and the peers of a hub do alike. */
#ifndef NF_HUB_MEMBER_H
#define NF_HUB_MEMBER_H

#include "socket/counter.h"
#include "datagram/datagram.h"
#include "hub/hub.h"

static inline struct nf_hub *nf_hub_of(net_socket *socket)
{
    return ((struct nf_member *)socket)->hub;
}

/* Give back all that a hub holds but its members and their mail. */
void nf_hub_free(struct nf_hub *hub);

/* Close a member: `remove`, called with the lock held, takes it out of the hub. In a forked child
 * the parent may have held the lock at the moment of the fork; then only the descriptors are given
 * back, and the memory stays. */
int nf_member_close(net_socket *socket, void (*remove)(net_socket *socket));

/* What a listener and a peer do differently when they receive. */
struct nf_reader {
    nf_errand *is_done; /* something waits, be it the end */
    bool has_sink;      /* for whom the datagrams are that it reads itself: see nf_sink */
    /* The lock held: take the oldest datagram, or say why there is none. */
    ssize_t (*take)(struct nf_member *member, void *buffer, size_t size, struct nf_sender *from,
                    struct nf_addr *local);
};

/* Receive a datagram, or many: its real length, or how many; or a code. */
ssize_t nf_member_recv(struct nf_member *member, const struct nf_reader *reader, void *buffer,
                       size_t size, net_deadline deadline);
int nf_member_recv_messages(struct nf_member *member, const struct nf_reader *reader,
                            net_message *messages, int count, net_deadline deadline);

/* Send one datagram, or many. Its length, or how many; or a code. */
ssize_t nf_member_send(struct nf_member *self, const net_slice *slices, int count,
                       const struct nf_route *route, net_deadline deadline);
int nf_member_send_messages(struct nf_member *self, nf_datagram_aim *aim,
                            const net_message *messages, int count, net_deadline deadline);

/* Slots, or most of them. */
void nf_member_cancel(net_socket *socket);
int nf_member_property(net_socket *socket, enum nf_word word, struct nf_value *value, bool write);
void nf_member_ready(net_socket *socket, unsigned interest, struct nf_readiness *out,
                     nf_errand *is_done);

#endif

/* What the listener and the peers of a hub do alike. */
#ifndef NF_BACKENDS_UDP_MEMBER_H
#define NF_BACKENDS_UDP_MEMBER_H

#include "backends/counter.h"
#include "backends/udp_hub.h"

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

/* Where a letter was sent to: the one address that the hub has, or else as the kernel told. */
void nf_member_endpoint(const struct nf_member *member, const struct nf_addr *remote,
                        const struct nf_addr *local, net_endpoint *endpoint);

/* Hand a letter out, as much as fits, and free it. Returns its real length. */
ssize_t nf_member_open_letter(struct nf_member *member, struct nf_letter *letter, void *buffer,
                              size_t size);

/* Send one datagram to `to`; on a wildcard from our address `from`, if it has a family. Its length
 * or a code. */
ssize_t nf_member_send(struct nf_member *self, const net_slice *slices, int count,
                       const struct nf_addr *to, const struct nf_addr *from, net_deadline deadline);

/* Slots, or most of them. */
void nf_member_cancel(net_socket *socket);
int nf_member_property(net_socket *socket, enum nf_word word, struct nf_value *value, bool write);
void nf_member_ready(net_socket *socket, unsigned interest, struct nf_notice *notice,
                     struct nf_readiness *out, nf_errand *is_done);

#endif

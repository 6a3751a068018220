/* The listener of a hub: it receives strangers' datagrams, and accepts a socket for each stranger.
 */
#ifndef NF_HUB_LISTENER_H
#define NF_HUB_LISTENER_H

#include "hub/member.h"

/* Slots for every scheme that has hubs. */
net_socket *nf_hub_listener_accept(net_socket *socket, net_deadline deadline);
int nf_hub_listener_send_messages(net_socket *socket, const net_message *messages, int count,
                                  net_deadline deadline);
int nf_hub_listener_recv_messages(net_socket *socket, net_message *messages, int count,
                                  net_deadline deadline);
int nf_hub_listener_close(net_socket *socket, net_deadline deadline);
int nf_hub_listener_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                             bool write);
void nf_hub_listener_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

#endif

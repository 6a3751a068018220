/* The blocking verbs, implemented by a server that has one poller and makes calls with NET_NOW
 * only. Every file of a driven test includes this header before all others. It redefines the names
 * of the verbs. What they promise is in netfacade.h. */
#ifndef DRIVEN_H
#define DRIVEN_H

#include "netfacade.h"

net_socket *driven_accept(net_socket *listener, net_deadline deadline);
net_socket *driven_connect(const char *address, net_deadline deadline);
ssize_t driven_send(net_socket *socket, const void *data, size_t size, net_deadline deadline);
ssize_t driven_send_vector(net_socket *socket, const net_slice *slices, int count,
                           net_deadline deadline);
int driven_send_messages(net_socket *socket, const net_message *messages, int count,
                         net_deadline deadline);
ssize_t driven_recv(net_socket *socket, void *buffer, size_t size, net_deadline deadline);
ssize_t driven_recv_all(net_socket *socket, void *buffer, size_t size, net_deadline deadline);
ssize_t driven_recv_until(net_socket *socket, void *buffer, size_t size, int delimiter,
                          net_deadline deadline);
int driven_recv_messages(net_socket *socket, net_message *messages, int count,
                         net_deadline deadline);
int driven_close(net_socket *socket, net_deadline deadline);

#ifndef DRIVEN_IS_THE_DRIVER
#define net_accept        driven_accept
#define net_connect       driven_connect
#define net_send          driven_send
#define net_send_vector   driven_send_vector
#define net_send_messages driven_send_messages
#define net_recv          driven_recv
#define net_recv_all      driven_recv_all
#define net_recv_until    driven_recv_until
#define net_recv_messages driven_recv_messages
#define net_close         driven_close
#endif

#endif

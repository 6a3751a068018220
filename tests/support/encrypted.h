/* Encrypted addresses, in tests that know nothing of them. Such a dial includes the handshake, and
 * an accepted connection shakes hands in its own calls. So a thread that dials, then accepts, would
 * wait for itself. Here a dial returns once the connection below is there, and an accept shakes
 * hands for both ends, if this process has dialed the other one. The addresses get what they need:
 * a listener its certificate, a dial the name in it. Other addresses are left alone.
 *
 * A test of handshakes itself is compiled with ENCRYPTED_BY_HAND, and a name in parentheses,
 * (net_connect)(...), is the library's own. */
#ifndef ENCRYPTED_H
#define ENCRYPTED_H

#include "netfacade.h"

#include <stdbool.h>

net_socket *greeting_listen(const char *address);
net_socket *greeting_connect(const char *address, net_deadline deadline);
net_socket *greeting_accept(net_socket *listener, net_deadline deadline);
int greeting_close(net_socket *socket, net_deadline deadline);

/* A dial with its handshake, for a thread of its own. */
net_socket *whole_connect(const char *address, net_deadline deadline);

/* Whether a cipher is in the address. */
bool is_encrypted(const char *address);
bool is_socket_encrypted(net_socket *socket);

/* Whether the cipher is that of support/toy_cipher.h, whose calls of malloc and getpid are among
 * those that a test replaces. */
bool is_toy(const char *address);

/* How many times longer a dial takes than over tcp. Tests of many dials make so many fewer. */
int cost_of_dialing(const char *address);

#if !defined ENCRYPTED_BY_HAND && !defined DRIVEN_IS_THE_DRIVER
#undef net_listen
#undef net_connect
#undef net_accept
#undef net_close
#define net_listen(address)            greeting_listen(address)
#define net_connect(address, deadline) greeting_connect(address, deadline)
#define net_accept(listener, deadline) greeting_accept(listener, deadline)
#define net_close(socket, deadline)    greeting_close(socket, deadline)
#endif

#endif

/* One poller and one thread for all sockets of a program. Any thread may wait here for readiness.
 * Several may wait for one socket at once: their interests are merged. After a fork the child has a
 * reactor of its own. */
#ifndef REACTOR_H
#define REACTOR_H

#include "netfacade.h"

#include <stdbool.h>

/* Sleep until the socket is ready for one of `interest` (0), until the deadline (NET_TIMEOUT, which
 * is no failure of a call), or until the socket cannot be watched (a code of net_poller_watch). */
int reactor_await(net_socket *socket, unsigned interest, net_deadline deadline);

/* A call that takes several steps holds the turn of one direction of the socket meanwhile. */
enum reactor_turn { REACTOR_NO_TURN, REACTOR_TURN_IN, REACTOR_TURN_OUT, REACTOR_TURNS };

/* False: the deadline passed first. */
bool reactor_take_turn(net_socket *socket, enum reactor_turn turn, net_deadline deadline);
void reactor_leave_turn(net_socket *socket, enum reactor_turn turn);

#endif

/* Tests with a poller: what it reports, and that it is quiet otherwise. The `user` of each watch is
 * the socket itself. */
#ifndef WATCHING_H
#define WATCHING_H

#include "support.h"

net_poller *open_poller(void);

/* Watch without a deadline. */
void watch(net_poller *poller, net_socket *socket, unsigned interest);

/* The next event, received alone, is of this socket and has exactly these bits. */
void expect_event(net_poller *poller, net_socket *socket, unsigned ready);

/* Nothing is reported for this long, and waiting costs almost no processor time. */
void expect_quiet(net_poller *poller, int ms);

/* All of these `count` sockets are reported and no others, with exactly these bits, in any order.
 * Some may be repeated before the others, but none is starved. */
enum { COUNT_MOST = 2048 };
void expect_all(net_poller *poller, net_socket *const *sockets, int count, unsigned ready);

/* Processor time of this process. */
double cpu_ms(void);

/* A thread that takes one event after another until it is stopped. It removes the socket of each
 * event from the poller. */
struct watcher {
    net_poller *poller;
    net_event event; /* the last */
    _Atomic int events;
    _Atomic int wakes;
    _Atomic bool begun;
    _Atomic bool stop;
    _Atomic bool failed;
    pthread_t thread;
};

/* Returns when the thread runs: TSan may lose the first signal to a thread that is still starting.
 */
void watcher_start(struct watcher *watcher, net_poller *poller);
/* Waits until this many events were taken in total. */
void watcher_await(struct watcher *watcher, int events);
void watcher_stop(struct watcher *watcher);

#endif

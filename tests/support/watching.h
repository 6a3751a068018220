/* Tests with a poller: what it tells, and that it is quiet otherwise. The user of each watch is the
 * socket itself. */
#ifndef WATCHING_H
#define WATCHING_H

#include "support.h"

net_poller *open_poller(void);

/* With no deadline. */
void watch(net_poller *poller, net_socket *socket, unsigned interest);

/* The next event, taken alone, is of this socket and tells exactly this. */
void expect_event(net_poller *poller, net_socket *socket, unsigned ready);

/* Nothing is told for so long, and to wait for it costs hardly any processor time. */
void expect_quiet(net_poller *poller, int ms);

/* All of these `count` sockets are told of and nobody else, with exactly this, in any order; some
 * perhaps again before the others, but nobody is starved. */
enum { COUNT_MOST = 2048 };
void expect_all(net_poller *poller, net_socket *const *sockets, int count, unsigned ready);

/* Processor time of this process. */
double cpu_ms(void);

/* A thread that takes one event after another, and takes the socket of each out of the poller,
 * until it is stopped. */
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

/* Returns when the thread runs: TSan may lose the first signal of a thread that it still prepares.
 */
void watcher_start(struct watcher *watcher, net_poller *poller);
/* Waits until so many events were taken in all. */
void watcher_await(struct watcher *watcher, int events);
void watcher_stop(struct watcher *watcher);

#endif

/* Echo servers of SMALL bytes over TCP, on one thread, each written as is usual for its library: a
 * level-triggered wait for at most a batch of connections, then for each of them a receive and a
 * send that do not wait. Each server is a process of its own, so it has no object. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <stdbool.h>

enum {
    SERVER_BATCH = 64,  /* events of one wait */
    SERVER_ROOM = 4096, /* bytes of the buffer that a receive may fill */
    SERVER_LINGER =
        30 /* seconds until the deadline, for the server that sets one for each request */
};

struct server {
    const char *name;

    /* Listen at a tcp address, "tcp://127.0.0.1:0". Only netfacade's servers know options. Returns
     * the port. */
    int (*open)(const char *address);

    /* Wait for one batch of events, and handle it. */
    void (*turn)(void);
};

/* What the server of this process has done so far. */
struct server_record {
    long accepted;
    long closed;
    long echoed;
};

extern struct server_record server_record;

extern const struct server server_raw;      /* epoll_wait, recv, send */
extern const struct server server_poller;   /* net_poller_wait, net_recv, net_send */
extern const struct server server_deadline; /* ... with a new deadline for each request */
extern const struct server server_libuv;    /* if it is installed; so is the next */
extern const struct server server_libevent;

/* All servers that were built, the raw one first, the poller next; NULL after the last. */
extern const struct server *const server_all[];

/* NULL: there is none of that name. */
const struct server *server_named(const char *name);

/* A raw listener at 127.0.0.1 that does not block. */
int server_listen(int *port);

/* Accept all connections that wait at it. `take` gets each descriptor, which does not block either.
 */
void server_accept(int listener, void (*take)(int fd));

/* The raw server: receive, and send it back. False: the connection is over, and the descriptor must
 * be closed. */
bool server_echo(int fd);

#endif

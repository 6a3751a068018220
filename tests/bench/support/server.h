/* Echo servers of SMALL bytes over TCP, on one thread, each as one writes it with its library: a
 * level-triggered wait for at most a batch of connections, then for each of them a receive and a
 * send that do not wait. One server for each process: it has no object. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <stdbool.h>

enum {
    SERVER_BATCH = 64,  /* events of one wait */
    SERVER_ROOM = 4096, /* bytes of the buffer that a receive may fill */
    SERVER_LINGER = 30  /* seconds that a deadline grants, where one is set for each request */
};

struct server {
    const char *name;

    /* Listen at a tcp address, "tcp://127.0.0.1:0"; only netfacade's know options. The port. */
    int (*open)(const char *address);

    /* Wait until something happens, and do what is to be done. */
    void (*turn)(void);
};

/* What the server of this process did so far. */
struct server_record {
    long accepted;
    long closed;
    long echoed;
};

extern struct server_record server_record;

extern const struct server server_raw;      /* epoll_wait, recv, send */
extern const struct server server_poller;   /* net_poller_wait, net_recv, net_send */
extern const struct server server_deadline; /* ... with a new deadline for each request */
extern const struct server server_libuv;    /* where it is installed, as the next */
extern const struct server server_libevent;

/* All that are there, the raw one first, the poller next; NULL after the last. */
extern const struct server *const server_all[];

/* NULL: there is none of that name. */
const struct server *server_named(const char *name);

/* A raw listener that does not wait, at 127.0.0.1. */
int server_listen(int *port);

/* Accept everybody who waits at it; each descriptor, which does not wait either, goes to `take`. */
void server_accept(int listener, void (*take)(int fd));

/* Raw: receive, and send it back; false: it is over, and the descriptor is to be closed. */
bool server_echo(int fd);

#endif

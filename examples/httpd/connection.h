/* Connections. Each is in one of a few states, and an event of the poller brings it forward by what
 * is possible without waiting. */
#ifndef HTTPD_CONNECTION_H
#define HTTPD_CONNECTION_H

#include <netfacade.h>

#include <stdbool.h>
#include <stdint.h>

struct server {
    net_poller *poller;
    struct connection *connections;
    net_deadline now; /* when the last wait was over */
    int64_t patience; /* milliseconds */
    bool is_crowded;  /* the server is full: end silent connections */
    bool is_ending;   /* no further request is answered */
};

extern struct server server;

/* Serve a peer. Without memory for it, close its socket. */
void connection_begin(net_socket *socket);

/* Handle an event of a connection, which is the event's `user`. This connection may end here, but
 * no other one. */
void connection_event(struct connection *c, unsigned ready);

/* Call this once a second, but not while handling events: it could make them stale. */
void connections_tick(void);

/* End each connection when its answer is sent. Do not call this while handling events. */
void connections_end(void);

/* End all of them now. */
void connections_close(void);

#endif

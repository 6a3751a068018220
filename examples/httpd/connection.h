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
    bool is_crowded;  /* others wait for a place: who is silent leaves his */
    bool is_ending;   /* no further request is answered */
};

extern struct server server;

/* Serve a peer. Without memory he is turned away. */
void connection_begin(net_socket *socket);

/* What the poller tells of a connection, which is the event's `user`. It may end here, but no other
 * one does. */
void connection_event(struct connection *c, unsigned ready);

/* Once a second; not while events are at hand, which this could make stale. */
void connections_tick(void);

/* End, each as soon as the answer under way is sent; not while events are at hand. */
void connections_end(void);

/* End all of them now. */
void connections_close(void);

#endif

/* A thread with one listener and one poller, which sends back what each of its callers sends, by
 * calls that do not wait. It ends a caller that fails. */
#ifndef TLS_SERVER_H
#define TLS_SERVER_H

#include "tls_pair.h"

struct tls_server {
    net_socket *listener;
    net_poller *poller;
    pthread_t thread;
    _Atomic bool stop;
    _Atomic int open;     /* callers */
    _Atomic int accepted; /* in total */
    _Atomic int failed;   /* ended by a failure */
    _Atomic int ended;    /* ended in order */
    _Atomic bool is_wrong;
};

/* The listener becomes the server's. */
void tls_server_start(struct tls_server *server, net_socket *listener);
/* Waits until it has accepted so many. */
void tls_server_await(const _Atomic int *count, int least);
void tls_server_stop(struct tls_server *server);

#endif

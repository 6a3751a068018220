/* Two ends of tls:// in one thread: none of the calls here waits, so each end can be driven while
 * the other shakes hands. */
#ifndef TLS_PAIR_H
#define TLS_PAIR_H

#include "support.h"

#include "certificates.h"

enum { TLS_ADDRESS_MAX = 700, TLS_TEXT_MAX = 700 };

/* The cipher is statically linked: call it before any test. */
void tls_begin(void);

/* What an end says of its handshake: 0, or a code and the sentence. */
struct said {
    int code;
    char text[TLS_TEXT_MAX];
};

/* A listener with this certificate, and more options ("verify=peer", NULL: none). */
net_socket *tls_listen(const char *address, enum certificate which, const char *more);
/* Write an address to dial, with these options; "{ca}" in them stands for the authority's file. */
void tls_address(net_socket *listener, const char *options, char address[TLS_ADDRESS_MAX]);
/* A dial that has begun. */
net_socket *tls_dial(net_socket *listener, const char *options);

/* Another mem:// or unix:// name for each call, if the address is one that leaves it open. */
const char *tls_template(const char *address);

/* Drive the handshake of a socket a little. Returns NET_TIMEOUT as long as it is not decided. */
int tls_step(net_socket *socket, struct said *said);

/* Drive both ends until both are decided. */
void tls_settle(net_socket *client, net_socket *server, struct said *of_client,
                struct said *of_server);

/* Dial and accept, and shake hands, which must work. */
void tls_meet(net_socket *listener, const char *options, struct pair *pair);
/* The same with a listener of its own, with the good certificate. */
void tls_open(const char *address, const char *listen_options, const char *dial_options,
              struct pair *pair);

/* A property as text, until the next call. */
const char *tls_get(net_socket *socket, const char *name);

/* The next bytes that one end receives are these. */
void tls_expect(net_socket *socket, const char *words);

/* Both ends say something that the other one receives. */
void tls_talk(net_socket *one, net_socket *other);

#endif

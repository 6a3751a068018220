/* Peers that dial a udp listener and that it admits. */
#ifndef SOMEBODY_H
#define SOMEBODY_H

#include "support.h"

/* The socket of such a peer, and its address as the listener prints it. */
struct somebody {
    net_socket *socket;
    char name[ADDRESS_MAX];
};

/* Dial the listener, which need not notice. */
void meet_somebody(net_socket *listener, struct somebody *somebody);
void part_with(struct somebody *people, int count);

void say_words(const struct somebody *somebody, const char *words);
/* A socket of either side has this text to receive, or nothing. */
void expect_words(net_socket *socket, const char *words);
void expect_no_words(net_socket *socket);
/* The listener receives this text from a stranger; `name` is the stranger's address as the listener
 * prints it. */
void overhear(net_socket *listener, const char *words, char name[ADDRESS_MAX]);

void admit(net_socket *listener, const struct somebody *somebody);
/* The peer that is accepted, without waiting, is this one. */
net_socket *accept_admitted(net_socket *listener, const struct somebody *somebody);

#endif

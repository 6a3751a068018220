/* People who dial a udp listener, and whom it admits. */
#ifndef SOMEBODY_H
#define SOMEBODY_H

#include "support.h"

/* His socket, and how the listener prints him. */
struct somebody {
    net_socket *socket;
    char name[ADDRESS_MAX];
};

/* He dials the listener, which need not notice. */
void meet_somebody(net_socket *listener, struct somebody *who);
void part_with(struct somebody *people, int count);

void say_words(const struct somebody *who, const char *words);
/* A socket of either side has this, or nothing, to receive. */
void expect_words(net_socket *socket, const char *words);
void expect_no_words(net_socket *socket);
/* A listener reads this of somebody whom nobody accepted: how it prints him. */
void overhear(net_socket *listener, const char *words, char name[ADDRESS_MAX]);

void admit(net_socket *listener, const struct somebody *who);
/* Who is accepted, without waiting, is he. */
net_socket *accept_him(net_socket *listener, const struct somebody *who);

#endif

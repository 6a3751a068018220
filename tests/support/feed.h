/* A thread that sends a text to a socket under test as fast as the socket receives it. It uses
 * send(2) on a plain descriptor where the wire has one, so that the sender is not the library; else
 * net_send. */
#ifndef FEED_H
#define FEED_H

#include "support.h"

struct feed {
    net_socket *reader; /* the socket under test; it receives the text */
    int fd;             /* the sender's descriptor; -1: the sender is `sender` */
    net_socket *sender;
    net_socket *listener;
    const char *text;
    size_t size;
    size_t repeats;                           /* how many times the text is sent */
    size_t piece;                             /* the most bytes of one send; 0: the whole text */
    unsigned seed;                            /* not 0: each send has a random size up to `piece` */
    void (*before_repeat)(struct feed *feed); /* NULL, or a function that changes the text */
    char *room;                               /* the argument of that function */
    bool stays; /* the sender does not end its direction after the text */
    _Atomic bool failed;
    pthread_t thread;
};

/* Opens the two ends over a template, with options for the listener (NULL: none). Over "fd://" the
 * reader is an adopted tcp descriptor. */
void feed_open(struct feed *feed, const char *address, const char *options);
void feed_start(struct feed *feed);
/* With `gives_up` both ends are shut down first, so that the sender does not wait for a reader. */
void feed_join(struct feed *feed, bool gives_up);
void feed_close(struct feed *feed);

#endif

/* A thread that sends a text to a socket under test, as fast as it is taken: by send(2) on a plain
 * descriptor where the wire has one, so that it is somebody else's sender, else by net_send. */
#ifndef FEED_H
#define FEED_H

#include "support.h"

struct feed {
    net_socket *reader; /* the socket under test: the text arrives there */
    int fd;             /* the sender's; -1: it is `sender` */
    net_socket *sender;
    net_socket *listener;
    const char *text;
    size_t size;
    size_t repeats;                           /* the text goes out so often in a row */
    size_t piece;                             /* most bytes of one send; 0: as many as there are */
    unsigned seed;                            /* not 0: pieces are of random sizes up to `piece` */
    void (*before_repeat)(struct feed *feed); /* NULL, or changes the text */
    char *room;                               /* what that one changes */
    bool stays;                               /* the sender does not end after the text */
    _Atomic bool failed;
    pthread_t thread;
};

/* Opens the two ends over a template with options of the listener's (NULL: none). Over "fd://" the
 * reader is an adopted descriptor of tcp. */
void feed_open(struct feed *feed, const char *address, const char *options);
void feed_start(struct feed *feed);
/* With `gives_up` both ends are cut first, so that the sender does not wait for a reader. */
void feed_join(struct feed *feed, bool gives_up);
void feed_close(struct feed *feed);

#endif

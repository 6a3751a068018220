/* A play with a poller in a foreign loop: callers, listeners, deadlines and wakes, which the loop
 * hears of by net_poller_fd alone. */
#ifndef PLAY_H
#define PLAY_H

/* What the play needs of a loop. All is called in its thread. */
struct foreign_loop {
    const char *name;
    void (*watch)(int fd, void (*ready)(void)); /* call back while it is readable */
    void (*unwatch)(void);
    void (*after)(int milliseconds, void (*passed)(void)); /* call back once */
    void (*run)(void);                                     /* until `stop` is called */
    void (*stop)(void);
};

/* Returns 0, or says what went wrong and returns 1. */
int play(const struct foreign_loop *loop);

#endif

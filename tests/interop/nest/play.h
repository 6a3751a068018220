/* A test with a poller in a foreign loop: callers, listeners, deadlines and wakes. The loop learns
 * of them only through net_poller_fd. */
#ifndef PLAY_H
#define PLAY_H

/* What the test needs from a loop. All functions are called in the loop's thread. */
struct foreign_loop {
    const char *name;
    void (*watch)(int fd, void (*ready)(void)); /* call back while it is readable */
    void (*unwatch)(void);
    void (*after)(int milliseconds, void (*passed)(void)); /* call back once */
    void (*run)(void);                                     /* run until `stop` is called */
    void (*stop)(void);
};

/* Returns 0, or prints what went wrong and returns 1. */
int play(const struct foreign_loop *loop);

#endif

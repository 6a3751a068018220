/* Waits for many descriptors at once. There are two bodies: one on epoll(7), and one on poll(2),
 * for a system that lacks epoll or filters it. They behave alike, and the tests compare the first
 * with the second. */
#ifndef NF_OS_READY_H
#define NF_OS_READY_H

#include "netfacade.h"
#include "os/poll.h"

#include <stdbool.h>

struct nf_ready; /* a set of descriptors; each body has its own type */

struct nf_readied {
    void *user;   /* `user` of set */
    unsigned got; /* NF_IN, NF_OUT; an error or a hang-up sets both */
};

enum { NF_READY_MAX = 64 }; /* the most answers of one wait */

struct nf_ready_body {
    /* NULL: NET_LIMIT or NET_SYSTEM. */
    struct nf_ready *(*open)(void);

    /* Watch the open descriptor `fd` for `want`; 0: stop watching it. `wanted` is what it was
     * watched for until now. Allowed while another thread waits. Returns 0 or a code; to stop
     * watching never fails. */
    int (*set)(struct nf_ready *ready, int fd, unsigned wanted, unsigned want, void *user);

    /* Wait until some descriptors are ready or `deadline`. Returns how many, at most NF_READY_MAX;
     * 0 also after a signal. Only one thread may wait at a time. */
    int (*wait)(struct nf_ready *ready, struct nf_readied *answers, net_deadline deadline);

    /* `fd` returns a descriptor for another event loop. It is readable while something watched is
     * ready, and from the time `at` of the last `alarm` on. A wait reports an expired alarm as an
     * answer whose user is NULL; skip that. Both may return a code: NET_UNSUPPORTED when the
     * body has no such descriptor. */
    int (*fd)(struct nf_ready *ready);
    int (*alarm)(struct nf_ready *ready, net_deadline at);

    void (*close)(struct nf_ready *ready);

    bool set_needs_wake; /* set has no effect on a wait in progress: wake the waiter */
};

extern const struct nf_ready_body nf_ready_poll;

/* The best body on this system. It is the same for the life of the process. */
const struct nf_ready_body *nf_ready_best(void);

#endif

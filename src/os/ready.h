/* Waiting for many descriptors at once. There are two bodies of the same meaning: epoll(7), and
 * poll(2), which every system has and which the first is held against. */
#ifndef NF_OS_READY_H
#define NF_OS_READY_H

#include "netfacade.h"
#include "os/poll.h"

#include <stdbool.h>

struct nf_ready; /* a body's own: a set of descriptors */

struct nf_readied {
    void *user;   /* as given to set */
    unsigned got; /* of NF_IN and NF_OUT; an error or a hang-up is both */
};

enum { NF_READY_MAX = 64 }; /* answers of one wait */

struct nf_ready_body {
    /* NULL: NET_LIMIT, NET_SYSTEM. */
    struct nf_ready *(*open)(void);

    /* Watch a descriptor for `want`, which until now was watched for `wanted`; 0: not at all. The
     * descriptor of something watched is open. Also while another thread waits. Returns 0 or a
     * code; to watch no more never fails. */
    int (*set)(struct nf_ready *ready, int fd, unsigned wanted, unsigned want, void *user);

    /* Wait until some are ready, or `deadline`: how many, at most NF_READY_MAX. 0 also after a
     * signal. One thread at a time. */
    int (*wait)(struct nf_ready *ready, struct nf_readied *answers, net_deadline deadline);

    /* A descriptor that is readable while something watched is ready, and from the moment on that
     * the last alarm was for. A wait passes alarms over, with an answer whose user is NULL. A code;
     * NET_UNSUPPORTED: this body has none. */
    int (*fd)(struct nf_ready *ready);
    int (*alarm)(struct nf_ready *ready, net_deadline at);

    void (*close)(struct nf_ready *ready);

    bool set_needs_wake; /* a wait in progress does not see what set changes: wake it */
};

extern const struct nf_ready_body nf_ready_poll;
extern const struct nf_ready_body *const nf_ready_best; /* of this system */

#endif

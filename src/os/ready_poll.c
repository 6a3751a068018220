/* poll(2): a table of descriptors, of which each wait takes a copy. */
#define _GNU_SOURCE
#include "os/cause.h"
#include "os/clock.h"
#include "os/mutex.h"
#include "os/ready.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 16 };

struct nf_ready {
    struct nf_mutex lock;
    struct pollfd *set;
    void **users;
    int count;
    int room;
    int turn;            /* where the next wait begins to look: no descriptor is always the last */
    struct pollfd *copy; /* of whoever waits */
    void **copied_users;
    int copied_room;
};

static struct nf_ready *poll_open(void)
{
    struct nf_ready *ready = calloc(1, sizeof *ready);

    if (ready == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    nf_mutex_init(&ready->lock);
    return ready;
}

static int find(const struct nf_ready *ready, int fd)
{
    int i = 0;

    while (i < ready->count && ready->set[i].fd != fd) {
        i++;
    }
    return i;
}

static bool grow(struct pollfd **set, void ***users, int *room, int wanted)
{
    int larger = *room > 0 ? *room : FIRST_ROOM;

    while (larger < wanted) {
        larger *= 2;
    }
    if (larger == *room) {
        return true;
    }
    struct pollfd *more = realloc(*set, (size_t)larger * sizeof **set);

    *set = more != NULL ? more : *set;
    void **more_users = realloc(*users, (size_t)larger * sizeof **users);

    *users = more_users != NULL ? more_users : *users;
    *room = more != NULL && more_users != NULL ? larger : *room;
    return *room == larger;
}

static int change(struct nf_ready *ready, int fd, unsigned want, void *user)
{
    int at = find(ready, fd);

    if (want == 0) {
        if (at < ready->count) {
            ready->count--;
            ready->set[at] = ready->set[ready->count];
            ready->users[at] = ready->users[ready->count];
        }
        return 0;
    }
    if (at == ready->count) {
        if (!grow(&ready->set, &ready->users, &ready->room, at + 1)) {
            return nf_fail_because(NET_LIMIT, "no memory");
        }
        ready->count++;
    }
    ready->set[at] = (struct pollfd){.fd = fd,
                                     .events = (short)(((want & NF_IN) != 0 ? POLLIN : 0) |
                                                       ((want & NF_OUT) != 0 ? POLLOUT : 0))};
    ready->users[at] = user;
    return 0;
}

static int poll_set(struct nf_ready *ready, int fd, unsigned wanted, unsigned want, void *user)
{
    (void)wanted;
    nf_mutex_lock(&ready->lock);
    int code = change(ready, fd, want, user);

    nf_mutex_unlock(&ready->lock);
    return code;
}

/* Without memory for the copy nobody is found ready: the caller looks again. */
static int take_copy(struct nf_ready *ready)
{
    int count = 0;

    nf_mutex_lock(&ready->lock);
    if (grow(&ready->copy, &ready->copied_users, &ready->copied_room, ready->count + 1)) {
        count = ready->count;
        if (count > 0) {
            memcpy(ready->copy, ready->set, (size_t)count * sizeof *ready->copy);
            memcpy(ready->copied_users, ready->users, (size_t)count * sizeof *ready->users);
        }
    }
    nf_mutex_unlock(&ready->lock);
    return count;
}

static int poll_answers(struct nf_ready *ready, struct nf_readied *answers, net_deadline deadline)
{
    int count = take_copy(ready);
    int ready_count = poll(ready->copy, (nfds_t)count, nf_milliseconds_until(deadline));
    int n = 0;

    for (int i = 0; i < count && ready_count > 0 && n < NF_READY_MAX; i++) {
        int at = (ready->turn + i) % count;
        short got = ready->copy[at].revents;

        if (got == 0) {
            continue;
        }
        answers[n].user = ready->copied_users[at];
        answers[n].got = (got & (POLLERR | POLLHUP | POLLNVAL)) != 0
                             ? (unsigned)(NF_IN | NF_OUT)
                             : ((got & POLLIN) != 0 ? (unsigned)NF_IN : 0) |
                                   ((got & POLLOUT) != 0 ? (unsigned)NF_OUT : 0);
        if (++n == NF_READY_MAX) {
            ready->turn = at + 1;
        }
    }
    return n;
}

static int poll_fd(struct nf_ready *ready)
{
    (void)ready;
    return nf_fail_because(NET_UNSUPPORTED, "poll(2) has no descriptor to nest");
}

static int poll_alarm(struct nf_ready *ready, net_deadline at)
{
    (void)at;
    return poll_fd(ready);
}

static void poll_close(struct nf_ready *ready)
{
    nf_mutex_destroy(&ready->lock);
    free(ready->set);
    free(ready->users);
    free(ready->copy);
    free(ready->copied_users);
    free(ready);
}

const struct nf_ready_body nf_ready_poll = {
    .open = poll_open,
    .set = poll_set,
    .wait = poll_answers,
    .fd = poll_fd,
    .alarm = poll_alarm,
    .close = poll_close,
    .is_deaf = true,
};

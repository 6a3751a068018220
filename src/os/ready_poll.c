/* The poll(2) body of ready.h: a table of descriptors. Each wait polls a copy of it. */
#define _GNU_SOURCE
#include "os/cause.h"
#include "os/clock.h"
#include "os/mutex.h"
#include "os/ready.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 16 };

/* Descriptors and their `user` pointers, at equal indices. */
struct table {
    struct pollfd *set;
    void **users;
    int room;
};

struct nf_ready {
    struct nf_mutex lock;
    struct table table;
    int count;
    int first; /* index where the next wait begins to look, so that no descriptor is always last */
    struct table copy;  /* used by the thread that waits */
    struct table spare; /* the next copy, as large as the table; or empty */
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

    while (i < ready->count && ready->table.set[i].fd != fd) {
        i++;
    }
    return i;
}

static void table_free(struct table *table)
{
    free(table->set);
    free(table->users);
    *table = (struct table){0};
}

static bool table_make(struct table *table, int room)
{
    table->set = calloc((size_t)room, sizeof *table->set);
    table->users = calloc((size_t)room, sizeof *table->users);
    table->room = room;
    if (table->set == NULL || table->users == NULL) {
        table_free(table);
        return false;
    }
    return true;
}

static void table_fill(struct table *table, const struct table *from, int count)
{
    if (count > 0) {
        memcpy(table->set, from->set, (size_t)count * sizeof *table->set);
        memcpy(table->users, from->users, (size_t)count * sizeof *table->users);
    }
}

/* Enlarge the table, and allocate a copy of that size for the next wait, so a wait never lacks
 * memory. */
static int grow(struct nf_ready *ready)
{
    struct table larger = {0};
    struct table spare = {0};
    int room = ready->table.room > 0 ? ready->table.room * 2 : FIRST_ROOM;

    if (!table_make(&larger, room) || !table_make(&spare, room)) {
        table_free(&larger);
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    table_fill(&larger, &ready->table, ready->count);
    table_free(&ready->table);
    table_free(&ready->spare);
    ready->table = larger;
    ready->spare = spare;
    return 0;
}

static void remove_at(struct nf_ready *ready, int at)
{
    if (at < ready->count) {
        ready->count--;
        ready->table.set[at] = ready->table.set[ready->count];
        ready->table.users[at] = ready->table.users[ready->count];
    }
}

static int change(struct nf_ready *ready, int fd, unsigned want, void *user)
{
    int at = find(ready, fd);

    if (want == 0) {
        remove_at(ready, at);
        return 0;
    }
    if (at == ready->table.room && grow(ready) < 0) {
        return NET_LIMIT;
    }
    ready->count += at == ready->count ? 1 : 0;
    ready->table.set[at] = (struct pollfd){.fd = fd,
                                           .events = (short)(((want & NF_IN) != 0 ? POLLIN : 0) |
                                                             ((want & NF_OUT) != 0 ? POLLOUT : 0))};
    ready->table.users[at] = user;
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

static int take_copy(struct nf_ready *ready)
{
    nf_mutex_lock(&ready->lock);
    if (ready->spare.room > 0) {
        table_free(&ready->copy);
        ready->copy = ready->spare;
        ready->spare = (struct table){0};
    }
    table_fill(&ready->copy, &ready->table, ready->count);
    int count = ready->count;

    nf_mutex_unlock(&ready->lock);
    return count;
}

/* Any of them may be ready, so the caller checks again. */
static int refused(struct table *copy, int count, net_deadline deadline)
{
    nf_poll_pause(deadline);
    for (int i = 0; i < count; i++) {
        copy->set[i].revents = copy->set[i].events;
    }
    return count;
}

static int poll_answers(struct nf_ready *ready, struct nf_readied *answers, net_deadline deadline)
{
    int count = take_copy(ready);
    int found = poll(ready->copy.set, (nfds_t)count, nf_milliseconds_until(deadline));
    int n = 0;

    if (found < 0 && errno != EINTR) {
        found = refused(&ready->copy, count, deadline);
    }
    for (int i = 0; i < count && found > 0 && n < NF_READY_MAX; i++) {
        int at = (ready->first + i) % count;
        short got = ready->copy.set[at].revents;

        if (got == 0) {
            continue;
        }
        answers[n].user = ready->copy.users[at];
        answers[n].got = (got & (POLLERR | POLLHUP | POLLNVAL)) != 0
                             ? (unsigned)(NF_IN | NF_OUT)
                             : ((got & POLLIN) != 0 ? (unsigned)NF_IN : 0) |
                                   ((got & POLLOUT) != 0 ? (unsigned)NF_OUT : 0);
        if (++n == NF_READY_MAX) {
            ready->first = at + 1;
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
    table_free(&ready->table);
    table_free(&ready->copy);
    table_free(&ready->spare);
    free(ready);
}

const struct nf_ready_body nf_ready_poll = {
    .open = poll_open,
    .set = poll_set,
    .wait = poll_answers,
    .fd = poll_fd,
    .alarm = poll_alarm,
    .close = poll_close,
    .set_needs_wake = true,
};

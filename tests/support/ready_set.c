/* A set of one of the implementations, and things to watch. */
#include "ready_set.h"
#include "support.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

const char *const ready_bodies[] = {"epoll", "poll", NULL};

const struct nf_ready_body *body;
struct nf_ready *ready;
struct nf_readied answers[NF_READY_MAX];

void ready_set_choose(const char *name)
{
    body = strcmp(name, "poll") == 0 ? &nf_ready_poll : nf_ready_best();
}

void ready_set_open(const char *name)
{
    ready_set_choose(name);
    ready = body->open();
    assert_non_null(ready);
}

void thing_open(struct thing *thing)
{
    *thing = (struct thing){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    assert_true(thing->fd >= 0);
}

void thing_make_readable(const struct thing *thing)
{
    uint64_t one = 1;

    assert_int_equal(write(thing->fd, &one, sizeof one), sizeof one);
}

void thing_make_unreadable(const struct thing *thing)
{
    uint64_t count;
    ssize_t got = read(thing->fd, &count, sizeof count);

    (void)got; /* it fails when there was nothing to read */
}

int thing_watch(struct thing *thing, unsigned want)
{
    int code = body->set(ready, thing->fd, thing->watched, want, thing);

    thing->watched = code == 0 ? want : thing->watched;
    return code;
}

void thing_close(struct thing *thing)
{
    thing_watch(thing, 0);
    close(thing->fd);
}

unsigned told_of(const void *user)
{
    unsigned got = 0;
    int n = body->wait(ready, answers, NET_NOW);

    assert_in_range(n, 0, NF_READY_MAX);
    for (int i = 0; i < n; i++) {
        got |= answers[i].user == user ? answers[i].got : 0;
    }
    return got;
}

void things_wait(struct thing *things)
{
    int before[THINGS];
    int n = body->wait(ready, answers, soon());

    assert_in_range(n, 1, NF_READY_MAX);
    for (int i = 0; i < THINGS; i++) {
        before[i] = things[i].told;
    }
    for (int i = 0; i < n; i++) {
        struct thing *thing = answers[i].user;

        assert_in_range(thing - things, 0, THINGS - 1);
        assert_int_equal(answers[i].got, NF_IN);
        assert_int_equal(thing->told, before[thing - things]); /* none is reported twice */
        thing->told++;
    }
}

/* The reactor. The poller keeps the deadlines too: no thread here sleeps with a limit of its own.
 */
#include "reactor.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "wait/deadline.h"

enum { EVENTS = 8 };

/* A thread that sleeps until a socket is ready, or until it gets a turn. On that thread's stack. */
struct sleeper {
    struct sleeper *next;
    unsigned interest;
    enum reactor_turn turn;
    net_deadline deadline;
    bool is_over;
    int code;
    pthread_cond_t over;
};

/* A socket that a thread waits for or uses. The poller reports its number, so a late event can name
 * a socket that is closed. */
struct entry {
    struct entry *next;
    net_socket *socket;
    uintptr_t number;
    int users;
    bool is_taken[REACTOR_TURNS];
    struct sleeper *sleepers; /* in the order in which they came */
};

static struct {
    pthread_mutex_t lock;
    net_poller *poller;
    struct entry *entries;
    uintptr_t last_number;
    bool is_open;    /* in this process */
    bool has_thread; /* a forked child has none: a thread that sleeps there waits at the poller
                        itself */
} reactor = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void give_up(const char *why)
{
    fprintf(stderr, "the reactor: %s: %s\n", why, net_error_text());
    abort();
}

static void lock(void)
{
    pthread_mutex_lock(&reactor.lock);
}

static void unlock(void)
{
    pthread_mutex_unlock(&reactor.lock);
}

/* ---- Which threads wait for what, with the lock held ---- */

static struct entry *enter(net_socket *socket)
{
    struct entry *entry = reactor.entries;

    while (entry != NULL && entry->socket != socket) {
        entry = entry->next;
    }
    if (entry == NULL) {
        entry = calloc(1, sizeof *entry);
        if (entry == NULL) {
            give_up("no memory");
        }
        entry->socket = socket;
        entry->number = ++reactor.last_number;
        entry->next = reactor.entries;
        reactor.entries = entry;
    }
    entry->users++;
    return entry;
}

static void leave(struct entry *entry)
{
    struct entry **link = &reactor.entries;

    if (--entry->users > 0) {
        return;
    }
    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    free(entry);
}

/* What all the sleepers together want. Without any, the socket leaves the poller. */
static int watch(struct entry *entry)
{
    unsigned interest = 0;
    net_deadline deadline = NET_FOREVER;

    for (struct sleeper *sleeper = entry->sleepers; sleeper != NULL; sleeper = sleeper->next) {
        interest |= sleeper->interest;
        deadline = nf_earlier(deadline, sleeper->deadline);
    }
    return net_poller_watch(reactor.poller, entry->socket, interest, (void *)entry->number,
                            deadline);
}

static void wake(struct sleeper **link, int code)
{
    struct sleeper *sleeper = *link;

    *link = sleeper->next;
    sleeper->code = code;
    sleeper->is_over = true;
    pthread_cond_signal(&sleeper->over);
}

static void hear(const net_event *event)
{
    struct entry *entry = reactor.entries;

    while (entry != NULL && entry->number != (uintptr_t)event->user) {
        entry = entry->next;
    }
    if (entry == NULL) {
        return; /* no thread waits any more */
    }
    if (entry->socket != event->socket || event->ready == 0) {
        give_up("an event that makes no sense");
    }
    struct sleeper **link = &entry->sleepers;

    while (*link != NULL) {
        if ((event->ready & (*link)->interest) != 0) {
            wake(link, 0);
        } else if ((event->ready & NET_EXPIRED) != 0 && nf_deadline_passed((*link)->deadline)) {
            wake(link, NET_TIMEOUT);
        } else {
            link = &(*link)->next;
        }
    }
    if (watch(entry) < 0) {
        give_up("a socket that was watched cannot be watched for less");
    }
}

static void take_events(net_poller *poller)
{
    net_event events[EVENTS];
    int n = net_poller_wait(poller, events, EVENTS, NET_FOREVER);

    if (n < 1 || n > EVENTS) {
        give_up("a wait without limit ended with nothing");
    }
    lock();
    for (int i = 0; i < n; i++) {
        hear(&events[i]);
    }
    unlock();
}

static int sleep_in(struct entry *entry, struct sleeper *sleeper)
{
    struct sleeper **last = &entry->sleepers;

    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = sleeper;
    int code = watch(entry);

    if (code < 0) {
        *last = NULL;
        return code;
    }
    pthread_cond_init(&sleeper->over, NULL);
    while (!sleeper->is_over && reactor.has_thread) {
        pthread_cond_wait(&sleeper->over, &reactor.lock);
    }
    while (!sleeper->is_over) {
        unlock();
        take_events(reactor.poller);
        lock();
    }
    pthread_cond_destroy(&sleeper->over);
    return sleeper->code;
}

/* ---- The thread ---- */

static void *run(void *poller)
{
    for (;;) {
        take_events(poller);
    }
    return NULL;
}

/* The lock is held. A forked child closes the parent's poller first, since its own needs the same
 * descriptor numbers. */
static void open_reactor(void)
{
    while (reactor.entries != NULL) {
        struct entry *entry = reactor.entries;

        reactor.entries = entry->next;
        free(entry);
    }
    net_poller_close(reactor.poller);
    reactor.poller = net_poller_open();
    if (reactor.poller == NULL) {
        give_up("no poller");
    }
    reactor.is_open = true;
}

static void begin_again(void)
{
    reactor.is_open = false;
    reactor.has_thread = false;
    unlock();
}

/* Runs before any test counts descriptors and threads. */
__attribute__((constructor)) static void begin(void)
{
    pthread_t thread;

    pthread_atfork(lock, unlock, begin_again);
    open_reactor();
    if (pthread_create(&thread, NULL, run, reactor.poller) != 0) {
        give_up("no thread");
    }
    pthread_detach(thread);
    reactor.has_thread = true;
}

/* ---- For the verbs ---- */

static struct entry *lock_and_enter(net_socket *socket)
{
    lock();
    if (!reactor.is_open) {
        open_reactor();
    }
    return enter(socket);
}

static void leave_and_unlock(struct entry *entry)
{
    leave(entry);
    unlock();
}

int reactor_await(net_socket *socket, unsigned interest, net_deadline deadline)
{
    struct sleeper sleeper = {.interest = interest, .deadline = deadline};
    struct entry *entry = lock_and_enter(socket);
    int code = sleep_in(entry, &sleeper);

    leave_and_unlock(entry);
    return code;
}

/* The thread that is woken has the turn. */
bool reactor_take_turn(net_socket *socket, enum reactor_turn turn, net_deadline deadline)
{
    struct sleeper sleeper = {.turn = turn, .deadline = deadline};
    struct entry *entry = lock_and_enter(socket);
    bool is_ours = !entry->is_taken[turn] || sleep_in(entry, &sleeper) == 0;

    if (is_ours) {
        entry->is_taken[turn] = true;
        entry->users++;
    }
    leave_and_unlock(entry);
    return is_ours;
}

void reactor_leave_turn(net_socket *socket, enum reactor_turn turn)
{
    struct entry *entry = lock_and_enter(socket);
    struct sleeper **link = &entry->sleepers;

    while (*link != NULL && (*link)->turn != turn) {
        link = &(*link)->next;
    }
    entry->is_taken[turn] = *link != NULL;
    entry->users--;
    if (*link != NULL) {
        wake(link, 0);
        if (watch(entry) < 0) {
            give_up("a socket that was watched cannot be watched for less");
        }
    }
    leave_and_unlock(entry);
}

/* Pollers: one thread waits for many sockets. A wait returns the pending events. When there are
 * none, it collects events from:
 *
 *   the descriptors that the system reports as ready;
 *   the deadlines that have passed;
 *   the hot sockets, which were ready in user space when last looked at;
 *   the sockets whose notice was posted, which may be ready in user space now.
 *
 * The poller's lock is held throughout, except during the sleep. Lock order: the poller's turn, the
 * poller's lock, then the locks of a backend. Posting a notice takes no lock, so that a backend may
 * do it with its own locks held.
 *
 * A foreign loop is an event loop of the user's that watches net_poller_fd, and calls
 * net_poller_wait with NET_NOW when that is readable. */
#include "api/poller.h"
#include "api/check.h"
#include "api/failure.h"
#include "api/watch.h"
#include "os/process.h"
#include "os/thread.h"

#include <stdlib.h>

_Static_assert((int)NET_READABLE == (int)NF_IN && (int)NET_WRITABLE == (int)NF_OUT,
               "what the system tells is handed out as it is");

static void free_poller(struct net_poller *poller)
{
    nf_watch_free_all(poller);
    if (poller->ready != NULL) {
        poller->body->close(poller->ready);
    }
    nf_ready_list_close(&poller->ready_list);
    free(poller);
}

static int open_wake(struct net_poller *poller)
{
    int code = nf_ready_list_open(&poller->ready_list);

    if (code < 0) {
        return code;
    }
    return poller->body->set(poller->ready, nf_wake_fd(&poller->ready_list.wake), 0, NF_IN, NULL);
}

net_poller *nf_poller_open(const struct nf_ready_body *body)
{
    struct net_poller *poller = calloc(1, sizeof *poller);

    if (poller == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    poller->process = nf_process();
    poller->body = body;
    poller->ready = body->open();
    if (poller->ready == NULL || open_wake(poller) < 0) {
        free_poller(poller);
        return NULL;
    }
    return poller;
}

net_poller *net_poller_open(void)
{
    net_poller *poller = nf_poller_open(nf_ready_best());

    if (poller == NULL) {
        nf_failed_for(nf_cause_pending()->code, "poller open", NULL);
    }
    return poller;
}

void net_poller_close(net_poller *poller)
{
    if (poller != NULL) {
        while (atomic_load(&poller->wakers) != 0 && poller->process == nf_process()) {
            nf_thread_nap(); /* a wait may return before the wake that ended it does */
        }
        free_poller(poller);
    }
}

/* ---- Waking a thread that waits ---- */

static bool has_something(struct net_poller *poller)
{
    return poller->pending.first != NULL || poller->hot.first != NULL ||
           nf_ready_list_has_any(&poller->ready_list) || atomic_load(&poller->is_woken);
}

/* Hold the lock. Something has changed that a sleeping thread or a foreign loop may act on. */
static void wake_waiter(struct net_poller *poller)
{
    if (!poller->is_waiting && !poller->is_nested) {
        return; /* the next wait looks anyway */
    }
    net_deadline next = nf_timers_next(&poller->timers);

    if (has_something(poller) || (poller->is_waiting && next < poller->until) ||
        (poller->is_waiting && poller->body->set_needs_wake)) {
        nf_ready_list_wake(&poller->ready_list);
    }
    if (poller->is_nested) {
        poller->body->alarm(poller->ready, next);
    }
}

void net_poller_wake(net_poller *poller)
{
    if (poller != NULL) {
        atomic_fetch_add(&poller->wakers, 1);
        if (!atomic_exchange(&poller->is_woken, true)) {
            nf_ready_list_wake(&poller->ready_list);
        }
        atomic_fetch_sub(&poller->wakers, 1);
    }
}

/* ---- Watching ---- */

static struct nf_watch *watch_of(net_socket *socket)
{
    return (struct nf_watch *)atomic_load(&socket->notice);
}

static struct net_poller *poller_of(const struct nf_watch *watch)
{
    return (struct net_poller *)watch->notice.ready_list;
}

/* The descriptor is watched for `interest` already: only the deadline and the user pointer change.
 */
static bool only_deadline_changes(const struct nf_watch *watch, unsigned interest)
{
    return watch->interest == interest && watch->plain == interest && watch->armed == interest &&
           !watch->is_hot;
}

/* Hold the lock. On failure the watch keeps its old interest and deadline. */
static int rewatch(struct net_poller *poller, struct nf_watch *watch, unsigned interest, void *user,
                   net_deadline deadline)
{
    int code = deadline != NET_FOREVER ? nf_watch_reserve_timer(poller, watch) : 0;
    uint8_t interest_before = watch->interest;
    net_deadline deadline_before = watch->deadline;

    if (code < 0) {
        return code;
    }
    watch->deadline = deadline;
    if (interest != 0 && only_deadline_changes(watch, interest)) {
        if (watch->is_timed) {
            nf_timer_set(&poller->timers, &watch->timer, deadline);
        }
    } else {
        watch->interest = (uint8_t)interest;
        code = nf_watch_look(poller, watch);
    }
    if (code < 0) {
        watch->interest = interest_before;
        watch->deadline = deadline_before;
        return code;
    }
    watch->as.user = user;
    watch->ready &= (uint8_t)interest; /* drop NET_EXPIRED of the old deadline */
    return 0;
}

static int watch_locked(struct net_poller *poller, net_socket *socket, unsigned interest,
                        void *user, net_deadline deadline)
{
    struct nf_watch *watch = watch_of(socket);
    bool is_fresh = watch == NULL;

    if (!is_fresh && poller_of(watch) != poller) {
        return nf_fail_because(NET_MISUSE, "the socket is in another poller");
    }
    if (interest == 0 && deadline == NET_FOREVER) {
        if (!is_fresh) {
            nf_watch_end(poller, watch);
        }
        return 0;
    }
    watch = is_fresh ? nf_watch_new(poller, socket) : watch;
    if (watch == NULL) {
        return nf_cause_pending()->code;
    }
    int code = rewatch(poller, watch, interest, user, deadline);

    if (code < 0 && is_fresh) {
        nf_watch_end(poller, watch);
    }
    return code;
}

int net_poller_watch(net_poller *poller, net_socket *socket, unsigned interest, void *user,
                     net_deadline deadline)
{
    int code = nf_check_call(poller, deadline);

    if (code == 0) {
        code = nf_check_call(socket, deadline);
    }
    if (code == 0 && (interest & ~(unsigned)(NET_READABLE | NET_WRITABLE)) != 0) {
        code = nf_fail_because(NET_MISUSE, "an interest of %u", interest);
    }
    if (code == 0) {
        code = nf_watch_check_owner(poller);
    }
    if (code < 0) {
        return nf_failed(code, "watch", socket);
    }
    nf_turn_take(&poller->lock, NET_FOREVER);
    code = watch_locked(poller, socket, interest, user, deadline);
    /* Recorded here: once unlocked, a thread that has its event may close the socket. */
    code = code < 0 ? nf_failed(code, "watch", socket) : 0;
    wake_waiter(poller);
    nf_turn_leave(&poller->lock);
    return code;
}

/* In a forked child the poller is a copy, and a thread that does not exist there may hold its lock.
 * The child only marks the watch as closed. */
void nf_poller_forget_watched(net_socket *socket)
{
    struct nf_watch *watch = watch_of(socket);
    struct net_poller *poller = poller_of(watch);

    if (poller->process != nf_process()) {
        watch->role = NF_NO_WATCH;
        return;
    }
    nf_turn_take(&poller->lock, NET_FOREVER);
    nf_watch_end(poller, watch);
    wake_waiter(poller);
    nf_turn_leave(&poller->lock);
}

/* ---- Collecting ---- */

/* An answer without a watch: the wake, or the alarm for a foreign loop. An alarm that has expired
 * stays readable and would end the next sleep at once, so it is turned off. */
static void drain_wake(struct net_poller *poller)
{
    nf_wake_drain(&poller->ready_list.wake);
    if (poller->is_nested) {
        poller->body->alarm(poller->ready, NET_FOREVER);
    }
}

/* Handle an answer that is not an event by itself, or that does not fit into the caller's array. */
static void take_answer(struct net_poller *poller, const struct nf_readied *answer)
{
    struct nf_watch *watch = answer->user;

    if (watch == NULL) {
        drain_wake(poller);
    } else if (watch->role == NF_COMMON_WATCH) {
        nf_watch_pump(poller, watch, NET_NOW);
    } else if (watch->role == NF_SOCKET_WATCH && watch->plain == 0) {
        nf_watch_look(poller, watch);
    } else if (watch->role == NF_SOCKET_WATCH && (answer->got & watch->plain) != 0) {
        watch->ready |= (uint8_t)(answer->got & watch->plain);
        nf_watch_list(&poller->pending, watch);
    }
}

/* The answer for a plain descriptor goes straight into the caller's array. If its watch already has
 * events or is hot, the answer is added to those, and all are reported in one event: the rest would
 * be reported later, when it may no longer be true. Returns how many events are filled in. */
static int take_answers(struct net_poller *poller, const struct nf_readied *answers, int n,
                        net_event *events, int count)
{
    net_event *next = events;
    const net_event *end = events + count;

    for (int i = 0; i < n; i++) {
        struct nf_watch *watch = answers[i].user;
        unsigned ready = watch != NULL ? answers[i].got & watch->plain : 0;

        if (ready != 0 && next < end && watch->ready == 0 && !watch->is_hot) {
            *next++ = (net_event){watch->of.socket, watch->as.user, ready, 0};
        } else {
            take_answer(poller, &answers[i]);
        }
    }
    return (int)(next - events);
}

static void take_timers(struct net_poller *poller)
{
    net_deadline now = nf_now();
    struct nf_timer *timer = NULL;

    for (uint32_t left = poller->timers.count; left > 0; left--) {
        timer = nf_timers_due(&poller->timers, now);
        if (timer == NULL) {
            break;
        }
        struct nf_watch *watch =
            (struct nf_watch *)(void *)((char *)timer - offsetof(struct nf_watch, timer));

        if (watch->role == NF_COMMON_WATCH) {
            /* While another thread reads there, the pump may return a moment that has passed. */
            nf_watch_pump(poller, watch, nf_deadline_after(now, 1));
        } else if (watch->role == NF_SOCKET_WATCH) {
            if (watch->deadline <= now) {
                watch->deadline = NET_FOREVER;
                watch->ready |= NET_EXPIRED;
            }
            nf_watch_look(poller, watch);
        }
    }
}

/* Look at every watch of a list that was detached from the poller. A watch that stays ready is put
 * into a list of the poller again. */
static void look_at_all(struct net_poller *poller, struct nf_watches list)
{
    while (list.first != NULL) {
        struct nf_watch *watch = nf_watch_next(&list, NULL);

        if (watch->role == NF_SOCKET_WATCH) {
            nf_watch_look(poller, watch);
        } else {
            nf_watch_free(poller, watch);
        }
    }
}

static void look_at_hot(struct net_poller *poller)
{
    struct nf_watches hot = poller->hot;

    poller->hot.first = NULL;
    look_at_all(poller, hot);
}

static void look_at_posted(struct net_poller *poller)
{
    look_at_all(poller, (struct nf_watches){
                            .first = (struct nf_watch *)nf_ready_list_take(&poller->ready_list)});
}

/* Sleep until a descriptor is ready, the poller is woken, or `until`. Return at once when there is
 * something to look at. The lock is released meanwhile. */
static int sleep_until(struct net_poller *poller, struct nf_readied *answers, net_deadline until)
{
    if (until != NET_NOW) {
        nf_ready_list_arm(&poller->ready_list);
        until = has_something(poller) ? NET_NOW : until;
    }
    poller->until = until;
    poller->is_waiting = true;
    nf_turn_leave(&poller->lock);
    int n = poller->body->wait(poller->ready, answers, poller->until);

    nf_turn_take(&poller->lock, NET_FOREVER);
    poller->is_waiting = false;
    nf_ready_list_disarm(&poller->ready_list);
    return n;
}

/* Collect what has happened, and sleep until `deadline` if nothing has. Returns how many events are
 * filled in. All other events are pending. */
static int collect(struct net_poller *poller, net_event *events, int count, net_deadline deadline)
{
    struct nf_readied answers[NF_READY_MAX];

    if (nf_ready_list_has_any(&poller->ready_list)) {
        look_at_posted(poller); /* a posted socket may want its descriptor watched no more */
    }
    int n = sleep_until(poller, answers, nf_earlier(deadline, nf_timers_next(&poller->timers)));
    int filled = take_answers(poller, answers, n, events, count);

    nf_watch_reclaim(poller);
    if (poller->timers.count > 0) {
        take_timers(poller);
    }
    if (poller->hot.first != NULL) {
        look_at_hot(poller);
    }
    if (nf_ready_list_has_any(&poller->ready_list)) {
        look_at_posted(poller);
    }
    return filled;
}

/* ---- Returning events ---- */

static int hand_out(struct net_poller *poller, net_event *events, int count)
{
    int n = 0;

    while (n < count && poller->pending.first != NULL) {
        bool posted = false;
        struct nf_watch *watch = nf_watch_next(&poller->pending, &posted);

        if (watch->role != NF_SOCKET_WATCH) {
            nf_watch_free(poller, watch);
            continue;
        }
        if (posted || watch->is_hot) {
            nf_watch_list(&poller->hot, watch);
        }
        unsigned ready = watch->ready & (watch->interest | (unsigned)NET_EXPIRED);

        watch->ready = 0;
        if (ready != 0) {
            events[n++] = (net_event){watch->of.socket, watch->as.user, ready, 0};
        }
    }
    return n;
}

/* A wake is reported at once, but not twice in a row while there are events: a thread that wakes
 * the poller all the time cannot keep events back. */
static bool reports_wake(struct net_poller *poller)
{
    poller->reported_wake = !poller->reported_wake && atomic_load(&poller->is_woken) &&
                            atomic_exchange(&poller->is_woken, false);
    return poller->reported_wake;
}

static int wait_locked(struct net_poller *poller, net_event *events, int count,
                       net_deadline deadline)
{
    bool is_last = false;

    for (;;) {
        if (reports_wake(poller)) {
            return 0;
        }
        int n = hand_out(poller, events, count);

        if (n > 0) {
            return n;
        }
        if (is_last) {
            return nf_fail(NET_TIMEOUT);
        }
        is_last = nf_deadline_passed(deadline);
        n = collect(poller, events, count, is_last ? NET_NOW : deadline);
        if (n > 0) {
            return n;
        }
    }
}

/* Between waits, notices and deadlines make net_poller_fd readable for a foreign loop. */
static void leave_to_foreign_loop(struct net_poller *poller)
{
    if (poller->is_nested) {
        nf_ready_list_arm(&poller->ready_list);
        wake_waiter(poller);
    }
}

int net_poller_wait(net_poller *poller, net_event *events, int count, net_deadline deadline)
{
    int n = nf_check_array(poller, events, count, deadline);

    if (n == 0) {
        n = nf_watch_check_owner(poller);
    }
    if (n == 0 && !nf_turn_take(&poller->turn, deadline)) {
        n = nf_fail(NET_TIMEOUT);
    }
    if (n < 0) {
        return nf_failed_for(n, "poller wait", NULL);
    }
    nf_turn_take(&poller->lock, NET_FOREVER);
    n = wait_locked(poller, events, count, deadline);
    leave_to_foreign_loop(poller);
    nf_turn_leave(&poller->lock);
    nf_turn_leave(&poller->turn);
    return n >= 0 ? n : nf_failed_for(n, "poller wait", NULL);
}

int net_poller_fd(net_poller *poller)
{
    int fd = nf_check_call(poller, NET_NOW);

    if (fd == 0) {
        fd = nf_watch_check_owner(poller);
    }
    if (fd == 0) {
        nf_turn_take(&poller->lock, NET_FOREVER);
        fd = poller->body->alarm(poller->ready, nf_timers_next(&poller->timers));
        if (fd == 0) {
            poller->is_nested = true;
            fd = poller->body->fd(poller->ready);
            leave_to_foreign_loop(poller);
        }
        nf_turn_leave(&poller->lock);
    }
    return fd >= 0 ? fd : nf_failed_for(fd, "poller fd", NULL);
}

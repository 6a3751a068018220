/* Watches: ask a socket how ready it is, and keep the poller's set of descriptors as the socket's
 * backend wants it. The terms are explained in watch.h. */
#include "api/watch.h"
#include "socket/socket.h"
#include "os/process.h"
#include "wait/deadline.h"

#include <stdlib.h>
#include <string.h>

enum {
    IN_A_SLAB = 64,
    LOOK_AGAIN = 10 /* ms, when the system refused to watch a descriptor */
};

struct nf_watch_slab {
    struct nf_watch_slab *next;
    struct nf_watch watch[IN_A_SLAB];
};

/* A forked child cannot use the poller: it shares the system's set of descriptors with its parent,
 * and its copy of the lock may be held by a thread that does not exist in the child. */
int nf_watch_check_owner(const struct net_poller *poller)
{
    return poller->process == nf_process()
               ? 0
               : nf_fail_because(NET_MISUSE, "the poller is of another process");
}

/* ---- Lists ---- */

static void append(struct nf_watches *list, struct nf_watch *watch)
{
    watch->notice.next = NULL;
    if (list->first == NULL) {
        list->first = watch;
    } else {
        list->last->notice.next = &watch->notice;
    }
    list->last = watch;
}

void nf_watch_list(struct nf_watches *list, struct nf_watch *watch)
{
    if (nf_notice_list(&watch->notice)) {
        append(list, watch);
    }
}

struct nf_watch *nf_watch_next(struct nf_watches *list, bool *was_posted)
{
    struct nf_watch *watch = list->first;

    list->first = (struct nf_watch *)watch->notice.next;
    bool posted = nf_notice_unlist(&watch->notice);

    if (was_posted != NULL) {
        *was_posted = posted;
    }
    return watch;
}

/* ---- Memory ---- */

static void push(struct nf_watch **stack, struct nf_watch *watch)
{
    watch->notice.next = (struct nf_notice *)*stack;
    *stack = watch;
}

static struct nf_watch *pop(struct nf_watch **stack)
{
    struct nf_watch *watch = *stack;

    *stack = (struct nf_watch *)watch->notice.next;
    return watch;
}

static bool add_slab(struct net_poller *poller)
{
    struct nf_watch_slab *slab = calloc(1, sizeof *slab);

    if (slab == NULL) {
        return false;
    }
    slab->next = poller->slabs;
    poller->slabs = slab;
    for (int i = IN_A_SLAB - 1; i >= 0; i--) {
        /* set once, because other threads read it */
        slab->watch[i].notice.ready_list = &poller->ready_list;
        push(&poller->free, &slab->watch[i]);
    }
    return true;
}

static struct nf_watch *allocate(struct net_poller *poller, enum nf_watch_role role)
{
    if (poller->free == NULL && !add_slab(poller)) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    struct nf_watch *watch = pop(&poller->free);

    atomic_store_explicit(&watch->notice.state, 0, memory_order_relaxed);
    memset((char *)watch + sizeof watch->notice, 0, sizeof *watch - sizeof watch->notice);
    watch->deadline = NET_FOREVER;
    watch->role = role & 3u;
    watch->fd = -1;
    return watch;
}

int nf_watch_reserve_timer(struct net_poller *poller, struct nf_watch *watch)
{
    int code = watch->is_timed ? 0 : nf_timers_reserve(&poller->timers);

    watch->is_timed = code == 0;
    return code;
}

static void release_timer(struct net_poller *poller, struct nf_watch *watch)
{
    if (watch->is_timed) {
        nf_timer_set(&poller->timers, &watch->timer, NET_FOREVER);
        nf_timers_release(&poller->timers);
        watch->is_timed = false;
    }
}

/* While a thread is in the body's wait, an answer that it is about to return may point to this
 * watch. The watch is then retired, and free again after that wait. When a slab's worth of watches
 * is retired, the thread is woken to make them free. */
void nf_watch_free(struct net_poller *poller, struct nf_watch *watch)
{
    push(poller->is_waiting ? &poller->retired : &poller->free, watch);
    if (poller->is_waiting && ++poller->retired_count >= IN_A_SLAB) {
        nf_ready_list_wake(&poller->ready_list);
    }
}

void nf_watch_reclaim(struct net_poller *poller)
{
    while (poller->retired != NULL) {
        push(&poller->free, pop(&poller->retired));
    }
    poller->retired_count = 0;
}

/* ---- Common descriptors ---- */

static int make_common_room(struct net_poller *poller, int fd)
{
    if (fd < poller->commons_room) {
        return 0;
    }
    int room = fd < poller->commons_room * 2 ? poller->commons_room * 2 : fd + 1;
    struct nf_common_slot *commons = realloc(poller->commons, (size_t)room * sizeof *commons);

    if (commons == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    for (int i = poller->commons_room; i < room; i++) {
        commons[i].watch = NULL;
    }
    poller->commons = commons;
    poller->commons_room = room;
    return 0;
}

static int open_common(struct net_poller *poller, struct nf_common *common)
{
    int code = make_common_room(poller, common->fd);

    if (code < 0) {
        return code;
    }
    struct nf_watch *shared = allocate(poller, NF_COMMON_WATCH);

    if (shared == NULL) {
        return NET_LIMIT;
    }
    code = nf_watch_reserve_timer(poller, shared);
    if (code == 0) {
        code = poller->body->set(poller->ready, common->fd, 0, NF_IN, shared);
    }
    if (code < 0) {
        release_timer(poller, shared);
        nf_watch_free(poller, shared);
        return code;
    }
    shared->of.common = common;
    shared->fd = common->fd;
    poller->commons[common->fd].watch = shared;
    return 0;
}

static void close_common(struct net_poller *poller, struct nf_watch *shared)
{
    poller->body->set(poller->ready, shared->fd, NF_IN, 0, NULL);
    release_timer(poller, shared);
    poller->commons[shared->fd].watch = NULL;
    shared->role = NF_NO_WATCH;
    nf_watch_free(poller, shared);
}

static int join_common(struct net_poller *poller, struct nf_watch *watch, struct nf_common *common)
{
    bool known = common->fd < poller->commons_room && poller->commons[common->fd].watch != NULL;
    int code = known ? 0 : open_common(poller, common);

    if (code == 0) {
        poller->commons[common->fd].watch->as.watches++;
        watch->fd = common->fd;
        watch->uses_common = true;
    }
    return code;
}

static void leave_common(struct net_poller *poller, struct nf_watch *watch)
{
    struct nf_watch *shared = poller->commons[watch->fd].watch;

    watch->uses_common = false;
    if (--shared->as.watches == 0) {
        close_common(poller, shared);
    }
}

void nf_watch_pump(struct net_poller *poller, struct nf_watch *watch, net_deadline earliest)
{
    net_deadline next = watch->of.common->pump(watch->of.common);

    nf_timer_set(&poller->timers, &watch->timer, next > earliest ? next : earliest);
}

/* ---- Looking ---- */

static void disarm(struct net_poller *poller, struct nf_watch *watch)
{
    if (watch->armed != 0) {
        poller->body->set(poller->ready, watch->fd, watch->armed, 0, NULL);
        watch->armed = 0;
    }
    if (watch->uses_common) {
        leave_common(poller, watch);
    }
}

/* Watch the descriptor that the socket names: its own, or one that it has in common with other
 * sockets. There is one `fd` for either. */
static int arm(struct net_poller *poller, struct nf_watch *watch,
               const struct nf_readiness *readiness)
{
    unsigned want = readiness->fd >= 0 ? readiness->want : 0;
    bool is_other = watch->armed != 0 && (want == 0 || readiness->fd != watch->fd);
    int code = 0;

    if (is_other || (watch->uses_common && readiness->common == NULL)) {
        disarm(poller, watch);
    }
    if (want != watch->armed) {
        code = poller->body->set(poller->ready, readiness->fd, watch->armed, want, watch);
        if (code == 0) {
            watch->fd = readiness->fd;
            watch->armed = want & (NF_IN | NF_OUT);
        }
    }
    if (readiness->common != NULL && !watch->uses_common) {
        code = join_common(poller, watch, readiness->common);
    }
    if (watch->uses_common) {
        nf_timer_set(&poller->timers, &poller->commons[watch->fd].watch->timer, readiness->pump);
    }
    if (code == 0) {
        watch->plain = (uint8_t)(readiness->is_hint ? 0 : want & watch->interest);
    }
    return code;
}

int nf_watch_look(struct net_poller *poller, struct nf_watch *watch)
{
    struct nf_readiness readiness = {.fd = -1, .pump = NET_FOREVER, .again = NET_FOREVER};
    net_socket *socket = watch->of.socket;

    nf_socket_ready(socket, watch->interest, &readiness);
    int code = arm(poller, watch, &readiness);

    if (code < 0) {
        readiness.again = nf_deadline_after(nf_now(), LOOK_AGAIN);
    }
    unsigned ready = readiness.ready & watch->interest;
    bool can_wait = readiness.again == NET_FOREVER || nf_watch_reserve_timer(poller, watch) == 0;

    if (watch->is_timed) {
        nf_timer_set(&poller->timers, &watch->timer, nf_earlier(watch->deadline, readiness.again));
    }
    watch->is_hot = ready != 0 || !can_wait;
    watch->ready |= (uint8_t)ready;
    if (watch->ready != 0) {
        nf_watch_list(&poller->pending, watch);
    } else if (watch->is_hot) {
        nf_watch_list(&poller->hot, watch);
    }
    return code;
}

/* ---- Beginning and end ---- */

struct nf_watch *nf_watch_new(struct net_poller *poller, net_socket *socket)
{
    struct nf_notice *none = NULL;
    struct nf_watch *watch = allocate(poller, NF_SOCKET_WATCH);

    if (watch == NULL) {
        return NULL;
    }
    watch->of.socket = socket;
    if (!atomic_compare_exchange_strong(&socket->notice, &none, &watch->notice)) {
        watch->role = NF_NO_WATCH;
        nf_watch_free(poller, watch);
        nf_fail_because(NET_MISUSE, "the socket is in another poller");
        return NULL;
    }
    return watch;
}

/* A watch that is in a list is freed when it is taken out of the list. */
void nf_watch_end(struct net_poller *poller, struct nf_watch *watch)
{
    disarm(poller, watch);
    release_timer(poller, watch);
    nf_socket_set_notice(watch->of.socket, NULL);
    watch->role = NF_NO_WATCH;
    watch->plain = 0;
    if (nf_notice_list(&watch->notice)) {
        nf_notice_unlist(&watch->notice);
        nf_watch_free(poller, watch);
    }
}

int nf_watch_list_all(struct net_poller *poller, net_event *events, int count)
{
    int n = 0;

    for (struct nf_watch_slab *slab = poller->slabs; slab != NULL; slab = slab->next) {
        for (int i = 0; i < IN_A_SLAB; i++) {
            const struct nf_watch *watch = &slab->watch[i];

            if (watch->role != NF_SOCKET_WATCH) {
                continue;
            }
            if (n < count) {
                events[n] = (net_event){
                    .socket = watch->of.socket, .user = watch->as.user, .ready = watch->interest};
            }
            n++;
        }
    }
    return n;
}

/* In a forked child the sockets are copies. Threads that were posting a notice exist only in the
 * parent, and nf_socket_set_notice would wait for them for ever. */
void nf_watch_free_all(struct net_poller *poller)
{
    bool is_ours = poller->process == nf_process();

    while (poller->slabs != NULL) {
        struct nf_watch_slab *slab = poller->slabs;

        for (int i = 0; i < IN_A_SLAB; i++) {
            if (slab->watch[i].role == NF_SOCKET_WATCH && is_ours) {
                nf_socket_set_notice(slab->watch[i].of.socket, NULL);
            } else if (slab->watch[i].role == NF_SOCKET_WATCH) {
                nf_socket_forget_notice(slab->watch[i].of.socket);
            }
        }
        poller->slabs = slab->next;
        free(slab);
    }
    nf_timers_free(&poller->timers);
    free(poller->commons);
}

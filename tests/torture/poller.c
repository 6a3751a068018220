/* wrap: epoll_ctl epoll_create1 eventfd timerfd_create malloc calloc realloc free */
/* The system calls and allocations of a poller fail, one by one, once or from then on. A call that
 * fails returns its code, nothing is left behind, and what was watched before still is: afterwards
 * everything is reported. */
#include "api/poller.h"
#include "allocations.h"
#include "support.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Calls that fail ---- */

enum { CTL, CREATE, EVENTFD, TIMERFD, MEMORY };

static const struct {
    const char *name;
    int error;
} victims[] = {[CTL] = {"epoll_ctl", ENOSPC},
               [CREATE] = {"epoll_create1", EMFILE},
               [EVENTFD] = {"eventfd", ENFILE},
               [TIMERFD] = {"timerfd_create", EMFILE},
               [MEMORY] = {"an allocation", ENOMEM}};

static struct {
    bool is_armed;
    int victim;
    int which; /* the number of the first call that fails, from 1 */
    bool for_ever;
    int seen; /* calls so far */
} plan;

static bool strikes(int victim)
{
    if (!plan.is_armed || plan.victim != victim) {
        return false;
    }
    plan.seen++;
    errno = victims[victim].error;
    return plan.seen == plan.which || (plan.for_ever && plan.seen > plan.which);
}

#define WRAP(victim, failure, type, name, parameters, arguments)                                   \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return strikes(victim) ? (failure) : __real_##name arguments;                              \
    }

WRAP(CREATE, -1, int, epoll_create1, (int flags), (flags))
WRAP(EVENTFD, -1, int, eventfd, (unsigned count, int flags), (count, flags))
WRAP(TIMERFD, -1, int, timerfd_create, (int clock, int flags), (clock, flags))

int __real_epoll_ctl(int set, int how, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int set, int how, int fd, struct epoll_event *event);

/* Unwatching never fails. */
int __wrap_epoll_ctl(int set, int how, int fd, struct epoll_event *event)
{
    return how != EPOLL_CTL_DEL && strikes(CTL) ? -1 : __real_epoll_ctl(set, how, fd, event);
}

void *__wrap_malloc(size_t size)
{
    return strikes(MEMORY) ? NULL : count_in(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return strikes(MEMORY) ? NULL : count_in(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (strikes(MEMORY)) {
        return NULL;
    }
    return memory == NULL ? count_in(__real_malloc(size)) : __real_realloc(memory, size);
}

void __wrap_free(void *memory)
{
    __real_free(count_out(memory));
}

/* ---- The sockets that are watched ---- */

enum { CROWD = 70 /* more than fit into one block of memory */ };
enum {
    LISTENER,
    SERVER,
    GONE,
    HUB,
    PEER,
    CLIENT,
    DIAL,
    FIRST_OF_CROWD,
    ALL = FIRST_OF_CROWD + CROWD
};
enum { BOTH = NET_READABLE | NET_WRITABLE };

/* Each socket: its constant readiness, and how it is watched. */
static struct {
    net_socket *socket;
    unsigned ready;
    unsigned interest;
    bool is_watched;
    bool is_expired; /* the expiry is not reported yet */
    uintptr_t user;
    unsigned told;
} all[ALL];

static net_poller *poller;
static net_poller *other; /* a poller without faults */
static struct pair tcp;
static struct pair udp;
static struct pair gone; /* its client has reset it */
static struct black_hole hole;

static void gather(void)
{
    char address[ADDRESS_MAX];

    open_black_hole("127.0.0.1", 0, &hole);
    dial_pair("tcp://127.0.0.1:0", &tcp);
    dial_pair("udp://127.0.0.1:0", &udp);
    gone.listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    int fd = raw_dial(gone.listener);

    gone.server = assert_socket(net_accept(gone.listener, soon()));
    raw_reset(fd);
    await_events(net_fd(gone.server), POLLIN);
    dial_address(udp.listener, address);
    for (int i = FIRST_OF_CROWD; i < ALL; i++) {
        all[i].socket = assert_socket(net_connect(address, soon()));
        all[i].ready = NET_WRITABLE;
    }
    assert_count(net_send(tcp.client, "x", 1, soon()), 1);
    assert_count(net_send(udp.client, "x", 1, soon()), 1);
    assert_count(net_send(udp.server, "x", 1, soon()), 1);
    assert_count(net_send(all[ALL - 1].socket, "a stranger", 10, soon()), 10);
    all[LISTENER].socket = tcp.listener;
    all[SERVER].socket = tcp.server;
    all[GONE].socket = gone.server;
    all[HUB].socket = udp.listener;
    all[PEER].socket = udp.server;
    all[CLIENT].socket = udp.client;
    for (int i = SERVER; i <= CLIENT; i++) {
        all[i].ready = BOTH;
    }
}

static void scatter(void)
{
    for (int i = FIRST_OF_CROWD; i < ALL; i++) {
        net_close(all[i].socket, NET_NOW);
    }
    close_pair(&tcp);
    close_pair(&udp);
    close_pair(&gone);
    close_black_hole(&hole);
}

/* ---- A poller in trouble ---- */

#define holds(condition) check_holds((condition), #condition, __LINE__)

static void check_holds(bool condition, const char *text, int line)
{
    if (!condition) {
        plan.is_armed = false;
        print_error("%s number %d %s: %s\n", victims[plan.victim].name, plan.which,
                    plan.for_ever ? "and all after it" : "once", net_error_text());
        print_error("not so: %s\n", text);
        _fail(__FILE__, line);
    }
}

/* If a poller could not start watching a socket, another poller can watch it. */
static void check_free(int item)
{
    bool was_armed = plan.is_armed;

    plan.is_armed = false;
    holds(net_poller_watch(other, all[item].socket, NET_READABLE, NULL, NET_FOREVER) == 0);
    holds(net_poller_watch(other, all[item].socket, 0, NULL, NET_FOREVER) == 0);
    plan.is_armed = was_armed;
}

enum when { NEVER, ONE_DAY, ALREADY };

static void watch(int item, unsigned interest, enum when when)
{
    static uintptr_t users;
    net_deadline deadline = when == NEVER     ? NET_FOREVER
                            : when == ONE_DAY ? net_after(3600000)
                                              : net_after(-1);
    int code = net_poller_watch(poller, all[item].socket, interest, (void *)++users, deadline);

    holds(code == 0 || (code == NET_LIMIT && net_error() == NET_LIMIT && plan.is_armed));
    if (code < 0 && !all[item].is_watched) {
        check_free(item);
    }
    if (code == 0) {
        all[item].interest = interest;
        all[item].is_watched = interest != 0 || when != NEVER;
        all[item].is_expired = when == ALREADY;
        all[item].user = users;
    }
}

static void take(const net_event *event)
{
    int item = 0;

    while (item < ALL && !(all[item].is_watched && all[item].socket == event->socket)) {
        item++;
    }
    holds(item < ALL);
    if (item == ALL) {
        return;
    }
    holds(event->user == (void *)all[item].user);
    holds((event->ready & ~((all[item].ready & all[item].interest) | (unsigned)NET_EXPIRED)) == 0);
    holds((event->ready & NET_EXPIRED) == 0 || all[item].is_expired);
    all[item].is_expired = all[item].is_expired && (event->ready & NET_EXPIRED) == 0;
    all[item].told |= event->ready;
}

static void wait_for_some(int count, net_deadline deadline)
{
    net_event events[ALL];
    int n = net_poller_wait(poller, events, count, deadline);

    holds(n > 0 || (plan.is_armed && (n == NET_TIMEOUT || n == NET_LIMIT)));
    for (int i = 0; i < n; i++) {
        take(&events[i]);
    }
}

static void watch_them_all(void)
{
    watch(SERVER, NET_READABLE, NEVER);
    watch(SERVER, NET_WRITABLE, ONE_DAY);
    watch(SERVER, BOTH, ALREADY);
    watch(PEER, NET_READABLE, NEVER);
    wait_for_some(1, NET_NOW);
    watch(HUB, NET_READABLE, ALREADY);
    watch(HUB, BOTH, ONE_DAY);
    watch(CLIENT, NET_READABLE, ALREADY);
    watch(CLIENT, NET_WRITABLE, NEVER);
    watch(GONE, NET_READABLE, NEVER);
    watch(DIAL, BOTH, ONE_DAY);
    watch(GONE, NET_WRITABLE, NEVER);
    wait_for_some(3, NET_NOW);
    watch(LISTENER, 0, ALREADY);
    watch(LISTENER, NET_READABLE, NEVER);
    for (int i = FIRST_OF_CROWD; i < ALL; i++) {
        watch(i, i % 2 == 0 ? NET_READABLE : NET_WRITABLE, i % 3 == 0 ? ONE_DAY : NEVER);
    }
    wait_for_some(1, NET_NOW);
    watch(PEER, BOTH, ALREADY);
    watch(CLIENT, 0, NEVER);
    watch(CLIENT, NET_READABLE, ONE_DAY);
    watch(SERVER, NET_READABLE, NEVER);
    watch(GONE, NET_READABLE, NEVER);
    wait_for_some(ALL, NET_NOW);
}

static void nest(const struct nf_ready_body *body)
{
    int fd = net_poller_fd(poller);

    if (body == nf_ready_best()) {
        holds(fd >= 0 || (fd == NET_LIMIT && plan.is_armed));
    } else {
        holds(fd == NET_UNSUPPORTED);
    }
}

static bool all_is_told(void)
{
    bool told = true;

    for (int i = 0; i < ALL; i++) {
        unsigned expected = all[i].is_watched ? all[i].ready & all[i].interest : 0;

        told = told && !all[i].is_expired && (all[i].told & BOTH) == expected;
    }
    return told;
}

static void hear_of_all(void)
{
    net_deadline limit = soon();

    for (int i = 0; i < ALL; i++) {
        all[i].told = 0;
    }
    while (!all_is_told() && net_after(0) < limit) {
        wait_for_some(ALL, limit);
    }
    holds(all_is_told());
}

static net_poller *open_poller(const struct nf_ready_body *body)
{
    net_poller *opened = body == nf_ready_best() ? net_poller_open() : nf_poller_open(body);

    holds(opened != NULL || plan.is_armed);
    holds(opened != NULL || body != nf_ready_best() || net_error() == NET_LIMIT);
    return opened;
}

/* Whether the fault occurred. */
static bool torture(const struct nf_ready_body *body)
{
    int descriptors = open_descriptors();
    int memory = plan.which == INT_MAX ? INT_MAX : alive;

    all[DIAL].socket = assert_socket(net_connect(hole.address, NET_NOW));
    plan.seen = 0;
    plan.is_armed = true;
    poller = open_poller(body);
    for (int i = 0; i < ALL; i++) {
        all[i].is_watched = false;
        all[i].is_expired = false;
    }
    if (poller != NULL) {
        watch_them_all();
        nest(body);
        plan.is_armed = false;
        hear_of_all();
        nest(body);
        watch_them_all();
        hear_of_all();
    }
    plan.is_armed = false;
    net_poller_close(poller);
    net_close(all[DIAL].socket, NET_NOW);
    holds(open_descriptors() == descriptors);
    holds(alive == memory || memory == INT_MAX);
    return plan.seen >= plan.which;
}

static void torture_by_all(const struct nf_ready_body *body)
{
    gather();
    other = open_poller(nf_ready_best());
    for (int i = LISTENER; i < DIAL; i++) {
        check_free(i); /* it has all the memory that it needs */
    }
    plan.which = INT_MAX; /* once without a fault: after that the datagrams are where they stay */
    torture(body);
    for (int i = 0; i < (int)COUNT(victims) * 2; i++) {
        bool met = true;

        plan.victim = i / 2;
        plan.for_ever = i % 2 == 1;
        for (plan.which = 1; met; plan.which++) {
            met = torture(body);
        }
    }
    net_poller_close(other);
    scatter();
}

static void epolls_body_loses_nothing(void **state)
{
    (void)state;
    torture_by_all(nf_ready_best());
}

static void polls_body_loses_nothing(void **state)
{
    (void)state;
    torture_by_all(&nf_ready_poll);
}

/* If something of a dial could not be watched at first, it is watched later: the end of the dial is
 * reported. */
static void a_dial_in_trouble_is_heard_of_in_the_end(void **state)
{
    net_event event;

    (void)state;
    for (int which = 1; which <= 3; which++) {
        open_black_hole("127.0.0.1", 0, &hole);
        net_socket *call = assert_socket(net_connect(hole.address, NET_NOW));

        poller = net_poller_open();
        assert_non_null(poller);
        plan.victim = CTL;
        plan.which = which;
        plan.for_ever = false;
        plan.seen = 0;
        plan.is_armed = true;
        int code = net_poller_watch(poller, call, NET_WRITABLE, NULL, NET_FOREVER);

        plan.is_armed = false;
        if (code < 0) {
            assert_int_equal(code, NET_LIMIT);
            assert_ok(net_poller_watch(poller, call, NET_WRITABLE, NULL, NET_FOREVER));
        }
        int caller = accept(hole.listener, NULL, NULL); /* now there is room for the dial */

        assert_true(caller >= 0);
        assert_int_equal(net_poller_wait(poller, &event, 1, soon()), 1);
        assert_int_equal(event.ready, NET_WRITABLE);
        assert_count(net_send(call, "x", 1, NET_NOW), 1);
        net_close(call, NET_NOW);
        net_poller_close(poller);
        close(caller);
        close_black_hole(&hole);
    }
}

int main(void)
{
    const struct test tests[] = {
        TEST(epolls_body_loses_nothing),
        TEST(polls_body_loses_nothing),
        TEST(a_dial_in_trouble_is_heard_of_in_the_end),
    };

    return run_once(tests);
}

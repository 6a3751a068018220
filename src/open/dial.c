/* Driving a race with real sockets and real names. The rules of the race are in race.c; a socket
 * that is still dialing is in dialing.c. Several attempts are half-open at once:
 *
 *   state     descriptor          event                                    next state
 *   WAITING   none                start: connect(2) succeeds               WON
 *                                 start: connect(2) is in progress         TRYING
 *                                 start: connect(2) fails                  FAILED
 *                                 start: the peer's backlog is full        WAITING, for a pause
 *   TRYING    half-open, polled   finish: SO_ERROR is 0                    WON
 *                                 finish: an error, or self-connected      FAILED
 *   FAILED    closed              -
 *   WON       connected           hand_over: the connection takes it       -
 *
 * The first attempt that is WON ends the race; nf_dial_end closes the half-open ones. Each attempt
 * opens a new descriptor, because one whose connect has failed cannot connect again. */
#include "open/dial.h"
#include "socket/kernel.h"
#include "open/inet.h"
#include "name/resolve.h"

enum {
    TRIES = 3 /* of one attempt: a local port may become free a moment after there was none */
};

#define SHORT_PAUSE NF_MILLISECOND        /* before a full backlog is tried again: at least, */
#define LONG_PAUSE  (20 * NF_MILLISECOND) /* and at most */

/* The loopback address of `family`; 0: of both. */
static void add_localhost(struct nf_race *race, uint16_t port, int family)
{
    static const int both[] = {NF_IPV4, NF_IPV6};

    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
        struct nf_addr addr = {.port = port};

        nf_inet_localhost(both[i], &addr);
        if (family == 0 || family == both[i]) {
            nf_race_add(race, &addr);
        }
    }
}

/* Ask the resolver for a name's addresses of `family`; 0: of both. */
static int begin_name(struct nf_dial *dial, const char *name, int family)
{
    nf_race_begin(&dial->race, NF_IPV6, true);
    dial->race.asked_v4 = family != NF_IPV6;
    dial->race.asked_v6 = family != NF_IPV4;
    return nf_resolve_begin(name, dial->race.asked_v4, dial->race.asked_v6, &dial->resolve);
}

static int begin_at(struct nf_dial *dial, const struct nf_addr *to)
{
    struct nf_addr own = *to;
    int code = nf_addr_keep(&own);

    nf_race_begin(&dial->race, NF_IPV6, false);
    if (code == 0) {
        nf_race_add(&dial->race, &own);
    }
    return code;
}

int nf_dial_begin(struct nf_dial *dial, const struct nf_target *target, enum nf_transport transport,
                  const struct nf_addr *to)
{
    struct nf_host host;
    int code = to == NULL ? nf_inet_host(target, false, &host) : 0;

    if (code < 0) {
        return code;
    }
    dial->transport = transport;
    dial->target = *target;
    dial->resolve = NULL;
    dial->alone = false;
    dial->blocking = false;
    dial->lost = false;
    dial->code = 0;
    dial->lookup_error[0] = '\0';
    if (to != NULL) {
        return begin_at(dial, to);
    }
    int family = (int)target->options.value[NF_FAMILY];

    dial->port = host.addr.port;
    if (host.kind == NF_HOST_NAME) {
        return begin_name(dial, host.name, family);
    }
    nf_race_begin(&dial->race, host.kind == NF_HOST_LOCALHOST ? NF_IPV4 : NF_IPV6, false);
    if (host.kind == NF_HOST_LOCALHOST) {
        add_localhost(&dial->race, dial->port, family);
    } else {
        nf_race_add(&dial->race, &host.addr);
    }
    return 0;
}

/* ---- Names ---- */

static void take_answers(struct nf_dial *dial, enum nf_family family, const bool *asked)
{
    struct nf_addr addrs[NF_RESOLVE_MAX];

    if (!*asked) {
        return;
    }
    int count = nf_resolve_answer(dial->resolve, family, addrs);

    if (count == NF_WOULD_BLOCK) {
        return;
    }
    for (int i = 0; i < count; i++) {
        addrs[i].port = dial->port;
        nf_race_add(&dial->race, &addrs[i]);
    }
    if (count < 0 && dial->code != NET_LIMIT) {
        nf_text_copy(dial->lookup_error, sizeof dial->lookup_error, nf_cause_pending()->detail);
        dial->code = count;
    }
    nf_race_answered(&dial->race, family, nf_now());
}

static void read_resolver(struct nf_dial *dial)
{
    if (dial->resolve == NULL) {
        return;
    }
    nf_resolve_drain(dial->resolve);
    take_answers(dial, NF_IPV6, &dial->race.asked_v6);
    take_answers(dial, NF_IPV4, &dial->race.asked_v4);
    if (!dial->race.asked_v4 && !dial->race.asked_v6) {
        nf_resolve_forget(dial->resolve);
        dial->resolve = NULL;
    }
}

int nf_dial_look_up(struct nf_dial *dial, net_deadline deadline)
{
    int code = 0;

    read_resolver(dial);
    while (dial->resolve != NULL && code == 0) {
        int got = nf_wait(nf_resolve_fd(dial->resolve), NF_IN, NULL, deadline);

        code = got < 0 ? got : 0;
        read_resolver(dial);
    }
    return code;
}

/* ---- Attempts ---- */

/* Bind to the local address that the target asks for. Without a port, connect(2) chooses one. With
 * one, earlier connections from it to other targets may be in TIME_WAIT, which SO_REUSEADDR on both
 * sockets allows. A listener at the port still refuses the bind, and a datagram socket never gets
 * the option: it could then take another's datagrams. */
static int bind_source(struct nf_dial *dial, int fd, const struct nf_addr *addr)
{
    const struct nf_options *options = &dial->target.options;

    if (options->source.family == NF_NOWHERE) {
        return 0;
    }
    if (options->source.family != addr->family) {
        return nf_fail_because(NET_UNREACHABLE, "the source address is of the other family");
    }
    if (options->source.port == 0) {
        nf_sockopt_set(fd, NF_SO_LATE_PORT, 1);
    }
    int code = options->source.port != 0 && dial->transport == NF_STREAM
                   ? nf_sockopt_set(fd, NF_SO_REUSEADDR, 1)
                   : 0;

    return code == 0 ? nf_fd_bind(fd, &options->source) : code;
}

/* Whether the descriptor is connected to itself. On one machine the kernel may choose the port that
 * is dialed as the local port, and TCP's simultaneous open then succeeds though nothing listens. */
static bool is_self_connected(int fd, const struct nf_addr *addr)
{
    struct nf_addr local;

    return nf_fd_local(fd, &local, NULL) == 0 && nf_addr_equal(&local, addr);
}

/* 0: connected; NF_WOULD_BLOCK: in progress; or a code. Between bind and connect, a datagram socket
 * with a known address would queue datagrams of any sender, and the caller would take them for the
 * peer's. A filter drops them. */
static int connect_attempt(struct nf_dial *dial, int fd, const struct nf_addr *addr)
{
    const struct nf_addr *source = &dial->target.options.source;
    bool filtered =
        dial->transport == NF_DATAGRAM && (nf_addr_is_named(source) || source->port != 0);
    int code = nf_kernel_apply(fd, &dial->target);

    if (code == 0 && filtered) {
        code = nf_sockopt_set(fd, NF_SO_DROP_ALL, 1);
    }
    if (code == 0) {
        code = bind_source(dial, fd, addr);
    }
    if (code == 0) {
        code = nf_fd_connect(fd, addr);
    }
    if (code == 0 && filtered) {
        code = nf_sockopt_set(fd, NF_SO_DROP_ALL, 0);
    }
    if (code == 0 && is_self_connected(fd, addr)) {
        return nf_fail_because(NET_REFUSED, "nobody but the call itself");
    }
    return code;
}

/* What a lost dial returns. A lookup that lacked a descriptor or a thread may have missed the one
 * address that answers. */
static int lost_code(const struct nf_dial *dial)
{
    return dial->race.count == 0 || dial->code == NET_LIMIT ? dial->code
                                                            : nf_race_code(&dial->race);
}

/* Whether connect(2) itself may block: there is one attempt, nothing else to wait for, and time for
 * the shortest timeout that the kernel keeps. */
static bool may_block(const struct nf_dial *dial, net_deadline deadline)
{
    return dial->alone && dial->race.count == 1 && dial->resolve == NULL &&
           (deadline == NET_FOREVER ||
            deadline - nf_now() >= nf_lane_longest_wait(0) + 2 * NF_TICK);
}

static int open_attempt(struct nf_dial *dial, struct nf_connection *connection,
                        const struct nf_addr *addr, net_deadline deadline)
{
    dial->blocking = may_block(dial, deadline);
    connection->out.timeout = 0;
    int fd = nf_fd_open((enum nf_family)addr->family, dial->transport, dial->blocking);

    if (fd == NET_UNSUPPORTED && !nf_addr_is_named(addr)) {
        return NET_UNREACHABLE; /* without the family no address of it can be reached */
    }
    if (fd >= 0 && dial->blocking &&
        nf_lane_set_timeout(fd, &connection->out, NF_SO_SNDTIMEO, deadline) != 0) {
        nf_fd_close(fd); /* the system refuses a timeout, so poll does the waiting */
        dial->blocking = false;
        fd = nf_fd_open((enum nf_family)addr->family, dial->transport, false);
    }
    return fd;
}

/* Record a failure, with the error and detail of the cause that is pending in this thread. */
static void fail(struct nf_race *race, int which, int code)
{
    struct nf_attempt *attempt = &race->attempt[which];

    attempt->error = nf_cause_pending()->error;
    nf_text_copy(attempt->why, sizeof attempt->why, nf_cause_pending()->detail);
    nf_race_failed(race, which, code, nf_now());
}

/* The backlog of a unix socket is full, and no descriptor becomes ready when there is room. Try
 * again after a quarter of the time waited so far, within the bounds of the pauses above. */
static void put_off(struct nf_race *race, int which)
{
    struct nf_attempt *attempt = &race->attempt[which];
    net_deadline now = nf_now();

    if (attempt->started == NET_NOW) {
        attempt->started = now;
    }
    int64_t pause = (now - attempt->started) / 4;

    pause = pause > SHORT_PAUSE ? pause : SHORT_PAUSE;
    pause = pause < LONG_PAUSE ? pause : LONG_PAUSE;
    nf_text_copy(attempt->why, sizeof attempt->why, "its backlog is full");
    nf_race_put_off(race, which, now + pause);
}

static void start(struct nf_dial *dial, struct nf_connection *connection, int which,
                  net_deadline deadline)
{
    struct nf_race *race = &dial->race;
    const struct nf_addr *addr = &race->attempt[which].addr;
    net_deadline begun = nf_now();
    int code = NET_LIMIT;
    int fd = -1;

    for (int i = 0; i < TRIES && code == NET_LIMIT; i++) {
        nf_fd_close(fd);
        fd = open_attempt(dial, connection, addr, deadline);
        code = fd >= 0 ? connect_attempt(dial, fd, addr) : fd;
    }
    if (code == NF_CONGESTED) {
        nf_fd_close(fd);
        put_off(race, which);
        return;
    }
    nf_race_started(race, which, fd, begun);
    if (code == 0) {
        nf_race_won(race, which);
    } else if (code != NF_WOULD_BLOCK) {
        nf_fd_close(fd);
        fail(race, which, code);
    }
}

/* The descriptor of an attempt is ready: record whether it has connected. */
static void finish(struct nf_race *race, int which)
{
    struct nf_attempt *attempt = &race->attempt[which];
    int code = nf_fd_connected(attempt->fd);

    if (code == 0 && is_self_connected(attempt->fd, &attempt->addr)) {
        code = nf_fail(NET_REFUSED);
    }
    if (code == 0) {
        nf_race_won(race, which);
    } else if (code != NF_WOULD_BLOCK) {
        nf_fd_close(attempt->fd);
        fail(race, which, code);
    }
}

/* ---- The dial ---- */

int nf_dial_advance(struct nf_dial *dial, struct nf_connection *connection, net_deadline deadline)
{
    int what;

    read_resolver(dial);
    do {
        what = nf_race_step(&dial->race, nf_now());
        if (what >= 0) {
            start(dial, connection, what, deadline);
        }
    } while (what >= 0);
    return what;
}

int nf_dial_polls(struct nf_dial *dial, struct nf_poll *polls)
{
    int n = 0;

    for (int i = 0; i < dial->race.count; i++) {
        if (dial->race.attempt[i].state == NF_TRYING) {
            polls[n++] = (struct nf_poll){.fd = dial->race.attempt[i].fd, .want = NF_OUT};
        }
    }
    if (dial->resolve != NULL) {
        polls[n++] = (struct nf_poll){.fd = nf_resolve_fd(dial->resolve), .want = NF_IN};
    }
    return n;
}

/* Wait until an attempt, the resolver or `wake` is ready, and finish the attempts that are. 0, or
 * NET_CANCELED when `wake` was posted. */
static int wait_for_attempts(struct nf_dial *dial, struct nf_wake *wake, net_deadline deadline)
{
    struct nf_poll polls[NF_POLL_MAX];
    int n = nf_dial_polls(dial, polls);
    int attempts = n - (dial->resolve != NULL ? 1 : 0);

    if (wake != NULL) {
        polls[n++] = (struct nf_poll){.fd = nf_wake_fd(wake), .want = NF_IN};
    }
    nf_poll(polls, n, deadline);
    for (int i = 0; i < attempts; i++) {
        for (int j = 0; j < dial->race.count && polls[i].got != 0; j++) {
            if (dial->race.attempt[j].state == NF_TRYING &&
                dial->race.attempt[j].fd == polls[i].fd) {
                finish(&dial->race, j);
                break;
            }
        }
    }
    return wake != NULL && nf_wake_is_posted(wake) ? nf_fail(NET_CANCELED) : 0;
}

/* Move the winner's descriptor and name to the connection. nf_dial_end closes the others. */
static int hand_over(struct nf_dial *dial, struct nf_connection *connection)
{
    struct nf_attempt *winner = dial->race.attempt;

    while (winner->state != NF_WON) {
        winner++;
    }
    int code = dial->blocking ? 0 : nf_fd_block(winner->fd);

    if (code == 0) {
        connection->fd = winner->fd;
        connection->head.name = winner->addr;
        connection->has_source = dial->target.options.source.family != NF_NOWHERE;
        connection->has_source_port = dial->target.options.source_has_port;
        winner->fd = -1;
        connection->head.owns_name = true;
        winner->addr = (struct nf_addr){0}; /* the connection owns its name now */
    }
    return code;
}

int nf_dial_drive(struct nf_dial *dial, struct nf_connection *connection, struct nf_wake *wake,
                  net_deadline deadline)
{
    bool passed = false;

    for (;;) {
        int what = nf_dial_advance(dial, connection, deadline);

        if (what == NF_RACE_DECIDED) {
            return hand_over(dial, connection);
        }
        if (what == NF_RACE_LOST) {
            dial->lost = true;
            return lost_code(dial);
        }
        if (passed) {
            return nf_fail(NET_TIMEOUT);
        }
        passed = nf_deadline_passed(deadline);
        net_deadline next = passed ? NET_NOW : nf_race_next(&dial->race, nf_now());

        if (wait_for_attempts(dial, wake, nf_earlier(next, deadline)) < 0) {
            return NET_CANCELED;
        }
    }
}

void nf_dial_end(struct nf_dial *dial)
{
    if (dial->resolve != NULL) {
        nf_resolve_forget(dial->resolve);
        dial->resolve = NULL;
    }
    for (int i = 0; i < dial->race.count; i++) {
        nf_fd_close(dial->race.attempt[i].fd);
        dial->race.attempt[i].fd = -1;
        nf_addr_drop(&dial->race.attempt[i].addr);
    }
}

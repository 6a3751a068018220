/* wrap: accept4 accept */
/* net_accept, whatever callers do, and when the system has no descriptor left. Many threads
 * that accept are in accept_threads.c. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- A system that fails when the test says so ---- */

static int fail_with;  /* errno of the calls that fail */
static int fail_times; /* how many of them do */
static _Atomic int accepts;

static bool fails(void)
{
    accepts++;
    errno = fail_with;
    return fail_times > 0 && fail_times-- > 0;
}

int __real_accept4(int fd, struct sockaddr *name, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *name, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *name, socklen_t *length, int flags)
{
    return fails() ? -1 : __real_accept4(fd, name, length, flags);
}

/* The library tries the plain call where the other is refused. */
int __real_accept(int fd, struct sockaddr *name, socklen_t *length);
int __wrap_accept(int fd, struct sockaddr *name, socklen_t *length);
int __wrap_accept(int fd, struct sockaddr *name, socklen_t *length)
{
    return fails() ? -1 : __real_accept(fd, name, length);
}

/* A listener and one caller. */
struct call {
    net_socket *listener;
    net_socket *client;
    char address[ADDRESS_MAX];
};

static void place_call(struct call *call)
{
    call->client = assert_socket(net_connect(call->address, soon()));
    if (!is_stream(call->address) && !is_encrypted(call->address)) {
        assert_count(net_send(call->client, "x", 1, soon()), 1);
    }
}

static void listen_on(const char *template, struct call *call)
{
    call->listener = assert_socket(net_listen(template));
    dial_address(call->listener, call->address);
}

static void hang_up(struct call *call, net_socket *server)
{
    net_close(call->client, NET_NOW);
    net_close(server, NET_NOW);
}

static void a_call_is_picked_up_that_came_before_or_after_the_accept(void **state)
{
    struct call call;
    struct caller accepting;

    listen_on(template_of(state), &call);
    place_call(&call);
    await_ready(call.listener, POLLIN);
    hang_up(&call, assert_socket(net_accept(call.listener, soon())));
    caller_start(&accepting, call_accept, call.listener, soon());
    place_call(&call);
    caller_join(&accepting);
    assert_int_equal(accepting.result, 0);
    hang_up(&call, accepting.made);
    net_close(call.listener, NET_NOW);
}

/* A reset, or what comes closest to it on this wire. Without a handshake it is one. */
static void call_and_be_gone(net_socket *listener, const char *address)
{
    if (net_fd(listener) >= 0 && !is_encrypted(address)) {
        raw_reset(raw_dial(listener));
    } else {
        net_close(assert_socket(net_connect(address, soon())), NET_NOW);
    }
}

/* A caller that is gone before the accept is not an error of the listener. */
static void a_caller_that_is_gone_again_does_no_harm(void **state)
{
    struct call call;

    listen_on(template_of(state), &call);
    for (int i = 0; i < 500 / slowness(); i++) {
        call_and_be_gone(call.listener, call.address);
        net_socket *server = net_accept(call.listener, net_after(100));

        if (server != NULL) {
            char byte;

            assert_code(net_recv(server, &byte, 1, soon()),
                        is_ip(call.address) || is_encrypted(call.address) ? NET_RESET : NET_EOF);
            net_close(server, NET_NOW);
        } else {
            assert_int_equal(net_error(), NET_TIMEOUT);
        }
    }
    place_call(&call);
    hang_up(&call, assert_socket(net_accept(call.listener, soon())));
    net_close(call.listener, NET_NOW);
}

static void errors_of_the_caller_are_retried_within_the_deadline(void **state)
{
    static const int errors[] = {ECONNABORTED, EPROTO,      EINTR,      EAGAIN,
                                 ENETDOWN,     ENOPROTOOPT, EHOSTDOWN,  ENONET,
                                 EHOSTUNREACH, ENETUNREACH, EOPNOTSUPP, EPERM};
    struct call call;

    listen_on(template_of(state), &call);
    for (size_t i = 0; i < COUNT(errors); i++) {
        place_call(&call);
        fail_with = errors[i];
        fail_times = 3;
        hang_up(&call, assert_socket(net_accept(call.listener, soon())));
        assert_int_equal(fail_times, 0);

        double since = now_ms();

        fail_times = 1;
        assert_no_socket(net_accept(call.listener, net_after(20)), NET_TIMEOUT);
        assert_took(elapsed_ms(since), 20, 1000);
    }
    net_close(call.listener, NET_NOW);
}

/* An injected failure is told within 100 ms or by the caller's deadline, without spinning. Then
 * the listener serves again. */
static void a_system_out_of_descriptors_is_a_limit_for_a_moment(void **state)
{
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    struct call call;

    listen_on(template_of(state), &call);
    place_call(&call);
    for (size_t i = 0; i < COUNT(errors); i++) {
        double since = now_ms();

        fail_with = errors[i];
        fail_times = 1000000;
        accepts = 0;
        assert_no_socket(net_accept(call.listener, soon()), NET_LIMIT);
        assert_took(elapsed_ms(since), 90, 1000);
        in_time(accepts >= 2);
        assert_in_range(accepts, 1, 100);
        since = now_ms();
        assert_no_socket(net_accept(call.listener, net_after(20)), NET_LIMIT);
        assert_took(elapsed_ms(since), 0, 90);
        assert_no_socket(net_accept(call.listener, NET_NOW), NET_LIMIT);
        fail_times = 2;
        net_socket *server = net_accept(call.listener, soon());

        fail_times = 0;
        if (!in_time(server != NULL)) {
            server = assert_socket(net_accept(call.listener, soon()));
        }
        hang_up(&call, server);
        place_call(&call);
    }
    hang_up(&call, assert_socket(net_accept(call.listener, soon())));
    net_close(call.listener, NET_NOW);
}

/* ---- With the true limit of descriptors, in a child that has set it ---- */

/* Valgrind does not apply the limit. A machine that is short of time may count the time it took
 * from a process as time the process used. */
enum { MOST_DESCRIPTORS = 40, NO_LIMIT_HERE = 77, BUSY = 3 };

static double cpu_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

static int accept_without_descriptors(struct call *call)
{
    struct rlimit limit = {.rlim_cur = MOST_DESCRIPTORS, .rlim_max = MOST_DESCRIPTORS};
    int last = -1;

    setrlimit(RLIMIT_NOFILE, &limit);
    for (int fd = dup(0); fd >= 0; fd = dup(0)) {
        last = fd;
        if (fd >= MOST_DESCRIPTORS) {
            return NO_LIMIT_HERE;
        }
    }
    double cpu = cpu_ms();

    for (int i = 0; i < 3; i++) {
        double since = now_ms();

        if (net_accept(call->listener, soon()) != NULL || net_error() != NET_LIMIT) {
            return 1;
        }
        if (elapsed_ms(since) < 90) {
            return 2;
        }
    }
    if (slowness() == 1 && cpu_ms() - cpu > 30) {
        return BUSY;
    }
    if (net_connect(call->address, soon()) != NULL || net_error() != NET_LIMIT) {
        return 4;
    }
    close(last);
    net_socket *server = net_accept(call->listener, soon());

    return server != NULL && net_close(server, NET_NOW) == 0 ? 0 : 5;
}

static int accept_with_an_inherited_listener(void *argument)
{
    return accept_without_descriptors(argument);
}

static int accept_with_a_listener_of_its_own(void *argument)
{
    struct call call;

    listen_on(argument, &call);
    place_call(&call);
    return accept_without_descriptors(&call);
}

static void expect_recovery(int result)
{
    in_time(result != BUSY);
    assert_true(result == 0 || result == NO_LIMIT_HERE || result == BUSY);
}

static void an_accept_without_descriptors_waits_and_recovers(void **state)
{
    char *address = (char *)(uintptr_t)template_of(state);

    expect_recovery(in_child(accept_with_a_listener_of_its_own, address));
}

/* Each process makes its own wake for a cancel, and here there is no descriptor for it either. */
static void a_forked_worker_without_descriptors_waits_and_recovers(void **state)
{
    struct call call;

    listen_on(template_of(state), &call);
    place_call(&call);
    expect_recovery(in_child(accept_with_an_inherited_listener, &call));
    net_close(call.client, NET_NOW);
    net_close(call.listener, NET_NOW);
}

static void an_accept_ends_at_its_deadline_and_loses_no_call(void **state)
{
    static const int after[] = {-1000, 0, 1, 20};
    struct call call;
    struct caller accepting;

    listen_on(template_of(state), &call);
    for (size_t i = 0; i < COUNT(after); i++) {
        double since = now_ms();

        assert_no_socket(net_accept(call.listener, net_after(after[i])), NET_TIMEOUT);
        assert_took(elapsed_ms(since), after[i] > 0 ? after[i] : 0, 1000);
    }
    assert_no_socket(net_accept(call.listener, NET_NOW), NET_TIMEOUT);
    caller_start(&accepting, call_accept, call.listener, NET_FOREVER);
    nap(20);
    assert_false(accepting.done);
    place_call(&call);
    caller_join(&accepting);
    hang_up(&call, accepting.made);
    place_call(&call);
    await_ready(call.listener, POLLIN);
    hang_up(&call, assert_socket(net_accept(call.listener, net_after(-1))));
    net_close(call.listener, NET_NOW);
}

/* Beyond the backlog a dial ends at its own deadline, and the server goes on. */
static void a_full_backlog_makes_the_next_caller_wait(void **state)
{
    struct call call;
    net_socket *clients[8] = {0};
    char address[ADDRESS_MAX];
    size_t connected = 0;

    snprintf(address, sizeof address, "%s?backlog=1", template_of(state));
    listen_on(address, &call);
    assert_int_equal(number_of(call.listener, "backlog"), 1);
    while (connected < COUNT(clients)) {
        net_deadline deadline = connected == 0 ? soon() : net_after(100);

        clients[connected] = net_connect(call.address, deadline);
        if (clients[connected] == NULL) {
            assert_int_equal(net_error(), NET_TIMEOUT);
            break;
        }
        connected++;
    }
    in_time(connected <= 3); /* several may be in flight while the first takes its place */
    for (size_t i = 0; i < connected; i++) {
        net_close(clients[i], NET_NOW);
        net_close(assert_socket(net_accept(call.listener, soon())), NET_NOW);
    }
    net_close(call.listener, NET_NOW);
}

static void an_accepted_connection_has_its_own_state(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_true((fcntl(net_fd(pair.listener), F_GETFL) & O_NONBLOCK) != 0);
    for (int i = 0; i < 2; i++) {
        int fd = net_fd(i == 0 ? pair.server : pair.client);
        socklen_t size = sizeof(int);
        int on = 0;

        assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
        assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        if (is_ip(template_of(state))) {
            assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
            assert_int_not_equal(on, 0);
        }
    }
    close_pair(&pair);
}

static void each_side_names_the_other_by_its_own_address(void **state)
{
    struct pair pair;
    char ours[ADDRESS_MAX];
    char theirs[ADDRESS_MAX];

    dial_pair(template_of(state), &pair);
    assert_ok(net_get(pair.client, "local", ours, sizeof ours));
    assert_ok(net_get(pair.server, "peer", theirs, sizeof theirs));
    assert_string_equal(ours, theirs);
    assert_ok(net_get(pair.client, "peer", theirs, sizeof theirs));
    assert_ok(net_get(pair.server, "local", ours, sizeof ours));
    assert_string_equal(ours, theirs);
    close_pair(&pair);
}

static void a_listener_that_closes_resets_what_was_not_picked_up(void **state)
{
    enum { WAITING = 100 };
    struct call call;
    net_socket *clients[WAITING];
    char byte;

    listen_on(template_of(state), &call);
    for (int i = 0; i < WAITING; i++) {
        clients[i] = assert_socket(net_connect(call.address, soon()));
    }
    net_close(call.listener, NET_NOW);
    for (int i = 0; i < WAITING; i++) {
        assert_code(net_recv(clients[i], &byte, 1, soon()), NET_RESET);
        net_close(clients[i], NET_NOW);
    }
}

static int listen_there(void *argument)
{
    return net_listen(argument) == NULL && net_error() == NET_INUSE ? 0 : 1;
}

static void an_address_is_known_at_once_and_nobody_elses(void **state)
{
    struct call call;
    char address[ADDRESS_MAX];

    listen_on(template_of(state), &call);
    if (is_ip(template_of(state))) {
        assert_in_range(number_of(call.listener, "port"), 1, 65535);
    }
    assert_ok(net_get(call.listener, "local", address, sizeof address));
    assert_no_socket(net_listen(address), NET_INUSE);
    assert_says(address);
    if (net_fd(call.listener) >= 0) { /* else the address is this process's own */
        assert_int_equal(in_child(listen_there, address), 0);
    }
    net_close(call.listener, NET_NOW);
}

/* The connections that the server itself closed are in TIME_WAIT. */
static void a_server_restarts_while_its_last_calls_linger(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];
    char byte;

    dial_pair(template_of(state), &pair);
    assert_ok(net_get(pair.listener, "local", address, sizeof address));
    net_close(pair.server, NET_NOW);
    assert_code(net_recv(pair.client, &byte, 1, soon()), NET_EOF);
    net_close(pair.client, NET_NOW);
    net_close(pair.listener, NET_NOW);
    net_close(assert_socket(net_listen(address)), NET_NOW);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_call_is_picked_up_that_came_before_or_after_the_accept),
        TEST(an_accept_ends_at_its_deadline_and_loses_no_call),
        TEST(each_side_names_the_other_by_its_own_address),
        TEST(an_address_is_known_at_once_and_nobody_elses),
    };
    static const struct test streams[] = {
        TEST(a_caller_that_is_gone_again_does_no_harm),
        TEST(a_full_backlog_makes_the_next_caller_wait),
        TEST(a_listener_that_closes_resets_what_was_not_picked_up),
        TEST(a_server_restarts_while_its_last_calls_linger),
    };

    static const struct test kernel[] = {
        TEST(errors_of_the_caller_are_retried_within_the_deadline),
        TEST(a_system_out_of_descriptors_is_a_limit_for_a_moment),
        TEST(an_accept_without_descriptors_waits_and_recovers),
        TEST(a_forked_worker_without_descriptors_waits_and_recovers),
        TEST(an_accepted_connection_has_its_own_state),
    };

    return run_over(all_templates, any) + run_over(stream_templates, streams) +
           run_over(kernel_streams, kernel);
}

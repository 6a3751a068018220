/* After a fork the other process only closes. Its closing, its exec and its signals disturb
 * no other process. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void expect_ping(struct pair *pair)
{
    char buffer[16];

    assert_count(net_send(pair->client, "ping", 4, soon()), 4);
    assert_count(net_recv(pair->server, buffer, sizeof buffer, soon()), 4);
    assert_count(net_send(pair->server, "pong", 4, soon()), 4);
    assert_count(net_recv(pair->client, buffer, sizeof buffer, soon()), 4);
}

/* The close shuts nothing down, drains nothing and takes nothing. */
static void a_child_that_closes_leaves_the_parent_its_sockets(void **state)
{
    struct pair pair;
    struct pair more = {0};
    char buffer[16];

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.client, "before", 6, soon()), 6);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(in_child(close_pair_in_child, &pair), 0);
    }
    assert_count(net_recv(pair.server, buffer, sizeof buffer, soon()), 6);
    expect_ping(&pair);
    dial_again(pair.listener, &more.client, &more.server);
    expect_ping(&more);
    close_pair(&more);
    close_pair(&pair);
}

/* The other way round: the parent closes and the child goes on. */
static int serve_in_child(void *argument)
{
    struct pair *pair = argument;
    char buffer[16];

    net_close(pair->listener, NET_NOW);
    net_close(pair->client, NET_NOW);
    if (net_recv(pair->server, buffer, sizeof buffer, soon()) != 4) {
        return 1;
    }
    if (net_send(pair->server, "pong", 4, soon()) != 4) {
        return 2;
    }
    return net_close(pair->server, NET_NOW) == 0 ? 0 : 3;
}

static void a_connection_may_be_handed_to_a_child(void **state)
{
    struct pair pair;
    char buffer[16];
    int status = 0;

    dial_pair(template_of(state), &pair);
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        alarm(60);
        _exit(serve_in_child(&pair));
    }
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    assert_count(net_send(pair.client, "ping", 4, soon()), 4);
    ssize_t n = net_recv(pair.client, buffer, sizeof buffer, soon());

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(n, 4);
    assert_code(net_recv(pair.client, buffer, sizeof buffer, soon()), NET_EOF);
    close_pair(&pair);
}

/* A thread of the parent blocks in a call while the child closes its copies. */
static void a_fork_beside_a_thread_inside_does_not_hang(void **state)
{
    struct pair pair;
    struct caller accepting;
    struct caller receiving;

    dial_pair(template_of(state), &pair);
    caller_start(&accepting, call_accept, pair.listener, soon());
    caller_start(&receiving, call_recv, pair.server, soon());
    for (int i = 0; i < 5; i++) {
        assert_int_equal(in_child(close_pair_in_child, &pair), 0);
    }
    assert_count(net_send(pair.client, "still", 5, soon()), 5);
    caller_join(&receiving);
    assert_int_equal(receiving.result, 5);
    net_cancel(pair.listener);
    caller_join(&accepting);
    assert_int_equal(accepting.result, NET_CANCELED);
    close_pair(&pair);
}

struct busy {
    struct pair *pair;
    _Atomic bool stop;
    int failure; /* code of a receive other than NET_TIMEOUT */
    pthread_t thread;
};

static void *talk(void *argument)
{
    struct busy *busy = argument;
    char buffer[8];

    while (!busy->stop) {
        net_send(busy->pair->client, "x", 1, net_after(10));
        ssize_t got = net_recv(busy->pair->server, buffer, sizeof buffer, net_after(10));

        if (got < 0 && got != NET_TIMEOUT) {
            busy->failure = (int)got;
        }
        net_close(net_accept(busy->pair->listener, NET_NOW), NET_NOW);
    }
    return NULL;
}

/* The fork comes at any moment. A lock that is held then stays locked in the child's copy for
 * ever. */
static void a_fork_in_the_middle_of_a_call_does_not_hang(void **state)
{
    struct pair pair;
    struct busy busy = {.pair = &pair};

    if (is_toy(template_of(state)) && slowness() > 1) {
        return; /* its many handshakes take minutes there */
    }
    dial_pair(template_of(state), &pair);
    assert_int_equal(pthread_create(&busy.thread, NULL, talk, &busy), 0);
    for (int i = 0; i < 40 / slowness() + 5; i++) {
        assert_int_equal(in_child(close_pair_in_child, &pair), 0);
    }
    busy.stop = true;
    pthread_join(busy.thread, NULL);
    assert_int_equal(busy.failure, 0);
    close_pair(&pair);
}

/* ---- A shared stream listener ---- */

static int cancel_in_child(void *argument)
{
    struct pair *pair = argument;
    struct caller caller;

    caller.socket = pair->listener;
    caller.deadline = net_after(20);
    if (call_accept(&caller) != NET_TIMEOUT) {
        return 1;
    }
    net_cancel(pair->listener);
    if (net_accept(pair->listener, soon()) != NULL || net_error() != NET_CANCELED) {
        return 2;
    }
    return net_close(pair->listener, NET_NOW) == 0 ? 0 : 3;
}

static void a_worker_that_cancels_a_shared_listener_stops_only_itself(void **state)
{
    struct pair pair;
    struct pair more = {0};
    struct caller accepting;

    dial_pair(template_of(state), &pair);
    assert_int_equal(in_child(cancel_in_child, &pair), 0);
    caller_start(&accepting, call_accept, pair.listener, soon());
    assert_int_equal(in_child(cancel_in_child, &pair), 0);
    nap(10);
    assert_false(accepting.done);
    char target[ADDRESS_MAX];

    dial_address(pair.listener, target);
    more.client = assert_socket(net_connect(target, soon()));
    caller_join(&accepting);
    assert_int_equal(accepting.result, 0);
    more.server = accepting.made;
    expect_ping(&more);
    close_pair(&more);
    close_pair(&pair);
}

static int accept_in_child(void *argument)
{
    struct pair *pair = argument;
    net_socket *call = net_accept(pair->listener, soon());

    if (call == NULL || net_send(call, "child", 5, soon()) != 5) {
        return 1;
    }
    return net_close(call, soon()) == 0 ? 0 : 2;
}

static void processes_may_share_a_stream_listener(void **state)
{
    struct pair pair;
    char target[ADDRESS_MAX];
    char buffer[8];

    dial_pair(template_of(state), &pair);
    dial_address(pair.listener, target);
    net_socket *client = assert_socket(net_connect(target, soon()));

    assert_count(net_shutdown(client), 0);
    assert_int_equal(in_child(accept_in_child, &pair), 0);
    assert_count(net_recv(client, buffer, sizeof buffer, soon()), 5);
    net_close(client, NET_NOW);
    close_pair(&pair);
}

static bool is_socket(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* After an exec the child counts its descriptors beyond the first three. */
static int count_after_exec(void *argument)
{
    (void)argument;
    execl("/bin/sh", "sh", "-c",
          "set -- /proc/$$/fd/*; for f; do case $(readlink $f) in "
          "socket:*|anon_inode:*) exit 1;; esac; done; exit 0",
          (char *)NULL);
    return 99;
}

static void an_exec_inherits_no_descriptor(void **state)
{
    struct pair pairs[3];
    net_socket *dialing;
    int sockets = 0;

    (void)state;
    for (int fd = 0; fd < 3; fd++) {
        if (is_socket(fd)) {
            skip(); /* the shell would see it too */
        }
    }
    for (size_t i = 0; i < COUNT(pairs); i++) {
        dial_pair(ip_templates[i * 2], &pairs[i]);
    }
    dialing = assert_socket(net_connect("tcp://127.0.0.1:9", NET_NOW));
    for (int fd = 3; fd < 64; fd++) {
        if (is_socket(fd)) {
            assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
            sockets++;
        }
    }
    assert_in_range(sockets, 7, 60);
    assert_int_equal(in_child(count_after_exec, NULL), 0);
    net_close(dialing, NET_NOW);
    for (size_t i = 0; i < COUNT(pairs); i++) {
        close_pair(&pairs[i]);
    }
}

/* SIGPIPE has its default action. */
static bool resets_without_a_signal(const char *address, bool vector)
{
    struct pair pair;
    net_slice slices[] = {{"a", 1}, {"b", 1}};
    ssize_t n = 1;

    dial_pair(address, &pair);
    net_close(pair.server, NET_NOW);
    for (int i = 0; i < 20000 && n > 0; i++) {
        n = vector ? net_send_vector(pair.client, slices, 2, soon())
                   : net_send(pair.client, "x", 1, soon());
        nap(1);
    }
    net_shutdown(pair.client);
    net_close(pair.client, soon());
    net_close(pair.listener, NET_NOW);
    return n == NET_RESET;
}

static int write_to_nobody(void *argument)
{
    signal(SIGPIPE, SIG_DFL);
    return resets_without_a_signal(argument, false) && resets_without_a_signal(argument, true) ? 0
                                                                                               : 1;
}

static void sending_to_nobody_raises_no_signal(void **state)
{
    assert_int_equal(in_child(write_to_nobody, (char *)(uintptr_t)template_of(state)), 0);
}

static void a_stop_outlasting_the_deadline_ends_in_a_timeout(void **state)
{
    struct pair pair;
    int status = 0;

    if (is_toy(template_of(state))) {
        return; /* its child needs names of mem: its parent's are lost then, for valgrind */
    }
    dial_pair(template_of(state), &pair);
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        char buffer[8];

        alarm(60);
        if (is_encrypted(template_of(state))) {
            dial_pair(template_of(state), &pair); /* that of the parent is not this process's */
        }
        _exit(net_recv(pair.client, buffer, sizeof buffer, net_after(100)) == NET_TIMEOUT ? 0 : 1);
    }
    nap(30);
    kill(child, SIGSTOP);
    nap(150);
    kill(child, SIGCONT);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close_pair(&pair);
}

static void signals_and_handlers_stay_as_they_were(void **state)
{
    struct sigaction before[64];
    struct sigaction after;
    sigset_t mask_before;
    sigset_t mask_after;
    struct pair pair;

    sigemptyset(&mask_before);
    sigemptyset(&mask_after);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_before);
    for (int i = 1; i < 32; i++) {
        sigaction(i, NULL, &before[i]);
    }
    dial_pair(template_of(state), &pair);
    expect_ping(&pair);
    net_cancel(pair.client);
    close_pair(&pair);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_after);
    for (int i = 1; i < 32; i++) {
        sigaction(i, NULL, &after);
        assert_true(before[i].sa_handler == after.sa_handler);
        assert_int_equal(before[i].sa_flags, after.sa_flags);
        assert_int_equal(sigismember(&mask_before, i), sigismember(&mask_after, i));
    }
}

/* Then 0, 1 and 2 are free, and stay so. */
static int talk_without_standard_descriptors(void *argument)
{
    struct pair pair;
    char buffer[8];

    close(0);
    close(1);
    close(2);
    dial_pair(argument, &pair);
    if (net_fd(pair.listener) <= 2) {
        return 1;
    }
    if (net_send(pair.client, "x", 1, soon()) != 1 ||
        net_recv(pair.server, buffer, 8, soon()) != 1 ||
        net_recv(pair.server, buffer, 8, NET_NOW) != NET_TIMEOUT) {
        return 2;
    }
    close_pair(&pair);
    return 0;
}

static void closed_standard_descriptors_do_not_matter(void **state)
{
    assert_int_equal(
        in_child(talk_without_standard_descriptors, (char *)(uintptr_t)template_of(state)), 0);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_child_that_closes_leaves_the_parent_its_sockets),
        TEST(a_fork_beside_a_thread_inside_does_not_hang),
        TEST(a_fork_in_the_middle_of_a_call_does_not_hang),
        TEST(a_stop_outlasting_the_deadline_ends_in_a_timeout),
        TEST(signals_and_handlers_stay_as_they_were),
    };
    static const struct test kernel[] = {TEST(closed_standard_descriptors_do_not_matter)};
    static const struct test shared[] = {
        TEST(a_connection_may_be_handed_to_a_child),
        TEST(a_worker_that_cancels_a_shared_listener_stops_only_itself),
        TEST(processes_may_share_a_stream_listener),
    };
    static const struct test streams[] = {TEST(sending_to_nobody_raises_no_signal)};
    static const struct test none[] = {TEST(an_exec_inherits_no_descriptor)};

    return run_over(all_templates, any) + run_over(kernel_templates, kernel) +
           run_over(kernel_streams, shared) + run_over(stream_templates, streams) + run_once(none);
}

/* wrap: accept4 recvmmsg sendmmsg epoll_create1 eventfd timerfd_create madvise */
/* wrap: syscall setsockopt getsockopt */
/* A host lacks a call (ENOSYS) or a sandbox refuses it (EPERM). A dial of unixgram:// failed
 * where socket filters are missing; a recvmmsg or accept4 that is missing ended the program. Now
 * each conversation works on every wire, by other calls. Each row runs in a process of its own:
 * some choices are made once for a process. */
#include "forward.h"
#include "watching.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum call {
    ACCEPT4 = 1,
    RECVMMSG = 2,
    SENDMMSG = 4,
    EPOLL = 8,
    EVENTFD = 16,
    TIMERFD = 32,
    MADVISE = 64,
    PREADV2 = 128,
    FILTERS = 256,
    TIMEOUTS = 512,
    TRAINS = 1024,
    ALL = 2047
};

static const struct {
    enum call call;
    const char *name;
} rows[] = {
    {ACCEPT4, "accept4"},   {RECVMMSG, "recvmmsg"},
    {SENDMMSG, "sendmmsg"}, {EPOLL, "epoll"},
    {EVENTFD, "eventfd"},   {TIMERFD, "timerfd"},
    {MADVISE, "madvise"},   {PREADV2, "preadv2"},
    {FILTERS, "filters"},   {TIMEOUTS, "SO_RCVTIMEO and SO_SNDTIMEO"},
    {TRAINS, "UDP_GRO"},    {ALL, "all of them"},
};

static enum call missing; /* on this host, */
static int error;         /* with this error */
static int refused;       /* how many calls were */

static bool lacks(enum call call)
{
    errno = error;
    refused += (missing & call) != 0;
    return (missing & call) != 0;
}

#define LACK(call, type, name, parameters, arguments)                                              \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return lacks(call) ? -1 : __real_##name arguments;                                         \
    }

LACK(ACCEPT4, int, accept4, (int fd, struct sockaddr *name, socklen_t *length, int flags),
     (fd, name, length, flags))
LACK(RECVMMSG, int, recvmmsg,
     (int fd, struct mmsghdr *all, unsigned count, int flags, struct timespec *timeout),
     (fd, all, count, flags, timeout))
LACK(SENDMMSG, int, sendmmsg, (int fd, struct mmsghdr *all, unsigned count, int flags),
     (fd, all, count, flags))
LACK(EPOLL, int, epoll_create1, (int flags), (flags))
LACK(EVENTFD, int, eventfd, (unsigned count, int flags), (count, flags))
LACK(TIMERFD, int, timerfd_create, (clockid_t clock, int flags), (clock, flags))
LACK(MADVISE, int, madvise, (void *start, size_t size, int advice), (start, size, advice))

long __wrap_syscall(long number, ...)
{
    va_list list;

    if (number == SYS_preadv2 && lacks(PREADV2)) {
        return -1;
    }
    va_start(list, number);
    long result = forward_syscall(number, list);

    va_end(list);
    return result;
}

/* What an option belongs to; 0: it is there. */
static enum call call_of(int level, int name)
{
    if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO)) {
        return TIMEOUTS;
    }
    if (level == SOL_SOCKET && (name == SO_ATTACH_FILTER || name == SO_DETACH_FILTER)) {
        return FILTERS;
    }
    return level == IPPROTO_UDP ? TRAINS : 0;
}

LACK(call_of(level, name), int, setsockopt,
     (int fd, int level, int name, const void *value, socklen_t size),
     (fd, level, name, value, size))
LACK(call_of(level, name), int, getsockopt,
     (int fd, int level, int name, void *value, socklen_t *size), (fd, level, name, value, size))

/* ---- The conversations ---- */

enum { SHORT = 20 /* ms */, BATCH = 20, LARGE = 8 * 1024 * 1024 };

static void exchange(net_socket *from, net_socket *to)
{
    char buffer[64];

    say(from, "a few words");
    assert_count(net_recv(to, buffer, sizeof buffer, soon()), 11);
    assert_memory_equal(buffer, "a few words", 11);
}

/* A call with a deadline waits for all of it, and no longer. */
static void deadlines_hold(const struct pair *pair, bool stream)
{
    static char large[LARGE];
    double since = now_ms();

    assert_code(net_recv(pair->client, large, sizeof large, net_after(SHORT)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), SHORT, SHORT + 200);
    if (stream) {
        since = now_ms();
        assert_in_range(net_send(pair->client, large, LARGE, net_after(SHORT)), 1, LARGE - 1);
        assert_took(elapsed_ms(since), SHORT, SHORT + 200);
    }
}

static void a_conversation_works(void **state)
{
    const char *address = template_of(state);
    struct pair pair;

    dial_pair(address, &pair);
    exchange(pair.client, pair.server);
    exchange(pair.server, pair.client);
    deadlines_hold(&pair, is_stream(address));
    assert_int_equal(in_child(close_pair_in_child, &pair), 0);
    close_pair(&pair);
}

/* Batches in both directions. */
static void datagrams_come_one_by_one(void **state)
{
    net_message messages[BATCH] = {{.data = NULL}};
    char room[BATCH][64];
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (int way = 0; way < 2; way++) {
        net_socket *from = way == 0 ? pair.client : pair.server;
        net_socket *to = way == 0 ? pair.server : pair.client;
        int got = 0;

        for (int i = 0; i < BATCH; i++) {
            memset(room[i], 'a' + i, sizeof room[i]);
            messages[i] = (net_message){.data = room[i], .size = 40};
        }
        int sent = net_send_messages(from, messages, BATCH / 2, soon());

        assert_int_equal(sent, BATCH / 2);
        while (got < sent) {
            char buffer[64];

            assert_count(net_recv(to, buffer, sizeof buffer, soon()), 40);
            assert_int_equal(buffer[39], 'a' + got++);
        }
        assert_int_equal(net_send_messages(from, messages, BATCH / 2, soon()), BATCH / 2);
        for (int i = 0; i < BATCH; i++) {
            messages[i] = (net_message){.data = room[i], .capacity = sizeof room[i]};
        }
        for (got = 0; got < BATCH / 2; got += sent) {
            sent = net_recv_messages(to, messages, BATCH, soon());
            assert_in_range(sent, 1, BATCH / 2 - got);
        }
    }
    close_pair(&pair);
}

/* Dial without waiting, accept, receive and be woken, all by a poller. */
static void a_poller_works(void **state)
{
    struct pair pair = {.listener = assert_socket(net_listen(template_of(state)))};
    net_poller *poller = open_poller();
    char address[ADDRESS_MAX];
    char byte;

    dial_address(pair.listener, address);
    pair.client = assert_socket(net_connect(address, NET_NOW));
    watch(poller, pair.client, NET_WRITABLE);
    expect_event(poller, pair.client, NET_WRITABLE);
    assert_ok(net_poller_watch(poller, pair.client, 0, NULL, NET_FOREVER));
    watch(poller, pair.listener, NET_READABLE);
    if (!is_stream(address)) {
        say(pair.client, "x");
    }
    expect_event(poller, pair.listener, NET_READABLE);
    pair.server = assert_socket(net_accept(pair.listener, NET_NOW));
    watch(poller, pair.server, NET_READABLE);
    if (is_stream(address)) {
        say(pair.client, "x");
    }
    expect_event(poller, pair.server, NET_READABLE);
    assert_count(net_recv(pair.server, &byte, 1, NET_NOW), 1);
    expect_quiet(poller, 5);
    net_event event;

    net_poller_wake(poller);
    assert_int_equal(net_poller_wait(poller, &event, 1, soon()), 0);
    expect_quiet(poller, 5);
    close_pair(&pair);
    net_poller_close(poller);
}

/* The cancel of a listener posts a wake. */
static void an_accept_is_cancelled(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct caller caller;

    caller_start(&caller, call_accept, listener, soon());
    net_cancel(listener);
    caller_join(&caller);
    assert_int_equal(caller.code, NET_CANCELED);
    net_close(listener, NET_NOW);
}

/* A datagram socket that is bound before it is connected has a filter in between. */
static void a_source_port_works(void **state)
{
    struct pair pair = {.listener = assert_socket(net_listen("udp://127.0.0.1:0"))};
    char address[ADDRESS_MAX];
    char whole[ADDRESS_MAX];

    (void)state;
    dial_address(pair.listener, address);
    for (int i = 0; i < 10 && pair.client == NULL; i++) {
        net_socket *other = assert_socket(net_listen("udp://127.0.0.1:0"));
        char options[64];

        snprintf(options, sizeof options, "source=127.0.0.1:%lld", number_of(other, "port"));
        net_close(other, NET_NOW);
        with_options(whole, address, options);
        pair.client = net_connect(whole, soon());
    }
    assert_non_null(pair.client);
    say(pair.client, "x");
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    assert_count(net_recv(pair.server, whole, sizeof whole, soon()), 1);
    exchange(pair.client, pair.server);
    exchange(pair.server, pair.client);
    close_pair(&pair);
}

/* Whether a descriptor was lacking for the lookup is asked of an eventfd. */
static void an_unknown_name_is_unknown(void **state)
{
    (void)state;
    assert_no_socket(net_connect("tcp://127.0.0.1:no-such-service", soon()), NET_NAME);
}

/* A pipe, and the descriptor of a poller for a foreign loop: the one thing that has no other way.
 */
static void descriptors_work_or_say_why(void **state)
{
    char address[32];
    char byte;
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    snprintf(address, sizeof address, "fd://%d", ends[0]);
    net_socket *pipe = assert_socket(net_connect(address, soon()));

    assert_code(net_recv(pipe, &byte, 1, NET_NOW), NET_TIMEOUT);
    assert_code(net_recv(pipe, &byte, 1, net_after(5)), NET_TIMEOUT);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_count(net_recv(pipe, &byte, 1, NET_NOW), 1);
    net_close(pipe, NET_NOW);
    close(ends[1]);

    net_poller *poller = open_poller();

    if ((missing & (EPOLL | TIMERFD)) != 0) {
        assert_code(net_poller_fd(poller), NET_UNSUPPORTED);
        assert_true(strstr(net_error_text(), "a timerfd") != NULL ||
                    strstr(net_error_text(), "poll(2)") != NULL);
    } else {
        assert_true(net_poller_fd(poller) >= 0);
    }
    net_poller_close(poller);
}

static int all_conversations(void)
{
    static const char *const wires[] = {"tcp://127.0.0.1:0", "unix://@", "udp://127.0.0.1:0",
                                        "unixgram://@", NULL};
    static const char *const others[] = {"udp://*:0", "mem://", "memgram://",
                                         "chaos+tcp://127.0.0.1:0", NULL};
    static const char *const datagrams[] = {"udp://127.0.0.1:0", "unixgram://@", NULL};
    static const struct test of_all[] = {TEST(a_conversation_works), TEST(a_poller_works)};
    static const struct test of_wakes[] = {TEST(an_accept_is_cancelled)};
    static const struct test of_datagrams[] = {TEST(datagrams_come_one_by_one)};
    static const struct test once[] = {TEST(a_source_port_works), TEST(an_unknown_name_is_unknown),
                                       TEST(descriptors_work_or_say_why)};
    int failed = run_over(wires, of_all) + run_over(datagrams, of_datagrams) + run_once(once);

    if ((missing & EVENTFD) != 0) {
        failed += run_over(wires, of_wakes);
    }
    return missing == ALL ? failed + run_over(others, of_all) : failed;
}

/* ---- All rows at once, each in a process ---- */

struct run {
    pid_t child;
    FILE *output;
};

static void start(size_t row, int with, struct run *run)
{
    run->output = tmpfile();
    run->child = run->output != NULL ? fork() : -1;
    if (run->child != 0) {
        return;
    }
    dup2(fileno(run->output), STDOUT_FILENO);
    dup2(fileno(run->output), STDERR_FILENO);
    alarm((unsigned)(120 * slowness())); /* a call that hangs */
    missing = rows[row].call;
    error = with;
    int failed = all_conversations();

    printf("without %s (errno %d): %d calls were refused, %d tests failed\n", rows[row].name, error,
           refused, failed);
    fflush(stdout);
    _exit(refused == 0 || failed != 0); /* a row that refuses nothing tests nothing */
}

/* Returns whether it failed. */
static bool finish(struct run *run)
{
    int status = 1;
    char line[512];

    if (run->child > 0) {
        waitpid(run->child, &status, 0);
        rewind(run->output);
        while (fgets(line, sizeof line, run->output) != NULL) {
            if (status != 0 || strncmp(line, "without", strlen("without")) == 0) {
                fputs(line, stdout);
            }
        }
    }
    if (run->output != NULL) {
        fclose(run->output);
    }
    return status != 0;
}

int main(void)
{
    struct run runs[COUNT(rows) + 1];
    int failed = 0;

    for (size_t row = 0; row < COUNT(rows); row++) {
        start(row, ENOSYS, &runs[row]);
    }
    start(COUNT(rows) - 1, EPERM, &runs[COUNT(rows)]);
    for (size_t i = 0; i < COUNT(runs); i++) {
        failed += finish(&runs[i]) ? 1 : 0;
    }
    return failed;
}

/* Two ends that talk, threads that wait in a call, raw peers, children. */
#include "foreign.h"
#include "templates.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Two ends ---- */

void with_options(char whole[ADDRESS_MAX], const char *address, const char *options)
{
    const char *sign = options == NULL ? "" : strchr(address, '?') != NULL ? "&" : "?";
    int n = snprintf(whole, ADDRESS_MAX, "%s%s%s", address, sign, options != NULL ? options : "");

    assert_in_range(n, 1, ADDRESS_MAX - 1);
}

void say(net_socket *socket, const char *words)
{
    assert_count(net_send(socket, words, strlen(words), soon()), strlen(words));
}

/* Over udp a peer can be accepted only after it has sent something. Over an encrypted wire it can
 * send only after it has been accepted. */
static void pick_up(net_socket *listener, net_socket *client, net_socket **server)
{
    char address[ADDRESS_MAX];
    char word[8];

    assert_ok(net_get(listener, "local", address, sizeof address));
    bool stream = is_stream(address);
    bool is_late = is_encrypted(address);

    if (!stream && !is_late) {
        assert_count(net_send(client, "hi", 2, soon()), 2);
    }
    *server = assert_socket(net_accept(listener, soon()));
    if (!stream && is_late) {
        assert_count(net_send(client, "hi", 2, soon()), 2);
    }
    if (!stream) {
        assert_count(net_recv(*server, word, sizeof word, soon()), 2);
    }
}

void dial_pair_with(const char *address, const char *listen_options, const char *dial_options,
                    struct pair *pair)
{
    char whole[ADDRESS_MAX];
    char target[ADDRESS_MAX];

    memset(pair, 0, sizeof *pair);
    with_options(whole, address, listen_options);
    pair->listener = assert_socket(net_listen(whole));
    dial_address(pair->listener, target);
    with_options(whole, target, dial_options);
    pair->client = assert_socket(net_connect(whole, soon()));
    pick_up(pair->listener, pair->client, &pair->server);
}

void dial_pair(const char *address, struct pair *pair)
{
    dial_pair_with(address, NULL, NULL, pair);
}

void dial_again(net_socket *listener, net_socket **client, net_socket **server)
{
    char target[ADDRESS_MAX];

    dial_address(listener, target);
    *client = assert_socket(net_connect(target, soon()));
    pick_up(listener, *client, server);
}

void close_pair(struct pair *pair)
{
    net_close(pair->client, NET_NOW);
    net_close(pair->server, NET_NOW);
    net_close(pair->listener, NET_NOW);
    memset(pair, 0, sizeof *pair);
}

int close_pair_in_child(void *pair)
{
    const struct pair *ends = pair;

    return net_close(ends->server, NET_NOW) != 0 || net_close(ends->client, NET_NOW) != 0 ||
           net_close(ends->listener, NET_NOW) != 0;
}

/* The text has a period that no buffer size is a multiple of. */
enum { PERIOD = 251 * 256 };

static unsigned char period[PERIOD];
static pthread_once_t period_is_written = PTHREAD_ONCE_INIT;

static void write_period(void)
{
    for (size_t i = 0; i < PERIOD; i++) {
        period[i] = (unsigned char)((i % 251) ^ (i / 251));
    }
}

void write_pattern(void *buffer, size_t size, size_t offset)
{
    char *at = buffer;

    pthread_once(&period_is_written, write_period);
    while (size > 0) {
        size_t start = offset % PERIOD;
        size_t piece = size < PERIOD - start ? size : PERIOD - start;

        memcpy(at, period + start, piece);
        at += piece;
        offset += piece;
        size -= piece;
    }
}

bool is_pattern(const void *buffer, size_t size, size_t offset)
{
    const char *at = buffer;

    pthread_once(&period_is_written, write_period);
    while (size > 0) {
        size_t start = offset % PERIOD;
        size_t piece = size < PERIOD - start ? size : PERIOD - start;

        if (memcmp(at, period + start, piece) != 0) {
            return false;
        }
        at += piece;
        offset += piece;
        size -= piece;
    }
    return true;
}

/* The kernel moves bytes on to the peer, and has room again a moment later, or after it has probed
 * a closed window (200 ms). A socket is full if it stays full. */
size_t fill(net_socket *socket)
{
    enum { STAYS_FULL = 250 };
    char piece[4096];
    size_t taken = 0;
    ssize_t n = 1;

    memset(piece, 'f', sizeof piece);
    while (n > 0) {
        n = net_send(socket, piece, sizeof piece, NET_NOW);
        if (n == NET_TIMEOUT) {
            n = net_send(socket, piece, sizeof piece, net_after(STAYS_FULL));
        }
        taken += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(n, NET_TIMEOUT);
    return taken;
}

unsigned random_below(unsigned *seed, unsigned limit)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % limit;
}

/* ---- A thread that waits in a call ---- */

long long call_send(struct caller *caller)
{
    const size_t size = (size_t)64 << 20;
    char *much = calloc(1, size);
    long long n = much != NULL ? net_send(caller->socket, much, size, caller->deadline) : 0;

    free(much);
    return n;
}

long long call_recv(struct caller *caller)
{
    char buffer[64];

    return net_recv(caller->socket, buffer, sizeof buffer, caller->deadline);
}

long long call_recv_all(struct caller *caller)
{
    char buffer[64];

    return net_recv_all(caller->socket, buffer, sizeof buffer, caller->deadline);
}

long long call_recv_until(struct caller *caller)
{
    char buffer[64];

    return net_recv_until(caller->socket, buffer, sizeof buffer, '\n', caller->deadline);
}

long long call_recv_messages(struct caller *caller)
{
    char buffer[64];
    net_message message = {.data = buffer, .capacity = sizeof buffer};

    return net_recv_messages(caller->socket, &message, 1, caller->deadline);
}

long long call_accept(struct caller *caller)
{
    caller->made = net_accept(caller->socket, caller->deadline);
    return caller->made != NULL ? 0 : net_error();
}

long long call_connect(struct caller *caller)
{
    caller->made = whole_connect(caller->address, caller->deadline);
    return caller->made != NULL ? 0 : net_error();
}

static void *make_call(void *argument)
{
    struct caller *caller = argument;
    double since = now_ms();

    caller->tid = (pid_t)syscall(SYS_gettid);
    caller->entered = true;
    caller->result = caller->call(caller);
    caller->code = net_error();
    caller->ms = elapsed_ms(since);
    caller->ended = net_after(0);
    caller->done = true;
    return NULL;
}

void caller_launch(struct caller *caller, caller_call *call, net_socket *socket,
                   net_deadline deadline)
{
    caller->call = call;
    caller->socket = socket;
    caller->deadline = deadline;
    caller->made = NULL;
    caller->entered = false;
    caller->done = false;
    assert_int_equal(pthread_create(&caller->thread, NULL, make_call, caller), 0);
}

/* Whether the kernel says that the thread sleeps. */
static bool is_asleep(pid_t tid)
{
    char path[64];
    char text[256] = "";

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        return false;
    }
    size_t n = fread(text, 1, sizeof text - 1, file);

    fclose(file);
    text[n] = '\0';
    const char *name_end = strrchr(text, ')');

    return name_end != NULL && name_end[1] == ' ' && name_end[2] == 'S';
}

/* Asleep at several looks in a row: not just for a moment, in a lock. */
void caller_start(struct caller *caller, caller_call *call, net_socket *socket,
                  net_deadline deadline)
{
    enum { LOOKS = 5, LOOK_MS = 4 };
    double since;
    int asleep = 0;

    caller_launch(caller, call, socket, deadline);
    since = now_ms();
    while (asleep < LOOKS && !caller->done && elapsed_ms(since) < 20000.0 * slowness()) {
        nap(LOOK_MS);
        asleep = caller->entered && is_asleep(caller->tid) ? asleep + 1 : 0;
    }
}

void caller_join(struct caller *caller)
{
    pthread_join(caller->thread, NULL);
}

/* ---- Signals ---- */

static void ignore(int number)
{
    (void)number;
}

static void *send_signals(void *argument)
{
    struct storm *storm = argument;

    while (!storm->stop) {
        pthread_kill(storm->target, SIGUSR1);
        storm->sent++;
        nap(slowness()); /* valgrind lets a busy thread starve the others */
    }
    return NULL;
}

void storm_start(struct storm *storm, pthread_t target)
{
    struct sigaction action = {.sa_handler = ignore};

    sigaction(SIGUSR1, &action, NULL);
    storm->stop = false;
    storm->sent = 0;
    storm->target = target;
    assert_int_equal(pthread_create(&storm->thread, NULL, send_signals, storm), 0);
}

void storm_stop(struct storm *storm)
{
    storm->stop = true;
    pthread_join(storm->thread, NULL);
}

/* ---- Processes and raw peers ---- */

/* The child sends its result through a pipe and is then killed. If it left by exit, valgrind would
 * report the memory of threads that the child does not have. */
int in_child(int (*body)(void *argument), void *argument)
{
    enum { HANGS = 30, SIGNALED = 100 };
    int ends[2];
    int status = 0;
    unsigned char result = 0;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        alarm((unsigned)(HANGS * slowness()));
        result = (unsigned char)body(argument);
        ssize_t written = write(ends[1], &result, 1);

        kill(getpid(), written == 1 ? SIGKILL : SIGABRT);
    }
    close(ends[1]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    ssize_t got = read(ends[0], &result, 1);

    close(ends[0]);
    templates_child_ended();
    if (got == 1) {
        return result;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : SIGNALED + WTERMSIG(status);
}

void await_events(int fd, short events)
{
    enum { PATIENCE = 20000 };
    struct pollfd set = {.fd = fd, .events = events};
    int count;

    do {
        count = poll(&set, 1, PATIENCE * slowness());
    } while (count < 0 && errno == EINTR);
    assert_int_equal(count, 1);
}

/* The system may choose the port that is dialed; then the socket would talk to itself. */
net_socket *dial_nobody(const char *template, char target[ADDRESS_MAX])
{
    net_socket *listener = assert_socket(net_listen(template));

    dial_address(listener, target);
    net_close(listener, NET_NOW);
    net_socket *socket = assert_socket(net_connect(target, soon()));

    while (number_of(socket, "port") == number_of(socket, "peer-port")) {
        net_socket *other = assert_socket(net_connect(target, soon()));

        net_close(socket, NET_NOW);
        socket = other;
    }
    return socket;
}

int look_up_loopback(look_up *real, const char *service, const struct addrinfo *hints,
                     struct addrinfo **list)
{
    struct addrinfo numeric = {.ai_family = hints->ai_family,
                               .ai_socktype = hints->ai_socktype,
                               .ai_flags = AI_NUMERICHOST};

    return real(hints->ai_family == AF_INET6 ? "::1" : "127.0.0.1", service, &numeric, list);
}

void fail_otherwise(void)
{
    assert_no_socket(net_connect("nonsense://old", NET_NOW), NET_ADDRESS);
}

/* The first sends find out that nobody is there, each by the answer to the one before. */
net_socket *refuse_part_way(const char *template, const net_message messages[2])
{
    char target[ADDRESS_MAX];
    net_socket *socket = dial_nobody(template, target);
    double since = now_ms();
    int n = 0;

    while (n != 1 && elapsed_ms(since) < 20000.0 * slowness()) {
        fail_otherwise();
        n = net_send_messages(socket, messages, 2, soon());
    }
    assert_int_equal(n, 1);
    return socket;
}

int raw_dial(net_socket *listener)
{
    union any_address name = {0};
    socklen_t length = sizeof name;
    socklen_t size = sizeof(int);
    int type = 0;
    int from = net_fd(listener);

    assert_int_equal(getsockname(from, &name.any, &length), 0);
    assert_int_equal(getsockopt(from, SOL_SOCKET, SO_TYPE, &type, &size), 0);
    if (name.any.sa_family == AF_INET && name.v4.sin_addr.s_addr == htonl(INADDR_ANY)) {
        name.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    if (name.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&name.v6.sin6_addr)) {
        name.v6.sin6_addr = in6addr_loopback;
    }
    int fd = socket(name.any.sa_family, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &name.any, length), 0);
    return fd;
}

void raw_reset(int fd)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    close(fd);
}

/* A backlog of 0 has room for one connection. It is queued once the listener is readable. */
void open_black_hole(const char *host, int port, struct black_hole *hole)
{
    union any_address name = {0};
    socklen_t length = sizeof name;
    bool v6 = strchr(host, ':') != NULL;

    name.any.sa_family = v6 ? AF_INET6 : AF_INET;
    assert_int_equal(inet_pton(name.any.sa_family, host,
                               v6 ? (void *)&name.v6.sin6_addr : (void *)&name.v4.sin_addr),
                     1);
    name.v4.sin_port = htons((uint16_t)port); /* at the same offset in both */
    hole->listener = socket(name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(hole->listener, &name.any, v6 ? sizeof name.v6 : sizeof name.v4), 0);
    assert_int_equal(listen(hole->listener, 0), 0);
    assert_int_equal(getsockname(hole->listener, &name.any, &length), 0);
    hole->caller = socket(name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(hole->caller, &name.any, length), 0);
    await_events(hole->listener, POLLIN);
    snprintf(hole->address, sizeof hole->address, v6 ? "tcp://[%s]:%d" : "tcp://%s:%d", host,
             ntohs(name.v4.sin_port));
}

void close_black_hole(const struct black_hole *hole)
{
    close(hole->caller);
    close(hole->listener);
}

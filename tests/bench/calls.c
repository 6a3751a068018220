/* Makes a counted number of operations and nothing else, for tools that count instructions and
 * system calls:
 *
 *     bench_calls raw|facade ready|wait|connect|heap|udp-ready|udp-wait COUNT
 *
 * Both sides make a deadline for each call, so reading the clock for it costs both the same. */
#include "contest.h"
#include "udp.h"

#include <netfacade.h>

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool raw;
static bool udp;
static int raw_listener;
static struct sockaddr_in raw_name = {.sin_family = AF_INET};
static net_socket *listener;
static char address[64];

struct call {
    int fd;
    net_socket *socket;
};

static void start(void)
{
    socklen_t length = sizeof raw_name;
    int on = 1;

    if (!raw) {
        listener = net_listen("tcp://127.0.0.1:0");
        need(listener != NULL, "listen");
        net_get(listener, "local", address, sizeof address);
        return;
    }
    raw_name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    raw_listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(raw_listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    need(bind(raw_listener, (struct sockaddr *)&raw_name, length) == 0, "bind");
    need(listen(raw_listener, SOMAXCONN) == 0, "listen");
    getsockname(raw_listener, (struct sockaddr *)&raw_name, &length);
}

static struct call dial(void)
{
    struct call call = {.fd = -1};
    net_deadline deadline = net_after(PATIENCE);
    int on = 1;

    if (!raw) {
        call.socket = net_connect(address, deadline);
        need(call.socket != NULL, "connect");
        return call;
    }
    call.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(call.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    need(connect(call.fd, (struct sockaddr *)&raw_name, sizeof raw_name) == 0, "connect");
    return call;
}

static struct call pick_up(void)
{
    net_deadline deadline = net_after(PATIENCE);
    struct call call = {.fd = -1};

    if (raw) {
        call.fd = accept4(raw_listener, NULL, NULL, SOCK_CLOEXEC);
    } else {
        call.socket = net_accept(listener, deadline);
    }
    need(call.fd >= 0 || call.socket != NULL, "accept");
    return call;
}

static void hang_up(struct call call)
{
    if (raw) {
        close(call.fd);
    } else {
        net_close(call.socket, NET_NOW);
    }
}

static void say(struct call call, const char *data)
{
    net_deadline deadline = net_after(PATIENCE);
    ssize_t n = raw ? send(call.fd, data, SMALL, MSG_NOSIGNAL)
                    : net_send(call.socket, data, SMALL, deadline);

    need(n == SMALL, "send");
}

static bool hear(struct call call, char *buffer)
{
    net_deadline deadline = net_after(PATIENCE);
    ssize_t n =
        raw ? recv(call.fd, buffer, SMALL, 0) : net_recv(call.socket, buffer, SMALL, deadline);

    return n == SMALL;
}

/* Both ends of a connection, or two datagram sockets dialed to each other. */
static void join(struct call *near, struct call *far)
{
    int fds[2] = {-1, -1};
    net_socket *sockets[2] = {NULL, NULL};

    if (!udp) {
        *near = dial();
        *far = pick_up();
        return;
    }
    if (raw) {
        udp_raw_pair(fds);
    } else {
        udp_facade_pair(sockets);
    }
    *near = (struct call){.fd = fds[0], .socket = sockets[0]};
    *far = (struct call){.fd = fds[1], .socket = sockets[1]};
}

/* Datagrams have no end: one of another size stands for it. */
static void say_the_end(struct call call)
{
    if (udp) {
        need((raw ? send(call.fd, "", 1, 0) : net_send(call.socket, "", 1, net_after(PATIENCE))) ==
                 1,
             "send");
    } else if (raw) {
        shutdown(call.fd, SHUT_WR);
    } else {
        net_shutdown(call.socket);
    }
}

/* What is received is there already: one thread acts for both sides. */
static void ready(long count)
{
    struct call near;
    struct call far;
    char data[SMALL] = {0};

    join(&near, &far);

    for (long i = 0; i < count; i++) {
        say(near, data);
        need(hear(far, data), "recv");
    }
    hang_up(near);
    hang_up(far);
}

static void *echo(void *argument)
{
    struct call call = *(struct call *)argument;
    char data[SMALL];

    while (hear(call, data)) {
        say(call, data);
    }
    return NULL;
}

/* What is received has to be waited for. */
static void wait_for_it(long count)
{
    struct call near;
    struct call far;
    char data[SMALL] = {0};

    join(&near, &far);
    pthread_t thread;

    pthread_create(&thread, NULL, echo, &far);
    for (long i = 0; i < count; i++) {
        say(near, data);
        need(hear(near, data), "recv");
    }
    say_the_end(near);
    pthread_join(thread, NULL);
    hang_up(near);
    hang_up(far);
}

static void connect_and_close(long count)
{
    for (long i = 0; i < count; i++) {
        struct call near = dial();
        struct call far = pick_up();

        hang_up(near);
        hang_up(far);
    }
}

/* Bytes of heap for each end of a connection, the allocator's own overhead included. */
static void heap(long count)
{
    struct call *calls = calloc((size_t)count * 2, sizeof *calls);
    size_t before = mallinfo2().uordblks;

    for (long i = 0; i < count; i++) {
        calls[2 * i] = dial();
        calls[2 * i + 1] = pick_up();
    }
    printf("%.1f\n", (double)(mallinfo2().uordblks - before) / (double)(2 * count));
    for (long i = 0; i < 2 * count; i++) {
        hang_up(calls[i]);
    }
    free(calls);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(long count);
    } modes[] = {{"ready", ready}, {"wait", wait_for_it}, {"connect", connect_and_close},
                 {"heap", heap},   {"udp-ready", ready},  {"udp-wait", wait_for_it}};

    need(argc == 4, "bench_calls raw|facade ready|wait|connect|heap|udp-ready|udp-wait COUNT");
    raw = strcmp(argv[1], "raw") == 0;
    udp = strncmp(argv[2], "udp-", strlen("udp-")) == 0;
    if (!udp) {
        start();
    }
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(modes[i].name, argv[2]) == 0) {
            modes[i].run(atol(argv[3]));
        }
    }
    net_close(listener, NET_NOW);
    return 0;
}

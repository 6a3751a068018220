/* What two threads of one process can say to each other: mem:// beside a raw socketpair(2) of
 * AF_UNIX.
 *
 *     bench_inside ROUNDS */
#include "contest.h"

#include <netfacade.h>

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGE = 64 * 1024, LOOKS_APART = 16 /* operations between two looks at the clock */ };

/* One end, be it a descriptor or a socket. */
struct end {
    int fd;
    net_socket *socket;
};

struct line {
    bool raw;
    struct end near;
    struct end far;
    size_t size; /* of a message */
    bool echoes;
    pthread_t thread;
};

static _Alignas(PAGE) char out[LARGE];
static _Alignas(PAGE) char in[LARGE];
static _Alignas(PAGE) char far_buffer[LARGE];

static long say(const struct end *end, const void *data, size_t size)
{
    return end->socket != NULL ? net_send(end->socket, data, size, net_after(PATIENCE))
                               : send(end->fd, data, size, MSG_NOSIGNAL);
}

static long hear(const struct end *end, void *buffer, size_t size)
{
    return end->socket != NULL ? net_recv(end->socket, buffer, size, net_after(PATIENCE))
                               : recv(end->fd, buffer, size, 0);
}

/* The far thread, until its peer hangs up. */
static void *answer(void *argument)
{
    const struct line *line = argument;
    long n = hear(&line->far, far_buffer, LARGE);

    while (n > 0) {
        if (line->echoes) {
            need(say(&line->far, far_buffer, (size_t)n) == n, "answer");
        }
        n = hear(&line->far, far_buffer, LARGE);
    }
    return NULL;
}

static void open_line(struct line *line)
{
    int fds[2] = {-1, -1};

    if (line->raw) {
        need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
    } else {
        net_socket *listener = net_listen("mem://bench");

        need(listener != NULL, "listen");
        line->near.socket = net_connect("mem://bench", net_after(PATIENCE));
        line->far.socket = net_accept(listener, net_after(PATIENCE));
        need(line->near.socket != NULL && line->far.socket != NULL, "connect");
        net_close(listener, NET_NOW);
    }
    line->near.fd = fds[0];
    line->far.fd = fds[1];
    need(pthread_create(&line->thread, NULL, answer, line) == 0, "thread");
}

static void close_line(struct line *line)
{
    if (line->raw) {
        shutdown(line->near.fd, SHUT_WR);
        pthread_join(line->thread, NULL);
        close(line->near.fd);
        close(line->far.fd);
        return;
    }
    net_shutdown(line->near.socket);
    pthread_join(line->thread, NULL);
    net_close(line->near.socket, NET_NOW);
    net_close(line->far.socket, NET_NOW);
}

static void operate(const struct line *line)
{
    need(say(&line->near, out, line->size) == (long)line->size, "send");
    if (line->echoes) {
        need(hear(&line->near, in, LARGE) == (long)line->size, "receive");
    }
}

static double run(void *argument)
{
    struct line *line = argument;
    double operations = 0;

    open_line(line);
    operate(line);
    double begun = contest_now();

    while (contest_goes_on(begun)) {
        for (int i = 0; i < LOOKS_APART; i++) {
            operate(line);
        }
        operations += LOOKS_APART;
    }
    double seconds = contest_now() - begun;

    close_line(line);
    return operations / seconds;
}

int main(int argc, char **argv)
{
    static struct line raw_ping = {.raw = true, .size = SMALL, .echoes = true};
    static struct line mem_ping = {.size = SMALL, .echoes = true};
    static struct line raw_bulk = {.raw = true, .size = LARGE};
    static struct line mem_bulk = {.size = LARGE};
    const struct entry pings[] = {{"socketpair", run, &raw_ping, 0}, {"mem://", run, &mem_ping, 0}};
    const struct entry bulks[] = {{"socketpair", run, &raw_bulk, 0}, {"mem://", run, &mem_bulk, 0}};

    memset(out, 'x', sizeof out);
    contest_open(argc > 1 ? argv[1] : NULL, 0.02);
    contest_run("Ping-pong of 64 bytes between two threads, on one processor", pings, 2);
    contest_run("Sends of 64 KiB to another thread, on one processor", bulks, 2);
    contest_roam(true);
    contest_run("Ping-pong of 64 bytes between two threads, on all processors", pings, 2);
    contest_run("Sends of 64 KiB to another thread, on all processors", bulks, 2);
    return 0;
}

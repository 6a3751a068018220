/* The wires within one machine compared with raw calls of the same family, in the same run:
 *
 *     bench_wires [ROUNDS [PART...]]      unix mem chaos
 *
 * Two threads talk on one processor. The wires inside the process are also measured on all
 * processors. */
#include "contest.h"
#include "report.h"

#include <netfacade.h>

#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LARGE = 64 * 1024,
    LOOKS_APART = 16 /* operations between two looks at the clock */
};

/* A connection, and how it is made. */
struct ends {
    void *near;
    void *far;
    size_t size;
    const struct wire *by;
};

struct wire {
    const char *address; /* NULL: a raw socketpair(2) */
    long (*send)(void *call, const void *data, size_t size);
    long (*recv)(void *call, void *buffer, size_t size);
    void (*close)(void *call);
};

static int fd_of(void *call)
{
    return (int)(intptr_t)call;
}

static long raw_send(void *call, const void *data, size_t size)
{
    return send(fd_of(call), data, size, MSG_NOSIGNAL);
}

static long raw_recv(void *call, void *buffer, size_t size)
{
    return recv(fd_of(call), buffer, size, 0);
}

static void raw_close(void *call)
{
    close(fd_of(call));
}

static long facade_send(void *call, const void *data, size_t size)
{
    return net_send(call, data, size, net_after(PATIENCE));
}

static long facade_recv(void *call, void *buffer, size_t size)
{
    return net_recv(call, buffer, size, net_after(PATIENCE));
}

static long patient_send(void *call, const void *data, size_t size)
{
    return net_send(call, data, size, NET_FOREVER);
}

static long patient_recv(void *call, void *buffer, size_t size)
{
    return net_recv(call, buffer, size, NET_FOREVER);
}

static void facade_close(void *call)
{
    net_close(call, NET_NOW);
}

static struct wire raw_unix = {NULL, raw_send, raw_recv, raw_close};
static struct wire own_unix = {"unix://@", facade_send, facade_recv, facade_close};
static struct wire patient_unix = {"unix://@", patient_send, patient_recv, facade_close};
static struct wire own_mem = {"mem://", facade_send, facade_recv, facade_close};
static struct wire own_tcp = {"tcp://127.0.0.1:0", facade_send, facade_recv, facade_close};
static struct wire calm_chaos = {"chaos+tcp://127.0.0.1:0", facade_send, facade_recv, facade_close};

static void connect_ends(const struct wire *by, struct ends *ends)
{
    int pair[2];
    char address[256];

    ends->by = by;
    if (by->address == NULL) {
        need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
        ends->near = (void *)(intptr_t)pair[0];
        ends->far = (void *)(intptr_t)pair[1];
        return;
    }
    net_socket *listener = net_listen(by->address);

    need(listener != NULL && net_get(listener, "local", address, sizeof address) > 0, "net_listen");
    ends->near = net_connect(address, net_after(PATIENCE));
    ends->far = net_accept(listener, net_after(PATIENCE));
    need(ends->near != NULL && ends->far != NULL, "the connection");
    net_close(listener, NET_NOW);
}

static _Alignas(PAGE) char near_buffer[LARGE];
static _Alignas(PAGE) char far_buffer[LARGE];

static void *echo(void *argument)
{
    struct ends *ends = argument;
    long n = ends->by->recv(ends->far, far_buffer, ends->size);

    while (n > 0 && ends->by->send(ends->far, far_buffer, (size_t)n) == n) {
        n = ends->by->recv(ends->far, far_buffer, ends->size);
    }
    return NULL;
}

static void *swallow(void *argument)
{
    struct ends *ends = argument;

    while (ends->by->recv(ends->far, far_buffer, ends->size) > 0) {
    }
    return NULL;
}

static double talk(const struct wire *by, size_t size, void *(*far_side)(void *), bool answered)
{
    struct ends ends = {.size = size};
    pthread_t thread;
    long count = 0;

    connect_ends(by, &ends);
    pthread_create(&thread, NULL, far_side, &ends);
    double begun = contest_now();

    while (contest_goes_on(begun)) {
        for (int i = 0; i < LOOKS_APART; i++) {
            need(by->send(ends.near, near_buffer, size) == (long)size &&
                     (!answered || by->recv(ends.near, near_buffer, size) == (long)size),
                 "the conversation");
            count++;
        }
    }
    double rate = (double)count / (contest_now() - begun);

    by->close(ends.near);
    pthread_join(thread, NULL);
    by->close(ends.far);
    return rate;
}

static double ping_pong(void *by)
{
    return talk(by, SMALL, echo, true);
}

static double one_way(void *by)
{
    return talk(by, LARGE, swallow, false);
}

static void run_unix(void)
{
    const struct entry small[] = {{"raw socketpair", ping_pong, &raw_unix, 0},
                                  {"unix://, NET_FOREVER", ping_pong, &patient_unix, 0},
                                  {"unix://, 5 s", ping_pong, &own_unix, 0}};
    const struct entry large[] = {{"raw socketpair", one_way, &raw_unix, 0},
                                  {"unix://, NET_FOREVER", one_way, &patient_unix, 0},
                                  {"unix://, 5 s", one_way, &own_unix, 0}};

    contest_run("unix ping-pong, 64 B", small, 3);
    target("unix:// ping-pong, of raw AF_UNIX", contest_ratio(1, 0).median, ">= 0.98");
    target("... with a deadline", contest_ratio(2, 0).median, ">= 0.98");
    contest_run("unix one way, 64 KiB", large, 3);
    target("unix:// one way, of raw AF_UNIX", contest_ratio(1, 0).median, ">= 0.98");
    target("... with a deadline", contest_ratio(2, 0).median, ">= 0.98");
}

static void run_mem(void)
{
    const struct entry small[] = {{"raw socketpair", ping_pong, &raw_unix, 0},
                                  {"mem://, 5 s", ping_pong, &own_mem, 0}};
    const struct entry large[] = {{"raw socketpair", one_way, &raw_unix, 0},
                                  {"mem://, 5 s", one_way, &own_mem, 0}};

    contest_run("mem ping-pong, 64 B", small, 2);
    target("mem:// ping-pong, of raw AF_UNIX", contest_ratio(1, 0).median, "> 1");
    contest_run("mem one way, 64 KiB", large, 2);
    target("mem:// one way, of raw AF_UNIX", contest_ratio(1, 0).median, "> 1");
    contest_roam(true);
    contest_run("mem ping-pong, 64 B, on all processors", small, 2);
    target("mem:// ping-pong on all processors", contest_ratio(1, 0).median, "> 1");
    contest_run("mem one way, 64 KiB, on all processors", large, 2);
    contest_roam(false);
}

static void run_chaos(void)
{
    const struct entry small[] = {{"tcp://", ping_pong, &own_tcp, 0},
                                  {"chaos+tcp://", ping_pong, &calm_chaos, 0}};
    const struct entry large[] = {{"tcp://", one_way, &own_tcp, 0},
                                  {"chaos+tcp://", one_way, &calm_chaos, 0}};

    contest_run("chaos without faults, ping-pong, 64 B", small, 2);
    target("chaos+tcp:// ping-pong, of tcp://", contest_ratio(1, 0).median, ">= 0.95");
    contest_run("chaos without faults, one way, 64 KiB", large, 2);
    target("chaos+tcp:// one way, of tcp://", contest_ratio(1, 0).median, ">= 0.95");
}

int main(int argc, char **argv)
{
    static const struct part parts[] = {{"unix", run_unix}, {"mem", run_mem}, {"chaos", run_chaos}};

    return report_parts(argc, argv, parts, sizeof parts / sizeof parts[0], 0.1, "wires, in short");
}

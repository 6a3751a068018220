/* Very many connections at once, all open before the first sends anything: 19,000 in one server
 * process, and 100,000 over six that share a port. Each gets its answer, the end of each is
 * received, and none is lost. Servers and clients are processes, since the system limits
 * descriptors by process. */
#include "memory_in_use.h"
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MOST_PROCESSES = 6, /* servers, and as many clients */
    EACH_SOURCE = 2000, /* connections from one address: ports are few */
    UNEVEN = 1000, /* connections that a server may get beyond its share: the kernel distributes
                      them by a hash */
    SPARE = 100,   /* descriptors for other things */
    KERNEL_BYTES =
        16384,        /* memory of the system for both ends of one connection, with room to spare */
    BYTES_EACH = 200, /* of the server's own memory, at most */
    BATCH = 64,       /* events of one wait */
    PATIENCE = 100000 /* ms for anything, stretched: it passes only when something hangs */
};

struct crowd {
    int servers;
    int clients;
    int connections;
};

/* What a server reports when it ends. */
struct tally {
    int accepted;
    int echoed;
    int ended;
    long heap; /* bytes for all, when the first of them sent something */
};

struct process {
    pid_t pid;
    int in; /* of the pipes to it and from it */
    int out;
};

static net_deadline patience(void)
{
    return net_after(PATIENCE * (int64_t)slowness());
}

/* ---- Processes ---- */

static bool tell(int fd, const void *data, size_t size)
{
    return write(fd, data, size) == (ssize_t)size;
}

static bool hear(int fd, void *data, size_t size)
{
    return read(fd, data, size) == (ssize_t)size;
}

/* True in the child, which ends with its parent, or by an alarm if it hangs. */
static bool start(struct process *process)
{
    int in[2];
    int out[2];

    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    process->pid = fork();
    assert_true(process->pid >= 0);
    bool is_child = process->pid == 0;

    close(in[is_child ? 1 : 0]);
    close(out[is_child ? 0 : 1]);
    process->in = is_child ? in[0] : in[1];
    process->out = is_child ? out[1] : out[0];
    if (is_child) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm((unsigned)(PATIENCE / 1000 * slowness()));
    }
    return is_child;
}

/* Returns how the process ended: 0 is success. */
static int end(struct process *process)
{
    int status = 0;

    close(process->in);
    close(process->out);
    waitpid(process->pid, &status, 0);
    return status;
}

/* Ends a child that cannot do its part. */
static void need(bool good, const char *what)
{
    if (!good) {
        print_error("%s: %s\n", what, net_error_text());
        _exit(1);
    }
}

/* ---- A server ---- */

static net_poller *poller;
static volatile sig_atomic_t is_over;

static void finish(int signal)
{
    (void)signal;
    is_over = 1;
    net_poller_wake(poller);
}

static void watch(net_socket *socket)
{
    need(net_poller_watch(poller, socket, NET_READABLE, NULL, NET_FOREVER) == 0, "watch");
}

static void accept_all(net_socket *listener, struct tally *tally)
{
    net_socket *call = net_accept(listener, NET_NOW);

    while (call != NULL) {
        tally->accepted++;
        watch(call);
        call = net_accept(listener, NET_NOW);
    }
    need(net_error() == NET_TIMEOUT, "accept");
}

static void echo(net_socket *call, struct tally *tally)
{
    int said;
    ssize_t n = net_recv(call, &said, sizeof said, NET_NOW);

    if (n <= 0) {
        need(n == NET_EOF, "the end");
        tally->ended++;
        net_close(call, NET_NOW);
        return;
    }
    need(n == (ssize_t)sizeof said && net_send(call, &said, sizeof said, NET_NOW) == n, "echo");
    tally->echoed++;
}

/* Serves until it is told to end and has received the end of each connection. */
static void serve(net_socket *listener, struct tally *tally)
{
    size_t before = memory_in_use();

    watch(listener);
    while (is_over == 0 || tally->ended < tally->accepted) {
        net_event events[BATCH];
        int n = net_poller_wait(poller, events, BATCH, patience());

        need(n >= 0, "wait");
        for (int i = 0; i < n; i++) {
            if (events[i].socket == listener) {
                accept_all(listener, tally);
                continue;
            }
            if (tally->echoed == 0) {
                tally->heap = (long)(memory_in_use() - before);
            }
            echo(events[i].socket, tally);
        }
    }
}

static void be_server(struct process *self, const char *address)
{
    struct tally tally = {0};
    net_socket *listener = net_listen(address);
    char port[16];
    int number;

    poller = net_poller_open();
    need(poller != NULL && listener != NULL && net_get(listener, "port", port, sizeof port) > 0,
         "listen");
    signal(SIGTERM, finish);
    number = atoi(port);
    need(tell(self->out, &number, sizeof number), "the port");
    serve(listener, &tally);
    need(tell(self->out, &tally, sizeof tally), "the tally");
    net_close(listener, NET_NOW);
    _exit(0);
}

/* ---- A client ---- */

static net_socket *dial(int port, int number)
{
    int source = number / EACH_SOURCE;
    char address[ADDRESS_MAX];

    snprintf(address, sizeof address, "tcp://127.0.0.1:%d?source=127.1.%d.%d", port, source / 100,
             source % 100 + 1);
    return net_connect(address, patience());
}

/* Dials all, waits until all other clients have, and then receives its own number back on each. */
static void be_client(struct process *self, int port, int first, int count)
{
    net_socket **calls = calloc((size_t)count, sizeof(net_socket *));
    char go;

    need(calls != NULL, "memory");
    for (int i = 0; i < count; i++) {
        calls[i] = dial(port, first + i);
        need(calls[i] != NULL, "connect");
    }
    need(tell(self->out, &count, sizeof count) && hear(self->in, &go, sizeof go), "the others");
    for (int i = 0; i < count; i++) {
        int number = first + i;

        need(net_send(calls[i], &number, sizeof number, patience()) > 0, "send");
    }
    for (int i = 0; i < count; i++) {
        int number = -1;

        need(net_recv_all(calls[i], &number, sizeof number, patience()) > 0, "recv");
        need(number == first + i, "its own number");
    }
    _exit(0);
}

/* ---- The crowd ---- */

static bool allow_descriptors(int count)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    return limit.rlim_max >= (rlim_t)count && setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static double available_memory(void)
{
    double kib = 0;
    char line[256];
    FILE *file = fopen("/proc/meminfo", "r");

    while (file != NULL && kib == 0 && fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "MemAvailable: %lf", &kib);
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib * 1024;
}

static void start_servers(struct process *servers, int count, int *port)
{
    char address[ADDRESS_MAX] = "tcp://127.0.0.1:0?reuseport=on";

    for (int i = 0; i < count; i++) {
        if (start(&servers[i])) {
            be_server(&servers[i], address);
        }
        assert_true(hear(servers[i].out, port, sizeof *port));
        snprintf(address, sizeof address, "tcp://127.0.0.1:%d?reuseport=on", *port);
    }
}

/* The clients dial at the same time. Returns when all have. */
static void start_clients(struct process *clients, const struct crowd *crowd, int port)
{
    int share = crowd->connections / crowd->clients;
    int dialed = 0;

    for (int i = 0; i < crowd->clients; i++) {
        int first = i * share;
        bool is_last = i == crowd->clients - 1;

        if (start(&clients[i])) {
            be_client(&clients[i], port, first, is_last ? crowd->connections - first : share);
        }
    }
    for (int i = 0; i < crowd->clients; i++) {
        int count = 0;

        assert_true(hear(clients[i].out, &count, sizeof count));
        dialed += count;
    }
    assert_int_equal(dialed, crowd->connections);
}

static struct tally end_servers(struct process *servers, int count)
{
    struct tally all = {0};

    for (int i = 0; i < count; i++) {
        struct tally one;

        kill(servers[i].pid, SIGTERM);
        assert_true(hear(servers[i].out, &one, sizeof one));
        assert_int_equal(end(&servers[i]), 0);
        all.accepted += one.accepted;
        all.echoed += one.echoed;
        all.heap += one.heap;
    }
    return all;
}

static void each_is_answered(const struct crowd *crowd)
{
    struct process servers[MOST_PROCESSES];
    struct process clients[MOST_PROCESSES];
    int port;
    int most = crowd->connections / crowd->servers + (crowd->servers > 1 ? UNEVEN : 0);

    if (!allow_descriptors(most + SPARE) ||
        available_memory() < (double)crowd->connections * KERNEL_BYTES) {
        print_message("too few descriptors or too little memory for %d connections\n",
                      crowd->connections);
        skip();
    }
    double begun = now_ms();

    start_servers(servers, crowd->servers, &port);
    start_clients(clients, crowd, port);
    double dialed = now_ms();

    for (int i = 0; i < crowd->clients; i++) {
        assert_true(tell(clients[i].in, "g", 1));
    }
    for (int i = 0; i < crowd->clients; i++) {
        assert_int_equal(end(&clients[i]), 0);
    }
    double answered = now_ms();
    struct tally all = end_servers(servers, crowd->servers);

    assert_int_equal(all.accepted, crowd->connections);
    assert_int_equal(all.echoed, crowd->connections);
    print_message("%d connections dialed in %.1f s, answered in %.1f s; %.1f bytes of heap each\n",
                  crowd->connections, (dialed - begun) / 1e3, (answered - dialed) / 1e3,
                  (double)all.heap / crowd->connections);
    if (slowness() == 1) { /* otherwise malloc is not the system's */
        assert_true(all.heap <= (long)crowd->connections * BYTES_EACH);
    }
}

static void nineteen_thousand_in_one_process(void **state)
{
    (void)state;
    each_is_answered(&(struct crowd){.servers = 1, .clients = 2, .connections = 19000});
}

static void a_hundred_thousand_over_six_processes(void **state)
{
    (void)state;
    each_is_answered(&(struct crowd){.servers = 6, .clients = 6, .connections = 100000});
}

int main(void)
{
    const struct test tests[] = {
        TEST(nineteen_thousand_in_one_process),
        TEST(a_hundred_thousand_over_six_processes),
    };

    return run_once(tests);
}

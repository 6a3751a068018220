#include "process.h"
#include "contest.h"
#include "udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FIRST_SOURCE = 0x7f010001, /* 127.1.0.1 */
    EACH_SOURCE = 2000,        /* connections */
    LONGEST = 60000            /* ms: the longest that a process may be busy */
};

struct server_shared {
    _Atomic bool is_asked;
};

bool process_may_open(int descriptors)
{
    struct rlimit limit;

    need(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    return limit.rlim_max >= (rlim_t)descriptors && setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/* Returns 0 in the child, which ends with its parent. */
static pid_t start(void)
{
    pid_t parent = getpid();

    fflush(stdout);
    pid_t pid = fork();

    need(pid >= 0, "fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
    }
    return pid;
}

static void stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void tell(int fd, const void *data, size_t size)
{
    need(write(fd, data, size) == (ssize_t)size, "write");
}

/* A process that failed has printed why, but its siblings may keep the pipe open. */
static void hear(int fd, void *data, size_t size)
{
    struct pollfd news = {.fd = fd, .events = POLLIN};

    need(poll(&news, 1, LONGEST) == 1 && read(fd, data, size) == (ssize_t)size,
         "what a process tells");
}

/* A raw connection from the source address of its number; 0: from any. */
static int dial(int port, int number)
{
    struct sockaddr_in name = udp_name(port);
    struct sockaddr_in source = udp_name(0);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    need(fd >= 0, "socket");
    source.sin_addr.s_addr = htonl((uint32_t)(FIRST_SOURCE + number / EACH_SOURCE));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    need(bind(fd, (struct sockaddr *)&source, sizeof source) == 0 &&
             connect(fd, (struct sockaddr *)&name, sizeof name) == 0,
         "connect");
    return fd;
}

/* ---- A server ---- */

static void serve(const struct server *server, struct server_shared *shared, int news)
{
    while (true) {
        server->turn();
        if (atomic_exchange(&shared->is_asked, false)) {
            struct server_news now = {server_record, footprint_now()};

            tell(news, &now, sizeof now);
        }
    }
}

void server_start(struct server_process *self, const struct server *server, const char *address)
{
    int pipes[2];
    void *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    need(shared != MAP_FAILED && pipe(pipes) == 0, "mmap and pipe");
    self->shared = shared;
    self->news = pipes[0];
    self->pid = start();
    if (self->pid == 0) {
        int port = server->open(address);

        tell(pipes[1], &port, sizeof port);
        serve(server, self->shared, pipes[1]);
    }
    close(pipes[1]);
    hear(self->news, &self->port, sizeof self->port);
    need(clock_getcpuclockid(self->pid, &self->clock) == 0, "clock_getcpuclockid");
}

void server_stop(struct server_process *self)
{
    stop(self->pid);
    close(self->news);
    munmap(self->shared, PAGE);
}

double server_spent(const struct server_process *self)
{
    struct timespec time;

    need(clock_gettime(self->clock, &time) == 0, "clock_gettime");
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

struct server_news server_ask(const struct server_process *self)
{
    struct server_news news;
    char data[SMALL] = {0};
    int fd = dial(self->port, 0);

    atomic_store(&self->shared->is_asked, true);
    need(send(fd, data, SMALL, MSG_NOSIGNAL) == SMALL && recv(fd, data, SMALL, 0) == SMALL,
         "a question");
    hear(self->news, &news, sizeof news);
    close(fd);
    return news;
}

/* ---- A client ---- */

static void request(int fd)
{
    static _Alignas(PAGE) char data[SMALL];

    need(send(fd, data, SMALL, MSG_NOSIGNAL) == SMALL, "a request");
}

static void answer(int fd)
{
    static _Alignas(PAGE) char data[SERVER_ROOM];

    need(recv(fd, data, sizeof data, MSG_DONTWAIT) == SMALL, "an answer");
}

/* Each answer is followed by the next request, until the time is over. */
static long echo_for(double seconds, int set, const int *fds, int count)
{
    double begun = contest_now();
    long answered = 0;

    for (int i = 0; i < count; i++) {
        request(fds[i]);
    }
    for (int left = count; left > 0;) {
        struct epoll_event events[SERVER_BATCH];
        int ready = epoll_wait(set, events, SERVER_BATCH, PATIENCE);
        bool goes_on = contest_now() - begun < seconds;

        need(ready > 0, "epoll_wait");
        for (int i = 0; i < ready; i++) {
            answer(events[i].data.fd);
            if (goes_on) {
                request(events[i].data.fd);
            }
        }
        answered += ready;
        left -= goes_on ? 0 : ready;
    }
    return answered;
}

/* A client without further orders ends. */
static void obey(int orders, int answers, int port, int count, int first)
{
    int *fds = calloc((size_t)count, sizeof *fds);
    int set = epoll_create1(EPOLL_CLOEXEC);
    double seconds;
    long answered = 0;

    need(fds != NULL && set >= 0, "epoll_create1");
    for (int i = 0; i < count; i++) {
        struct epoll_event wanted = {.events = EPOLLIN};

        fds[i] = dial(port, first + i);
        wanted.data.fd = fds[i];
        need(epoll_ctl(set, EPOLL_CTL_ADD, fds[i], &wanted) == 0, "epoll_ctl");
    }
    tell(answers, &answered, sizeof answered);
    while (read(orders, &seconds, sizeof seconds) == (ssize_t)sizeof seconds) {
        answered = echo_for(seconds, set, fds, count);
        tell(answers, &answered, sizeof answered);
    }
    _exit(0);
}

void client_start(struct client_process *self, int port, int count, int first)
{
    int orders[2];
    int answers[2];

    need(pipe(orders) == 0 && pipe(answers) == 0, "pipe");
    self->pid = start();
    if (self->pid == 0) {
        close(orders[1]);
        obey(orders[0], answers[1], port, count, first);
    }
    close(orders[0]);
    close(answers[1]);
    self->orders = orders[1];
    self->answers = answers[0];
}

void client_await(const struct client_process *self)
{
    client_answer(self);
}

void client_order(const struct client_process *self, double seconds)
{
    tell(self->orders, &seconds, sizeof seconds);
}

long client_answer(const struct client_process *self)
{
    long answered;

    hear(self->answers, &answered, sizeof answered);
    return answered;
}

void client_stop(struct client_process *self)
{
    stop(self->pid);
    close(self->orders);
    close(self->answers);
}

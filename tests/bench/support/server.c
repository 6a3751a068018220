/* What the servers share, and the raw one. */
#include "server.h"
#include "contest.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct server_record server_record;

const struct server *const server_all[] = {&server_raw,
                                           &server_poller,
                                           &server_deadline,
#ifdef HAVE_LIBUV
                                           &server_libuv,
#endif
#ifdef HAVE_LIBEVENT
                                           &server_libevent,
#endif
                                           NULL};

const struct server *server_named(const char *name)
{
    const struct server *const *at = server_all;

    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at++;
    }
    return *at;
}

int server_listen(int *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    need(bind(fd, (struct sockaddr *)&name, length) == 0 && listen(fd, SOMAXCONN) == 0 &&
             getsockname(fd, (struct sockaddr *)&name, &length) == 0,
         "listen");
    *port = ntohs(name.sin_port);
    return fd;
}

void server_accept(int listener, void (*take)(int fd))
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    while (fd >= 0) {
        server_record.accepted++;
        take(fd);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    need(errno == EAGAIN, "accept4");
}

bool server_echo(int fd)
{
    static _Alignas(PAGE) char buffer[SERVER_ROOM];
    ssize_t size = recv(fd, buffer, sizeof buffer, 0);

    if (size <= 0 || send(fd, buffer, (size_t)size, MSG_NOSIGNAL) != size) {
        server_record.closed++;
        return false;
    }
    server_record.echoed++;
    return true;
}

/* ---- Raw epoll ---- */

static int set;
static int listener;

static void watch(int fd)
{
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};

    need(epoll_ctl(set, EPOLL_CTL_ADD, fd, &wanted) == 0, "epoll_ctl");
}

static int raw_open(const char *address)
{
    int port;

    (void)address;
    listener = server_listen(&port);
    set = epoll_create1(EPOLL_CLOEXEC);
    watch(listener);
    return port;
}

static void raw_turn(void)
{
    struct epoll_event events[SERVER_BATCH];
    int count = epoll_wait(set, events, SERVER_BATCH, -1);

    need(count >= 0, "epoll_wait");
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == listener) {
            server_accept(listener, watch);
        } else if (!server_echo(events[i].data.fd)) {
            close(events[i].data.fd);
        }
    }
}

const struct server server_raw = {"raw", raw_open, raw_turn};

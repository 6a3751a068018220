/* What it costs to watch again what is watched already. A server may do that for every request, to
 * set a deadline, or to wait until it may write. */
#include "contest.h"
#include "parts.h"
#include "process.h"
#include "report.h"
#include "udp.h"

#include <netfacade.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKETS = 1000, SPARE = 100, LINGER = 30000, STEP = 1000 /* ns between two deadlines */ };

static net_poller *poller;
static net_socket *sockets[SOCKETS];
static int fds[SOCKETS];
static int set;
static net_deadline deadline;

static void watch(int i, unsigned interest, net_deadline until)
{
    need(net_poller_watch(poller, sockets[i], interest, NULL, until) == 0, "net_poller_watch");
}

static void put_off(int i)
{
    deadline += STEP;
    watch(i, NET_READABLE, deadline);
}

static void put_off_by_the_clock(int i)
{
    watch(i, NET_READABLE, net_after(LINGER));
}

static void change_nothing(int i)
{
    watch(i, NET_READABLE, NET_FOREVER);
}

static void change_interest(int i)
{
    static unsigned also;

    also ^= i == 0 ? NET_WRITABLE : 0;
    watch(i, NET_READABLE | also, NET_FOREVER);
}

static void raw_change(int i)
{
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fds[i]};

    need(epoll_ctl(set, EPOLL_CTL_MOD, fds[i], &wanted) == 0, "epoll_ctl");
}

static double watch_round(void *by)
{
    /* cppcheck-suppress AssignmentAddressToInteger ; `change` points to a pointer to a function */
    void (*const *change)(int i) = by;
    double begun = contest_now();
    double before = contest_spent();
    long count = 0;

    deadline = net_after(LINGER);
    while (contest_goes_on(begun)) {
        for (int i = 0; i < SOCKETS; i++) {
            (*change)(i);
        }
        count += SOCKETS;
    }
    return (double)count / (contest_spent() - before);
}

/* Both ends are in this process: one end of the connection is raw, the other is netfacade's. */
static void open_all(void)
{
    net_socket *listener = net_listen("tcp://127.0.0.1:0");
    struct sockaddr_in name = udp_name(0);
    char port[16];

    need(process_may_open(2 * SOCKETS + SPARE), "so many descriptors");
    poller = net_poller_open();
    set = epoll_create1(EPOLL_CLOEXEC);
    need(listener != NULL && net_get(listener, "port", port, sizeof port) > 0, "net_listen");
    name = udp_name(atoi(port));
    for (int i = 0; i < SOCKETS; i++) {
        struct epoll_event wanted = {.events = EPOLLIN};

        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        need(connect(fds[i], (struct sockaddr *)&name, sizeof name) == 0, "connect");
        need(epoll_ctl(set, EPOLL_CTL_ADD, fds[i], &wanted) == 0, "epoll_ctl");
        sockets[i] = net_accept(listener, net_after(PATIENCE));
        need(sockets[i] != NULL, "net_accept");
        watch(i, NET_READABLE, NET_FOREVER);
    }
    net_close(listener, NET_NOW);
}

static void close_all(void)
{
    for (int i = 0; i < SOCKETS; i++) {
        net_close(sockets[i], NET_NOW);
        close(fds[i]);
    }
    net_poller_close(poller);
    close(set);
}

void watch_run(void)
{
    enum { RAW, NOTHING, PUT_OFF, BY_THE_CLOCK, INTEREST, CHANGES };
    static void (*changes[CHANGES])(int i) = {raw_change, change_nothing, put_off,
                                              put_off_by_the_clock, change_interest};
    static const char *const names[CHANGES] = {"raw EPOLL_CTL_MOD", "nothing new", "a new deadline",
                                               "a new deadline by net_after", "other interest"};
    struct entry entries[CHANGES];

    open_all();
    for (int i = 0; i < CHANGES; i++) {
        entries[i] = (struct entry){names[i], watch_round, &changes[i], RAW};
    }
    contest_run("net_poller_watch of what is watched, 1,000 connections", entries, CHANGES);
    target("ns to watch with a new deadline", 1e9 / contest_rate(PUT_OFF), "(to compare)");
    target("ns to watch with other interest", 1e9 / contest_rate(INTEREST), "(to compare)");
    target("ns of a raw EPOLL_CTL_MOD", 1e9 / contest_rate(RAW), "(to compare)");
    close_all();
}

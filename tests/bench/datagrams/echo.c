/* An echo server with many peers: replies per second of the server's time.
 *
 * 64 of the crowd send (not measured); the server answers (measured); they receive the answers (not
 * measured). A server with accepted sockets knows the order in which the crowd sends. A deadline is
 * a moment, so one deadline is made for all calls that answer a burst. */
#include "contest.h"
#include "crowd.h"
#include "parts.h"
#include "report.h"
#include "udp.h"
#include "wire.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 10000, FEW = 10 };

struct server {
    const char *name;
    void (*open)(struct server *self);
    void (*answer)(const struct server *self, const uint32_t *senders);
    const char *host; /* the address that it listens at; raw: 127.0.0.1 if NULL */
    uint32_t peers;
    int against;
    uint32_t next; /* the next peer that sends */
    int port;
    int fd;
    int set; /* the epoll descriptor */
    net_socket *listener;
    net_socket **accepted;
    net_poller *poller;
};

static _Alignas(PAGE) char buffer[BURST][SMALL];

/* ---- Raw ---- */

static void open_raw(struct server *self)
{
    self->fd = udp_open(self->host == NULL ? INADDR_LOOPBACK : INADDR_ANY);
    self->port = udp_port(self->fd);
}

static void open_pktinfo(struct server *self)
{
    int on = 1;

    open_raw(self);
    need(setsockopt(self->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0, "IP_PKTINFO");
}

static void answer_each(const struct server *self, const uint32_t *senders)
{
    (void)senders;
    for (int i = 0; i < BURST; i++) {
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        ssize_t n = recvfrom(self->fd, buffer, SMALL, 0, (struct sockaddr *)&from, &length);

        need(n == SMALL &&
                 sendto(self->fd, buffer, SMALL, 0, (struct sockaddr *)&from, length) == SMALL,
             "recvfrom and sendto");
    }
}

static void open_epoll(struct server *self)
{
    struct epoll_event wanted = {.events = EPOLLIN};

    open_raw(self);
    self->set = epoll_create1(EPOLL_CLOEXEC);
    need(epoll_ctl(self->set, EPOLL_CTL_ADD, self->fd, &wanted) == 0, "epoll_ctl");
}

/* Answers until nothing more is there, then waits. */
static void answer_epoll(const struct server *self, const uint32_t *senders)
{
    int answered = 0;

    (void)senders;
    while (answered < BURST) {
        struct epoll_event event;
        struct sockaddr_in from;
        socklen_t length = sizeof from;

        need(epoll_wait(self->set, &event, 1, PATIENCE) == 1, "epoll_wait");
        ssize_t n = 0;

        while (n >= 0) {
            n = recvfrom(self->fd, buffer, SMALL, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
            if (n >= 0) {
                need(sendto(self->fd, buffer, SMALL, 0, (struct sockaddr *)&from, length) == SMALL,
                     "sendto");
                answered++;
            }
        }
    }
}

/* Answers from the address that was asked, as a server on a wildcard should. */
static void answer_pktinfo(const struct server *self, const uint32_t *senders)
{
    (void)senders;
    for (int i = 0; i < BURST; i++) {
        struct sockaddr_in from;
        struct control control;
        struct iovec all = {.iov_base = buffer, .iov_len = SMALL};
        struct msghdr message = {.msg_name = &from,
                                 .msg_namelen = sizeof from,
                                 .msg_iov = &all,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof control.room};

        need(recvmsg(self->fd, &message, 0) == SMALL, "recvmsg");
        struct in_pktinfo *info = (struct in_pktinfo *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&message));

        info->ipi_ifindex = 0;
        info->ipi_spec_dst = info->ipi_addr;
        need(sendmsg(self->fd, &message, 0) == SMALL, "sendmsg");
    }
}

static void answer_mmsg(const struct server *self, const uint32_t *senders)
{
    struct sockaddr_in from[BURST];
    struct iovec iov[BURST];
    struct mmsghdr packets[BURST];

    (void)senders;
    for (int i = 0; i < BURST; i++) {
        iov[i] = (struct iovec){.iov_base = buffer[i], .iov_len = SMALL};
        packets[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &from[i],
                                                  .msg_namelen = sizeof from[i],
                                                  .msg_iov = &iov[i],
                                                  .msg_iovlen = 1}};
    }
    for (int done = 0; done < BURST;) {
        int n = recvmmsg(self->fd, packets, (unsigned)(BURST - done), MSG_WAITFORONE, NULL);

        need(n > 0 && sendmmsg(self->fd, packets, (unsigned)n, 0) == n, "recvmmsg and sendmmsg");
        done += n;
    }
}

/* ---- netfacade ---- */

static void open_listener(struct server *self)
{
    self->listener = udp_listen(self->host, "&idle=off");
    self->port = udp_facade_port(self->listener);
}

static void open_accepted(struct server *self)
{
    open_listener(self);
    self->accepted = crowd_accept(self->listener, self->peers);
}

static void open_watched(struct server *self)
{
    open_accepted(self);
    self->poller = net_poller_open();
    need(self->poller != NULL, "net_poller_open");
    for (uint32_t i = 0; i < self->peers; i++) {
        need(net_poller_watch(self->poller, self->accepted[i], NET_READABLE, NULL, NET_FOREVER) ==
                 0,
             "net_poller_watch");
    }
}

/* A server that does not know the order of the senders. */
static void answer_watched(const struct server *self, const uint32_t *senders)
{
    net_event events[BURST];
    int answered = 0;

    (void)senders;
    while (answered < BURST) {
        int n = net_poller_wait(self->poller, events, BURST, net_after(PATIENCE));

        need(n > 0, "net_poller_wait");
        for (int i = 0; i < n; i++) {
            need(net_recv(events[i].socket, buffer, SMALL, NET_NOW) == SMALL, "net_recv");
            need(net_send(events[i].socket, buffer, SMALL, NET_NOW) == SMALL, "net_send");
        }
        answered += n;
    }
}

static void answer_accepted(const struct server *self, const uint32_t *senders)
{
    net_deadline deadline = net_after(PATIENCE);

    for (int i = 0; i < BURST; i++) {
        net_socket *call = self->accepted[senders[i]];

        need(net_recv(call, buffer, SMALL, deadline) == SMALL, "net_recv");
        need(net_send(call, buffer, SMALL, deadline) == SMALL, "net_send");
    }
}

static void answer_messages(const struct server *self, const uint32_t *senders)
{
    net_deadline deadline = net_after(PATIENCE);
    static net_message messages[BURST];

    (void)senders;
    for (int i = 0; i < BURST; i++) {
        messages[i].data = buffer[i];
        messages[i].capacity = SMALL;
    }
    for (int done = 0; done < BURST;) {
        int n = net_recv_messages(self->listener, messages, BURST - done, deadline);

        need(n > 0, "net_recv_messages");
        for (int sent = 0; sent < n;) {
            int now = net_send_messages(self->listener, messages + sent, n - sent, deadline);

            need(now > 0, "net_send_messages");
            sent += now;
        }
        done += n;
    }
}

/* ---- The contests ---- */

static double echo_round(void *by)
{
    struct server *self = by;
    double begun = contest_now();
    double spent = 0;
    long count = 0;

    while (contest_goes_on(begun)) {
        uint32_t senders[BURST];

        crowd_choose(senders, BURST, 0, self->peers, &self->next);
        crowd_say(self->port, senders, BURST);
        double before = contest_spent();

        self->answer(self, senders);
        spent += contest_spent() - before;
        count += BURST;
        crowd_hear(senders, BURST);
    }
    return (double)count / spent;
}

static void compete(const char *title, struct server *servers, int count)
{
    struct entry entries[16];

    for (int i = 0; i < count; i++) {
        servers[i].fd = -1;
        servers[i].set = -1;
        servers[i].open(&servers[i]);
        entries[i] = (struct entry){servers[i].name, echo_round, &servers[i], servers[i].against};
    }
    contest_run(title, entries, count);
    for (int i = 0; i < count; i++) {
        if (servers[i].accepted != NULL) {
            crowd_close(servers[i].accepted, servers[i].peers);
        }
        net_close(servers[i].listener, NET_NOW);
        net_poller_close(servers[i].poller);
        if (servers[i].fd >= 0) {
            close(servers[i].fd);
        }
        if (servers[i].set >= 0) {
            close(servers[i].set);
        }
    }
}

enum {
    EACH,
    EACH_AGAIN,
    EACH_FEW,
    EPOLL,
    MMSG,
    ACCEPTED,
    ACCEPTED_FEW,
    WATCHED,
    MESSAGES,
    SERVERS
};

static struct server servers[SERVERS] = {
    {.name = "raw recvfrom, sendto",
     .open = open_raw,
     .answer = answer_each,
     .peers = MANY,
     .against = EACH},
    {.name = "raw again", .open = open_raw, .answer = answer_each, .peers = MANY, .against = EACH},
    {.name = "raw, 10 peers",
     .open = open_raw,
     .answer = answer_each,
     .peers = FEW,
     .against = EACH},
    {.name = "raw epoll_wait, recvfrom, sendto",
     .open = open_epoll,
     .answer = answer_epoll,
     .peers = MANY,
     .against = EACH},
    {.name = "raw recvmmsg, sendmmsg",
     .open = open_raw,
     .answer = answer_mmsg,
     .peers = MANY,
     .against = EACH},
    {.name = "accepted",
     .open = open_accepted,
     .answer = answer_accepted,
     .host = "127.0.0.1",
     .peers = MANY,
     .against = EACH},
    {.name = "accepted, 10 peers",
     .open = open_accepted,
     .answer = answer_accepted,
     .host = "127.0.0.1",
     .peers = FEW,
     .against = EACH},
    {.name = "accepted, by a poller",
     .open = open_watched,
     .answer = answer_watched,
     .host = "127.0.0.1",
     .peers = MANY,
     .against = EPOLL},
    {.name = "messages",
     .open = open_listener,
     .answer = answer_messages,
     .host = "127.0.0.1",
     .peers = MANY,
     .against = EACH},
};

enum { ANY_EACH, ANY_PKTINFO, ANY_ACCEPTED, ANY_ACCEPTED_V4, ANY_SERVERS };

static struct server wildcards[ANY_SERVERS] = {
    {.name = "raw recvfrom, sendto",
     .open = open_raw,
     .answer = answer_each,
     .host = "0.0.0.0",
     .peers = MANY,
     .against = ANY_EACH},
    {.name = "raw with IP_PKTINFO",
     .open = open_pktinfo,
     .answer = answer_pktinfo,
     .host = "0.0.0.0",
     .peers = MANY,
     .against = ANY_EACH},
    {.name = "accepted, udp://*",
     .open = open_accepted,
     .answer = answer_accepted,
     .host = "*",
     .peers = MANY,
     .against = ANY_EACH},
    {.name = "accepted, udp://0.0.0.0",
     .open = open_accepted,
     .answer = answer_accepted,
     .host = "0.0.0.0",
     .peers = MANY,
     .against = ANY_EACH},
};

void echo_run(void)
{
    compete("UDP echo server, 64 B, 10,000 peers, by the server's time", servers, SERVERS);
    target("echo, 10,000 accepted", contest_ratio(ACCEPTED, EACH).median, ">= 1.02");
    target("echo, 10,000 accepted, by a poller, over a raw epoll loop",
           contest_ratio(WATCHED, EPOLL).median, "(to compare)");
    target("echo, 64 messages a call", contest_ratio(MESSAGES, EACH).median, ">= 1.12");
    target("echo, time with 10,000 accepted over that with 10",
           contest_ratio(ACCEPTED_FEW, ACCEPTED).median, "<= 1.15");
    target("the same of the raw loop, which keeps nothing", contest_ratio(EACH_FEW, EACH).median,
           "(to compare)");

    compete("UDP echo server on a wildcard, 64 B, 10,000 peers, by the server's time", wildcards,
            ANY_SERVERS);
    target("echo, 10,000 accepted on udp://*", contest_ratio(ANY_ACCEPTED, ANY_EACH).median,
           ">= 0.95");
    target("echo, 10,000 accepted on udp://0.0.0.0",
           contest_ratio(ANY_ACCEPTED_V4, ANY_EACH).median, ">= 0.95");
}

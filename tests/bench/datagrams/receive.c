/* Receiving small datagrams, one by each call: processor time of the receiver alone.
 *
 * The sender fills the receive queue (not measured); then the receiver takes everything (measured).
 * So nothing is dropped, and no call waits. A deadline is a moment, so one deadline is made for all
 * calls that empty the queue, unless the contestant's name says otherwise. */
#include "contest.h"
#include "parts.h"
#include "report.h"
#include "udp.h"
#include "wire.h"

#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PILE = 1024,
    TRAIN_ROOM = 65536, /* more than a train that GRO returns can have */
    TRAINS = 16         /* trains in one recvmmsg */
};

struct receiver {
    const char *name;
    void (*open)(struct receiver *self);
    void (*drain)(const struct receiver *self, int count);
    int port;
    bool dialed;
    int fd;
    net_socket *socket;
    net_socket *listener;
};

static int sender;
static int pile;
static void (*fill)(int fd, const struct sockaddr_in *to, char *data, size_t size, int count);
static _Alignas(PAGE) char sent[BURST * SMALL];
static _Alignas(PAGE) char buffer[BURST * SMALL];
static _Alignas(PAGE) char trains[TRAINS][TRAIN_ROOM];

/* ---- Raw ---- */

static void open_bound(struct receiver *self)
{
    self->fd = udp_open(INADDR_LOOPBACK);
    self->port = udp_port(self->fd);
}

static void open_dialed(struct receiver *self)
{
    open_bound(self);
    udp_dial(self->fd, udp_port(sender));
    self->dialed = true;
}

static void open_gro(struct receiver *self)
{
    int on = 1;

    open_dialed(self);
    need(setsockopt(self->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0, "UDP_GRO");
}

static void drain_recv(const struct receiver *self, int count)
{
    for (int i = 0; i < count; i++) {
        need(recv(self->fd, buffer, SMALL, 0) == SMALL, "recv");
    }
}

static void drain_recvfrom(const struct receiver *self, int count)
{
    for (int i = 0; i < count; i++) {
        struct sockaddr_in from;
        socklen_t length = sizeof from;

        need(recvfrom(self->fd, buffer, SMALL, 0, (struct sockaddr *)&from, &length) == SMALL,
             "recvfrom");
    }
}

static void drain_recvmmsg(const struct receiver *self, int count)
{
    struct mmsghdr packets[BURST];
    struct iovec iov[BURST];
    struct sockaddr_in from[BURST];

    for (int i = 0; i < BURST; i++) {
        iov[i] = (struct iovec){.iov_base = buffer + i * SMALL, .iov_len = SMALL};
        packets[i] = (struct mmsghdr){.msg_hdr = {.msg_name = self->dialed ? NULL : &from[i],
                                                  .msg_namelen = self->dialed ? 0 : sizeof from[i],
                                                  .msg_iov = &iov[i],
                                                  .msg_iovlen = 1}};
    }
    for (int done = 0; done < count;) {
        int n = recvmmsg(self->fd, packets, BURST, MSG_WAITFORONE, NULL);

        need(n > 0, "recvmmsg");
        done += n;
    }
}

/* How many datagrams a message of UDP_GRO holds. */
static int datagrams_in(struct msghdr *message, size_t length)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int size;

            memcpy(&size, CMSG_DATA(c), sizeof size);
            return ((int)length + size - 1) / size;
        }
    }
    return 1;
}

static void drain_trains(const struct receiver *self, int count, unsigned at_once)
{
    struct control control[TRAINS];
    struct mmsghdr packets[TRAINS];
    struct iovec train[TRAINS];

    for (int done = 0; done < count;) {
        for (unsigned i = 0; i < at_once; i++) {
            train[i] = (struct iovec){.iov_base = trains[i], .iov_len = TRAIN_ROOM};
            packets[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &train[i],
                                                      .msg_iovlen = 1,
                                                      .msg_control = &control[i],
                                                      .msg_controllen = sizeof control[i].room}};
        }
        int n = recvmmsg(self->fd, packets, at_once, MSG_WAITFORONE, NULL);

        need(n > 0, "UDP_GRO");
        for (int i = 0; i < n; i++) {
            done += datagrams_in(&packets[i].msg_hdr, packets[i].msg_len);
        }
    }
}

static void drain_gro(const struct receiver *self, int count)
{
    drain_trains(self, count, 1);
}

static void drain_gro_mmsg(const struct receiver *self, int count)
{
    drain_trains(self, count, TRAINS);
}

/* ---- netfacade ---- */

static void open_facade_dialed(struct receiver *self)
{
    self->socket = udp_facade_dial(udp_port(sender), "");
    need(self->socket != NULL, "net_connect");
    self->port = udp_facade_port(self->socket);
}

static void open_accepted(struct receiver *self)
{
    self->listener = udp_listen("127.0.0.1", "&idle=off");
    self->port = udp_facade_port(self->listener);
    struct sockaddr_in to = udp_name(self->port);

    wire_send_singles(sender, &to, sent, SMALL, 1);
    self->socket = net_accept(self->listener, net_after(PATIENCE));
    need(self->socket != NULL, "net_accept");
    need(net_recv(self->socket, buffer, SMALL, net_after(PATIENCE)) == SMALL, "net_recv");
}

static void drain_facade(const struct receiver *self, int count)
{
    net_deadline deadline = net_after(PATIENCE);

    for (int i = 0; i < count; i++) {
        need(net_recv(self->socket, buffer, SMALL, deadline) == SMALL, "net_recv");
    }
}

static void drain_facade_anew(const struct receiver *self, int count)
{
    for (int i = 0; i < count; i++) {
        need(net_recv(self->socket, buffer, SMALL, net_after(PATIENCE)) == SMALL, "net_recv");
    }
}

/* ---- The contest ---- */

enum { RECVFROM, DIALED = 7, ACCEPTED = 9, RECEIVERS };

/* All are compared with the first, which asks for the sender's address. The dialed raw ones need
 * not ask. */
static struct receiver receivers[RECEIVERS] = {
    {.name = "raw recvfrom", .open = open_bound, .drain = drain_recvfrom},
    {.name = "raw recvfrom again", .open = open_bound, .drain = drain_recvfrom},
    {.name = "raw recvmmsg", .open = open_bound, .drain = drain_recvmmsg},
    {.name = "raw dialed recv", .open = open_dialed, .drain = drain_recv},
    {.name = "raw dialed recvmmsg", .open = open_dialed, .drain = drain_recvmmsg},
    {.name = "raw dialed GRO, recvmsg", .open = open_gro, .drain = drain_gro},
    {.name = "raw dialed GRO, recvmmsg", .open = open_gro, .drain = drain_gro_mmsg},
    {.name = "dialed", .open = open_facade_dialed, .drain = drain_facade},
    {.name = "dialed, net_after each", .open = open_facade_dialed, .drain = drain_facade_anew},
    {.name = "accepted", .open = open_accepted, .drain = drain_facade},
};

static double receive_round(void *by)
{
    const struct receiver *self = by;
    struct sockaddr_in to = udp_name(self->port);
    double begun = contest_now();
    double spent = 0;
    long count = 0;

    while (contest_goes_on(begun)) {
        for (int i = 0; i < pile; i += BURST) {
            fill(sender, &to, sent, SMALL, BURST);
        }
        double before = contest_spent();

        self->drain(self, pile);
        spent += contest_spent() - before;
        count += pile;
    }
    return (double)count / spent;
}

void receive_run(void)
{
    struct entry entries[RECEIVERS];

    sender = udp_open(INADDR_LOOPBACK);
    pile = udp_pile(SMALL, PILE);
    for (int i = 0; i < RECEIVERS; i++) {
        struct receiver *self = &receivers[i];

        self->fd = -1;
        self->open(self);
        entries[i] = (struct entry){self->name, receive_round, self, RECVFROM};
    }

    fill = wire_send_trains;
    contest_run("UDP receive, 64 B, of a sender with GSO, by the receiver's time", entries,
                RECEIVERS);
    target("receive 64 B, sender with GSO, dialed", contest_ratio(DIALED, RECVFROM).median, ">= 8");
    target("receive 64 B, sender with GSO, accepted", contest_ratio(ACCEPTED, RECVFROM).median,
           ">= 8");

    fill = wire_send_singles;
    contest_run("UDP receive, 64 B, of a sender without GSO, by the receiver's time", entries,
                RECEIVERS);
    target("receive 64 B, sender without GSO, dialed", contest_ratio(DIALED, RECVFROM).median,
           ">= 1.15");
    target("receive 64 B, sender without GSO, accepted", contest_ratio(ACCEPTED, RECVFROM).median,
           ">= 1.15");

    for (int i = 0; i < RECEIVERS; i++) {
        net_close(receivers[i].socket, NET_NOW);
        net_close(receivers[i].listener, NET_NOW);
        if (receivers[i].fd >= 0) {
            close(receivers[i].fd);
        }
    }
    close(sender);
}

/* Sending 64 datagrams at once: processor time of the sender alone.
 *
 * The receiver is a raw socket with UDP_GRO that takes everything between two measurements, and has
 * room for everything. So a train crosses the loopback whole, as it reaches a card that cuts
 * trains. Delivering it, which loopback does in the sender's time, costs all contestants the same
 * for each packet. Without UDP_GRO the kernel would cut the train for the receiver, and the sender
 * would pay for it. With a full queue the kernel would drop for one contestant what it must deliver
 * for another. */
#include "contest.h"
#include "parts.h"
#include "report.h"
#include "udp.h"
#include "wire.h"

#include <netinet/udp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGE = 1400, PILE = 512 };

struct sender {
    const char *name;
    void (*send)(const struct sender *self);
    int fd;
    net_socket *socket;
    net_message messages[BURST];
};

static int receiver;
static int pile;
static size_t size;
static _Alignas(PAGE) char data[BURST * LARGE];

static void send_each(const struct sender *self)
{
    for (int i = 0; i < BURST; i++) {
        need(sendto(self->fd, data + (size_t)i * size, size, 0, NULL, 0) == (ssize_t)size,
             "sendto");
    }
}

static void send_singles(const struct sender *self)
{
    wire_send_singles(self->fd, NULL, data, size, BURST);
}

static void send_trains(const struct sender *self)
{
    wire_send_trains(self->fd, NULL, data, size, BURST);
}

static void send_facade(const struct sender *self)
{
    net_deadline deadline = net_after(PATIENCE);

    for (int done = 0; done < BURST;) {
        int n = net_send_messages(self->socket, self->messages + done, BURST - done, deadline);

        need(n > 0, "net_send_messages");
        done += n;
    }
}

/* With one byte of room the kernel copies one byte, and returns the length of the whole datagram.
 */
static void drain(size_t expected)
{
    size_t drained = 0;

    while (drained < expected) {
        char byte;
        ssize_t n = recv(receiver, &byte, sizeof byte, MSG_TRUNC);

        need(n > 0, "draining");
        drained += (size_t)n;
    }
}

static double send_round(void *by)
{
    const struct sender *self = by;
    double begun = contest_now();
    double spent = 0;
    long count = 0;

    while (contest_goes_on(begun)) {
        double before = contest_spent();

        for (int i = 0; i < pile; i += BURST) {
            self->send(self);
        }
        spent += contest_spent() - before;
        count += pile;
        drain((size_t)pile * size);
    }
    return (double)count / spent;
}

enum { EACH, EACH_AGAIN, SINGLES, TRAINS, DIALED, LISTENER, SENDERS };

/* All raw sockets are connected, since the dialed one is. */
static struct sender senders[SENDERS] = {
    {.name = "raw sendto", .send = send_each},
    {.name = "raw sendto again", .send = send_each},
    {.name = "raw sendmmsg", .send = send_singles},
    {.name = "raw UDP_SEGMENT", .send = send_trains},
    {.name = "dialed", .send = send_facade},
    {.name = "listener, to an endpoint", .send = send_facade},
};

static void open_senders(void)
{
    int port = udp_port(receiver);

    for (int i = 0; i < DIALED; i++) {
        senders[i].fd = udp_open(INADDR_LOOPBACK);
        udp_dial(senders[i].fd, port);
    }
    senders[DIALED].socket = udp_facade_dial(port, "");
    need(senders[DIALED].socket != NULL, "net_connect");
    senders[LISTENER].socket = udp_listen("127.0.0.1", "");
}

static void compete(const char *title, size_t bytes, int against)
{
    struct entry entries[SENDERS];
    char address[64];
    net_endpoint endpoint;

    size = bytes;
    pile = udp_pile(size, PILE);
    snprintf(address, sizeof address, "udp://127.0.0.1:%d", udp_port(receiver));
    need(net_resolve(address, &endpoint, 1, net_after(PATIENCE)) == 1, "net_resolve");
    for (int i = 0; i < SENDERS; i++) {
        for (int j = 0; j < BURST; j++) {
            net_message *message = &senders[i].messages[j];

            *message = (net_message){.data = data + (size_t)j * size, .size = size};
            if (i == LISTENER) {
                message->endpoint = endpoint;
            }
        }
        entries[i] =
            (struct entry){senders[i].name, send_round, &senders[i], i < DIALED ? EACH : against};
    }
    contest_run(title, entries, SENDERS);
}

void send_run(void)
{
    int on = 1;

    receiver = udp_open(INADDR_LOOPBACK);
    need(setsockopt(receiver, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0, "UDP_GRO");
    open_senders();

    compete("UDP send, 64 x 1400 B, by the sender's time", LARGE, TRAINS);
    target("send 64 x 1400 B, against UDP_SEGMENT", contest_ratio(DIALED, TRAINS).median,
           ">= 0.95");
    target("send 64 x 1400 B, against sendto", contest_ratio(DIALED, EACH).median, ">= 4");

    compete("UDP send, 64 x 64 B, by the sender's time", SMALL, EACH);
    target("send 64 x 64 B, against sendto", contest_ratio(DIALED, EACH).median, ">= 10");

    for (int i = 0; i < SENDERS; i++) {
        net_close(senders[i].socket, NET_NOW);
        if (i < DIALED) {
            close(senders[i].fd);
        }
    }
    close(receiver);
}

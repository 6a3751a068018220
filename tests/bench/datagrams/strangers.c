/* What a datagram from a stranger costs a server with few and with many accepted peers.
 *
 * 64 of the crowd send (not measured); the server receives (measured). In one test it receives the
 * strangers' datagrams by net_recv_messages. In the other as many strangers as allowed are queued,
 * and the server only passes their datagrams on the way to that of the one accepted peer that sent
 * last. */
#include "contest.h"
#include "crowd.h"
#include "parts.h"
#include "report.h"
#include "udp.h"

#include <stdlib.h>
#include <string.h>

enum {
    FEW = 10,
    MANY = 50000,
    STRANGERS = 256 * 1024, /* strangers that take turns */
    FILLING = 4096          /* bursts after which the bound must be reached */
};

struct server {
    const char *name;
    uint32_t peers;
    uint32_t next_peer;
    int port;
    net_socket *listener;
    net_socket **accepted;
};

static uint32_t next_stranger;
static _Alignas(PAGE) char buffer[BURST][SMALL];

static void choose(struct server *self, uint32_t *senders)
{
    crowd_choose(senders, BURST - 1, CROWD_STRANGERS, STRANGERS, &next_stranger);
    crowd_choose(senders + BURST - 1, 1, 0, self->peers, &self->next_peer);
}

static void read_strangers(const struct server *self)
{
    net_deadline deadline = net_after(PATIENCE);
    static net_message messages[BURST];

    for (int i = 0; i < BURST; i++) {
        messages[i].data = buffer[i];
        messages[i].capacity = SMALL;
    }
    for (int done = 0; done < BURST;) {
        int n = net_recv_messages(self->listener, messages, BURST - done, deadline);

        need(n > 0, "net_recv_messages");
        done += n;
    }
}

static double read_round(void *by)
{
    const struct server *self = by;
    double begun = contest_now();
    double spent = 0;
    long count = 0;

    while (contest_goes_on(begun)) {
        uint32_t senders[BURST];

        crowd_choose(senders, BURST, CROWD_STRANGERS, STRANGERS, &next_stranger);
        crowd_say(self->port, senders, BURST);
        double before = contest_spent();

        read_strangers(self);
        spent += contest_spent() - before;
        count += BURST;
    }
    return (double)count / spent;
}

static void receive_last(const struct server *self, const uint32_t *senders)
{
    need(net_recv(self->accepted[senders[BURST - 1]], buffer, SMALL, net_after(PATIENCE)) == SMALL,
         "net_recv");
}

static double full_round(void *by)
{
    struct server *self = by;
    double begun = contest_now();
    double spent = 0;
    long count = 0;

    while (contest_goes_on(begun)) {
        uint32_t senders[BURST];

        choose(self, senders);
        crowd_say(self->port, senders, BURST);
        double before = contest_spent();

        receive_last(self, senders);
        spent += contest_spent() - before;
        count += BURST;
    }
    return (double)count / spent;
}

static bool drops_strangers(const struct server *self)
{
    char dropped[32];

    need(net_get(self->listener, "dropped-strangers", dropped, sizeof dropped) > 0, "net_get");
    return strcmp(dropped, "0") != 0;
}

static void fill_up(struct server *self)
{
    for (int i = 0; i < FILLING && !drops_strangers(self); i++) {
        uint32_t senders[BURST];

        choose(self, senders);
        crowd_say(self->port, senders, BURST);
        receive_last(self, senders);
    }
    need(drops_strangers(self), "reaching the bound of the strangers");
}

void strangers_run(void)
{
    struct server servers[] = {{.name = "10 accepted peers", .peers = FEW},
                               {.name = "50,000 accepted peers", .peers = MANY}};
    struct entry entries[2];

    for (int i = 0; i < 2; i++) {
        servers[i].listener = udp_listen("127.0.0.1", "&idle=off");
        servers[i].port = udp_facade_port(servers[i].listener);
        servers[i].accepted = crowd_accept(servers[i].listener, servers[i].peers);
        entries[i] = (struct entry){servers[i].name, read_round, &servers[i], 0};
    }
    contest_run("strangers read by net_recv_messages, by the server's time", entries, 2);
    target("a stranger read, time with 50,000 accepted over 10", contest_ratio(0, 1).median, "< 2");

    for (int i = 0; i < 2; i++) {
        fill_up(&servers[i]);
        entries[i].run = full_round;
    }
    contest_run("strangers dropped, their bound full, by the server's time", entries, 2);
    target("a stranger dropped, time with 50,000 accepted over 10", contest_ratio(0, 1).median,
           "< 2");

    for (int i = 0; i < 2; i++) {
        crowd_close(servers[i].accepted, servers[i].peers);
        net_close(servers[i].listener, NET_NOW);
    }
}

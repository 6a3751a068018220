/* A million made-up senders. Their memory is bounded, whether the strangers are read or not.
 * Accepted peers go on, and new ones are served. */
#include "crowd.h"
#include "memory_in_use.h"
#include "support.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* Half of the senders send while nobody reads strangers, the other half while somebody does. */
enum { FLOOD = 500000, SIZE = 16, LEAST = 8192, ROOM = 65536, MEMORY = 8 << 20 };

/* The number of datagrams that are sent between two datagrams of the accepted peer. When a datagram
 * of the peer is received, all that came before has been read. So the kernel has room for all of
 * them, and loses none. */
static unsigned step(void)
{
    return geteuid() == 0 ? 1024 : 128;
}

static unsigned flood_size(void)
{
    unsigned less = FLOOD / (unsigned)(slowness() * slowness());

    return less > LEAST ? less : LEAST;
}

static const char *const options = "strangers=64KiB&rcvbuf=4MiB";

static char in[65536];

/* ---- Nobody reads strangers ---- */

static void say_and_hear(net_socket *from, net_socket *to)
{
    assert_count(net_send(from, "live", 4, soon()), 4);
    assert_count(net_recv(to, in, sizeof in, soon()), 4);
    assert_memory_equal(in, "live", 4);
}

static void strangers_that_nobody_reads_are_bounded(void **state)
{
    static const char word[SIZE];
    const long long kept =
        ROOM / 64 + 1024; /* bounded in number, because the datagrams are small */
    unsigned count = flood_size();
    struct pair pair;

    (void)state;
    dial_pair_with("udp://127.0.0.1:0", options, NULL, &pair);
    int fd = crowd_dial(pair.listener);

    crowd_flood(fd, 0, CROWD_MOST, word, SIZE);
    say_and_hear(pair.client, pair.server);
    size_t before = memory_in_use();
    size_t most = before;

    for (unsigned sent = CROWD_MOST; sent < count; sent += CROWD_MOST) {
        crowd_flood(fd, sent, CROWD_MOST, word, SIZE);
        if (sent % step() == 0) {
            say_and_hear(pair.client, pair.server);
            most = memory_in_use() > most ? memory_in_use() : most;
        }
    }
    say_and_hear(pair.client, pair.server);
    say_and_hear(pair.server, pair.client);
    assert_in_range(most - before, 0, MEMORY);
    count = (count + CROWD_MOST - 1) / CROWD_MOST * CROWD_MOST;
    assert_int_equal(number_of(pair.listener, "dropped-strangers"), count - kept);
    assert_int_equal(number_of(pair.listener, "dropped-queue"), 0);
    close(fd);
    close_pair(&pair);
}

/* ---- A server that reads them ---- */

enum { BATCH = 64, CLIENTS = 5, REPEAT = 50 /* ms */ };

struct server {
    pthread_t thread;
    net_socket *listener;
    long long heard;
    int wrong;
    size_t memory;
};

/* A sender of "serve me" gets an answer, the made-up senders get none. */
static void *serve(void *argument)
{
    struct server *self = argument;
    static char room[BATCH][SIZE];
    net_message message[BATCH];
    int n = 0;

    for (int i = 0; i < BATCH; i++) {
        message[i] = (net_message){.data = room[i], .capacity = SIZE};
    }
    while (n != NET_CANCELED && self->wrong == 0) {
        n = net_recv_messages(self->listener, message, BATCH, NET_FOREVER);
        self->wrong += n < 0 && n != NET_CANCELED ? 1 : 0;
        self->heard += n > 0 ? n : 0;
        for (int i = 0; i < n; i++) {
            if (message[i].size == 8 && memcmp(room[i], "serve me", 8) == 0) {
                self->wrong += net_send_messages(self->listener, &message[i], 1, soon()) != 1;
            }
        }
        if (self->heard % 256 < BATCH) {
            size_t memory = memory_in_use();

            self->memory = memory > self->memory ? memory : self->memory;
        }
    }
    return NULL;
}

/* New clients, one after the other. Each repeats its request when no answer comes. */
struct clients {
    pthread_t thread;
    const char *address;
    atomic_bool done;
    long long asked;
    int served;
    double longest; /* ms */
};

static void *ask(void *argument)
{
    struct clients *self = argument;

    for (int i = 0; i < CLIENTS; i++) {
        net_socket *client = net_connect(self->address, soon());
        net_deadline limit = soon();
        double since = now_ms();
        char answer[SIZE];
        ssize_t n = NET_TIMEOUT;

        while (client != NULL && n == NET_TIMEOUT && net_after(0) < limit) {
            net_send(client, "serve me", 8, limit);
            self->asked++;
            n = net_recv(client, answer, sizeof answer, net_after(REPEAT));
        }
        self->served += n == 8 ? 1 : 0;
        self->longest = elapsed_ms(since) > self->longest ? elapsed_ms(since) : self->longest;
        net_close(client, NET_NOW);
    }
    self->done = true;
    return NULL;
}

/* Flood until all clients are served, and at least to the end of the made-up senders. */
static unsigned flood_beside(struct pair *pair, int fd, struct clients *clients)
{
    static const char word[SIZE];
    unsigned sent = 0;
    net_deadline limit = soon();

    while (sent < flood_size() || (!clients->done && net_after(0) < limit)) {
        crowd_flood(fd, sent, CROWD_MOST, word, SIZE);
        sent += CROWD_MOST;
        if (sent % step() == 0) {
            say_and_hear(pair->client, pair->server);
        }
    }
    say_and_hear(pair->client, pair->server);
    return sent;
}

static void a_new_client_is_served_in_a_flood(void **state)
{
    static struct server server;
    static struct clients clients;
    char address[ADDRESS_MAX];
    struct pair pair;

    (void)state;
    dial_pair_with("udp://127.0.0.1:0", options, NULL, &pair);
    dial_address(pair.listener, address);
    int fd = crowd_dial(pair.listener);
    size_t before = memory_in_use();

    memset(&server, 0, sizeof server);
    memset(&clients, 0, sizeof clients);
    server.listener = pair.listener;
    clients.address = address;
    assert_int_equal(pthread_create(&server.thread, NULL, serve, &server), 0);
    assert_int_equal(pthread_create(&clients.thread, NULL, ask, &clients), 0);
    long long sent = flood_beside(&pair, fd, &clients);

    pthread_join(clients.thread, NULL);
    say_and_hear(pair.client, pair.server);
    net_cancel(pair.listener);
    pthread_join(server.thread, NULL);
    assert_int_equal(clients.served, CLIENTS);
    assert_took(clients.longest, 0, 1000);
    assert_int_equal(server.wrong, 0);
    assert_true(server.memory < before + MEMORY);
    long long rest =
        sent + clients.asked - server.heard -
        number_of(pair.listener, "dropped-strangers"); /* belongs to no socket any more */

    assert_in_range(rest, 0, ROOM / 64 + 1024);
    assert_int_equal(number_of(pair.listener, "messages-received"), server.heard);
    close(fd);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(strangers_that_nobody_reads_are_bounded),
        TEST(a_new_client_is_served_in_a_flood),
    };

    return run_once(tests);
}

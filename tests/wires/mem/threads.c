/* driven: skip, it has pollers and threads of its own */
/* Streams inside the process under many threads. The ends post notices to each other while they
 * close, many at once, and processes fork meanwhile. */
#include "watching.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Dialing, talking, cancelling and closing, all at once ---- */

enum { ROUNDS = 400, CLIENTS = 3 };

static char address[ADDRESS_MAX];
static _Atomic int failures;

/* A client sends and receives a little, and ends in one way or another. */
static void *come_and_go(void *argument)
{
    unsigned seed = *(unsigned *)argument;
    char piece[512];

    for (int i = 0; i < ROUNDS; i++) {
        bool at_once = random_below(&seed, 2) == 0;
        net_socket *client = net_connect(address, at_once ? NET_NOW : soon());

        if (client == NULL) {
            failures++;
            continue;
        }
        net_send(client, "a line\n", random_below(&seed, 8), soon());
        if (random_below(&seed, 3) == 0 &&
            net_recv(client, piece, sizeof piece, net_after(1)) == NET_MISUSE) {
            failures++;
        }
        if (random_below(&seed, 3) == 0) {
            net_cancel(client);
        }
        if (random_below(&seed, 4) == 0) {
            net_shutdown(client);
        }
        net_close(client, random_below(&seed, 2) == 0 ? NET_NOW : net_after(1));
    }
    return NULL;
}

/* One poller for all callers tells of their lines and of their ends. */
struct server {
    net_poller *poller;
    net_socket *listener;
    _Atomic bool stop;
    int open;
};

static void serve_one(struct server *server, const net_event *event)
{
    char line[64];
    ssize_t n = 1;

    if (event->socket == server->listener) {
        net_socket *call = net_accept(server->listener, NET_NOW);

        if (call != NULL) {
            server->open++;
            failures += net_poller_watch(server->poller, call, NET_READABLE, NULL, NET_FOREVER) != 0
                            ? 1
                            : 0;
        }
        return;
    }
    while (n > 0) {
        n = net_recv_until(event->socket, line, sizeof line, '\n', NET_NOW);
        if (n > 0) {
            net_send(event->socket, line, (size_t)n, NET_NOW);
        }
    }
    if (n != NET_TIMEOUT) {
        net_close(event->socket, NET_NOW);
        server->open--;
    }
}

static void *serve(void *argument)
{
    struct server *server = argument;
    net_event event;

    while (!server->stop || server->open > 0) {
        int n = net_poller_wait(server->poller, &event, 1, net_after(server->stop ? 200 : 20000));

        if (n == 1) {
            serve_one(server, &event);
        } else if (n < 0) {
            failures += server->stop && server->open == 0 ? 0 : 1;
            break;
        }
    }
    return NULL;
}

static void callers_that_come_and_go_do_no_harm(void **state)
{
    struct server server = {.poller = open_poller(),
                            .listener = assert_socket(net_listen("mem://?backlog=2"))};
    unsigned seed[CLIENTS];
    pthread_t client[CLIENTS];
    pthread_t thread;

    (void)state;
    failures = 0;
    dial_address(server.listener, address);
    watch(server.poller, server.listener, NET_READABLE);
    assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        seed[i] = i + 1;
        assert_int_equal(pthread_create(&client[i], NULL, come_and_go, &seed[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        pthread_join(client[i], NULL);
    }
    server.stop = true;
    net_poller_wake(server.poller);
    pthread_join(thread, NULL);
    assert_int_equal(failures, 0);
    net_close(server.listener, NET_NOW);
    net_poller_close(server.poller);
}

/* ---- Bytes in order, both ways at once, with every kind of waiting ---- */

enum { BYTES = 1 << 20 };

struct talker {
    net_socket *socket;
    unsigned seed;
    bool good;
    pthread_t thread;
};

static void *talk(void *argument)
{
    struct talker *self = argument;
    char piece[9000];
    size_t sent = 0;

    while (sent < BYTES) {
        size_t size = 1 + random_below(&self->seed, sizeof piece);

        size = size < BYTES - sent ? size : BYTES - sent;
        write_pattern(piece, size, sent);
        ssize_t n = net_send(self->socket, piece, size,
                             random_below(&self->seed, 2) == 0 ? NET_NOW : net_after(1));

        if (n < 0 && n != NET_TIMEOUT) {
            return NULL;
        }
        sent += n > 0 ? (size_t)n : 0;
    }
    self->good = true;
    return NULL;
}

static void *listen_on(void *argument)
{
    struct talker *self = argument;
    char piece[9000];
    size_t got = 0;

    while (got < BYTES) {
        size_t size = 1 + random_below(&self->seed, sizeof piece);
        int how = (int)random_below(&self->seed, 3);
        net_deadline deadline = how == 0 ? NET_NOW : net_after(1);
        ssize_t n = how == 2 ? net_recv_until(self->socket, piece, size, 'e', deadline)
                             : net_recv(self->socket, piece, size, deadline);

        if (n < 0 && n != NET_TIMEOUT && n != NET_TOOBIG) {
            return NULL;
        }
        if (n > 0 && !is_pattern(piece, (size_t)n, got)) {
            return NULL;
        }
        got += n > 0 ? (size_t)n : 0;
    }
    self->good = true;
    return NULL;
}

static void bytes_stay_in_order_both_ways(void **state)
{
    static const char *const bounds[] = {NULL, "sndbuf=10&rcvbuf=20", "sndbuf=999&rcvbuf=4000"};

    (void)state;
    for (size_t i = 0; i < COUNT(bounds); i++) {
        struct pair pair;
        struct talker talker[4];

        if (i == 1 && slowness() > 1) {
            continue; /* byte by byte it takes too long */
        }
        dial_pair_with("mem://", bounds[i], bounds[i], &pair);
        for (unsigned j = 0; j < COUNT(talker); j++) {
            talker[j] = (struct talker){.socket = j < 2 ? pair.client : pair.server, .seed = j + 1};
            assert_int_equal(
                pthread_create(&talker[j].thread, NULL, j % 2 == 0 ? talk : listen_on, &talker[j]),
                0);
        }
        for (unsigned j = 0; j < COUNT(talker); j++) {
            pthread_join(talker[j].thread, NULL);
        }
        for (unsigned j = 0; j < COUNT(talker); j++) {
            assert_true(talker[j].good);
        }
        close_pair(&pair);
    }
}

/* ---- A fork meanwhile: the child closes its copies and uses names of its own ---- */

static int live_in_the_child(void *argument)
{
    struct pair *pair = argument;
    struct pair own;
    char text[ADDRESS_MAX];

    net_get(pair->listener, "local", text, sizeof text);
    if (net_connect(text, soon()) != NULL || net_error() != NET_REFUSED) {
        return 1;
    }
    if (net_close(pair->server, NET_NOW) != 0 || net_close(pair->client, NET_NOW) != 0 ||
        net_close(pair->listener, NET_NOW) != 0) {
        return 2;
    }
    dial_pair(text, &own);
    bool good =
        net_send(own.client, "x", 1, soon()) == 1 && net_recv(own.server, text, 1, soon()) == 1;

    close_pair(&own);
    return good ? 0 : 3;
}

static void a_child_has_names_of_its_own(void **state)
{
    enum { FORKS = 20 };
    struct pair pair;
    struct talker talker[2];
    char word[8];
    unsigned seed = 7;
    pthread_t busy;

    (void)state;
    failures = 0;
    dial_pair("mem://", &pair);
    dial_address(pair.listener, address);
    for (unsigned j = 0; j < COUNT(talker); j++) {
        talker[j] = (struct talker){.socket = j == 0 ? pair.client : pair.server, .seed = j + 1};
        assert_int_equal(
            pthread_create(&talker[j].thread, NULL, j == 0 ? talk : listen_on, &talker[j]), 0);
    }
    assert_int_equal(pthread_create(&busy, NULL, come_and_go, &seed), 0);
    for (int i = 0; i < FORKS; i++) {
        assert_int_equal(in_child(live_in_the_child, &pair), 0);
    }
    pthread_join(busy, NULL);
    for (unsigned j = 0; j < COUNT(talker); j++) {
        pthread_join(talker[j].thread, NULL);
        assert_true(talker[j].good);
    }
    assert_int_equal(failures, 0);
    assert_count(net_send(pair.server, "still", 5, soon()), 5);
    assert_count(net_recv(pair.client, word, sizeof word, soon()), 5);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(callers_that_come_and_go_do_no_harm),
        TEST(bytes_stay_in_order_both_ways),
        TEST(a_child_has_names_of_its_own),
    };

    return run_once(tests);
}

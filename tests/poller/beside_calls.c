/* A watched socket is a socket like any other. While a poller watches it, threads may block in
 * calls on it, and others may open and close sockets. */
#include "watching.h"
#include "words.h"

#include <stdio.h>
#include <string.h>

static char in[64];

/* The first reader gets what came, and the other goes on waiting. Readiness is no promise. */
static void a_blocking_receive_and_a_poller_share_what_comes(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < 20; i++) {
        struct caller reader;
        net_event event;

        watch(poller, pair.server, NET_READABLE);
        caller_start(&reader, call_recv, pair.server, soon());
        assert_false(reader.done);
        say(pair.client, "word");
        int n = net_poller_wait(poller, &event, 1, net_after(5));

        assert_true(n == 1 || n == NET_TIMEOUT);
        caller_join(&reader);
        assert_int_equal(reader.result, 4);
        assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_TIMEOUT);
        assert_code(net_poller_wait(poller, &event, 1, net_after(1)), NET_TIMEOUT);
        say(pair.client, "for the poller");
        expect_event(poller, pair.server, NET_READABLE);
        assert_count(net_recv(pair.server, in, sizeof in, NET_NOW), 14);
        watch(poller, pair.server, 0);
    }
    net_poller_close(poller);
    close_pair(&pair);
}

static void a_blocking_accept_and_a_poller_share_the_callers(void **state)
{
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    watch(poller, listener, NET_READABLE);
    for (int i = 0; i < 20; i++) {
        struct caller accepting;
        net_event event;

        caller_start(&accepting, call_accept, listener, soon());
        net_socket *client = assert_socket(net_connect(address, soon()));

        say(client, "hi");
        int n = net_poller_wait(poller, &event, 1, net_after(5));

        assert_true(n == 1 || n == NET_TIMEOUT);
        caller_join(&accepting);
        assert_int_equal(accepting.result, 0);
        assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
        assert_code(net_poller_wait(poller, &event, 1, net_after(1)), NET_TIMEOUT);
        net_close(accepting.made, NET_NOW);
        net_close(client, NET_NOW);
        /* Over udp the caller is a stranger again. */
        while (net_poller_wait(poller, &event, 1, NET_NOW) == 1) {
            net_close(net_accept(listener, NET_NOW), NET_NOW);
        }
    }
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

/* ---- One thread echoes for all; several callers block ---- */

struct server {
    net_poller *poller;
    net_socket *listener;
    _Atomic int calls; /* accepted and not closed yet */
    _Atomic bool stop;
    _Atomic bool failed;
    pthread_t thread;
};

static bool greet(struct server *server)
{
    net_socket *call = net_accept(server->listener, NET_NOW);

    server->calls += call != NULL ? 1 : 0;
    return call == NULL ||
           net_poller_watch(server->poller, call, NET_READABLE, call, NET_FOREVER) == 0;
}

static void answer(struct server *server, net_socket *call)
{
    char piece[64];
    ssize_t n = net_recv(call, piece, sizeof piece, NET_NOW);

    if (n > 0) {
        net_send(call, piece, (size_t)n, NET_NOW);
    } else if (n != NET_TIMEOUT) {
        net_close(call, NET_NOW);
        server->calls--;
    }
}

static void *serve(void *argument)
{
    struct server *server = argument;

    while (!server->stop) {
        net_event event;
        int n = net_poller_wait(server->poller, &event, 1, soon());

        if (n < 0 || (n == 1 && event.socket == server->listener && !greet(server))) {
            server->failed = true;
            break;
        }
        if (n == 1 && event.socket != server->listener) {
            answer(server, event.socket);
        }
    }
    return NULL;
}

struct asker {
    const char *address;
    int rounds;
    _Atomic bool failed;
    pthread_t thread;
};

static void *ask(void *argument)
{
    struct asker *asker = argument;
    bool stream = is_stream(asker->address);

    for (int i = 0; i < asker->rounds && !asker->failed; i++) {
        net_socket *call = net_connect(asker->address, soon());
        char piece[8];

        for (int j = 0; j < 3 && call != NULL; j++) {
            net_send(call, "echo", 4, soon());
            ssize_t n = stream ? net_recv_all(call, piece, 4, soon())
                               : net_recv(call, piece, sizeof piece, soon());

            asker->failed = asker->failed || n != 4 || memcmp(piece, "echo", 4) != 0;
        }
        asker->failed = asker->failed || call == NULL;
        net_close(call, NET_NOW);
    }
    return NULL;
}

static void one_thread_serves_many_that_come_and_go(void **state)
{
    enum { ASKERS = 6, ROUNDS = 60 };
    struct server server = {.poller = open_poller()};
    struct asker askers[ASKERS];
    char address[ADDRESS_MAX];

    snprintf(address, sizeof address, "%s%s", template_of(state),
             does(template_of(state), CONNECTS) ? "" : "?idle=500ms");
    server.listener = assert_socket(net_listen(address));
    dial_address(server.listener, address);
    watch(server.poller, server.listener, NET_READABLE);
    assert_int_equal(pthread_create(&server.thread, NULL, serve, &server), 0);
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.address = address, .rounds = ROUNDS / slowness() + 1};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
    }
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_false(askers[i].failed);
    }
    double since = now_ms();

    while (server.calls > 0 &&
           elapsed_ms(since) < 20000.0 * slowness()) { /* a peer ends by `idle` */
        nap(5);
    }
    assert_int_equal(server.calls, 0);
    server.stop = true;
    net_poller_wake(server.poller);
    pthread_join(server.thread, NULL);
    assert_false(server.failed);
    net_close(server.listener, NET_NOW);
    net_poller_close(server.poller);
}

/* ---- Threads that watch, change and close, each with its own sockets in one poller ---- */

struct churner {
    net_poller *poller;
    const char *address;
    unsigned seed;
    int rounds;
    _Atomic bool failed;
    pthread_t thread;
};

static void *churn(void *argument)
{
    enum { HELD = 8 };
    struct churner *churner = argument;
    net_socket *held[HELD] = {NULL};

    for (int i = 0; i < churner->rounds; i++) {
        unsigned at = random_below(&churner->seed, HELD);
        unsigned interest = random_below(&churner->seed, 4);
        net_deadline deadline = random_below(&churner->seed, 2) == 0
                                    ? NET_FOREVER
                                    : net_after(random_below(&churner->seed, 3));

        if (held[at] == NULL) {
            held[at] = net_connect(churner->address, NET_NOW);
        } else if (random_below(&churner->seed, 4) == 0) {
            net_cancel(held[at]);
        }
        churner->failed =
            churner->failed || held[at] == NULL ||
            net_poller_watch(churner->poller, held[at], interest, held[at], deadline) != 0;
        if (random_below(&churner->seed, 3) == 0) {
            net_close(held[at], NET_NOW);
            held[at] = NULL;
        }
    }
    for (int i = 0; i < HELD; i++) {
        net_close(held[i], NET_NOW);
    }
    return NULL;
}

/* The waiting thread touches no socket, because its events may be of sockets that are closed. */
static void any_thread_may_watch_and_close_while_one_waits(void **state)
{
    enum { CHURNERS = 4 };
    struct churner churners[CHURNERS];
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    for (int i = 0; i < CHURNERS; i++) {
        churners[i] = (struct churner){.poller = poller,
                                       .address = address,
                                       .seed = 12 + (unsigned)i,
                                       .rounds = 3000 / slowness()};
        assert_int_equal(pthread_create(&churners[i].thread, NULL, churn, &churners[i]), 0);
    }
    double since = now_ms();

    while (elapsed_ms(since) < 300) {
        net_event events[4];
        int n = net_poller_wait(poller, events, 4, net_after(1));

        assert_true(n > 0 || n == NET_TIMEOUT);
        for (int i = 0; i < n; i++) {
            assert_in_range(events[i].ready, 1, 7);
        }
        net_close(net_accept(listener, NET_NOW), NET_NOW);
    }
    for (int i = 0; i < CHURNERS; i++) {
        pthread_join(churners[i].thread, NULL);
        assert_false(churners[i].failed);
    }
    expect_quiet(poller, 10);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_blocking_receive_and_a_poller_share_what_comes),
        TEST(a_blocking_accept_and_a_poller_share_the_callers),
        TEST(one_thread_serves_many_that_come_and_go),
        TEST(any_thread_may_watch_and_close_while_one_waits),
    };

    return run_over(all_wires, any);
}

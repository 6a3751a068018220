/* driven: skip, its threads wait by themselves */
/* Many threads on one encrypted socket. The toy cipher ends the program when two of them are in its
 * session at once, or when one goes on with a session that has failed. */
#include "toy_wire.h"
#include "watching.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { SENDERS = 4, BLOCKS = 40, BLOCK = 5000, ROUNDS = 60, GREETERS = 6 };

static const char *const templates[] = {"toy://127.0.0.1:0", "toy+unix://@", "toy+mem://",
                                        "toy+chaos+mem://?chunk=310", NULL};

/* ---- Sending ---- */

struct sender {
    net_socket *socket;
    int which;
    _Atomic bool failed;
    pthread_t thread;
};

static void *send_blocks(void *argument)
{
    struct sender *sender = argument;
    char block[BLOCK];

    memset(block, 'a' + sender->which, sizeof block);
    for (int i = 0; i < BLOCKS && !sender->failed; i++) {
        sender->failed = net_send(sender->socket, block, sizeof block, soon()) != BLOCK;
    }
    return NULL;
}

static bool is_one_block(const char *block)
{
    for (size_t i = 1; i < BLOCK; i++) {
        if (block[i] != block[0]) {
            return false;
        }
    }
    return true;
}

/* The peer's answers have to be received, too: what waits for that is bounded. */
static void whole_sends_never_mix(void **state)
{
    struct sender senders[SENDERS];
    struct pattern_reader answers;
    struct pair pair;
    char block[BLOCK];

    meet_toys(template_of(state), NULL, "faults=record:700,ask:30", &pair);
    pattern_reader_start(&answers, pair.client, 0, SIZE_MAX);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.socket = pair.client, .which = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_blocks, &senders[i]), 0);
    }
    bool mixed = false;
    ssize_t n = BLOCK;

    for (int i = 0; i < SENDERS * BLOCKS && n == BLOCK; i++) {
        n = net_recv_all(pair.server, block, sizeof block, soon());
        mixed = mixed || (n == BLOCK && !is_one_block(block));
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
        assert_false(senders[i].failed);
    }
    struct caller last; /* it sends the last answers, too */

    assert_ok(net_shutdown(pair.server));
    caller_launch(&last, call_recv, pair.server, soon());
    pattern_reader_join(&answers, 0, NET_EOF);
    assert_ok(net_shutdown(pair.client));
    caller_join(&last);
    assert_int_equal(last.result, NET_EOF);
    assert_int_equal(n, BLOCK);
    assert_false(mixed);
    close_toys(&pair);
}

/* ---- The handshake ---- */

static long long greet_by_send(struct caller *caller)
{
    return net_send(caller->socket, "", 0, caller->deadline);
}

/* One of them drives it, and the others wait for that. */
static void many_threads_begin_at_once(void **state)
{
    for (int round = 0; round < ROUNDS / 4; round++) {
        struct caller callers[2 * GREETERS];
        struct pair pair;

        dial_toys(template_of(state), NULL, NULL, &pair);
        for (int i = 0; i < 2 * GREETERS; i++) {
            callers[i] = (struct caller){0};
            caller_launch(&callers[i], greet_by_send, i % 2 == 0 ? pair.client : pair.server,
                          soon());
        }
        for (int i = 0; i < 2 * GREETERS; i++) {
            caller_join(&callers[i]);
            assert_int_equal(callers[i].result, 0);
        }
        say(pair.client, "ready");
        toy_hears_nothing_else(pair.server, "ready");
        close_toys(&pair);
    }
}

/* ---- A session that breaks ---- */

struct talker {
    net_socket *socket;
    _Atomic long done;
    _Atomic bool begun;
    _Atomic long long code;
    pthread_t thread;
};

static void *send_until_it_fails(void *argument)
{
    struct talker *talker = argument;
    ssize_t n = 1;

    while (n > 0) {
        n = net_send(talker->socket, "some words of this side", 23, soon());
        talker->done += n > 0 ? n : 0;
        talker->begun = true;
    }
    talker->code = n;
    return NULL;
}

static void *receive_until_it_fails(void *argument)
{
    struct talker *talker = argument;
    char bytes[64];
    ssize_t n = 1;

    while (n > 0) {
        n = net_recv(talker->socket, bytes, sizeof bytes, soon());
        talker->begun = true;
    }
    talker->code = n;
    return NULL;
}

static void *ask_until_it_stops(void *argument)
{
    static const char *const names[] = {"peer-motto", "motto", "card", "peer", "strict"};
    struct talker *talker = argument;
    char text[256];

    for (size_t i = 0; talker->code == 0 && i < 100000; i++) {
        (void)net_get(talker->socket, names[i % COUNT(names)], text, sizeof text);
        sched_yield();
    }
    return NULL;
}

static void start(struct talker *talker, net_socket *socket, void *(*body)(void *))
{
    *talker = (struct talker){.socket = socket};
    assert_int_equal(pthread_create(&talker->thread, NULL, body, talker), 0);
}

/* The peer says what is no record while others send, receive and ask. All hear the same code. */
static void a_record_that_is_none_ends_all(void **state)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct talker sends;
        struct talker receives;
        struct talker asks;
        struct hand hand;
        char bytes[4096];

        hand_dials(template_of(state), NULL, NULL, &hand);
        hand_shakes(&hand);
        start(&receives, hand.toy, receive_until_it_fails);
        start(&sends, hand.toy, send_until_it_fails);
        start(&asks, hand.toy, ask_until_it_stops);
        while (!sends.begun) {
            (void)!net_recv(hand.plain, bytes, sizeof bytes, NET_NOW);
            sched_yield();
        }
        hand_sends(&hand, "word", 4);
        assert_count(net_send(hand.plain, "\377\377\377\377", 4, soon()), 4);
        ssize_t n = 1;

        while (n > 0) { /* our side's alert is the last */
            n = net_recv(hand.plain, bytes, sizeof bytes, net_after(1));
            n = n == NET_TIMEOUT && (receives.code == 0 || sends.code == 0) ? 1 : n;
        }
        pthread_join(receives.thread, NULL);
        pthread_join(sends.thread, NULL);
        asks.code = 1;
        pthread_join(asks.thread, NULL);
        assert_int_equal(receives.code, NET_RESET);
        assert_int_equal(sends.code, NET_RESET);
        part_from_hand(&hand);
    }
}

/* The other way round: a send breaks the session while others receive. */
static void a_send_that_breaks_ends_all(void **state)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct talker sends;
        struct talker receives;
        struct talker echoes;
        struct pair pair;

        meet_toys(template_of(state), NULL, "faults=break-encrypt:20", &pair);
        start(&receives, pair.client, receive_until_it_fails);
        start(&echoes, pair.server, send_until_it_fails);
        start(&sends, pair.client, send_until_it_fails);
        char bytes[4096];
        ssize_t n = 1;

        while (n > 0) {
            n = net_recv(pair.server, bytes, sizeof bytes, soon());
        }
        pthread_join(sends.thread, NULL);
        net_cancel(pair.server); /* nobody may be reading what it sends */
        pthread_join(echoes.thread, NULL);
        assert_ok(net_close(pair.server, NET_NOW));
        pair.server = NULL;
        pthread_join(receives.thread, NULL);
        assert_int_equal(n, NET_RESET);
        assert_int_equal(sends.code, NET_RESET);
        assert_int_equal(receives.code, NET_RESET);
        assert_true(echoes.code == NET_RESET || echoes.code == NET_CANCELED);
        close_toys(&pair);
    }
}

/* ---- Beside others ---- */

static void a_half_close_beside_senders_comes_after_them(void **state)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct talker sends[2];
        struct pair pair;
        char bytes[4096];
        long got = 0;
        ssize_t n = 1;

        meet_toys(template_of(state), NULL, NULL, &pair);
        start(&sends[0], pair.client, send_until_it_fails);
        start(&sends[1], pair.client, send_until_it_fails);
        while (!sends[0].begun && !sends[1].begun) {
            sched_yield();
        }
        assert_ok(net_shutdown(pair.client));
        while (n > 0) {
            n = net_recv(pair.server, bytes, sizeof bytes, soon());
            got += n > 0 ? n : 0;
        }
        assert_int_equal(n, NET_EOF);
        for (int i = 0; i < 2; i++) {
            pthread_join(sends[i].thread, NULL);
            assert_int_equal(sends[i].code, NET_MISUSE);
        }
        assert_int_equal(got, sends[0].done + sends[1].done);
        close_toys(&pair);
    }
}

static void a_cancel_ends_all_of_them(void **state)
{
    for (int round = 0; round < ROUNDS / 4; round++) {
        struct talker sends;
        struct talker receives;
        struct pair pair;

        meet_toys(template_of(state), NULL, NULL, &pair);
        start(&receives, pair.client, receive_until_it_fails);
        start(&sends, pair.client, send_until_it_fails);
        while (!sends.begun) {
            sched_yield();
        }
        double since = now_ms();

        net_cancel(pair.client);
        pthread_join(sends.thread, NULL);
        pthread_join(receives.thread, NULL);
        assert_took(elapsed_ms(since), 0, 200);
        assert_int_equal(sends.code, NET_CANCELED);
        assert_int_equal(receives.code, NET_CANCELED);
        close_toys(&pair);
    }
}

/* A poller in one thread pushes what a send of another left, while a third receives. */
static void a_poller_beside_senders_sends_what_they_left(void **state)
{
    net_poller *poller = open_poller();
    struct pattern_reader reader;
    struct watcher watcher;
    struct pair pair;
    char bytes[3000];
    size_t sent = 0;
    int in_vain = 0;

    meet_toys(template_of(state), "sndbuf=4KiB&rcvbuf=4KiB&faults=ask:100",
              "sndbuf=4KiB&rcvbuf=4KiB", &pair);
    watch(poller, pair.client, NET_READABLE);
    watcher_start(&watcher, poller);
    pattern_reader_start(&reader, pair.server, 0, 200 * sizeof bytes);
    while (sent < 200 * sizeof bytes && in_vain < 1000000) {
        size_t left = 200 * sizeof bytes - sent;
        size_t size = left < sizeof bytes ? left : sizeof bytes;

        write_pattern(bytes, size, sent);
        ssize_t n = net_send(pair.client, bytes, size, NET_NOW);

        assert_true(n > 0 || n == NET_TIMEOUT);
        sent += n > 0 ? (size_t)n : 0;
        in_vain += n > 0 ? 0 : 1;
        sched_yield();
    }
    pattern_reader_join(&reader, 200 * sizeof bytes, 0);
    watcher_stop(&watcher);
    net_poller_close(poller);
    close_toys(&pair);
}

/* ---- Settings ---- */

struct server {
    net_socket *listener;
    _Atomic int served;
    _Atomic bool stop;
    _Atomic bool failed;
    pthread_t thread;
};

static void *serve(void *argument)
{
    struct server *server = argument;

    while (!server->stop) {
        net_socket *caller = net_accept(server->listener, net_after(20));
        char word[4];

        if (caller != NULL) {
            ssize_t n = net_recv_all(caller, word, sizeof word, soon());

            server->failed = server->failed || n != sizeof word;
            server->served++;
            net_close(caller, NET_NOW);
        }
    }
    return NULL;
}

/* A connection keeps the settings of the moment when it was accepted. */
static void settings_change_while_callers_come(void **state)
{
    struct server servers[2];
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char target[ADDRESS_MAX];

    dial_address(listener, target);
    for (int i = 0; i < 2; i++) {
        servers[i] = (struct server){.listener = listener};
        assert_int_equal(pthread_create(&servers[i].thread, NULL, serve, &servers[i]), 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        char motto[8] = "a";
        net_socket *client = assert_socket(net_connect(target, soon()));

        motto[0] = (char)('a' + i % 26);
        assert_ok(net_set(listener, "motto", motto));
        assert_count(net_send(client, "word", 4, soon()), 4);
        assert_ok(net_get(client, "peer-motto", motto, sizeof motto));
        net_close(client, NET_NOW);
    }
    double since = now_ms();

    while (servers[0].served + servers[1].served < ROUNDS && elapsed_ms(since) < 20000) {
        sched_yield();
    }
    for (int i = 0; i < 2; i++) {
        servers[i].stop = true;
        pthread_join(servers[i].thread, NULL);
        assert_false(servers[i].failed);
    }
    net_close(listener, NET_NOW);
    assert_no_toys_left();
}

int main(void)
{
    static const struct test tests[] = {
        TEST(whole_sends_never_mix),
        TEST(many_threads_begin_at_once),
        TEST(a_record_that_is_none_ends_all),
        TEST(a_send_that_breaks_ends_all),
        TEST(a_half_close_beside_senders_comes_after_them),
        TEST(a_cancel_ends_all_of_them),
        TEST(a_poller_beside_senders_sends_what_they_left),
        TEST(settings_change_while_callers_come),
    };

    return run_toys(templates, tests);
}

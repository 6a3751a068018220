/* wrap: getaddrinfo */
/* Sockets that are still dialing, in a poller. Such a socket is reported as writable when the dial
 * is decided. From then on it is an ordinary connection. */
#include "watching.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BOTH = NET_READABLE | NET_WRITABLE };

static char in[64];

/* ---- A resolver that takes a while to answer ---- */

enum { LOOKUP_MS = 20 };

int __real_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    nap(LOOKUP_MS);
    if (strcmp(node, "here.test") != 0) {
        return EAI_NONAME;
    }
    return look_up_loopback(__real_getaddrinfo, service, hints, list);
}

/* ---- Dials that are decided ---- */

static void a_dial_that_is_won_is_told_and_goes_on_as_a_connection(void **state)
{
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    for (int i = 0; i < 3; i++) {
        net_socket *call = assert_socket(net_connect(address, NET_NOW));

        struct caller answering;

        watch(poller, call, i == 0 ? NET_WRITABLE : BOTH);
        answer_begin(&answering, address, listener);
        expect_event(poller, call, NET_WRITABLE);
        assert_count(net_send(call, "hi", 2, NET_NOW), 2);
        net_socket *answered = assert_socket(answer_end(&answering, address, listener));

        assert_count(net_recv(answered, in, sizeof in, soon()), 2);
        watch(poller, call, NET_READABLE);
        expect_quiet(poller, 10);
        assert_count(net_send(answered, "yes", 3, soon()), 3);
        expect_event(poller, call, NET_READABLE);
        assert_count(net_recv(call, in, sizeof in, NET_NOW), 3);
        expect_quiet(poller, 10);
        net_close(answered, NET_NOW);
        net_close(call, NET_NOW);
    }
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

/* A watch for readable only is told of the peer's first bytes, or of the failure. */
static void a_dial_may_be_watched_for_the_first_word(void **state)
{
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    net_socket *call = assert_socket(net_connect(address, NET_NOW));

    watch(poller, call, NET_READABLE);
    net_socket *answered = assert_socket(net_accept(listener, soon()));

    expect_quiet(poller, 20);
    assert_count(net_send(answered, "word", 4, soon()), 4);
    expect_event(poller, call, NET_READABLE);
    assert_count(net_recv(call, in, sizeof in, NET_NOW), 4);
    net_close(answered, NET_NOW);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

static void closed_address(const char *template, char address[ADDRESS_MAX])
{
    net_socket *listener = assert_socket(net_listen(template));

    dial_address(listener, address);
    net_close(listener, NET_NOW);
}

static void a_dial_that_is_refused_is_told(void **state)
{
    net_poller *poller = open_poller();
    char address[ADDRESS_MAX];

    closed_address(template_of(state), address);
    for (int i = 0; i < 3; i++) {
        static const unsigned interests[] = {NET_WRITABLE, NET_READABLE, BOTH};
        net_socket *call = assert_socket(net_connect(address, NET_NOW));

        watch(poller, call, interests[i]);
        expect_event(poller, call, interests[i]);
        assert_code(net_send(call, "x", 1, NET_NOW), NET_REFUSED);
        assert_says("refused");
        expect_event(poller, call, interests[i]);
        assert_code(net_recv(call, in, 1, NET_NOW), NET_REFUSED);
        net_close(call, NET_NOW);
    }
    expect_quiet(poller, 10);
    net_poller_close(poller);
}

/* ---- Dials that hang ---- */

static void a_dial_that_hangs_is_told_at_its_deadline(void **state)
{
    struct black_hole hole;
    net_poller *poller = open_poller();

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    net_socket *call = assert_socket(net_connect(hole.address, NET_NOW));

    watch(poller, call, BOTH);
    expect_quiet(poller, 100);
    double since = now_ms();

    assert_count(net_poller_watch(poller, call, BOTH, call, net_after(50)), 0);
    expect_event(poller, call, NET_EXPIRED);
    assert_took(elapsed_ms(since), 50, 2000);
    assert_code(net_send(call, "x", 1, NET_NOW), NET_TIMEOUT);
    int accepted = accept(hole.listener, NULL, NULL);
    int second = accept(hole.listener, NULL, NULL); /* its next SYN is let in */

    expect_event(poller, call, NET_WRITABLE);
    assert_count(net_send(call, "x", 1, NET_NOW), 1);
    close(accepted);
    close(second);
    net_close(call, NET_NOW);
    close_black_hole(&hole);
    net_poller_close(poller);
}

/* The poller also holds dials that never end or that end later. */
static void a_dead_target_holds_nobody_up(void **state)
{
    enum { DEAD = 20 };
    struct black_hole hole;
    net_socket *dead[DEAD];
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    char address[ADDRESS_MAX];

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    dial_address(listener, address);
    for (int i = 0; i < DEAD; i++) {
        dead[i] = assert_socket(net_connect(hole.address, NET_NOW));
        watch(poller, dead[i], BOTH);
    }
    for (int i = 0; i < 20; i++) {
        net_socket *call = assert_socket(net_connect(address, NET_NOW));
        double since = now_ms();

        watch(poller, call, BOTH);
        expect_event(poller, call, NET_WRITABLE);
        in_time(elapsed_ms(since) < 100 * slowness());
        net_close(call, NET_NOW);
        net_close(assert_socket(net_accept(listener, soon())), NET_NOW);
    }
    expect_quiet(poller, 50);
    for (int i = 0; i < DEAD; i++) {
        net_close(dead[i], NET_NOW);
    }
    net_close(listener, NET_NOW);
    close_black_hole(&hole);
    net_poller_close(poller);
}

static void a_dial_that_is_closed_is_told_of_no_more(void **state)
{
    struct black_hole hole;
    net_event event;
    net_poller *poller = open_poller();
    char address[ADDRESS_MAX];

    (void)state;
    closed_address("tcp://127.0.0.1:0", address);
    open_black_hole("127.0.0.1", 0, &hole);
    for (int i = 0; i < 20; i++) {
        net_socket *hangs = assert_socket(net_connect(hole.address, NET_NOW));
        net_socket *first = assert_socket(net_connect(address, NET_NOW));
        net_socket *second = assert_socket(net_connect(address, NET_NOW));

        watch(poller, hangs, BOTH);
        watch(poller, first, BOTH);
        watch(poller, second, BOTH);
        /* The other's event is collected and not returned. */
        assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
        net_close(hangs, NET_NOW);
        net_close(event.socket == first ? second : first, NET_NOW);
        assert_count(net_poller_watch(poller, event.socket, 0, NULL, NET_FOREVER), 0);
        assert_code(net_poller_wait(poller, &event, 1, net_after(2)), NET_TIMEOUT);
        net_close(event.socket, NET_NOW);
    }
    close_black_hole(&hole);
    net_poller_close(poller);
}

/* ---- Several attempts, names ---- */

/* If 127.0.0.1 has no listener, the second attempt wins. After the close neither has one. */
static void a_dial_of_several_attempts_is_told_when_one_wins(void **state)
{
    static const char *const templates[] = {"tcp://[::1]:0", "tcp://127.0.0.1:0"};
    char address[ADDRESS_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(templates); i++) {
        net_poller *poller = open_poller();
        net_socket *listener = assert_socket(net_listen(templates[i]));

        snprintf(address, sizeof address, "tcp://localhost:%lld", number_of(listener, "port"));
        net_socket *call = assert_socket(net_connect(address, NET_NOW));

        watch(poller, call, BOTH);
        expect_event(poller, call, NET_WRITABLE);
        assert_count(net_send(call, "x", 1, NET_NOW), 1);
        net_close(call, NET_NOW);
        net_close(listener, NET_NOW);
        call = assert_socket(net_connect(address, NET_NOW));
        watch(poller, call, BOTH);
        expect_event(poller, call, BOTH);
        assert_code(net_send(call, "x", 1, NET_NOW), NET_REFUSED);
        net_close(call, NET_NOW);
        net_poller_close(poller);
    }
}

/* The first attempt hangs. The poller's own timer begins the second 250 ms later. */
static void an_attempt_that_hangs_does_not_keep_the_next_from_starting(void **state)
{
    struct black_hole hole;
    net_poller *poller = open_poller();
    char address[ADDRESS_MAX];

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    int port = (int)strtol(strrchr(hole.address, ':') + 1, NULL, 10);

    snprintf(address, sizeof address, "tcp://[::1]:%d", port);
    net_socket *listener = assert_socket(net_listen(address));

    snprintf(address, sizeof address, "tcp://localhost:%d", port);
    double since = now_ms();
    net_socket *call = assert_socket(net_connect(address, NET_NOW));

    watch(poller, call, NET_WRITABLE);
    expect_event(poller, call, NET_WRITABLE);
    assert_took(elapsed_ms(since), 0, 2000);
    assert_count(net_send(call, "x", 1, NET_NOW), 1);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
    close_black_hole(&hole);
    net_poller_close(poller);
}

static void a_name_is_looked_up_while_the_poller_waits(void **state)
{
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];
    char scheme[16];

    assert_ok(net_get(listener, "scheme", scheme, sizeof scheme));
    snprintf(address, sizeof address, "%s://here.test:%lld", scheme, number_of(listener, "port"));
    net_socket *found = assert_socket(net_connect(address, NET_NOW));

    snprintf(address, sizeof address, "%s://nowhere.test:9", scheme);
    net_socket *unknown = assert_socket(net_connect(address, NET_NOW));

    watch(poller, found, NET_WRITABLE);
    expect_event(poller, found, NET_WRITABLE);
    assert_count(net_send(found, "x", 1, NET_NOW), 1);
    watch(poller, found, 0);
    watch(poller, unknown, BOTH);
    expect_event(poller, unknown, BOTH);
    assert_code(net_recv(unknown, in, 1, NET_NOW), NET_NAME);
    net_close(found, NET_NOW);
    net_close(unknown, NET_NOW);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

/* ---- Side by side ---- */

static long long send_byte(struct caller *caller)
{
    return net_send(caller->socket, "x", 1, caller->deadline);
}

/* A thread in a blocking call drives the dial, and the poller tells its end. */
static void a_blocking_call_and_a_poller_may_wait_for_the_same_dial(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct black_hole hole;
        struct caller sender;
        net_poller *poller = open_poller();

        open_black_hole("127.0.0.1", 0, &hole);
        net_socket *call = assert_socket(net_connect(hole.address, NET_NOW));

        if (i % 2 == 0) {
            watch(poller, call, NET_WRITABLE);
        }
        caller_start(&sender, send_byte, call, soon());
        watch(poller, call, NET_WRITABLE);
        expect_quiet(poller, 20);
        if (i < 2) {
            int first = accept(hole.listener, NULL, NULL);
            int second = accept(hole.listener, NULL, NULL);

            expect_event(poller, call, NET_WRITABLE);
            caller_join(&sender);
            assert_int_equal(sender.result, 1);
            close(first);
            close(second);
        } else {
            net_cancel(call);
            expect_event(poller, call, NET_WRITABLE);
            caller_join(&sender);
            assert_int_equal(sender.result, NET_CANCELED);
        }
        net_close(call, NET_NOW);
        close_black_hole(&hole);
        net_poller_close(poller);
    }
}

enum { MANY = 300 };

struct answers {
    net_socket *listener;
    int heard;
    pthread_t thread;
};

/* Shakes hands with all, for that is part of their dials. */
static void *answer_many(void *argument)
{
    struct answers *answers = argument;

    for (int i = 0; i < MANY; i++) {
        net_socket *made = net_accept(answers->listener, soon());
        char word[8];

        answers->heard += made != NULL && net_recv(made, word, sizeof word, soon()) > 0 ? 1 : 0;
        net_close(made, NET_NOW);
    }
    return NULL;
}

static void hundreds_of_dials_are_decided_in_one_poller(void **state)
{
    if (!holds_many(template_of(state))) {
        skip();
    }
    static net_socket *calls[MANY];
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct answers answers = {.listener = listener};
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    if (is_encrypted(address)) {
        assert_int_equal(pthread_create(&answers.thread, NULL, answer_many, &answers), 0);
    }
    for (int i = 0; i < MANY; i++) {
        calls[i] = assert_socket(net_connect(address, NET_NOW));
        watch(poller, calls[i], NET_WRITABLE);
    }
    for (int i = 0; i < MANY; i++) {
        net_event event;

        assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
        assert_int_equal(event.ready, NET_WRITABLE);
        assert_count(net_send(event.socket, "x", 1, NET_NOW), 1);
        watch(poller, event.socket, 0);
    }
    expect_quiet(poller, 10);
    if (is_encrypted(address)) {
        pthread_join(answers.thread, NULL);
        assert_int_equal(answers.heard, MANY);
    }
    for (int i = 0; i < MANY; i++) {
        net_close(calls[i], NET_NOW);
    }
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_dial_that_is_won_is_told_and_goes_on_as_a_connection),
        TEST(hundreds_of_dials_are_decided_in_one_poller),
    };
    static const char *const wildcards[] = {"tcp://*:0", "udp://*:0", NULL};
    static const struct test dual_stack[] = {TEST(a_name_is_looked_up_while_the_poller_waits)};
    static const struct test streams[] = {
        TEST(a_dial_may_be_watched_for_the_first_word),
        TEST(a_dial_that_is_refused_is_told),
    };
    static const struct test once[] = {
        TEST(a_dial_that_hangs_is_told_at_its_deadline),
        TEST(a_dead_target_holds_nobody_up),
        TEST(a_dial_that_is_closed_is_told_of_no_more),
        TEST(a_dial_of_several_attempts_is_told_when_one_wins),
        TEST(an_attempt_that_hangs_does_not_keep_the_next_from_starting),
        TEST(a_blocking_call_and_a_poller_may_wait_for_the_same_dial),
    };

    return run_over(all_templates, any) + run_over(wildcards, dual_stack) +
           run_over(stream_templates, streams) + run_once(once);
}

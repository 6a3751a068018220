/* net_set(listener, "admit", HOST:PORT): which sockets and which addresses it is for, while
 * other threads accept, and when the listener closes. */
#include "somebody.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static char in[ADDRESS_MAX];

/* ---- Close and cancel ---- */

/* Nothing is left of the admitted, with or without datagrams. The accepted go on. */
static void a_listener_closes_on_the_admitted(void **state)
{
    enum { PEOPLE = 4 };
    struct pair pair;
    struct somebody people[PEOPLE];
    char name[ADDRESS_MAX];

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < PEOPLE; i++) {
        meet_somebody(pair.listener, &people[i]);
        say_words(&people[i], "hello");
    }
    overhear(pair.listener, "hello", name); /* the others' datagrams wait */
    for (int i = 0; i < PEOPLE - 1; i++) {
        admit(pair.listener, &people[i]);
    }
    net_socket *peer = accept_admitted(pair.listener, &people[0]);

    net_close(pair.listener, NET_NOW);
    pair.listener = NULL;
    say_words(&people[0], "still here");
    expect_words(peer, "still here");
    assert_count(net_send(pair.client, "and I", 5, soon()), 5);
    expect_words(pair.server, "and I");
    assert_code(net_set(peer, "admit", people[1].name), NET_MISUSE);
    net_close(peer, NET_NOW);
    part_with(people, PEOPLE);
    close_pair(&pair);
}

/* `admit` is not a call that waits: a cancelled listener takes it, and accepts nothing. */
static void a_cancelled_listener_admits_and_accepts_nobody(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct somebody people[2];

    meet_somebody(listener, &people[0]);
    meet_somebody(listener, &people[1]);
    admit(listener, &people[0]);
    net_cancel(listener);
    admit(listener, &people[1]);
    assert_no_socket(net_accept(listener, NET_NOW), NET_CANCELED);
    assert_no_socket(net_accept(listener, soon()), NET_CANCELED);
    part_with(people, 2);
    net_close(listener, NET_NOW);
}

/* ---- While others accept ---- */

/* An accept that waits while another call is the reader is woken. */
static void an_accept_that_sleeps_gets_the_admitted(void **state)
{
    struct pair pair;
    struct somebody stranger;
    struct caller receiving;
    struct caller accepting;

    dial_pair(template_of(state), &pair);
    meet_somebody(pair.listener, &stranger);
    caller_start(&receiving, call_recv, pair.server, soon());
    caller_start(&accepting, call_accept, pair.listener, soon());
    admit(pair.listener, &stranger);
    caller_join(&accepting);
    net_close(assert_socket(accepting.made), NET_NOW);
    assert_false(receiving.done);
    net_cancel(pair.server);
    caller_join(&receiving);
    part_with(&stranger, 1);
    close_pair(&pair);
}

/* A call that waits for strangers' datagrams is not disturbed, nor is one that waits for a
 * peer's. */
static void an_admission_is_no_datagram(void **state)
{
    struct pair pair;
    struct somebody stranger;
    struct caller receiving[2];

    dial_pair(template_of(state), &pair);
    meet_somebody(pair.listener, &stranger);
    caller_start(&receiving[0], call_recv_messages, pair.listener, soon());
    caller_start(&receiving[1], call_recv, pair.server, soon());
    admit(pair.listener, &stranger);
    net_socket *peer = accept_admitted(pair.listener, &stranger);

    say_words(&stranger, "mine");
    expect_words(peer, "mine");
    assert_false(receiving[0].done);
    assert_false(receiving[1].done);
    net_cancel(pair.listener);
    net_cancel(pair.server);
    caller_join(&receiving[0]);
    caller_join(&receiving[1]);
    assert_int_equal(receiving[0].result, NET_CANCELED);
    assert_int_equal(receiving[1].result, NET_CANCELED);
    net_close(peer, NET_NOW);
    part_with(&stranger, 1);
    close_pair(&pair);
}

enum { THREADS = 4, PEOPLE = 120 };

struct acceptor {
    pthread_t thread;
    net_socket *listener;
    net_socket *peer[PEOPLE];
    int accepted;
    int wrong;
    atomic_int *left;
};

static void *accept_many(void *argument)
{
    struct acceptor *self = argument;

    while (atomic_load(self->left) > 0) {
        net_socket *peer = net_accept(self->listener, net_after(20));

        if (peer == NULL) {
            self->wrong += net_error() != NET_TIMEOUT;
            continue;
        }
        self->peer[self->accepted++] = peer;
        atomic_fetch_sub(self->left, 1);
    }
    return NULL;
}

/* Each address is accepted once, by one of several threads, however often it is admitted and
 * whatever it sends meanwhile. Its socket has received all that it sent. */
static void several_threads_accept_each_of_the_admitted_once(void **state)
{
    static struct acceptor acceptor[THREADS];
    static struct somebody people[PEOPLE];
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    atomic_int left = PEOPLE;
    int accepted = 0;

    memset(acceptor, 0, sizeof acceptor);
    for (int i = 0; i < THREADS; i++) {
        acceptor[i].listener = listener;
        acceptor[i].left = &left;
        assert_int_equal(pthread_create(&acceptor[i].thread, NULL, accept_many, &acceptor[i]), 0);
    }
    for (int i = 0; i < PEOPLE; i++) {
        meet_somebody(listener, &people[i]);
        admit(listener, &people[i]);
        say_words(&people[i], people[i].name);
        admit(listener, &people[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(acceptor[i].thread, NULL);
        assert_int_equal(acceptor[i].wrong, 0);
        accepted += acceptor[i].accepted;
    }
    assert_int_equal(accepted, PEOPLE);
    for (int i = 0; i < THREADS; i++) {
        for (int j = 0; j < acceptor[i].accepted; j++) {
            net_socket *peer = acceptor[i].peer[j];

            assert_ok(net_get(peer, "peer", in, sizeof in));
            expect_words(peer, strstr(in, "//") + 2);
            expect_no_words(peer);
            net_close(peer, NET_NOW);
        }
    }
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    part_with(people, PEOPLE);
    net_close(listener, NET_NOW);
}

/* ---- What can be admitted, and where ---- */

static void only_a_listener_admits(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];

    dial_pair(template_of(state), &pair);
    assert_code(net_set(pair.client, "admit", "127.0.0.1:7"), NET_MISUSE);
    assert_code(net_set(pair.server, "admit", "127.0.0.1:7"), NET_MISUSE);
    assert_code(net_get(pair.listener, "admit", in, sizeof in), NET_MISUSE);
    assert_code(net_get(pair.client, "admit", in, sizeof in), NET_MISUSE);
    assert_code(net_get(pair.server, "admit", in, sizeof in), NET_MISUSE);
    assert_says("only be set");
    assert_code(net_set(pair.listener, "admit", NULL), NET_MISUSE);
    assert_code(net_set(NULL, "admit", "127.0.0.1:7"), NET_MISUSE);
    close_pair(&pair);

    snprintf(address, sizeof address, "%s?admit=127.0.0.1:7", template_of(state));
    assert_no_socket(net_listen(address), NET_ADDRESS);
    assert_no_socket(net_connect("udp://127.0.0.1:7?admit=127.0.0.1:7", soon()), NET_ADDRESS);
    net_socket *stream = assert_socket(net_listen("tcp://127.0.0.1:0"));

    assert_code(net_set(stream, "admit", "127.0.0.1:7"), NET_ADDRESS);
    net_close(stream, NET_NOW);
}

static void only_a_peers_address_is_admitted(void **state)
{
    static const char *const wrong[] = {
        "",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        ":7",
        "*:7",
        "0.0.0.0:7",
        "[::]:7",
        "[::ffff:0.0.0.0]:7",
        "peer.example:7",
        "off",
        "127.1:7",
        "127.0.0.1:65536",
        "127.0.0.1:7 ",
        " 127.0.0.1:7",
        "::1:7",
        "[::1]",
        "[::1]7",
        "127.0.0.1:7:7",
        "udp://127.0.0.1:7",
        "localhost:7",

        "[fe80::1%none]:7",
    };
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    for (size_t i = 0; i < COUNT(wrong); i++) {
        if (net_set(listener, "admit", wrong[i]) != NET_ADDRESS) {
            print_error("'%s': not NET_ADDRESS, but %s\n", wrong[i], net_error_text());
        }
        assert_code(net_set(listener, "admit", wrong[i]), NET_ADDRESS);
    }
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    net_close(listener, NET_NOW);
}

/* An IPv4 peer of a listener for both families is the same peer in either spelling. */
static void both_families_admit_by_the_text_that_names_the_peer(void **state)
{
    net_socket *listener = assert_socket(net_listen("udp://*:0"));
    char address[ADDRESS_MAX];
    char mapped[ADDRESS_MAX];
    struct somebody people[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        snprintf(address, sizeof address, "udp://%s:%lld", i < 2 ? "127.0.0.1" : "[::1]",
                 number_of(listener, "port"));
        people[i].socket = assert_socket(net_connect(address, soon()));
        say_words(&people[i], "who am I?");
        overhear(listener, "who am I?", people[i].name);
    }
    snprintf(mapped, sizeof mapped, "[::ffff:127.0.0.1]:%lld", number_of(people[1].socket, "port"));
    admit(listener, &people[2]);
    assert_ok(net_set(listener, "admit", mapped));
    admit(listener, &people[0]);
    admit(listener, &people[1]);
    static const int order[] = {2, 1, 0};

    for (int i = 0; i < 3; i++) {
        net_socket *peer = accept_admitted(listener, &people[order[i]]);

        say_words(&people[order[i]], "thanks");
        expect_words(peer, "thanks");
        assert_count(net_send(peer, "welcome", 7, soon()), 7);
        expect_words(people[order[i]].socket, "welcome");
        net_close(peer, NET_NOW);
    }
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    part_with(people, 3);
    net_close(listener, NET_NOW);
}

/* A zone is part of an address. A listener does not admit an address that it cannot hear. */
static void a_family_that_cannot_come_is_refused(void **state)
{
    static const char link_local[] = "[fe80::1%lo]:7";
    net_socket *v4 = assert_socket(net_listen("udp://127.0.0.1:0"));
    net_socket *v6 = assert_socket(net_listen("udp://[::1]:0"));

    (void)state;
    assert_code(net_set(v4, "admit", "[::1]:7"), NET_ADDRESS);
    assert_says("IPv4 listener");
    assert_ok(net_set(v4, "admit", "[::ffff:127.0.0.1]:7"));
    net_socket *peer = assert_socket(net_accept(v4, NET_NOW));

    assert_ok(net_get(peer, "peer", in, sizeof in));
    assert_string_equal(in, "udp://127.0.0.1:7");
    net_close(peer, NET_NOW);
    assert_ok(net_set(v6, "admit", link_local));
    assert_ok(net_set(v6, "admit", "[fe80:0::1%1]:7"));
    peer = assert_socket(net_accept(v6, NET_NOW));
    assert_ok(net_get(peer, "peer", in, sizeof in));
    assert_string_equal(in + strlen("udp://"), link_local);
    assert_no_socket(net_accept(v6, NET_NOW), NET_TIMEOUT);
    net_close(peer, NET_NOW);
    net_close(v4, NET_NOW);
    net_close(v6, NET_NOW);
}

int main(void)
{
    const struct test everywhere[] = {
        TEST(a_listener_closes_on_the_admitted),
        TEST(a_cancelled_listener_admits_and_accepts_nobody),
        TEST(an_accept_that_sleeps_gets_the_admitted),
        TEST(an_admission_is_no_datagram),
        TEST(several_threads_accept_each_of_the_admitted_once),
        TEST(only_a_listener_admits),
        TEST(only_a_peers_address_is_admitted),
    };
    const struct test tests[] = {
        TEST(both_families_admit_by_the_text_that_names_the_peer),
        TEST(a_family_that_cannot_come_is_refused),
    };

    return run_over(kernel_datagrams, everywhere) + run_once(tests);
}

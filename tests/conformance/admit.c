/* net_set(listener, "admit", HOST:PORT): when an admitted address is accepted, which of its
 * datagrams its socket gets, and within which bounds. */
#include "somebody.h"

#include <stdio.h>
#include <string.h>

static char in[65536];

/* ---- Accepting the admitted ---- */

/* The purpose of `admit`: a stranger answers a challenge, and gets a socket. */
static void a_stranger_that_answers_a_challenge_is_let_in(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct somebody stranger;
    char name[ADDRESS_MAX];
    char question[] = "what is 6 times 7?";
    net_message message = {.data = in, .capacity = sizeof in};

    meet_somebody(listener, &stranger);
    say_words(&stranger, "let me in");
    assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
    message.data = question;
    message.size = strlen(question);
    assert_count(net_send_messages(listener, &message, 1, soon()), 1);
    expect_words(stranger.socket, question);
    say_words(&stranger, "42");
    overhear(listener, "42", name);
    assert_string_equal(name, stranger.name);
    assert_ok(net_set(listener, "admit", name));
    net_socket *peer = accept_admitted(listener, &stranger);

    expect_no_words(peer);
    say_words(&stranger, "thanks");
    expect_words(peer, "thanks");
    assert_count(net_send(peer, "welcome", 7, soon()), 7);
    expect_words(stranger.socket, "welcome");
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    net_close(peer, NET_NOW);
    part_with(&stranger, 1);
    net_close(listener, NET_NOW);
}

/* The admitted address need not have sent anything. Its socket knows what any other socket
 * knows. */
static void one_that_never_sent_is_accepted_at_once(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct somebody stranger;
    char theirs[ADDRESS_MAX];
    char ours[ADDRESS_MAX];

    meet_somebody(listener, &stranger);
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    admit(listener, &stranger);
    net_socket *peer = accept_admitted(listener, &stranger);

    assert_ok(net_get(listener, "local", ours, sizeof ours));
    assert_ok(net_get(peer, "local", theirs, sizeof theirs));
    assert_string_equal(theirs, ours);
    assert_int_equal(number_of(peer, "messages-received"), 0);
    expect_no_words(peer);
    assert_count(net_send(peer, "you first", 9, soon()), 9);
    expect_words(stranger.socket, "you first");
    say_words(&stranger, "and now I");
    expect_words(peer, "and now I");
    assert_int_equal(number_of(peer, "messages-received"), 1);
    net_close(peer, NET_NOW);
    part_with(&stranger, 1);
    net_close(listener, NET_NOW);
}

/* The socket gets the datagrams that wait, from before and after the admission, in their order.
 * What was read from the listener before the accept does not come again. */
static void its_datagrams_come_with_it(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct somebody people[2];
    char name[ADDRESS_MAX];

    meet_somebody(listener, &people[0]);
    meet_somebody(listener, &people[1]);
    say_words(&people[0], "read");
    say_words(&people[1], "a stranger's");
    say_words(&people[0], "before");
    overhear(listener, "read", name);
    admit(listener, &people[0]);
    say_words(&people[0], "after");
    say_words(&people[1], "another");
    net_socket *peer = accept_admitted(listener, &people[0]);

    say_words(&people[0], "accepted");
    expect_words(peer, "before");
    expect_words(peer, "after");
    expect_words(peer, "accepted");
    expect_no_words(peer);
    overhear(listener, "a stranger's", name);
    assert_string_equal(name, people[1].name);
    overhear(listener, "another", name);
    net_close(peer, NET_NOW);
    part_with(people, 2);
    net_close(listener, NET_NOW);
}

/* Until an admitted address is accepted, its datagrams are those of a stranger. They come to
 * net_accept or to net_recv_messages, whichever is first. The address keeps its turn when none
 * is left. */
static void its_datagrams_can_be_read_until_it_is_accepted(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct somebody people[2];
    char name[ADDRESS_MAX];

    meet_somebody(listener, &people[0]);
    meet_somebody(listener, &people[1]);
    say_words(&people[0], "one");
    admit(listener, &people[0]);
    overhear(listener, "one", name);
    say_words(&people[1], "stranger");
    say_words(&people[0], "two");
    overhear(listener, "stranger", name);
    overhear(listener, "two", name);
    assert_string_equal(name, people[0].name);
    say_words(&people[1], "stranger");
    net_close(accept_admitted(listener, &people[0]), NET_NOW);
    net_close(accept_admitted(listener, &people[1]), NET_NOW);
    part_with(people, 2);
    net_close(listener, NET_NOW);
}

/* Admitted addresses come in the order of their admission, then strangers in the order of their
 * first datagrams, whenever each datagram came. */
static void the_admitted_come_first_in_their_order(void **state)
{
    enum { PEOPLE = 8 };
    static const int order[PEOPLE] = {6, 1, 4, 3, 0, 2, 5, 7};
    enum { ADMITTED = 4 };
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct somebody people[PEOPLE];

    for (int i = 0; i < PEOPLE; i++) {
        meet_somebody(listener, &people[i]);
    }
    admit(listener, &people[order[0]]);
    for (int i = 0; i < PEOPLE; i++) {
        say_words(&people[i], "hello");
    }
    for (int i = 1; i < ADMITTED; i++) {
        admit(listener, &people[order[i]]);
    }
    for (int i = 0; i < PEOPLE; i++) {
        net_socket *peer = accept_admitted(listener, &people[order[i]]);

        expect_words(peer, "hello");
        net_close(peer, NET_NOW);
    }
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    part_with(people, PEOPLE);
    net_close(listener, NET_NOW);
}

/* Two admissions are one. An accepted peer needs no admission: the next accept returns another. */
static void admitting_again_does_nothing(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct somebody people[2];

    meet_somebody(listener, &people[0]);
    meet_somebody(listener, &people[1]);
    say_words(&people[1], "hello");
    admit(listener, &people[0]);
    admit(listener, &people[1]);
    admit(listener, &people[0]);
    net_socket *first = accept_admitted(listener, &people[0]);

    admit(listener, &people[0]);
    net_socket *second = accept_admitted(listener, &people[1]);

    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    expect_no_words(first);
    net_close(first, NET_NOW);
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    admit(listener, &people[0]);
    net_close(accept_admitted(listener, &people[0]), NET_NOW);
    net_close(second, NET_NOW);
    part_with(people, 2);
    net_close(listener, NET_NOW);
}

/* A peer that was silent for `idle` loses its place, and can be admitted again. */
static void a_peer_that_ended_can_be_admitted_again(void **state)
{
    struct pair pair;
    struct somebody stranger;

    dial_pair_with(template_of(state), "idle=100ms", NULL, &pair);
    stranger.socket = pair.client;
    assert_ok(net_get(pair.client, "local", in, sizeof in));
    snprintf(stranger.name, sizeof stranger.name, "%.100s", strstr(in, "//") + 2);
    assert_code(net_recv(pair.server, in, sizeof in, soon()), NET_EOF);
    assert_ok(net_set(pair.listener, "idle", "off"));
    admit(pair.listener, &stranger);
    net_socket *again = accept_admitted(pair.listener, &stranger);

    say_words(&stranger, "again");
    expect_words(again, "again");
    assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_EOF);
    net_close(again, NET_NOW);
    close_pair(&pair);
}

/* ---- Bounds and counters ---- */

/* `peers` bounds the accepted and the admitted together, exactly. A free place goes to the first
 * address that is admitted or accepted. */
static void peers_bounds_the_admitted_too(void **state)
{
    enum { PEOPLE = 5 };
    struct pair pair;
    struct somebody people[PEOPLE];

    dial_pair_with(template_of(state), "peers=3", NULL, &pair);
    for (int i = 0; i < PEOPLE; i++) {
        meet_somebody(pair.listener, &people[i]);
    }
    admit(pair.listener, &people[0]);
    admit(pair.listener, &people[1]);
    assert_code(net_set(pair.listener, "admit", people[2].name), NET_LIMIT);
    assert_says("3 peers");
    admit(pair.listener, &people[0]); /* it has its place */
    say_words(&people[3], "a stranger");
    net_socket *first = accept_admitted(pair.listener, &people[0]);
    net_socket *second = accept_admitted(pair.listener, &people[1]);

    assert_no_socket(net_accept(pair.listener, NET_NOW), NET_LIMIT);
    assert_code(net_set(pair.listener, "admit", people[2].name), NET_LIMIT);
    admit(pair.listener, &people[0]);
    net_close(first, NET_NOW);
    admit(pair.listener, &people[2]);
    assert_code(net_set(pair.listener, "admit", people[4].name), NET_LIMIT);
    net_socket *third = accept_admitted(pair.listener, &people[2]);

    assert_no_socket(net_accept(pair.listener, NET_NOW), NET_LIMIT);
    assert_ok(net_set(pair.listener, "peers", "4"));
    net_close(accept_admitted(pair.listener, &people[3]), NET_NOW);
    net_close(second, NET_NOW);
    net_close(third, NET_NOW);
    part_with(people, PEOPLE);
    close_pair(&pair);
}

/* A lowered bound also holds for those that were admitted before. */
static void a_lower_bound_lets_the_admitted_wait(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct somebody people[2];

    meet_somebody(listener, &people[0]);
    meet_somebody(listener, &people[1]);
    admit(listener, &people[0]);
    admit(listener, &people[1]);
    assert_ok(net_set(listener, "peers", "1"));
    net_socket *first = accept_admitted(listener, &people[0]);

    assert_no_socket(net_accept(listener, NET_NOW), NET_LIMIT);
    net_close(first, NET_NOW);
    net_close(accept_admitted(listener, &people[1]), NET_NOW);
    part_with(people, 2);
    net_close(listener, NET_NOW);
}

/* Until they are accepted, the datagrams of the admitted count toward `strangers` as all others
 * do, and after that toward `queue`. A dropped datagram is counted once. */
static void datagrams_of_the_admitted_are_bounded(void **state)
{
    if (!holds_many(template_of(state))) {
        skip();
    }
    enum { SIZE = 100, SENT = 15, FIT = 10, QUEUE = 5, ALL = 1000 };
    char address[ADDRESS_MAX];
    struct somebody people[3];
    char datagram[SIZE];
    net_message message = {.data = in, .capacity = sizeof in};

    snprintf(address, sizeof address, "%s?strangers=1000B&queue=500B", template_of(state));
    net_socket *listener = assert_socket(net_listen(address));

    meet_somebody(listener, &people[0]);
    meet_somebody(listener, &people[1]);
    meet_somebody(listener, &people[2]);
    say_words(&people[2], "in");
    net_socket *other = accept_admitted(listener, &people[2]);

    expect_words(other, "in");
    admit(listener, &people[0]);
    for (int i = 0; i < SENT; i++) {
        write_pattern(datagram, SIZE, (size_t)i);
        assert_count(net_send(people[0].socket, datagram, SIZE, soon()), SIZE);
    }
    say_words(&people[1], "no room");
    expect_no_words(other); /* this call sorts what has come */
    assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
    assert_true(is_pattern(in, SIZE, 0));
    assert_int_equal(number_of(listener, "dropped-strangers"), SENT + 1 - FIT);
    net_socket *peer = accept_admitted(listener, &people[0]);

    assert_int_equal(number_of(peer, "dropped-queue"), FIT - 1 - QUEUE);
    assert_int_equal(number_of(listener, "dropped-queue"), FIT - 1 - QUEUE);
    for (int i = 1; i <= QUEUE; i++) {
        assert_count(net_recv(peer, in, sizeof in, soon()), SIZE);
        assert_true(is_pattern(in, SIZE, (size_t)i));
    }
    expect_no_words(peer);
    assert_int_equal(number_of(listener, "dropped-strangers"), SENT + 1 - FIT);
    /* The whole bound is free for strangers again. A datagram that goes straight to the caller
     * does not count. */
    say_words(&people[1], "read at once");
    write_pattern(in, ALL, 0);
    assert_count(net_send(people[1].socket, in, ALL, soon()), ALL);
    assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
    assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
    assert_int_equal(message.size, ALL);
    net_close(peer, NET_NOW);
    net_close(other, NET_NOW);
    part_with(people, 3);
    net_close(listener, NET_NOW);
}

/* Strangers that use up their whole bound keep no admitted address out. */
static void many_strangers_are_passed(void **state)
{
    if (!holds_many(template_of(state))) {
        skip();
    }
    enum { MANY = 20 };
    char address[ADDRESS_MAX];
    struct somebody strangers[MANY];
    struct somebody stranger;

    snprintf(address, sizeof address, "%s?strangers=50B&peers=1", template_of(state));
    net_socket *listener = assert_socket(net_listen(address));

    for (int i = 0; i < MANY; i++) {
        meet_somebody(listener, &strangers[i]);
        say_words(&strangers[i], "me, me, me");
    }
    meet_somebody(listener, &stranger);
    say_words(&stranger, "nobody hears this");
    admit(listener, &stranger);
    net_socket *peer = accept_admitted(listener, &stranger);

    expect_words(peer, "nobody hears this"); /* it was the peer's already when it was read */
    say_words(&stranger, "this they do");
    expect_words(peer, "this they do");
    assert_no_socket(net_accept(listener, NET_NOW), NET_LIMIT);
    assert_int_equal(number_of(listener, "dropped-strangers"), MANY - 5);
    net_close(peer, NET_NOW);
    net_close(accept_admitted(listener, &strangers[0]), NET_NOW);
    net_close(stranger.socket, NET_NOW);
    part_with(strangers, MANY);
    net_close(listener, NET_NOW);
}

int main(void)
{
    const struct test everywhere[] = {
        TEST(a_stranger_that_answers_a_challenge_is_let_in),
        TEST(one_that_never_sent_is_accepted_at_once),
        TEST(its_datagrams_come_with_it),
        TEST(its_datagrams_can_be_read_until_it_is_accepted),
        TEST(the_admitted_come_first_in_their_order),
        TEST(admitting_again_does_nothing),
        TEST(a_peer_that_ended_can_be_admitted_again),
        TEST(peers_bounds_the_admitted_too),
        TEST(a_lower_bound_lets_the_admitted_wait),
        TEST(datagrams_of_the_admitted_are_bounded),
        TEST(many_strangers_are_passed),
    };

    return run_over(kernel_datagrams, everywhere);
}

/* driven: skip, it drives both sides by itself */
/* A handshake that is refused, by either side and at any step: both hear the code and the sentence,
 * in every call and from the poller. What is wrong with an address is told before anything is
 * dialed. */
#include "toy_wire.h"
#include "watching.h"

#include <string.h>

static char in[1000];

/* ---- Every call says it ---- */

static void expect_refusal(net_socket *socket, int code, const char *words)
{
    net_message message = {.data = in, .capacity = sizeof in};

    for (int i = 0; i < 2; i++) {
        assert_code(net_recv(socket, in, sizeof in, soon()), code);
        assert_says(words);
        assert_code(net_recv_until(socket, in, sizeof in, '\n', soon()), code);
        assert_says(words);
        assert_code(net_send(socket, "x", 1, soon()), code);
        assert_says(words);
        assert_code(net_shutdown(socket), code);
        assert_says(words);
        assert_code(net_recv_messages(socket, &message, 1, soon()), NET_MISUSE);
    }
}

static void expect_told_by_a_poller(net_socket *socket)
{
    net_poller *poller = open_poller();

    watch(poller, socket, NET_READABLE | NET_WRITABLE);
    expect_event(poller, socket, NET_READABLE | NET_WRITABLE);
    expect_event(poller, socket, NET_READABLE | NET_WRITABLE);
    net_poller_close(poller);
}

static const struct {
    const char *client;
    const char *server;
    int client_code;
    int server_code;
    const char *client_says;
    const char *server_says;
} refusals[] = {
    {"faults=refuse:2:denied:no%20card", NULL, NET_DENIED, NET_DENIED, "no card",
     "the peer says: no card"},
    {"faults=refuse:2:reset:odd", NULL, NET_RESET, NET_RESET, "odd", "the peer says: odd"},
    {NULL, "faults=refuse:1:denied:closed", NET_DENIED, NET_DENIED, "the peer says: closed",
     "closed"},
    {NULL, "faults=refuse:2:denied:no%20card", NET_DENIED, NET_DENIED, "the peer says: no card",
     "no card"},
    {NULL, "faults=refuse:2:reset:%1b[2J", NET_RESET, NET_RESET, "the peer says: \\x1b[2J",
     "\\x1b[2J"},
    {NULL, "password=one", NET_DENIED, NET_DENIED, "the peer says: the password is wrong",
     "the password is wrong"},
    {"color=green", "strict=off", NET_DENIED, NET_DENIED, "the colors differ",
     "the peer says: the colors differ"},
    {"faults=sip:1,yield:1,refuse:2:denied:late", "faults=sip:1,yield:1", NET_DENIED, NET_DENIED,
     "late", "the peer says: late"},
};

static void both_sides_hear_why(void **state)
{
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct pair pair;

        dial_toys(template_of(state), refusals[i].server, refusals[i].client, &pair);
        assert_true(try_to_shake(pair.client, pair.server) < 0);
        expect_refusal(pair.client, refusals[i].client_code, refusals[i].client_says);
        expect_refusal(pair.server, refusals[i].server_code, refusals[i].server_says);
        expect_told_by_a_poller(pair.client);
        expect_told_by_a_poller(pair.server);
        assert_code(net_get(pair.client, "peer", NULL, 0), refusals[i].client_code);
        assert_says(refusals[i].client_says);
        close_toys(&pair);
    }
}

/* A poller that waits hears it, and so does the program when it asks for the outcome. */
static void a_poller_drives_it_to_the_refusal(void **state)
{
    for (size_t i = 0; i < COUNT(refusals); i++) {
        net_poller *poller = open_poller();
        struct pair pair;
        int got = 0;

        dial_toys(template_of(state), refusals[i].server, refusals[i].client, &pair);
        watch(poller, pair.client, NET_WRITABLE);
        watch(poller, pair.server, NET_READABLE);
        while (got < 2) {
            net_event event;

            assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
            assert_ok(net_poller_watch(poller, event.socket, 0, NULL, NET_FOREVER));
            got++;
        }
        assert_code(net_get(pair.client, "peer", NULL, 0), refusals[i].client_code);
        assert_says(refusals[i].client_says);
        assert_blames("connect", template_of(state));
        assert_code(net_recv(pair.server, in, 1, NET_NOW), refusals[i].server_code);
        assert_says(refusals[i].server_says);
        net_poller_close(poller);
        close_toys(&pair);
    }
}

/* The server's own last word on what the client has said last: the client's dial was won. */
static void a_refusal_after_the_clients_last_word_is_heard_later(void **state)
{
    struct pair pair;

    dial_toys(template_of(state), "faults=refuse:3:denied:go%20home", NULL, &pair);
    assert_code(try_to_shake(pair.client, pair.server), NET_DENIED);
    assert_code(net_recv(pair.client, in, 1, soon()), NET_DENIED);
    assert_says("the peer says: go home");
    expect_refusal(pair.client, NET_DENIED, "the peer says: go home");
    expect_refusal(pair.server, NET_DENIED, "go home");
    close_toys(&pair);
}

static void a_dial_that_blocks_fails_with_it(void **state)
{
    struct pair pair = {0};
    struct caller caller = {0};
    char whole[ADDRESS_MAX];
    char target[ADDRESS_MAX];

    with_options(whole, template_of(state), "faults=refuse:2:denied:no%20card");
    pair.listener = assert_socket(net_listen(whole));
    dial_address(pair.listener, target);
    caller.address = target;
    caller_launch(&caller, call_connect, NULL, soon());
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    assert_code(net_recv(pair.server, in, 1, soon()), NET_DENIED);
    caller_join(&caller);
    assert_int_equal(caller.result, NET_DENIED);
    assert_null(caller.made);
    close_toys(&pair);

    pair.listener = assert_socket(net_listen(template_of(state)));
    dial_address(pair.listener, target);
    with_options(whole, target, "faults=refuse:1:reset:not%20me");
    assert_no_socket(net_connect(whole, soon()), NET_RESET);
    assert_says("not me");
    assert_blames("connect", whole);
    close_toys(&pair);
}

/* One that says nothing to its peer: the peer sees its close. */
static void a_silent_refusal_is_a_reset_for_the_peer(void **state)
{
    struct pair pair;

    dial_toys(template_of(state), "faults=silent,refuse:2:denied:hm", NULL, &pair);
    assert_code(try_to_shake(pair.client, pair.server), NET_DENIED);
    assert_code(net_send(pair.client, "", 0, net_after(10)), NET_TIMEOUT);
    assert_ok(net_close(pair.server, NET_NOW));
    pair.server = NULL;
    assert_code(net_recv(pair.client, in, 1, soon()), NET_RESET);
    close_toys(&pair);
}

/* ---- Before anything is dialed ---- */

static void nobody_calls(net_socket *listener)
{
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
}

static void what_is_wrong_with_an_address_is_told_first(void **state)
{
    static const struct {
        const char *options;
        int code;
        const char *says;
    } wrong[] = {
        {"faults=configure:address:no%20such%20file", NET_ADDRESS, "no such file"},
        {"faults=configure:limit:full", NET_LIMIT, "full"},
        {"faults=nonsense", NET_ADDRESS, "no such fault: nonsense"},
        {"color=blue", NET_ADDRESS, "dark-blue"},
        {"color=", NET_ADDRESS, "color"},
        {"motto=", NET_ADDRESS, "motto"},
        {"motto=%00", NET_ADDRESS, "motto"},
        {"motto=%zz", NET_ADDRESS, "motto"},
        {"strict=yes", NET_ADDRESS, "strict"},
        {"moto=x", NET_ADDRESS, "motto"},
        {"peer-motto=x", NET_ADDRESS, "peer-motto"},
        {"motto=x&motto=y", NET_ADDRESS, "motto"},
        {"side=client", NET_ADDRESS, "side"},
    };
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char target[ADDRESS_MAX];
    char whole[ADDRESS_MAX];

    dial_address(listener, target);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        with_options(whole, target, wrong[i].options);
        assert_no_socket(net_connect(whole, soon()), wrong[i].code);
        assert_says(wrong[i].says);
        assert_no_socket(net_connect(whole, NET_NOW), wrong[i].code);
        assert_says(wrong[i].says);
        with_options(whole, template_of(state), wrong[i].options);
        assert_no_socket(net_listen(whole), wrong[i].code);
        assert_says(wrong[i].says);
        nobody_calls(listener);
    }
    with_options(whole, target, "faults=open:limit:no%20session");
    assert_no_socket(net_connect(whole, soon()), NET_LIMIT);
    assert_says("no session");
    nobody_calls(listener);
    net_close(listener, NET_NOW);
    assert_no_toys_left();
}

/* A server's session is opened when its handshake begins. */
static void a_session_that_cannot_be_opened_is_told_by_the_first_call(void **state)
{
    struct pair pair;

    dial_toys(template_of(state), "faults=open:limit:no%20session", NULL, &pair);
    for (int i = 0; i < 2; i++) {
        assert_code(net_recv(pair.server, in, 1, soon()), NET_LIMIT);
        assert_says("no session");
        assert_code(net_send(pair.server, in, 1, soon()), NET_LIMIT);
        assert_says("no session");
    }
    close_toys(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(both_sides_hear_why),
        TEST(a_poller_drives_it_to_the_refusal),
        TEST(a_refusal_after_the_clients_last_word_is_heard_later),
        TEST(a_dial_that_blocks_fails_with_it),
        TEST(a_silent_refusal_is_a_reset_for_the_peer),
        TEST(what_is_wrong_with_an_address_is_told_first),
        TEST(a_session_that_cannot_be_opened_is_told_by_the_first_call),
    };

    return run_toys(toy_templates, tests);
}

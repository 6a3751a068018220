/* driven: skip, a driven call that succeeds has failed in between */
/* A count that is shorter than what was asked for is not a success: code and sentence say
 * why. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { LARGE = 48 * 1024 * 1024, SENTENCE_MAX = 256, AT_ONCE = 1000 /* ms */ };

static const char *const streams[] = {"tcp://127.0.0.1:0",
                                      "tcp://[::1]:0",
                                      "unix://@",
                                      "mem://",
                                      "chaos+tcp://127.0.0.1:0",
                                      "chaos+unix://@",
                                      "chaos+mem://",
                                      "chaos+tcp://127.0.0.1:0?chunk=5",
                                      "chaos+mem://?chunk=5",
                                      "unix://{path}",
                                      NULL};
static const char *const datagrams[] = {"udp://127.0.0.1:0",
                                        "udp://*:0",
                                        "unixgram://@",
                                        "memgram://",
                                        "chaos+udp://127.0.0.1:0",
                                        "chaos+unixgram://@",
                                        "chaos+memgram://",
                                        "chaos+udp://127.0.0.1:0?duplicate=0.5",
                                        NULL};

static char *large;

static void assert_why(int code, const char *verb, const char *address)
{
    assert_int_equal(net_error(), code);
    assert_blames(verb, address);
    assert_null(strstr(net_error_text(), "nonsense"));
    assert_says(net_strerror(code));
}

static void assert_short(long long n, long long least, long long size)
{
    if (n < least || n >= size) {
        fail_msg("%lld of %lld: %s", n, size, net_error_text());
    }
}

/* The next call says it once more. */
static void assert_next(long long n, int code, const char *verb, const char *address)
{
    assert_int_equal(n, code);
    assert_why(code, verb, address);
}

/* ---- Sending on a stream ---- */

static void a_send_that_nobody_reads(void **state)
{
    net_slice slices[] = {{NULL, LARGE / 2}, {NULL, LARGE / 2}};
    struct pair pair;

    slices[0].data = large;
    slices[1].data = large;
    for (int vector = 0; vector < 2; vector++) {
        dial_pair(template_of(state), &pair);
        fail_otherwise();
        ssize_t n = vector != 0 ? net_send_vector(pair.client, slices, COUNT(slices), net_after(50))
                                : net_send(pair.client, large, LARGE, net_after(50));

        assert_short(n, 1, LARGE);
        assert_why(NET_TIMEOUT, "send", template_of(state));
        while (n > 0) { /* what is taken goes on to the peer, so there is room again for a while */
            n = net_send(pair.client, large, LARGE, NET_NOW);
        }
        assert_next(n, NET_TIMEOUT, "send", template_of(state));
        close_pair(&pair);
        dial_pair(template_of(state), &pair);
        fail_otherwise();
        n = vector != 0 ? net_send_vector(pair.client, slices, COUNT(slices), NET_NOW)
                        : net_send(pair.client, large, LARGE, NET_NOW);
        assert_short(n, 1, LARGE);
        assert_why(NET_TIMEOUT, "send", template_of(state));
        close_pair(&pair);
    }
}

/* A thread makes a call that will fall short, after another failure. */
struct talker {
    struct caller caller;
    char sentence[SENTENCE_MAX];
};

static void keep_sentence(struct caller *caller)
{
    struct talker *talker = (struct talker *)caller;

    strncpy(talker->sentence, net_error_text(), SENTENCE_MAX - 1);
}

static long long send_much(struct caller *caller)
{
    net_close(net_connect("nonsense://old", NET_NOW), NET_NOW);
    long long n = net_send(caller->socket, large, LARGE, caller->deadline);

    keep_sentence(caller);
    return n;
}

static long long recv_much(struct caller *caller)
{
    char buffer[64];

    net_close(net_connect("nonsense://old", NET_NOW), NET_NOW);
    long long n = net_recv_all(caller->socket, buffer, sizeof buffer, caller->deadline);

    keep_sentence(caller);
    return n;
}

static void start(struct talker *talker, caller_call *call, net_socket *socket)
{
    *talker = (struct talker){.sentence = ""};
    caller_start(&talker->caller, call, socket, soon());
}

static void join(struct talker *talker, int code, const char *verb)
{
    caller_join(&talker->caller);
    if (talker->caller.code != code || strncmp(talker->sentence, verb, strlen(verb)) != 0 ||
        strstr(talker->sentence, net_strerror(code)) == NULL) {
        fail_msg("%lld: %s", talker->caller.result, talker->sentence);
    }
}

/* A send that waits for room ends after a part, and so does the next at once. */
static void check_end(void **state, void (*end)(struct pair *pair), int code)
{
    struct pair pair;
    struct talker talker;

    dial_pair(template_of(state), &pair);
    start(&talker, send_much, pair.client);
    double since = now_ms();

    end(&pair);
    join(&talker, code, "send");
    in_time(elapsed_ms(since) < AT_ONCE * slowness());
    assert_short(talker.caller.result, 1, LARGE);
    assert_next(net_send(pair.client, "x", 1, soon()), code, "send", template_of(state));
    close_pair(&pair);
}

static void cancel(struct pair *pair)
{
    net_cancel(pair->client);
}

static void break_off(struct pair *pair)
{
    net_close(pair->server, NET_NOW); /* with much unread */
    pair->server = NULL;
}

static void half_close(struct pair *pair)
{
    assert_ok(net_shutdown(pair->client));
}

static void a_send_that_is_cancelled(void **state)
{
    check_end(state, cancel, NET_CANCELED);
}

static void a_send_that_is_broken_off(void **state)
{
    check_end(state, break_off, NET_RESET);
}

static void a_send_that_the_own_half_close_ends(void **state)
{
    check_end(state, half_close, NET_MISUSE);
}

/* ---- Receiving all ---- */

static void three_bytes_come(void **state, struct pair *pair)
{
    dial_pair(template_of(state), pair);
    assert_count(net_send(pair->server, "abc", 3, soon()), 3);
    await_bytes(pair->client, 3);
    fail_otherwise();
}

static void a_receive_until_the_deadline(void **state)
{
    struct pair pair;
    char buffer[8];

    three_bytes_come(state, &pair);
    assert_int_equal(net_recv_all(pair.client, buffer, sizeof buffer, net_after(50)), 3);
    assert_why(NET_TIMEOUT, "recv", template_of(state));
    assert_next(net_recv_all(pair.client, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT, "recv",
                template_of(state));
    close_pair(&pair);
}

static void a_receive_until_the_end(void **state)
{
    struct pair pair;
    char buffer[8];

    three_bytes_come(state, &pair);
    assert_ok(net_close(pair.server, NET_NOW));
    pair.server = NULL;
    assert_int_equal(net_recv_all(pair.client, buffer, sizeof buffer, soon()), 3);
    assert_why(NET_EOF, "recv", template_of(state));
    assert_next(net_recv_all(pair.client, buffer, sizeof buffer, NET_NOW), NET_EOF, "recv",
                template_of(state));
    close_pair(&pair);
}

static void a_receive_until_a_reset(void **state)
{
    struct pair pair;
    char buffer[8];

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.client, "unread", 6, soon()), 6);
    assert_count(net_send(pair.server, "xabc", 4, soon()), 4);
    await_bytes(pair.client, 4); /* a reset may overtake bytes in flight */
    assert_count(net_recv_all(pair.client, buffer, 1, soon()), 1);
    await_ready(pair.server, POLLIN);
    fail_otherwise();
    assert_ok(net_set(pair.server, "reset", "on"));
    assert_ok(net_close(pair.server, NET_NOW));
    pair.server = NULL;
    assert_int_equal(net_recv_all(pair.client, buffer, sizeof buffer, soon()), 3);
    assert_why(NET_RESET, "recv", template_of(state));
    assert_next(net_recv_all(pair.client, buffer, sizeof buffer, NET_NOW), NET_RESET, "recv",
                template_of(state));
    close_pair(&pair);
}

static void a_receive_until_a_cancel(void **state)
{
    struct pair pair;
    struct talker talker;
    char byte;

    three_bytes_come(state, &pair);
    start(&talker, recv_much, pair.client);
    net_cancel(pair.client);
    join(&talker, NET_CANCELED, "recv");
    assert_int_equal(talker.caller.result, 3);
    assert_next(net_recv(pair.client, &byte, 1, soon()), NET_CANCELED, "recv", template_of(state));
    close_pair(&pair);
}

static void a_receive_that_begins_with_a_part_of_a_line(void **state)
{
    struct pair pair;
    char buffer[8];

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.server, "ab", 2, soon()), 2);
    await_bytes(pair.client, 2);
    assert_code(net_recv_until(pair.client, buffer, sizeof buffer, '\n', net_after(50)),
                NET_TIMEOUT);
    fail_otherwise();
    assert_int_equal(net_recv_all(pair.client, buffer, sizeof buffer, net_after(20)), 2);
    assert_why(NET_TIMEOUT, "recv", template_of(state));
    close_pair(&pair);
}

static void a_success_leaves_all_as_it_was(void **state)
{
    struct pair pair;
    char buffer[8];
    char before[SENTENCE_MAX];

    three_bytes_come(state, &pair);
    assert_int_equal(net_recv_all(pair.client, buffer, sizeof buffer, net_after(20)), 3);
    strncpy(before, net_error_text(), sizeof before);
    before[sizeof before - 1] = '\0';
    for (int i = 0; i < 3; i++) {
        assert_int_equal(net_send(pair.client, "abc", 3, soon()), 3);
        assert_int_equal(net_recv_all(pair.server, buffer, 2, soon()), 2);
        assert_int_equal(net_recv(pair.server, buffer, 2, soon()), 1);
        assert_int_equal(net_send_vector(pair.client, &(net_slice){"x\n", 2}, 1, soon()), 2);
        assert_int_equal(net_recv_until(pair.server, buffer, 4, '\n', soon()), 2);
        assert_int_equal(net_recv_all(pair.server, buffer, 0, soon()), 0);
    }
    assert_int_equal(net_error(), NET_TIMEOUT);
    assert_string_equal(net_error_text(), before);
    close_pair(&pair);
}

/* ---- Faults that a layer makes ---- */

static void a_fault_says_what_it_is(void **state)
{
    struct pair pair;
    char buffer[64] = "";

    dial_pair_with(template_of(state), NULL, "reset-after=10", &pair);
    fail_otherwise();
    assert_int_equal(net_send(pair.client, buffer, sizeof buffer, soon()), 10);
    assert_why(NET_RESET, "send", template_of(state));
    assert_says("reset-after");
    close_pair(&pair);
    dial_pair_with(template_of(state), NULL, "stall-after=10", &pair);
    assert_count(net_send(pair.server, buffer, sizeof buffer, soon()), sizeof buffer);
    await_bytes(pair.client, sizeof buffer);
    fail_otherwise();
    assert_int_equal(net_recv_all(pair.client, buffer, sizeof buffer, net_after(50)), 10);
    assert_why(NET_TIMEOUT, "recv", template_of(state));
    close_pair(&pair);
}

/* ---- Messages ---- */

static void one_that_is_too_long(void **state)
{
    enum { TOO_LONG = 70000 };
    struct pair pair;
    net_message messages[3] = {
        {.data = "a", .size = 1}, {.size = TOO_LONG}, {.data = "b", .size = 1}};

    messages[1].data = large;
    dial_pair(template_of(state), &pair);
    net_socket *sockets[] = {pair.client, pair.server};

    for (size_t i = 0; i < COUNT(sockets); i++) {
        fail_otherwise();
        assert_int_equal(net_send_messages(sockets[i], messages, 3, soon()), 1);
        assert_why(NET_TOOBIG, "send", template_of(state));
        assert_next(net_send_messages(sockets[i], messages + 1, 2, soon()), NET_TOOBIG, "send",
                    template_of(state));
        assert_int_equal(net_send_messages(sockets[i], messages + 2, 1, soon()), 1);
    }
    close_pair(&pair);
}

/* The listener sends two messages, and the second has no endpoint. */
static void one_that_is_for_nobody(void **state)
{
    struct pair pair;
    char byte;
    net_message heard = {.data = &byte, .capacity = 1};
    net_message messages[2] = {{.data = "a", .size = 1}, {.data = "b", .size = 1}};

    dial_pair(template_of(state), &pair);
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    assert_count(net_send(pair.client, "?", 1, soon()), 1);
    assert_count(net_recv_messages(pair.listener, &heard, 1, soon()), 1);
    messages[0].endpoint = heard.endpoint;
    fail_otherwise();
    assert_int_equal(net_send_messages(pair.listener, messages, 2, soon()), 1);
    assert_why(NET_MISUSE, "send", template_of(state));
    assert_next(net_send_messages(pair.listener, messages + 1, 1, soon()), NET_MISUSE, "send",
                template_of(state));
    close_pair(&pair);
}

/* The endpoint of the second message belongs to a socket that is closed. */
static void one_whose_peer_is_gone(void **state)
{
    struct pair pair;
    net_socket *second = NULL;
    char byte;
    net_message messages[2] = {{.data = &byte, .capacity = 1}, {.data = &byte, .capacity = 1}};

    dial_pair(template_of(state), &pair);
    net_close(pair.server, NET_NOW);
    pair.server = NULL;
    char target[ADDRESS_MAX];

    dial_address(pair.listener, target);
    second = assert_socket(net_connect(target, soon()));
    assert_count(net_send(pair.client, "1", 1, soon()), 1);
    assert_count(net_recv_messages(pair.listener, &messages[0], 1, soon()), 1);
    assert_count(net_send(second, "2", 1, soon()), 1);
    assert_count(net_recv_messages(pair.listener, &messages[1], 1, soon()), 1);
    net_close(second, NET_NOW);
    fail_otherwise();
    assert_int_equal(net_send_messages(pair.listener, messages, 2, soon()), 1);
    assert_why(NET_REFUSED, "send", template_of(state));
    assert_next(net_send_messages(pair.listener, messages + 1, 1, soon()), NET_REFUSED, "send",
                template_of(state));
    close_pair(&pair);
}

/* The system tells it once. The library tells it until a call has failed with it. */
static void a_refusal_among_many(void **state)
{
    const net_message messages[] = {{.data = "a", .size = 1}, {.data = "bc", .size = 2}};
    net_socket *socket = refuse_part_way(template_of(state), messages);

    assert_why(NET_REFUSED, "send", template_of(state));
    assert_next(net_send_messages(socket, messages + 1, 1, soon()), NET_REFUSED, "send",
                template_of(state));
    net_close(socket, NET_NOW);
}

static long long send_many(struct caller *caller)
{
    enum { MANY = 4096 };
    static net_message messages[MANY];

    for (int i = 0; i < MANY; i++) {
        messages[i] = (net_message){.data = large, .size = 1000};
    }
    net_close(net_connect("nonsense://old", NET_NOW), NET_NOW);
    long long n = net_send_messages(caller->socket, messages, MANY, caller->deadline);

    keep_sentence(caller);
    return n;
}

/* For wires on which unread messages make the sender wait. */
static void many_that_nobody_reads(void **state)
{
    struct pair pair;
    struct talker talker = {.sentence = ""};

    dial_pair(template_of(state), &pair);
    talker.caller.socket = pair.client;
    talker.caller.deadline = net_after(50);
    assert_short(send_many(&talker.caller), 1, 4096);
    assert_why(NET_TIMEOUT, "send", template_of(state));
    assert_next(net_send(pair.client, "x", 1, NET_NOW), NET_TIMEOUT, "send", template_of(state));
    close_pair(&pair);
    dial_pair(template_of(state), &pair);
    start(&talker, send_many, pair.client);
    net_cancel(pair.client);
    join(&talker, NET_CANCELED, "send");
    assert_short(talker.caller.result, 1, 4096);
    close_pair(&pair);
}

int main(void)
{
    static const char *const layers[] = {"chaos+tcp://127.0.0.1:0", "chaos+unix://@",
                                         "chaos+mem://", NULL};
    static const char *const named[] = {"unixgram://@", "memgram://", "chaos+memgram://",
                                        "chaos+unixgram://@", NULL};
    static const char *const unread[] = {"unixgram://@", "chaos+unixgram://@", NULL};
    static const char *const refusing[] = {"udp://127.0.0.1:0", "udp://[::1]:0",
                                           "chaos+udp://127.0.0.1:0", NULL};
    static const struct test of_streams[] = {
        TEST(a_send_that_nobody_reads),
        TEST(a_send_that_is_cancelled),
        TEST(a_send_that_is_broken_off),
        TEST(a_send_that_the_own_half_close_ends),
        TEST(a_receive_until_the_deadline),
        TEST(a_receive_until_the_end),
        TEST(a_receive_until_a_reset),
        TEST(a_receive_until_a_cancel),
        TEST(a_receive_that_begins_with_a_part_of_a_line),
        TEST(a_success_leaves_all_as_it_was),
    };
    static const struct test of_layers[] = {TEST(a_fault_says_what_it_is)};
    static const struct test of_datagrams[] = {
        TEST(one_that_is_too_long),
        TEST(one_that_is_for_nobody),
    };
    static const struct test of_named[] = {TEST(one_whose_peer_is_gone)};
    static const struct test of_unread[] = {TEST(many_that_nobody_reads)};
    static const struct test of_refusing[] = {TEST(a_refusal_among_many)};

    large = calloc(1, LARGE);
    int failed = run_over(streams, of_streams) + run_over(layers, of_layers) +
                 run_over(datagrams, of_datagrams) + run_over(named, of_named) +
                 run_over(unread, of_unread) + run_over(refusing, of_refusing);

    free(large);
    return failed;
}

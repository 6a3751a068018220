/* driven: skip, a server that lingers half-closes first */
/* With `reset` set, a close breaks the connection off, and the peer never takes it for an
 * end. */
#include "watching.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const breakable[] = {"tcp://127.0.0.1:0",
                                        "tcp://[::1]:0",
                                        "tcp://*:0",
                                        "mem://",
                                        "chaos+tcp://127.0.0.1:0",
                                        "chaos+mem://",
                                        "chaos+tcp://127.0.0.1:0?chunk=3",
                                        "chaos+mem://?delay=20ms",
                                        "chaos+tcp://127.0.0.1:0?delay=20ms",
                                        NULL};

static void assert_setting(net_socket *socket, const char *expected)
{
    char text[8];

    assert_count(net_get(socket, "reset", text, sizeof text), (long long)strlen(expected));
    assert_string_equal(text, expected);
}

/* So many bytes have arrived, as far as the system tells: a reset may overtake bytes in flight. */
static void await_words(net_socket *socket, int count)
{
    char byte;

    await_bytes(socket, count);
    assert_count(net_recv_until(socket, &byte, 1, '<', soon()), 1);
}

static void assert_is_reset(net_socket *socket)
{
    char byte;

    assert_code(net_recv(socket, &byte, 1, soon()), NET_RESET);
    assert_code(net_recv(socket, &byte, 1, NET_NOW), NET_RESET);
    assert_code(net_recv_all(socket, &byte, 1, soon()), NET_RESET);
    assert_code(net_send(socket, "x", 1, soon()), NET_RESET);
}

static void break_off(struct pair *pair, bool is_server, net_deadline deadline)
{
    net_socket **breaks = is_server ? &pair->server : &pair->client;
    net_socket *hears = is_server ? pair->client : pair->server;
    char words[16];

    assert_setting(*breaks, "off");
    assert_count(net_send(*breaks, "<words", 6, soon()), 6);
    await_words(hears, 6);
    assert_ok(net_set(*breaks, "reset", "on"));
    assert_setting(*breaks, "on");
    double start = now_ms();

    assert_int_equal(assert_ok(net_close(*breaks, deadline)), 0);
    *breaks = NULL;
    assert_took(elapsed_ms(start), 0, 500); /* there is nothing to wait for */
    assert_count(net_recv_all(hears, words, 5, soon()), 5);
    assert_memory_equal(words, "words", 5);
    assert_is_reset(hears);
}

static void the_peer_reads_what_had_come_and_then_a_reset(void **state)
{
    for (int way = 0; way < 2; way++) {
        net_deadline deadlines[] = {NET_NOW, net_after(1), soon(), NET_FOREVER};

        for (size_t i = 0; i < COUNT(deadlines); i++) {
            struct pair pair;

            dial_pair(template_of(state), &pair);
            break_off(&pair, way == 0, deadlines[i]);
            close_pair(&pair);
        }
    }
}

static void every_waiting_call_is_told(void **state)
{
    struct pair pair;
    struct caller reader;

    dial_pair(template_of(state), &pair);
    caller_start(&reader, call_recv, pair.client, soon());
    assert_ok(net_set(pair.server, "reset", "on"));
    assert_ok(net_close(pair.server, soon()));
    pair.server = NULL;
    caller_join(&reader);
    assert_int_equal(reader.result, NET_RESET);
    close_pair(&pair);
}

static void a_poller_hears_of_it(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.client, NET_READABLE);
    expect_quiet(poller, 20);
    assert_ok(net_set(pair.server, "reset", "on"));
    assert_ok(net_close(pair.server, NET_NOW));
    pair.server = NULL;
    expect_event(poller, pair.client, NET_READABLE);
    assert_is_reset(pair.client);
    net_poller_close(poller);
    close_pair(&pair);
}

static void in_the_midst_of_a_line(void **state)
{
    struct pair pair;
    char line[16];

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.server, "<ab", 3, soon()), 3);
    await_words(pair.client, 3);
    assert_code(net_recv_until(pair.client, line, sizeof line, '\n', net_after(50)), NET_TIMEOUT);
    assert_ok(net_set(pair.server, "reset", "on"));
    assert_ok(net_close(pair.server, NET_NOW));
    pair.server = NULL;
    assert_count(net_recv_until(pair.client, line, sizeof line, '\n', soon()), 2);
    assert_memory_equal(line, "ab", 2);
    assert_is_reset(pair.client);
    close_pair(&pair);
}

static void off_takes_it_back(void **state)
{
    struct pair pair;
    char byte;

    dial_pair(template_of(state), &pair);
    assert_ok(net_set(pair.server, "reset", "on"));
    assert_ok(net_set(pair.server, "reset", "off"));
    assert_setting(pair.server, "off");
    assert_ok(net_close(pair.server, NET_NOW));
    pair.server = NULL;
    assert_code(net_recv(pair.client, &byte, 1, soon()), NET_EOF);
    close_pair(&pair);
}

/* ---- Children ---- */

static int just_close(void *argument)
{
    return net_close(argument, NET_NOW) == 0 ? 0 : 1;
}

static void the_close_of_a_child_breaks_nothing(void **state)
{
    struct pair pair;
    char byte;

    dial_pair(template_of(state), &pair);
    assert_ok(net_set(pair.server, "reset", "on"));
    assert_int_equal(in_child(just_close, pair.server), 0);
    assert_count(net_send(pair.server, "x", 1, soon()), 1);
    assert_count(net_recv(pair.client, &byte, 1, soon()), 1);
    assert_count(net_send(pair.client, "x", 1, soon()), 1);
    assert_count(net_recv(pair.server, &byte, 1, soon()), 1);
    close_pair(&pair);
}

/* The child has inherited the connection. That does not delay the reset. */
static void a_child_that_has_it_holds_nothing_up(void **state)
{
    struct pair pair;
    int gate[2];
    char byte;

    dial_pair(template_of(state), &pair);
    assert_int_equal(pipe(gate), 0);
    pid_t child = fork();

    if (child == 0) {
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
    }
    assert_true(child > 0);
    assert_ok(net_set(pair.server, "reset", "on"));
    assert_ok(net_close(pair.server, NET_NOW));
    pair.server = NULL;
    assert_is_reset(pair.client);
    close(gate[0]);
    close(gate[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close_pair(&pair);
}

/* ---- Between unix sockets ---- */

static void of_unix_while_something_is_unread(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.client, "unread", 6, soon()), 6);
    break_off(&pair, true, soon());
    close_pair(&pair);
}

static void of_unix_else_the_close_says_so(void **state)
{
    struct pair pair;
    char byte;

    dial_pair(template_of(state), &pair);
    assert_ok(net_set(pair.server, "reset", "on"));
    assert_setting(pair.server, "on");
    assert_code(net_close(pair.server, soon()), NET_UNSUPPORTED);
    assert_blames("close", template_of(state));
    assert_says("sees an end");
    pair.server = NULL;
    assert_code(net_recv(pair.client, &byte, 1, soon()), NET_EOF);
    close_pair(&pair);
}

/* ---- Values, listeners, and wires without a reset ---- */

static void a_value_is_checked(void **state)
{
    struct pair pair;
    char target[ADDRESS_MAX];
    char address[ADDRESS_MAX];

    dial_pair(template_of(state), &pair);
    assert_code(net_set(pair.client, "reset", "maybe"), NET_ADDRESS);
    assert_code(net_set(pair.client, "reset", ""), NET_ADDRESS);
    assert_setting(pair.client, "off");
    dial_address(pair.listener, target);
    with_options(address, target, "reset=on");
    assert_no_socket(net_connect(address, soon()), NET_ADDRESS);
    close_pair(&pair);
}

static void a_listener_has_no_peer(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    assert_code(net_set(listener, "reset", "on"), NET_MISUSE);
    assert_code(net_get(listener, "reset", NULL, 0), NET_MISUSE);
    net_close(listener, NET_NOW);
}

static void datagrams_have_none(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_code(net_set(pair.listener, "reset", "on"), NET_ADDRESS);
    assert_code(net_set(pair.client, "reset", "on"), NET_ADDRESS);
    assert_code(net_set(pair.server, "reset", "on"), NET_ADDRESS);
    close_pair(&pair);
}

static void a_message_that_had_come_is_read_before_the_reset(void **state)
{
    struct pair pair;
    char words[16];

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.server, "words", 5, soon()), 5);
    await_ready(pair.client, POLLIN);
    assert_ok(net_set(pair.server, "reset", "on"));
    assert_int_equal(assert_ok(net_close(pair.server, soon())), 0);
    pair.server = NULL;
    assert_count(net_recv(pair.client, words, sizeof words, soon()), 5);
    for (int i = 0; i < 2; i++) {
        assert_code(net_recv(pair.client, words, sizeof words, soon()), NET_RESET);
        assert_code(net_send(pair.client, "x", 1, soon()), NET_RESET);
    }
    close_pair(&pair);
}

static void a_dial_has_to_be_decided_first(void **state)
{
    struct black_hole hole;
    char address[ADDRESS_MAX];

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    for (int layered = 0; layered < 2; layered++) {
        snprintf(address, sizeof address, "%s%.*s", layered != 0 ? "chaos+" : "", ADDRESS_MAX - 8,
                 hole.address);
        net_socket *socket = assert_socket(net_connect(address, NET_NOW));

        assert_code(net_set(socket, "reset", "on"), NET_TIMEOUT);
        assert_says("still dialing");
        net_close(socket, NET_NOW);
    }
    close_black_hole(&hole);
}

int main(void)
{
    static const char *const of_unix[] = {"unix://@", "chaos+unix://@", NULL};
    static const char *const of_tcp[] = {"tcp://127.0.0.1:0", "chaos+tcp://127.0.0.1:0", NULL};
    static const struct test all[] = {
        TEST(the_peer_reads_what_had_come_and_then_a_reset),
        TEST(every_waiting_call_is_told),
        TEST(a_poller_hears_of_it),
        TEST(in_the_midst_of_a_line),
        TEST(off_takes_it_back),
    };
    static const struct test tcp[] = {TEST(a_child_that_has_it_holds_nothing_up)};
    static const struct test local[] = {
        TEST(of_unix_while_something_is_unread),
        TEST(of_unix_else_the_close_says_so),
    };
    static const char *const breakable_messages[] = {"framed+tcp://127.0.0.1:0", "framed+mem://",
                                                     "framed+chaos+tcp://127.0.0.1:0", NULL};
    static const struct test messages[] = {
        TEST(a_message_that_had_come_is_read_before_the_reset),
        TEST(every_waiting_call_is_told),
        TEST(off_takes_it_back),
    };
    static const char *const framed_unix[] = {"framed+unix://@", NULL};
    static const struct test local_messages[] = {TEST(of_unix_else_the_close_says_so)};
    static const struct test connected[] = {
        TEST(the_close_of_a_child_breaks_nothing),
        TEST(a_value_is_checked),
        TEST(a_listener_has_no_peer),
    };
    static const struct test datagrams[] = {TEST(datagrams_have_none)};
    static const struct test once[] = {TEST(a_dial_has_to_be_decided_first)};

    return run_over(breakable, all) + run_over(of_tcp, tcp) + run_over(of_unix, local) +
           run_over(breakable_messages, messages) + run_over(framed_unix, local_messages) +
           run_over(connected_templates, connected) + run_over(plain_datagrams, datagrams) +
           run_once(once);
}

/* The options and properties of messages over a stream, and those of the stream through the layer.
 * What every wire promises of properties is in conformance/properties.c. */
#include "plain_peer.h"

#include <stdio.h>
#include <string.h>

static const char *const over_tcp[] = {"framed+tcp://127.0.0.1:0", "framed+chaos+tcp://127.0.0.1:0",
                                       NULL};

enum { U16_MOST = 65535 };

static void assert_everywhere(struct pair *pair, const char *name, const char *value)
{
    assert_reads(pair->listener, name, value);
    assert_reads(pair->client, name, value);
    assert_reads(pair->server, name, value);
}

/* Send this many bytes, and receive them as one message. */
static void assert_carries(net_socket *from, net_socket *to, size_t size)
{
    static char sent[U16_MOST];
    static char got[U16_MOST + 1];

    memset(sent, 'm', sizeof sent);
    assert_in_range(size, 0, sizeof sent);
    assert_count(net_send(from, sent, size, soon()), size);
    assert_count(net_recv(to, got, sizeof got, soon()), size);
    assert_memory_equal(got, sent, size);
}

/* ---- Options of the layer ---- */

static void each_frame_is_read_back_and_carries(void **state)
{
    for (size_t i = 0; frame_kinds[i] != NULL; i++) {
        struct pair pair;
        char options[64];

        snprintf(options, sizeof options, "frame=%s&max=60000&queue=5", frame_kinds[i]);
        dial_pair_with(template_of(state), options, options, &pair);
        assert_everywhere(&pair, "frame", frame_kinds[i]);
        assert_everywhere(&pair, "max", "60000B");
        assert_everywhere(&pair, "queue", "5B");
        assert_carries(pair.client, pair.server, 60000);
        assert_carries(pair.server, pair.client, 0);
        close_pair(&pair);
    }
}

static void the_frame_is_given_in_the_address_only(void **state)
{
    struct pair pair;

    dial_pair_with(template_of(state), "frame=line", "frame=line", &pair);
    assert_code(net_set(pair.client, "frame", "u16"), NET_MISUSE);
    assert_says("frame can only be given in the address");
    assert_code(net_set(pair.listener, "frame", "line"), NET_MISUSE);
    assert_everywhere(&pair, "frame", "line");
    close_pair(&pair);
}

/* 0xffff is the longest that two bytes can say. */
static void the_longest_message_fits_its_frame(void **state)
{
    static const char bound[] = "max is at most 65535 with this frame";
    struct pair pair;
    char address[ADDRESS_MAX];
    char local[ADDRESS_MAX];

    with_options(address, template_of(state), "frame=u16&max=65536");
    assert_no_socket(net_listen(address), NET_ADDRESS);
    assert_says(bound);
    dial_pair_with(template_of(state), "frame=u16", "frame=u16", &pair);
    dial_address(pair.listener, local);
    with_options(address, local, "max=64KiB&frame=u16");
    assert_no_socket(net_connect(address, soon()), NET_ADDRESS);
    assert_says(bound);
    assert_no_socket(net_connect(address, NET_NOW), NET_ADDRESS);
    assert_everywhere(&pair, "max", "65535B");
    assert_code(net_set(pair.client, "max", "64KiB"), NET_ADDRESS);
    assert_says(bound);
    assert_code(net_set(pair.listener, "max", "1MiB"), NET_ADDRESS);
    assert_code(net_set(pair.server, "max", "2GiB"), NET_ADDRESS);
    assert_says("1GiB");
    assert_everywhere(&pair, "max", "65535B");
    assert_carries(pair.client, pair.server, U16_MOST);
    close_pair(&pair);
}

static void the_longest_message_can_change(void **state)
{
    struct pair pair;
    net_socket *client;
    net_socket *server;

    dial_pair_with(template_of(state), "max=100", "max=200", &pair);
    assert_code(net_send(pair.server, "x", 101, soon()), NET_TOOBIG);
    assert_says("101 bytes; the most is 100");
    assert_ok(net_set(pair.server, "max", "101"));
    assert_carries(pair.server, pair.client, 101);
    assert_ok(net_set(pair.client, "max", "2KiB"));
    assert_reads(pair.client, "max", "2KiB");
    assert_reads(pair.listener, "max", "100B");
    assert_ok(net_set(pair.listener, "max", "7"));
    assert_reads(pair.server, "max", "101B");
    assert_ok(net_set(pair.listener, "queue", "8"));
    dial_again(pair.listener, &client, &server);
    assert_reads(server, "max", "7B");
    assert_reads(server, "queue", "8B");
    assert_carries(client, server, 7);
    assert_code(net_send(server, "12345678", 8, soon()), NET_TOOBIG);
    assert_count(net_send(client, "12345678", 8, soon()), 8);
    assert_code(net_recv(server, (char[8]){0}, 8, soon()), NET_RESET);
    assert_says("the peer announced a message of 8 bytes; max is 7");
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    close_pair(&pair);
}

/* The message stays where it is while only max is in its way. */
static void what_was_too_long_comes_once_max_is_raised(void **state)
{
    const char *address = template_of(state);
    char message[20];
    char got[100];

    write_line_pattern(message, sizeof message, 0);
    for (size_t i = 0; frame_kinds[i] != NULL; i++) {
        struct pair pair;
        char options[32];

        snprintf(options, sizeof options, "frame=%s", frame_kinds[i]);
        dial_pair_with(address, options, options, &pair);
        assert_ok(net_set(pair.server, "max", "10"));
        assert_count(net_send(pair.client, message, sizeof message, soon()), sizeof message);
        assert_count(net_send(pair.client, "next", 4, soon()), 4);
        for (int tries = 0; tries < 2; tries++) {
            assert_code(net_recv(pair.server, got, sizeof got, soon()), NET_RESET);
            assert_says("; max is 10"); /* a line may have come in part, and its length so far */
        }
        assert_ok(net_set(pair.server, "max", "19"));
        assert_code(net_recv(pair.server, got, sizeof got, soon()), NET_RESET);
        assert_says("20 bytes; max is 19");
        assert_ok(net_set(pair.server, "max", "100"));
        expect_message(pair.server, message, sizeof message);
        expect_message(pair.server, "next", 4);
        close_pair(&pair);
    }
}

/* One that has come whole with the message before it is no exception. */
static void what_was_received_ahead_obeys_max(void **state)
{
    const char *address = template_of(state);
    char message[20];
    char got[100];

    write_line_pattern(message, sizeof message, 0);
    for (size_t i = 0; frame_kinds[i] != NULL; i++) {
        const net_message messages[] = {{.data = "first", .size = 5},
                                        {.data = message, .size = sizeof message}};
        struct pair pair;
        char options[32];

        snprintf(options, sizeof options, "frame=%s", frame_kinds[i]);
        dial_pair_with(address, options, options, &pair);
        assert_count(net_send_messages(pair.client, messages, 2, soon()), 2);
        expect_message(pair.server, "first", 5);
        await_ready(pair.server, POLLIN);
        assert_ok(net_set(pair.server, "max", "10"));
        assert_code(net_recv(pair.server, got, sizeof got, soon()), NET_RESET);
        assert_says("the peer announced a message of 20 bytes; max is 10");
        assert_ok(net_set(pair.server, "max", "20"));
        assert_count(net_recv(pair.server, got, sizeof got, NET_NOW), sizeof message);
        assert_memory_equal(got, message, sizeof message);
        assert_code(net_recv(pair.server, got, sizeof got, NET_NOW), NET_TIMEOUT);
        close_pair(&pair);
    }
}

static void names_and_values_that_are_wrong_are_told(void **state)
{
    static const struct {
        const char *address;
        const char *words;
    } cases[] = {{"framed+tcp://127.0.0.1:0?frame=u8", "frame takes u16, u32, netstring or line"},
                 {"framed+tcp://127.0.0.1:0?frames=u16", "'frame'"},
                 {"framed+tcp://127.0.0.1:0?max=0", "max cannot be '0'"},
                 {"framed+tcp://127.0.0.1:0?max=2GiB", "1GiB"},
                 {"framed+tcp://127.0.0.1:0?queue=0", "queue cannot be '0'"},
                 {"framed+tcp://127.0.0.1:0?frame=u16&frame=u16", "frame"},
                 {"framed+tcp://127.0.0.1:0?seed=1", "seed"},
                 {"framed+mem://?nodelay=on", "nodelay"},
                 {"framed+chaos+tcp://127.0.0.1:0?loss=0.1", "loss"},
                 {"tcp://127.0.0.1:0?frame=u16", "frame"},
                 {"tcp://127.0.0.1:0?max=1KiB", "max"},
                 {"chaos+tcp://127.0.0.1:0?frame=line", "frame"},
                 {"udp://127.0.0.1:0?max=1KiB", "max"},
                 {"framed+tpc://127.0.0.1:0", "'framed+tcp'"},
                 {"framd+unix://@", "'framed+unix'"},
                 {"framed+udp://127.0.0.1:0", "framed+udp"},
                 {"framed+framed+tcp://127.0.0.1:0", "framed+framed+tcp"},
                 {"chaos+framed+tcp://127.0.0.1:0", "chaos+framed+tcp"},
                 {"framed+fd://0", "framed+fd"},
                 {"framed+https://127.0.0.1:0", "begins with tls://"}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_no_socket(net_listen(cases[i].address), NET_ADDRESS);
        assert_says(cases[i].words);
    }
}

/* ---- Options of the stream ---- */

static void options_of_tcp_reach_the_stream(void **state)
{
    static const char given[] = "nodelay=off&keepalive=30s&user-timeout=9s&sndbuf=32KiB&dscp=34"
                                "&frame=netstring&max=1KiB";
    static const struct {
        const char *name;
        const char *given;
        const char *changed;
    } options[] = {{"nodelay", "off", "on"},
                   {"keepalive", "30s", "7s"},
                   {"user-timeout", "9s", "off"},
                   {"sndbuf", "32KiB", "16KiB"},
                   {"dscp", "34", "46"}};
    struct pair pair;

    dial_pair_with(template_of(state), given, given, &pair);
    for (size_t i = 0; i < COUNT(options); i++) {
        net_socket *const ends[] = {pair.listener, pair.client, pair.server};

        assert_everywhere(&pair, options[i].name, options[i].given);
        for (size_t end = 0; end < COUNT(ends); end++) {
            assert_ok(net_set(ends[end], options[i].name, options[i].changed));
        }
        assert_everywhere(&pair, options[i].name, options[i].changed);
    }
    assert_ok(net_set(pair.client, "sockopt", "SOL_SOCKET/SO_PRIORITY/3"));
    assert_carries(pair.client, pair.server, 1024);
    assert_true(number_of(pair.client, "rtt") > 0);
    close_pair(&pair);
}

static void faults_reach_the_stream(void **state)
{
    struct pair pair;

    (void)state;
    dial_pair_with("framed+chaos+tcp://127.0.0.1:0", "chunk=3&seed=5&frame=line&max=1KiB",
                   "chunk=3&seed=5&frame=line&max=1KiB", &pair);
    assert_everywhere(&pair, "chunk", "3B");
    assert_everywhere(&pair, "seed", "5");
    assert_everywhere(&pair, "delay", "off");
    assert_code(net_set(pair.client, "chunk", "4"), NET_MISUSE);
    assert_carries(pair.client, pair.server, 1000);
    assert_carries(pair.server, pair.client, 1000);
    close_pair(&pair);
}

/* ---- Addresses ---- */

/* An address that a socket tells has no options, so the frame is given again. */
static void addresses_have_the_whole_scheme_and_can_be_dialed(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];
    char text[ADDRESS_MAX];
    char scheme[ADDRESS_MAX];
    char byte;
    size_t length = strcspn(template_of(state), ":");

    dial_pair_with(template_of(state), "frame=line", "frame=line", &pair);
    snprintf(scheme, sizeof scheme, "%.*s", (int)length, template_of(state));
    assert_everywhere(&pair, "scheme", scheme);
    assert_ok(net_get(pair.listener, "local", address, sizeof address));
    assert_reads(pair.client, "peer", address);
    assert_reads(pair.server, "local", address);
    assert_null(strchr(address, '?'));
    assert_memory_equal(address, template_of(state), length + strlen("://"));
    with_options(text, address, "frame=line");
    net_socket *client = assert_socket(net_connect(text, soon()));
    net_socket *server = assert_socket(net_accept(pair.listener, soon()));

    assert_carries(client, server, 5);
    net_close(client, NET_NOW);
    assert_code(net_recv(server, &byte, 1, soon()), NET_EOF);
    net_close(server, NET_NOW);
    close_pair(&pair);
}

static void an_address_is_made_of_parts_and_resolved(void **state)
{
    net_endpoint endpoint;
    char text[ADDRESS_MAX];

    (void)state;
    assert_ok(net_address(text, sizeof text, "framed+tcp", "::1", "53"));
    assert_string_equal(text, "framed+tcp://[::1]:53");
    assert_ok(net_address(text, sizeof text, "framed+unix", "/run/a b", NULL));
    assert_string_equal(text, "framed+unix:///run/a%20b");
    assert_code(net_address(text, sizeof text, "framed+tcp", "a?frame=line", "53"), NET_ADDRESS);
    assert_count(net_resolve("framed+tcp://127.0.0.1:53?frame=u16", &endpoint, 1, NET_NOW), 1);
    assert_ok(net_endpoint_text(&endpoint, text, sizeof text));
    assert_string_equal(text, "127.0.0.1:53");
}

/* ---- Counters ---- */

/* Only the bytes of messages count. One that is dropped counts as received. */
static void messages_are_counted_without_their_frames(void **state)
{
    for (size_t i = 0; frame_kinds[i] != NULL; i++) {
        char buffers[3][4] = {{0}};
        net_message messages[3] = {{.data = buffers[0], .capacity = 4, .size = 4},
                                   {.data = buffers[1], .capacity = 4, .size = 0},
                                   {.data = buffers[2], .capacity = 4, .size = 3}};
        struct pair pair;
        char options[32];
        int got = 0;

        snprintf(options, sizeof options, "frame=%s", frame_kinds[i]);
        dial_pair_with(template_of(state), options, options, &pair); /* it says "hi" */
        assert_count(net_send_messages(pair.client, messages, 3, soon()), 3);
        assert_count(net_send(pair.client, "too long", 8, soon()), 8);
        assert_int_equal(number_of(pair.client, "messages-sent"), 5);
        assert_int_equal(number_of(pair.client, "bytes-sent"), 17);
        while (got < 3) {
            got += (int)assert_ok(net_recv_messages(pair.server, messages + got, 3 - got, soon()));
        }
        assert_code(net_recv(pair.server, buffers, 7, soon()), NET_TOOBIG);
        assert_says("a message of 8 bytes into a buffer of 7, dropped");
        assert_int_equal(number_of(pair.server, "messages-received"), 5);
        assert_int_equal(number_of(pair.server, "bytes-received"), 17);
        assert_int_equal(number_of(pair.server, "truncated"), 1);
        assert_int_equal(number_of(pair.client, "truncated"), 0);
        assert_int_equal(number_of(pair.server, "messages-sent"), 0);
        assert_int_equal(number_of(pair.listener, "messages-received"), 0);
        assert_code(net_set(pair.server, "truncated", "0"), NET_MISUSE);
        close_pair(&pair);
    }
}

/* A send that fails counts nothing. */
static void what_was_refused_is_not_counted(void **state)
{
    struct pair pair;

    dial_pair_with(template_of(state), "frame=line", "frame=line&max=5", &pair);
    assert_code(net_send(pair.client, "123456", 6, soon()), NET_TOOBIG);
    assert_code(net_send(pair.client, "a\nb", 3, soon()), NET_MISUSE);
    assert_says("a message with a newline in it is no line");
    assert_code(net_send(pair.client, "ab\r", 3, soon()), NET_MISUSE);
    assert_says("a line cannot end in a carriage return");
    assert_int_equal(number_of(pair.client, "messages-sent"), 1);
    assert_int_equal(number_of(pair.client, "bytes-sent"), 2);
    close_pair(&pair);
}

/* ---- While dialing ---- */

static void a_dialing_socket_knows_its_frame(void **state)
{
    struct black_hole hole;
    char address[2 * ADDRESS_MAX];
    char text[ADDRESS_MAX];

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    snprintf(address, sizeof address, "framed+%s?frame=u16&queue=9&nodelay=off", hole.address);
    net_socket *call = assert_socket(net_connect(address, NET_NOW));

    assert_reads(call, "frame", "u16");
    assert_reads(call, "max", "65535B");
    assert_reads(call, "queue", "9B");
    assert_reads(call, "nodelay", "off");
    assert_reads(call, "scheme", "framed+tcp");
    assert_reads(call, "messages-sent", "0");
    assert_reads(call, "truncated", "0");
    assert_ok(net_set(call, "max", "1KiB"));
    assert_reads(call, "max", "1KiB");
    assert_code(net_set(call, "max", "64KiB"), NET_ADDRESS);
    assert_code(net_get(call, "peer", text, sizeof text), NET_TIMEOUT);
    assert_code(net_send(call, "x", 1, NET_NOW), NET_TIMEOUT);
    assert_says("still dialing");
    assert_int_equal(net_fd(call), -1);
    net_close(call, NET_NOW);
    close_black_hole(&hole);
}

/* ---- Calls that do not fit ---- */

static void the_sentence_says_why_a_call_does_not_fit(void **state)
{
    char buffer[4] = "abc";
    net_message message = {.data = buffer, .capacity = sizeof buffer, .size = 1};
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_code(net_recv_all(pair.server, buffer, 1, soon()), NET_MISUSE);
    assert_says("messages are received whole, one by one");
    assert_code(net_recv_until(pair.server, buffer, 1, '\n', soon()), NET_MISUSE);
    assert_says("messages are received whole, one by one");
    assert_code(net_send_messages(pair.listener, &message, 1, soon()), NET_MISUSE);
    assert_says("a listener does not talk: send on a socket that net_accept returned");
    assert_code(net_recv_messages(pair.listener, &message, 1, soon()), NET_MISUSE);
    assert_says("a listener does not talk: receive on a socket that net_accept returned");
    assert_code(net_release(pair.client), NET_MISUSE);
    assert_says("no descriptor of its own");
    assert_ok(net_shutdown(pair.client));
    assert_code(net_send(pair.client, "x", 1, soon()), NET_MISUSE);
    assert_says("nothing can be sent after net_shutdown");
    assert_carries(pair.server, pair.client, 3);
    close_pair(&pair);
}

static void a_stream_says_what_carries_messages(void **state)
{
    char buffer[4] = "abc";
    net_message message = {.data = buffer, .capacity = sizeof buffer, .size = 1};
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_code(net_send_messages(pair.client, &message, 1, soon()), NET_MISUSE);
    assert_says("a stream carries bytes: messages need datagrams, or framed+");
    assert_code(net_recv_messages(pair.server, &message, 1, soon()), NET_MISUSE);
    assert_says("a stream carries bytes: messages need datagrams, or framed+");
    assert_code(net_recv_messages(pair.listener, &message, 1, soon()), NET_MISUSE);
    assert_says("a listener does not talk");
    close_pair(&pair);
}

int main(void)
{
    const struct test everywhere[] = {
        TEST(each_frame_is_read_back_and_carries),
        TEST(the_frame_is_given_in_the_address_only),
        TEST(the_longest_message_fits_its_frame),
        TEST(the_longest_message_can_change),
        TEST(what_was_too_long_comes_once_max_is_raised),
        TEST(what_was_received_ahead_obeys_max),
        TEST(addresses_have_the_whole_scheme_and_can_be_dialed),
        TEST(messages_are_counted_without_their_frames),
        TEST(what_was_refused_is_not_counted),
        TEST(the_sentence_says_why_a_call_does_not_fit),
    };
    const struct test tcp[] = {TEST(options_of_tcp_reach_the_stream)};
    const struct test streams[] = {TEST(a_stream_says_what_carries_messages)};
    const struct test once[] = {
        TEST(names_and_values_that_are_wrong_are_told),
        TEST(faults_reach_the_stream),
        TEST(an_address_is_made_of_parts_and_resolved),
        TEST(a_dialing_socket_knows_its_frame),
    };

    return run_over(framed_templates, everywhere) + run_over(over_tcp, tcp) +
           run_over(stream_templates, streams) + run_once(once);
}

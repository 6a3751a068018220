/* Control bytes, marks of direction, separators of lines and bytes that are no UTF-8 came out
 * as they were, wherever text from outside is quoted: in sentences, in net_get and in
 * net_endpoint_text. Each is escaped now, and an address that is printed can still be dialed. */
#include "name/property.h"
#include "raw_unix.h"
#include "safe_text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 1400, BYTES = 255, NAMES_OF_PEERS = 2 };

/* After the single bytes. */
static const char *const sequences[] = {
    /* C1, U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069 */
    "\xc2\x80", "\xc2\x9b", "\xc2\x9f", "\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad", "\xe2\x80\xae",
    "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9",
    /* overlong, surrogates, beyond U+10FFFF */
    "\xc0\x9b", "\xc1\xbf", "\xe0\x80\x9b", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x80\x80\x9b",
    "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
    /* cut */
    "\xe2\x80", "\xf0\x9f\x98", "\xc3", "\xe2\x80x",
    /* what somebody would try, what looks like an escape, and what is harmless */
    "\x1b[31m", "\r\nroot: ok", "\\x1b", "\\\\", "\xc3\xa9", "\xe2\x86\x92", "\xf0\x9f\x98\x80"};

enum { SAMPLES = BYTES + sizeof sequences / sizeof sequences[0] };

static const char *sample(int i)
{
    static char byte[2];

    if (i >= BYTES) {
        return sequences[i - BYTES];
    }
    byte[0] = (char)(i + 1);
    return byte;
}

/* All samples, or some of them where programs run slowly. */
static int step(void)
{
    return slowness() > 1 ? 7 : 1;
}

/* ---- Counting what must not come out ---- */

static long looked_at;
static long unsafe;

static void look(const char *text)
{
    looked_at++;
    if (!is_safe_text(text)) {
        unsafe++;
    }
}

/* Of the properties that are no numbers. */
static void look_at_properties(net_socket *socket)
{
    char text[TEXT_MAX];

    for (int i = 0; i < NF_PROPERTIES; i++) {
        if (!nf_property_is_number((enum nf_property)i) &&
            net_get(socket, nf_rules[i].name, text, sizeof text) >= 0) {
            look(text);
        }
    }
}

static void report(void)
{
    print_message("%ld of %ld texts would mislead\n", unsafe, looked_at);
    assert_int_equal(unsafe, 0);
    looked_at = 0;
}

/* ---- Names ---- */

static const char *const named[] = {
    "unix://{path}", "unix://@name",    "unixgram://{path}", "unixgram://@name",  "mem://name",
    "memgram://n",   "chaos+unix://@n", "chaos+mem://n",     "chaos+memgram://n", NULL};

/* The address with the text behind it, as raw as the grammar lets it be. */
static void append(char address[ADDRESS_MAX], const char *base, const char *text)
{
    bool is_raw = *text != '%' && *text != '?';

    snprintf(address, ADDRESS_MAX, "%s%s", base, is_raw ? text : *text == '%' ? "%25" : "%3F");
}

static void append_escaped(char address[ADDRESS_MAX], const char *base, const char *text)
{
    int length = snprintf(address, ADDRESS_MAX, "%s", base);

    for (const char *at = text; *at != '\0'; at++) {
        length += snprintf(address + length, ADDRESS_MAX - (size_t)length, "%%%02x",
                           (unsigned)(unsigned char)*at);
    }
}

/* The printed address can be dialed, and names the listener to which it belongs. */
static void check_pair(net_socket *listener, char address[ADDRESS_MAX])
{
    struct pair pair = {.listener = listener};
    char text[ADDRESS_MAX];
    net_endpoint endpoint;

    assert_ok(net_get(listener, "local", address, ADDRESS_MAX));
    look(address);
    dial_again(listener, &pair.client, &pair.server);
    assert_reads(pair.client, "peer", address);
    look_at_properties(pair.listener);
    look_at_properties(pair.client);
    look_at_properties(pair.server);
    assert_count(net_resolve(address, &endpoint, 1, soon()), 1);
    assert_ok(net_endpoint_text(&endpoint, text, sizeof text));
    look(text);
    assert_string_equal(text, strstr(address, "://") + 3);
    assert_code(net_shutdown(listener), NET_MISUSE);
    look(net_error_text());
    if (strchr(address, '\\') == NULL) {
        assert_says(address);
    }
    close_pair(&pair);
    if (is_stream(address)) {
        assert_no_socket(net_connect(address, soon()), NET_REFUSED);
        look(net_error_text());
    }
}

/* However the caller writes a name, it is printed in one way. */
static void a_name_is_printed_so_that_it_can_be_dialed(void **state)
{
    const char *base = template_of(state);
    char address[ADDRESS_MAX];
    char printed[ADDRESS_MAX];

    for (int i = 0; i < SAMPLES; i += step()) {
        if (*sample(i) == '/') {
            continue; /* a directory that is not there */
        }
        append(address, base, sample(i));
        check_pair(assert_socket(net_listen(address)), printed);
        append_escaped(address, base, sample(i));
        net_socket *listener = assert_socket(net_listen(address));

        assert_reads(listener, "local", printed);
        net_close(listener, NET_NOW);
    }
    report();
}

/* ---- Names of peers, who choose them ---- */

static int name_itself(int type, const char *name, const struct sockaddr_un *to, socklen_t size)
{
    char address[ADDRESS_MAX];
    struct sockaddr_un own;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    snprintf(address, sizeof address, "unix://@p%s", name);
    socklen_t length = raw_unix_name(address, &own);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&own, length), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)to, size), 0);
    if (type == SOCK_DGRAM) {
        assert_int_equal(send(fd, "hi", 2, 0), 2);
    }
    return fd;
}

static void look_at_peer(net_socket *listener)
{
    net_socket *server = assert_socket(net_accept(listener, soon()));
    char text[TEXT_MAX];
    char byte;

    look_at_properties(server);
    assert_ok(net_get(server, "peer", text, sizeof text));
    assert_code(net_recv_until(server, &byte, 1, 300, soon()), NET_MISUSE);
    look(net_error_text());
    net_close(server, NET_NOW);
}

static void the_name_of_a_peer_is_printed_safely(void **state)
{
    static const char *const listeners[NAMES_OF_PEERS] = {"unix://@listener",
                                                          "unixgram://@listener"};

    (void)state;
    for (int wire = 0; wire < NAMES_OF_PEERS; wire++) {
        int type = wire == 0 ? SOCK_STREAM : SOCK_DGRAM;
        net_socket *listener = assert_socket(net_listen(listeners[wire]));
        struct sockaddr_un to;
        socklen_t size = raw_unix_name("unix://@listener", &to);

        for (int i = 0; i < SAMPLES; i += step()) {
            int fd = name_itself(type, sample(i), &to, size);

            if (type == SOCK_DGRAM) {
                char text[TEXT_MAX];
                char in[8];
                net_message message = {.data = in, .capacity = sizeof in};

                assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
                assert_ok(net_endpoint_text(&message.endpoint, text, sizeof text));
                look(text);
                assert_ok(net_set(listener, "admit", text)); /* what is printed is taken */
            }
            look_at_peer(listener);
            close(fd);
        }
        net_close(listener, NET_NOW);
    }
    report();
}

/* ---- What is refused ---- */

static void look_at_made(net_socket *made)
{
    char byte;

    if (made == NULL) {
        look(net_error_text());
        return;
    }
    look_at_properties(made);
    look(net_recv(made, &byte, 1, NET_NOW) < 0 ? net_error_text() : "");
    net_close(made, NET_NOW);
}

static void look_at_calls(const char *address, bool is_to_dial)
{
    net_endpoint endpoint;

    look_at_made(net_listen(address));
    if (is_to_dial) {
        look_at_made(net_connect(address, NET_NOW));
        look(net_resolve(address, &endpoint, 1, NET_NOW) < 0 ? net_error_text() : "");
    }
}

/* Of what surrounds the sample. Hosts are only listened on, so that no name is looked up. */
static void every_part_of_an_address_is_quoted_safely(void **state)
{
    static const char *const hosts[][2] = {
        {"", ""}, {"", "://x"}, {"tcp://", ":80"}, {"udp://a", ":80"}};
    static const char *const parts[][2] = {
        {"tcp://[::1%", "]:9"},
        {"udp://[fe80::1%x", "]:9"},
        {"tcp://127.0.0.1:p", ""},
        {"tcp://127.0.0.1:9?", ""},
        {"tcp://127.0.0.1:9?", "=on"},
        {"systemd://", ""},
        {"fd://x", ""},
        {"unix:///none/", ""},
        {"unixgram:///none/", ""},
        {"mem://none", ""},
        {"memgram://none", ""},
        {"chaos+unix:///none/", ""},
        {"tcp://127.0.0.1:9?source=", ""},
        {"udp://127.0.0.1:9?sockopt=", "/1/2"},
        {"udp://127.0.0.1:9?sockopt=1/", "/2"},
        {"udp://127.0.0.1:9?sockopt=1/2/", ""},
    };
    char address[ADDRESS_MAX];

    (void)state;
    for (int i = 0; i < SAMPLES; i += step()) {
        for (size_t j = 0; j < COUNT(hosts); j++) {
            snprintf(address, sizeof address, "%s%s%s", hosts[j][0], sample(i), hosts[j][1]);
            look_at_calls(address, false);
        }
        for (size_t j = 0; j < COUNT(parts); j++) {
            snprintf(address, sizeof address, "%s%s%s", parts[j][0], sample(i), parts[j][1]);
            look_at_calls(address, true);
        }
    }
    report();
}

/* All samples on one wire, some on the others: each is a listener. */
static void every_value_is_quoted_safely(void **state)
{
    static const char *const targets[] = {"chaos+tcp://127.0.0.1:0", "chaos+udp://127.0.0.1:0",
                                          "unix://@values"};
    char address[TEXT_MAX];

    (void)state;
    for (size_t target = 0; target < COUNT(targets); target++) {
        for (int option = 0; option < NF_OPTIONS; option++) {
            for (int i = 0; i < SAMPLES; i += target == 0 ? step() : 10 * step()) {
                snprintf(address, sizeof address, "%s?%.19s=%s", targets[target],
                         nf_rules[option].name, sample(i));
                net_socket *made = net_listen(address);

                look(made == NULL ? net_error_text() : "");
                net_close(made, NET_NOW);
            }
        }
    }
    report();
}

/* ---- The calls that take names ---- */

static void look_at_names(net_socket *socket, const char *text)
{
    char buffer[TEXT_MAX];
    int64_t number;

    look(net_get(socket, text, buffer, sizeof buffer) < 0 ? net_error_text() : buffer);
    look(net_get_number(socket, text, &number) < 0 ? net_error_text() : "");
    look(net_set(socket, text, "1") < 0 ? net_error_text() : "");
    for (int i = 0; i < NF_PROPERTIES; i++) {
        if (nf_property_is_settable((enum nf_property)i) && i != NF_RESET) {
            look(net_set(socket, nf_rules[i].name, text) < 0 ? net_error_text() : "");
        }
    }
    look_at_properties(socket);
}

static void names_and_values_of_calls_are_quoted_safely(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < SAMPLES; i += step()) {
        look_at_names(pair.listener, sample(i));
        look_at_names(pair.client, sample(i));
    }
    close_pair(&pair);
    report();
}

static void a_composed_address_is_safe(void **state)
{
    char address[TEXT_MAX];
    char zone[ADDRESS_MAX];

    (void)state;
    for (int i = 0; i < SAMPLES; i += step()) {
        const char *text = sample(i);
        const char *const calls[][3] = {{text, "127.0.0.1", "80"},  {"tcp", text, "80"},
                                        {"udp", "127.0.0.1", text}, {"unix", "/x", text},
                                        {"mem", text, NULL},        {"tcp", zone, "80"},
                                        {text, text, NULL},         {"unix", zone, NULL}};

        append(zone, "fe80::1%", text);
        for (size_t j = 0; j < COUNT(calls); j++) {
            int n = net_address(address, sizeof address, calls[j][0], calls[j][1], calls[j][2]);

            look(n < 0 ? net_error_text() : address);
        }
    }
    report();
}

/* ---- Cut texts ---- */

/* Neither a sentence nor what it quotes is cut within a character or an escape. */
static void a_long_text_is_cut_between_characters(void **state)
{
    static char address[2000];

    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        for (int i = 0; i < SAMPLES; i += step()) {
            snprintf(address, sizeof address, "mem://%.*s", shift, "xxx");
            while (strlen(address) + strlen(sample(i)) < sizeof address) {
                strcat(address, sample(i));
            }
            assert_null(net_listen(address));
            look(net_error_text());
            if (strlen(sample(i)) == 4 && is_safe_text(sample(i)) && *sample(i) != '\\') {
                assert_null(strchr(net_error_text(), '\\'));
            }
        }
    }
    report();
}

int main(void)
{
    static const char *const wires[] = {"tcp://127.0.0.1:0", "udp://127.0.0.1:0", "unixgram://@",
                                        "chaos+mem://", NULL};
    static const struct test names[] = {TEST(a_name_is_printed_so_that_it_can_be_dialed)};
    static const struct test calls[] = {TEST(names_and_values_of_calls_are_quoted_safely)};
    static const struct test once[] = {
        TEST(the_name_of_a_peer_is_printed_safely),
        TEST(every_part_of_an_address_is_quoted_safely),
        TEST(every_value_is_quoted_safely),
        TEST(a_composed_address_is_safe),
        TEST(a_long_text_is_cut_between_characters),
    };

    return run_over(named, names) + run_over(wires, calls) + run_once(once);
}

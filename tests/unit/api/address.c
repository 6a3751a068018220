/* net_address: the library's own parser reads from its output exactly what was given. If that is
 * not possible, the call fails. */
#include "api/registry.h"
#include "name/path.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

enum { ROOM = 512, BYTES = 256 };

/* A target of host and port has a colon between them. An IPv6 host is in brackets. */
static void assert_target(const struct nf_url *url, const char *host, const char *port)
{
    struct nf_host parsed;
    char expected[ROOM];
    bool v6 = strchr(host, ':') != NULL;

    snprintf(expected, sizeof expected, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
    assert_int_equal(url->target_length, strlen(expected));
    assert_memory_equal(url->target, expected, strlen(expected));
    assert_int_equal(nf_host_parse(url->target, url->target_length, &parsed), 0);
    assert_true(parsed.has_port);
    assert_int_equal(parsed.addr.family == NF_IPV6 || strstr(host, "::ffff:") != NULL, v6);
    assert_true(v6 || strchr(parsed.zone, '%') == NULL);
}

static void assert_name(const struct nf_url *url, const char *name)
{
    char parsed[NF_ADDR_NAME_MAX];

    assert_int_equal(nf_path_parse(url->target, url->target_length, parsed), strlen(name));
    assert_memory_equal(parsed, name, strlen(name));
}

/* Whether an address can be composed. If so, it parses to the same parts. */
static bool is_said(const char *scheme, const char *host, const char *port)
{
    char address[ROOM] = "before";
    struct nf_target target;
    int n = net_address(address, sizeof address, scheme, host, port);

    if (n < 0) {
        assert_int_equal(n, NET_ADDRESS);
        assert_int_equal(net_error(), NET_ADDRESS);
        assert_string_equal(address, "");
        assert_non_null(strchr(net_error_text(), '(')); /* and net_error_text says why */
        return false;
    }
    assert_int_equal(n, strlen(address));
    assert_null(strchr(address, '?'));
    assert_int_equal(nf_registry_find(address, &target), 0);
    assert_string_equal(target.backend->scheme, scheme);
    assert_int_equal(target.options.given, 0);
    assert_int_equal(target.url.query_length, 0);
    if (port != NULL) {
        assert_target(&target.url, host, port);
    } else {
        assert_name(&target.url, host);
    }
    return true;
}

static void assert_composes(const char *scheme, const char *host, const char *port,
                            const char *expected)
{
    char address[ROOM];

    assert_int_equal(assert_ok(net_address(address, sizeof address, scheme, host, port)),
                     strlen(expected));
    assert_string_equal(address, expected);
    assert_true(is_said(scheme, host, port));
}

static void what_can_be_said_is_said(void **state)
{
    (void)state;
    assert_composes("tcp", "127.0.0.1", "80", "tcp://127.0.0.1:80");
    assert_composes("udp", "::1", "0", "udp://[::1]:0");
    assert_composes("tcp", "fe80::1%eth0", "http", "tcp://[fe80::1%eth0]:http");
    assert_composes("tcp", "::ffff:192.0.2.1", "1", "tcp://[::ffff:192.0.2.1]:1");
    assert_composes("tcp", "2001:DB8:0::1", "65535", "tcp://[2001:DB8:0::1]:65535");
    assert_composes("tcp", "db_1.example.", "domain-s", "tcp://db_1.example.:domain-s");
    assert_composes("chaos+tcp", "localhost", "7", "chaos+tcp://localhost:7");
    assert_composes("tcp", "", "80", "tcp://:80");
    assert_composes("udp", "*", "80", "udp://*:80");
    assert_composes("unix", "/run/a b?c%d#e", NULL, "unix:///run/a%20b%3Fc%25d%23e");
    assert_composes("unix", "/", NULL, "unix:///");
    assert_composes("unixgram", "@name", NULL, "unixgram://@name");
    assert_composes("unix", "@", NULL, "unix://@");
    assert_composes("unix", "@@x", NULL, "unix://@@x");
    assert_composes("mem", "", NULL, "mem://");
    assert_composes("mem", "@/:?", NULL, "mem://@/:%3F");
    assert_composes("chaos+memgram", "a&b=c", NULL, "chaos+memgram://a&b=c");
}

static void what_would_mean_something_else_is_refused(void **state)
{
    static const struct {
        const char *scheme;
        const char *host;
        const char *port;
    } refused[] = {{"tcp", "127.0.0.1:8123?source=127.0.0.1", "80"},
                   {"tcp", "127.0.0.1:8123", "80"},
                   {"tcp", "good.example@evil.example", "80"},
                   {"tcp", "host/path", "80"},
                   {"tcp", "host#part", "80"},
                   {"tcp", "host%41", "80"},
                   {"tcp", "host?nodelay=off", "80"},
                   {"tcp", "[::1]", "80"},
                   {"tcp", "::1]:22", "80"},
                   {"tcp", "[::1", "80"},
                   {"tcp", "::1?x", "80"},
                   {"tcp", "::1%lo", "80"}, /* only IPv6 addresses take a zone */
                   {"tcp", "fe80::1%", "80"},
                   {"tcp", "fe80::1%a]:22", "80"},
                   {"tcp", "fe80::1%a?b", "80"},
                   {"tcp", "127.0.0.1%lo", "80"},
                   {"tcp", ":", "80"},
                   {"tcp", "::x", "80"},
                   {"tcp", "**", "80"},
                   {"tcp", "*.example", "80"},
                   {"tcp", " host", "80"},
                   {"tcp", "host\n", "80"},
                   {"tcp", "127.1", "80"},
                   {"tcp", "0x7f.1", "80"},
                   {"tcp", "2130706433", "80"},
                   {"tcp", "127.0.0.01", "80"},
                   {"tcp", "host", ""},
                   {"tcp", "host", NULL},
                   {"tcp", "host", "080"},
                   {"tcp", "host", "65536"},
                   {"tcp", "host", "-1"},
                   {"tcp", "host", "80?nodelay=off"},
                   {"tcp", "host", "80:81"},
                   {"tcp", "host", " 80"},
                   {"tcp", "", ""},
                   {"unix", "", NULL},
                   {"unix", "name", NULL},
                   {"unix", "./name", NULL},
                   {"unix", "%40name", NULL},
                   {"unix", "/path", "80"},
                   {"unix", "/path", ""},
                   {"mem", "name", "80"},
                   {"", "host", "80"},
                   {"TCP", "host", "80"},
                   {"tcp:", "host", "80"},
                   {"tcp://evil.example:1?x=", "host", "80"},
                   {"chaos", "host", "80"},
                   {"chaos+chaos+tcp", "host", "80"},
                   {"chaos+", "host", "80"},
                   {"http", "host", "80"},
                   {"fd", "3", NULL},
                   {"fd", "3", "80"},
                   {"systemd", "http", NULL}};

    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        if (is_said(refused[i].scheme, refused[i].host, refused[i].port)) {
            fail_msg("%s, %s, %s", refused[i].scheme, refused[i].host, refused[i].port);
        }
    }
    assert_false(is_said("tpc", "host", "80"));
    assert_says("the nearest is 'tcp'");
}

/* Put the byte before, into and behind a good part, and in place of each of its bytes. */
static void try_byte(int byte, const char *good, const char *scheme, const char *host,
                     const char *port, int *said)
{
    size_t length = strlen(good);
    char text[ROOM];

    for (size_t at = 0; at <= length; at++) {
        for (size_t cut = 0; cut < 2 && at + cut <= length; cut++) {
            snprintf(text, sizeof text, "%.*s%c%s", (int)at, good, byte, good + at + cut);
            *said += is_said(scheme == NULL ? text : scheme, host == NULL ? text : host,
                             port == NULL                ? text
                             : strcmp(port, "none") == 0 ? NULL
                                                         : port);
        }
    }
}

static void no_byte_smuggles_anything(void **state)
{
    int of_paths = 0;
    int of_names = 0;
    int of_schemes = 0;
    int others = 0;

    (void)state;
    for (int byte = 1; byte < BYTES; byte++) {
        try_byte(byte, "tcp", NULL, "host", "80", &of_schemes);
        try_byte(byte, "unix", NULL, "/path", "none", &of_schemes);
        try_byte(byte, "db.example", "tcp", NULL, "80", &others);
        try_byte(byte, "127.0.0.1", "udp", NULL, "80", &others);
        try_byte(byte, "2001:db8::1", "tcp", NULL, "80", &others);
        try_byte(byte, "fe80::1%eth0", "tcp", NULL, "80", &others);
        try_byte(byte, "*", "tcp", NULL, "80", &others);
        try_byte(byte, "8080", "tcp", "host", NULL, &others);
        try_byte(byte, "http-alt", "tcp", "::1", NULL, &others);
        try_byte(byte, "/a/b", "unix", NULL, "none", &of_paths);
        try_byte(byte, "name", "mem", NULL, "none", &of_names);
    }
    assert_int_equal(of_schemes, 3 + 4); /* only where a byte replaces itself */
    assert_int_equal(of_names, 255 * 9); /* all of them */
    assert_true(of_paths >= 255 * 7);    /* all, except paths whose first byte changed */
    assert_true(others > 0);
}

static void a_text_that_is_too_long_is_refused(void **state)
{
    static char text[2000];

    (void)state;
    for (size_t length = 1; length < sizeof text; length++) {
        text[0] = '/';
        memset(text + 1, 'a', length - 1);
        text[length] = '\0';
        assert_int_equal(is_said("unix", text, NULL), length <= 107);
        assert_int_equal(is_said("mem", text, NULL), length <= 108);
        memset(text, '?', length);
        assert_int_equal(is_said("mem", text, NULL), length <= 108);
        memset(text, 'a', length);
        assert_int_equal(is_said("tcp", text, "80"), length <= 63);
        assert_int_equal(is_said("tcp", "host", text), length <= 31);
        assert_false(is_said(text, "host", "80"));
        assert_false(is_said("tcp", text, text) && length > 31);
    }
}

static void a_buffer_of_any_size_is_filled_as_far_as_it_goes(void **state)
{
    static const char whole[] = "tcp://[fe80::1%eth0]:80";
    char buffer[sizeof whole + 4];

    (void)state;
    for (size_t size = 0; size <= sizeof whole + 2; size++) {
        memset(buffer, '~', sizeof buffer);
        assert_int_equal(net_address(buffer, size, "tcp", "fe80::1%eth0", "80"), strlen(whole));
        for (size_t i = size; i < sizeof buffer; i++) {
            assert_int_equal(buffer[i], '~');
        }
        if (size > 0) {
            size_t fits = size - 1 < strlen(whole) ? size - 1 : strlen(whole);

            assert_int_equal(strlen(buffer), fits);
            assert_memory_equal(buffer, whole, fits);
        }
        memset(buffer, '~', sizeof buffer);
        assert_int_equal(net_address(buffer, size, "tcp", "a?b", "80"), NET_ADDRESS);
        assert_int_equal(buffer[0], size > 0 ? '\0' : '~');
        assert_int_equal(buffer[1], '~');
    }
    assert_int_equal(net_address(NULL, 0, "tcp", "host", "80"), strlen("tcp://host:80"));
}

static void a_null_is_misuse(void **state)
{
    char buffer[ROOM];

    (void)state;
    assert_code(net_address(buffer, sizeof buffer, NULL, "host", "80"), NET_MISUSE);
    assert_code(net_address(buffer, sizeof buffer, "tcp", NULL, "80"), NET_MISUSE);
    assert_code(net_address(buffer, sizeof buffer, NULL, NULL, NULL), NET_MISUSE);
    assert_code(net_address(NULL, 1, "tcp", "host", "80"), NET_MISUSE);
    assert_code(net_address(buffer, SIZE_MAX, "tcp", "host", "80"), NET_MISUSE);
}

/* An address that was composed can be listened on and dialed, whatever bytes its name has. */
static void a_name_of_odd_bytes_is_a_name(void **state)
{
    char name[8] = "";
    char address[ROOM];

    (void)state;
    for (int byte = 1; byte < BYTES; byte++) {
        snprintf(name, sizeof name, "%cx%c", byte, byte);
        assert_ok(net_address(address, sizeof address, "mem", name, NULL));
        net_socket *listener = assert_socket(net_listen(address));
        net_socket *call = assert_socket(net_connect(address, soon()));
        char local[ROOM];

        assert_ok(net_get(listener, "local", local, sizeof local));
        assert_string_equal(local, address);
        net_close(call, NET_NOW);
        net_close(listener, NET_NOW);
    }
}

int main(void)
{
    const struct test tests[] = {
        TEST(what_can_be_said_is_said),
        TEST(what_would_mean_something_else_is_refused),
        TEST(no_byte_smuggles_anything),
        TEST(a_text_that_is_too_long_is_refused),
        TEST(a_buffer_of_any_size_is_filled_as_far_as_it_goes),
        TEST(a_null_is_misuse),
        TEST(a_name_of_odd_bytes_is_a_name),
    };

    return run_once(tests);
}

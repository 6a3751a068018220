/* net_get_number returns what net_get prints, as a number. Hosts and ports are also available
 * separately. */
#include "name/property.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { LISTENER, ACCEPTED, DIALED, ENDS };

#define UNTOUCHED INT64_C(-77)
#define SECOND    INT64_C(1000000000)

static net_socket *end_of(struct pair *pair, int which)
{
    return which == LISTENER ? pair->listener : which == ACCEPTED ? pair->server : pair->client;
}

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        found = found || strcmp(name, list[i]) == 0;
    }
    return found;
}

/* Addresses, hosts, names and shares. */
static bool is_text(const char *name)
{
    static const char *const texts[] = {
        "source",    "device",       "congestion",  "interface", "family",     "peer",
        "peer-host", "group-source", "scheme",      "local",     "local-host", "loss",
        "reorder",   "duplicate",    "accept-fail", "frame",     "side"};

    return is_one_of(name, texts, COUNT(texts));
}

static bool can_only_be_set(const char *name)
{
    static const char *const names[] = {"admit", "sockopt"};

    return is_one_of(name, names, COUNT(names));
}

/* Values are written as the manual says. */
static int64_t meaning_of(const char *name, const char *text)
{
    static const struct {
        const char *unit;
        int64_t factor;
    } units[] = {
        {"us", 1000},     {"ms", 1000000},           {"s", SECOND}, {"B", 1}, {"KiB", 1 << 10},
        {"MiB", 1 << 20}, {"GiB", INT64_C(1) << 30}, {"", 1}};
    char *unit = NULL;
    size_t i = 0;

    if (strcmp(text, "on") == 0 || strcmp(text, "off") == 0) {
        return strcmp(text, "on") == 0;
    }
    int64_t number = strtoll(text, &unit, strcmp(name, "mode") == 0 ? 8 : 10);

    while (strcmp(units[i].unit, unit) != 0) {
        i++;
        assert_in_range(i, 0, COUNT(units) - 1);
    }
    return number * units[i].factor;
}

static void check_number(net_socket *socket, const char *name)
{
    char text[ADDRESS_MAX];
    int64_t number = UNTOUCHED;
    int n = net_get(socket, name, text, sizeof text);
    int code = net_get_number(socket, name, &number);

    if (can_only_be_set(name) && n != NET_ADDRESS) {
        assert_int_equal(n, NET_MISUSE);
        assert_code(code, NET_MISUSE);
    } else if (n < 0 && !is_text(name)) {
        assert_code(code, n);
    } else if (n < 0 || is_text(name)) {
        assert_code(code, NET_ADDRESS);
    } else if (strcmp(name, "rtt") == 0) { /* its value changes */
        assert_ok(code);
        assert_true(number > 0 && number % 1000 == 0 && number < 60 * SECOND);
    } else {
        assert_ok(code);
        assert_int_equal(number, meaning_of(name, text));
    }
    assert_true(code == 0 || number == UNTOUCHED);
}

static void every_number_is_what_the_text_says(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (int word = 0; word < NF_PROPERTIES; word++) {
        for (int which = 0; which < ENDS; which++) {
            if (nf_rules[word].name[0] != '\0') {
                check_number(end_of(&pair, which), nf_rules[word].name);
            }
        }
    }
    close_pair(&pair);
}

static void assert_number(net_socket *socket, const char *name, int64_t expected)
{
    int64_t number = UNTOUCHED;

    assert_int_equal(assert_ok(net_get_number(socket, name, &number)), 0);
    assert_int_equal(number, expected);
}

static void units_are_nanoseconds_and_bytes(void **state)
{
    net_socket *udp = assert_socket(net_listen("udp://127.0.0.1:0?idle=1500ms&queue=3KiB&peers=7"
                                               "&fragment=off"));
    net_socket *tcp = assert_socket(net_listen("tcp://127.0.0.1:0?keepalive=9s&nodelay=off"));
    net_socket *chaos = assert_socket(net_listen("chaos+mem://?delay=20ms&chunk=1KiB&seed=5"));
    net_socket *framed = assert_socket(net_listen("framed+mem://?max=64KiB&queue=9&frame=u32"));
    int64_t port = 0;

    (void)state;
    assert_number(udp, "idle", 3 * SECOND / 2);
    assert_number(udp, "queue", 3072);
    assert_number(udp, "peers", 7);
    assert_number(udp, "fragment", 0);
    assert_ok(net_set(udp, "idle", "off"));
    assert_number(udp, "idle", 0);
    assert_ok(net_set(udp, "idle", "1125899906842624ms")); /* too many nanoseconds for 64 bits */
    assert_number(udp, "idle", INT64_MAX);
    assert_number(tcp, "keepalive", 9 * SECOND);
    assert_number(tcp, "user-timeout", 0);
    assert_number(tcp, "nodelay", 0);
    assert_number(chaos, "delay", SECOND / 50);
    assert_number(chaos, "chunk", 1024);
    assert_number(chaos, "stall-after", 0);
    assert_number(chaos, "seed", 5);
    assert_number(framed, "max", 65536);
    assert_number(framed, "queue", 9);
    assert_number(framed, "truncated", 0);
    assert_code(net_get_number(framed, "frame", &port), NET_ADDRESS);
    assert_says("frame is a text");
    assert_ok(net_get_number(tcp, "port", &port));
    assert_int_equal(port, number_of(tcp, "port"));
    net_close(framed, NET_NOW);
    net_close(chaos, NET_NOW);
    net_close(tcp, NET_NOW);
    net_close(udp, NET_NOW);
}

static void misuse_and_unknown_names_leave_the_value(void **state)
{
    net_socket *listener = assert_socket(net_listen("mem://"));
    int64_t number = UNTOUCHED;

    (void)state;
    assert_code(net_get_number(NULL, "sndbuf", &number), NET_MISUSE);
    assert_code(net_get_number(listener, NULL, &number), NET_MISUSE);
    assert_code(net_get_number(listener, "sndbuf", NULL), NET_MISUSE);
    assert_code(net_get_number(listener, "sndbf", &number), NET_ADDRESS);
    assert_says("the nearest is 'sndbuf'");
    assert_code(net_get_number(listener, "local", &number), NET_ADDRESS);
    assert_says("local is a text");
    assert_code(net_get_number(listener, "", &number), NET_ADDRESS);
    assert_int_equal(number, UNTOUCHED);
    net_cancel(listener);
    assert_ok(net_get_number(listener, "sndbuf", &number));
    net_close(listener, NET_NOW);
}

/* ---- Hosts and ports alone ---- */

static void text_of(net_socket *socket, const char *name, char text[ADDRESS_MAX])
{
    assert_in_range(assert_ok(net_get(socket, name, text, ADDRESS_MAX)), 1, ADDRESS_MAX - 1);
}

/* net_address makes the whole address from the parts. */
static void assert_parts(net_socket *socket, const char *whole, const char *host, const char *port)
{
    char scheme[ADDRESS_MAX];
    char parts[2][ADDRESS_MAX];
    char expected[ADDRESS_MAX];
    char made[ADDRESS_MAX];

    text_of(socket, "scheme", scheme);
    text_of(socket, host, parts[0]);
    text_of(socket, port, parts[1]);
    text_of(socket, whole, expected);
    assert_null(strchr(parts[0], '['));
    assert_ok(net_address(made, sizeof made, scheme, parts[0], parts[1]));
    assert_string_equal(made, expected);
}

static void host_and_port_are_the_parts_of_an_address(void **state)
{
    char text[ADDRESS_MAX];
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (int which = 0; which < ENDS; which++) {
        net_socket *each = end_of(&pair, which);

        if (!is_ip(template_of(state))) {
            assert_code(net_get(each, "peer-host", text, sizeof text), NET_ADDRESS);
            assert_code(net_get(each, "peer-port", text, sizeof text), NET_ADDRESS);
            assert_code(net_get(each, "local-host", text, sizeof text), NET_ADDRESS);
            continue;
        }
        assert_parts(each, "local", "local-host", "port");
        if (which != LISTENER) {
            assert_parts(each, "peer", "peer-host", "peer-port");
        }
        assert_code(net_set(each, "peer-host", "x"), NET_MISUSE);
    }
    if (is_ip(template_of(state))) {
        assert_code(net_get(pair.listener, "peer-host", text, sizeof text), NET_MISUSE);
        assert_code(net_get(pair.listener, "peer-port", text, sizeof text), NET_MISUSE);
        assert_int_equal(number_of(pair.client, "peer-port"), number_of(pair.listener, "port"));
        assert_int_equal(number_of(pair.server, "peer-port"), number_of(pair.client, "port"));
    }
    close_pair(&pair);
}

int main(void)
{
    const struct test everywhere[] = {TEST(every_number_is_what_the_text_says),
                                      TEST(host_and_port_are_the_parts_of_an_address)};
    const struct test once[] = {TEST(units_are_nanoseconds_and_bytes),
                                TEST(misuse_and_unknown_names_leave_the_value)};

    return run_over(all_templates, everywhere) + run_once(once);
}

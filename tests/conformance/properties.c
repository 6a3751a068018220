/* Every property and option, read and set, on the listener, the accepted and the dialed socket. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTENER = 1, ACCEPTED = 2, DIALED = 4, ALL = 7 };

static net_socket *end_of(struct pair *pair, int which)
{
    return which == LISTENER ? pair->listener : which == ACCEPTED ? pair->server : pair->client;
}

/* Wires. IP: those with hosts and ports. SYSTEM: those with a socket of the kernel. FRAMED: the
 * layer over a wire. */
enum {
    TCP = 1,
    UDP = 2,
    UNIX = 4,
    UNIXGRAM = 8,
    MEM = 16,
    MEMGRAM = 32,
    FRAMED = 64,
    IP = TCP | UDP,
    FILES = UNIX | UNIXGRAM,
    CALLS = TCP | UNIX | MEM,
    HUBS = UDP | UNIXGRAM | MEMGRAM,
    SYSTEM = IP | FILES,
    BUFFERED = SYSTEM | MEM
};

/* The value of each option when the address does not name it. */
static const struct {
    const char *name;
    int wires;
    const char *value; /* NULL: the system decides */
    const char *changed;
    int settable; /* on these ends; 0: given in the address only */
} options[] = {{"nodelay", TCP, "on", "off", ALL},
               {"keepalive", TCP, "off", "7s", ALL},
               {"user-timeout", TCP, "off", "1500ms", ALL},
               {"backlog", CALLS, NULL, "3", 0},
               {"reuseport", IP, "off", "on", 0},
               {"v6only", IP, NULL, "on", 0},
               {"source", IP, "off", "127.0.0.1", 0},
               {"sndbuf", BUFFERED, NULL, "16KiB", ALL},
               {"rcvbuf", BUFFERED, NULL, "16KiB", ALL},
               {"device", IP, "off", "lo", 0},
               {"dscp", IP, "0", "46", ALL},
               {"congestion", TCP, NULL, "reno", ALL},
               {"broadcast", UDP, "off", "on", LISTENER | DIALED},
               {"ttl", UDP, NULL, "9", LISTENER | DIALED},
               {"fragment", UDP, "on", "off", LISTENER | DIALED},
               {"multicast-loop", UDP, "on", "off", LISTENER | DIALED},
               {"interface", UDP, "off", "lo", 0},
               {"group-source", UDP, "off", "127.0.0.1", 0},
               {"peers", HUBS, "65536", "7", LISTENER},
               {"queue", HUBS | FRAMED, "256KiB", "1000B", LISTENER}, /* FRAMED: ALL */
               {"total", HUBS, "64MiB", "1MiB", LISTENER},
               {"strangers", HUBS, "1MiB", "5000B", LISTENER},
               {"idle", HUBS, "60s", "1500ms", LISTENER},
               {"mode", FILES, "0600", "0640", 0},
               {"unlink", FILES, "on", "off", 0},
               {"frame", FRAMED, "u32", "line", 0},
               {"max", FRAMED, "1MiB", "5000B", ALL}};

static const char *const schemes[] = {"tcp", "udp", "unix", "unixgram", "mem", "memgram"};

/* Returns the address without layers. A cipher without a wire is over tcp. */
static const char *wire_of(const char *address)
{
    const char *end = strchr(address, ':');
    const char *wire = end;

    while (wire > address && wire[-1] != '+') {
        wire--;
    }
    return is_encrypted(wire) ? "tcp:" : wire;
}

static bool is_of(int wires, const char *address)
{
    const char *wire = wire_of(address);
    size_t i = 0;

    while (strncmp(wire, schemes[i], strlen(schemes[i])) != 0 || wire[strlen(schemes[i])] != ':') {
        i++;
        assert_in_range(i, 0, COUNT(schemes) - 1);
    }
    return (wires & 1 << i) != 0 || ((wires & FRAMED) != 0 && is_framed(address));
}

/* Whether net_set may change the option on this end. */
static bool is_settable(size_t option, int which, const char *address)
{
    bool is_own = is_framed(address) && strcmp(options[option].name, "queue") == 0;

    return is_own || ((options[option].settable & which) != 0 &&
                      (which != ACCEPTED || !is_of(HUBS, address)));
}

static void every_option_can_be_read_everywhere(void **state)
{
    struct pair pair;
    char text[ADDRESS_MAX];

    dial_pair(template_of(state), &pair);
    for (size_t i = 0; i < COUNT(options); i++) {
        for (int which = LISTENER; which <= DIALED; which *= 2) {
            net_socket *each = end_of(&pair, which);

            if (!is_of(options[i].wires, template_of(state))) {
                assert_code(net_get(each, options[i].name, text, sizeof text), NET_ADDRESS);
                continue;
            }
            assert_true(assert_ok(net_get(each, options[i].name, text, sizeof text)) > 0);
            if (options[i].value != NULL) {
                assert_reads(each, options[i].name, options[i].value);
            }
        }
    }
    close_pair(&pair);
}

static void an_option_can_be_set_where_it_can_change(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (size_t i = 0; i < COUNT(options); i++) {
        for (int which = LISTENER; which <= DIALED; which *= 2) {
            net_socket *each = end_of(&pair, which);

            if (!is_of(options[i].wires, template_of(state))) {
                assert_code(net_set(each, options[i].name, options[i].changed), NET_ADDRESS);
            } else if (!is_settable(i, which, template_of(state))) {
                assert_code(net_set(each, options[i].name, options[i].changed), NET_MISUSE);
            } else {
                assert_ok(net_set(each, options[i].name, options[i].changed));
                assert_reads(each, options[i].name, options[i].changed);
            }
        }
    }
    if (is_of(HUBS, template_of(state))) {
        assert_reads(pair.server, "queue", "1000B");
        assert_reads(pair.server, "idle", "1500ms");
        assert_ok(net_set(pair.listener, "idle", "off"));
        assert_reads(pair.server, "idle", "off");
    } else if (is_ip(template_of(state))) {
        assert_ok(net_set(pair.client, "keepalive", "off"));
        assert_reads(pair.client, "keepalive", "off");
        assert_ok(net_set(pair.client, "user-timeout", "off"));
        assert_reads(pair.client, "user-timeout", "off");
    }
    close_pair(&pair);
}

/* Options pass from a listener to what it accepts. */
static void options_of_the_address_take_effect_and_pass_on(void **state)
{
    static const struct {
        int wires;
        const char *name;
        const char *value;
    } given[] = {{TCP, "nodelay", "off"},       {TCP, "keepalive", "30s"},
                 {TCP, "user-timeout", "9s"},   {CALLS, "backlog", "5"},
                 {HUBS, "peers", "9"},          {HUBS | FRAMED, "queue", "8KiB"},
                 {HUBS, "total", "9KiB"},       {HUBS, "strangers", "10KiB"},
                 {HUBS, "idle", "500s"},        {BUFFERED, "sndbuf", "32KiB"},
                 {BUFFERED, "rcvbuf", "32KiB"}, {UDP, "broadcast", "on"},
                 {IP, "device", "lo"},          {IP, "dscp", "34"},
                 {TCP, "congestion", "reno"},   {UDP, "ttl", "200"},
                 {UDP, "fragment", "off"},      {FILES, "mode", "0660"},
                 {FILES, "unlink", "on"},       {FRAMED, "frame", "netstring"},
                 {FRAMED, "max", "5000B"}};
    struct pair pair;
    char text[256] = "";

    for (size_t i = 0; i < COUNT(given); i++) {
        if (is_of(given[i].wires, template_of(state))) {
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s=%s",
                     text[0] != '\0' ? "&" : "", given[i].name, given[i].value);
        }
    }
    dial_pair_with(template_of(state), text, text, &pair);
    for (size_t i = 0; i < COUNT(given); i++) {
        for (int which = LISTENER; which <= DIALED; which *= 2) {
            if (is_of(given[i].wires, template_of(state))) {
                assert_reads(end_of(&pair, which), given[i].name, given[i].value);
            }
        }
    }
    close_pair(&pair);
}

/* The address in `local` can be dialed, and both ends agree on it. */
static void addresses_can_be_dialed_and_agree(void **state)
{
    struct pair pair;
    char text[ADDRESS_MAX];
    char address[ADDRESS_MAX];

    dial_pair(template_of(state), &pair);
    dial_address(pair.listener, address);
    assert_reads(pair.client, "peer", address);
    assert_reads(pair.server, "local", address);
    assert_ok(net_get(pair.client, "local", text, sizeof text));
    assert_reads(pair.server, "peer", text);
    if (is_of(IP, address)) {
        assert_true(number_of(pair.listener, "port") > 0);
        assert_int_equal(number_of(pair.server, "port"), number_of(pair.listener, "port"));
        assert_int_equal(number_of(pair.client, "port"), atoi(strrchr(text, ':') + 1));
    } else {
        assert_code(net_get(pair.client, "port", text, sizeof text), NET_ADDRESS);
    }
    assert_code(net_get(pair.listener, "peer", text, sizeof text), NET_MISUSE);
    assert_ok(net_get(pair.listener, "local", text, sizeof text));
    if (strstr(template_of(state), "*") != NULL) {
        snprintf(address, sizeof address, "%.*s*:%lld",
                 (int)(strchr(template_of(state), '*') - template_of(state)), template_of(state),
                 number_of(pair.listener, "port"));
    }
    assert_string_equal(text, address);
    for (int which = LISTENER; which <= DIALED; which *= 2) {
        snprintf(text, sizeof text, "%.*s", (int)(strchr(address, ':') - address), address);
        assert_reads(end_of(&pair, which), "scheme", text);
        assert_code(net_set(end_of(&pair, which), "scheme", "tcp"), NET_MISUSE);
        assert_code(net_set(end_of(&pair, which), "local", "x"), NET_MISUSE);
        assert_code(net_set(end_of(&pair, which), "port", "7"),
                    is_of(IP, address) ? NET_MISUSE : NET_ADDRESS);
        assert_code(net_set(end_of(&pair, which), "bytes-sent", "0"), NET_MISUSE);
    }
    close_pair(&pair);
}

/* The system decides which ones there are. Reno is always there. */
static void a_congestion_control_is_one_that_the_system_has(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];
    char before[64];

    dial_pair_with(template_of(state), "congestion=reno", NULL, &pair);
    assert_ok(net_get(pair.client, "congestion", before, sizeof before));
    for (int which = LISTENER; which <= DIALED; which *= 2) {
        net_socket *each = end_of(&pair, which);

        assert_code(net_set(each, "congestion", "no-such-one"), NET_ADDRESS);
        assert_says("no-such-one");
        assert_code(net_set(each, "congestion", "longer-than-any-of-them"), NET_ADDRESS);
        assert_code(net_set(each, "congestion", ""), NET_ADDRESS);
        assert_reads(each, "congestion", which == DIALED ? before : "reno");
    }
    dial_address(pair.listener, address);
    strcat(address, "?congestion=no-such-one");
    assert_no_socket(net_connect(address, soon()), NET_ADDRESS);
    assert_says("no-such-one");
    assert_no_socket(net_listen("tcp://127.0.0.1:0?congestion=no-such-one"), NET_ADDRESS);
    assert_says("no-such-one");
    close_pair(&pair);
}

static void the_path_on_one_machine_is_large(void **state)
{
    struct pair pair;
    char text[64];

    dial_pair(template_of(state), &pair);
    assert_true(number_of(pair.client, "mtu") >= 65535); /* an IP packet is at most 65535 bytes */
    assert_int_equal(number_of(pair.server, "mtu"), number_of(pair.client, "mtu"));
    assert_code(net_get(pair.listener, "mtu", text, sizeof text), NET_MISUSE);
    for (int which = LISTENER; which <= DIALED; which *= 2) {
        net_socket *each = end_of(&pair, which);

        assert_code(net_set(each, "mtu", "1500"), NET_MISUSE);
        assert_code(net_set(each, "dropped-kernel", "0"),
                    is_stream(template_of(state)) ? NET_ADDRESS : NET_MISUSE);
        assert_code(net_set(each, "dscp", "64"), NET_ADDRESS);
        if (!is_stream(template_of(state))) {
            assert_code(net_set(each, "ttl", "0"), NET_ADDRESS);
            assert_code(net_set(each, "ttl", "256"), NET_ADDRESS);
        }
    }
    close_pair(&pair);
}

static void counters_are_exact(void **state)
{
    bool stream = is_stream(template_of(state));
    struct pair pair;
    char buffer[4096] = {0};
    long long before[2];

    dial_pair(template_of(state), &pair);
    before[0] = number_of(pair.client, "bytes-sent");
    before[1] = number_of(pair.server, "bytes-received");
    assert_int_equal(before[0], stream ? 0 : 2);
    assert_int_equal(before[1], before[0]);
    for (int i = 1; i <= 20; i++) {
        assert_count(net_send(pair.client, buffer, (size_t)i * 10, soon()), i * 10);
        ssize_t got = 0;

        while (got < i * 10) {
            got += (ssize_t)assert_ok(net_recv(pair.server, buffer, sizeof buffer, soon()));
        }
        assert_count(net_send(pair.server, buffer, 3, soon()), 3);
        assert_count(stream ? net_recv_all(pair.client, buffer, 3, soon())
                            : net_recv(pair.client, buffer, 3, soon()),
                     3);
    }
    assert_int_equal(number_of(pair.client, "bytes-sent"), before[0] + 2100);
    assert_int_equal(number_of(pair.server, "bytes-received"), before[1] + 2100);
    assert_int_equal(number_of(pair.server, "bytes-sent"), 60);
    assert_int_equal(number_of(pair.client, "bytes-received"), 60);
    assert_int_equal(number_of(pair.listener, "bytes-sent"), 0);
    if (is_of(IP | HUBS | FRAMED, template_of(state))) {
        assert_int_equal(number_of(pair.client, "messages-sent"), stream ? 0 : 21);
        assert_int_equal(number_of(pair.server, "messages-received"), stream ? 0 : 21);
        assert_int_equal(number_of(pair.server, "messages-sent"), stream ? 0 : 20);
        assert_int_equal(number_of(pair.client, "messages-received"), stream ? 0 : 20);
        assert_int_equal(number_of(pair.server, "truncated"), 0);
        assert_int_equal(number_of(pair.listener, "messages-sent"), 0);
    }
    if (is_of(IP | HUBS, template_of(state))) {
        assert_int_equal(number_of(pair.client, "dropped-queue"), 0);
        assert_int_equal(number_of(pair.server, "dropped-strangers"), 0);
    }
    if (is_of(TCP, template_of(state))) {
        char text[32];

        assert_ok(net_get(pair.client, "rtt", text, sizeof text));
        assert_non_null(strstr(text, "us"));
        assert_true(number_of(pair.client, "rtt") > 0);
        in_time(number_of(pair.server, "retransmits") == 0);
        assert_code(net_get(pair.listener, "rtt", text, sizeof text), NET_MISUSE);
    }
    close_pair(&pair);
}

static void net_get_counts_like_snprintf(void **state)
{
    struct pair pair;
    char whole[ADDRESS_MAX];

    dial_pair(template_of(state), &pair);
    size_t length = (size_t)assert_ok(net_get(pair.client, "peer", whole, sizeof whole));

    assert_int_equal(length, strlen(whole));
    for (size_t size = 0; size <= length + 2; size++) {
        char *buffer = malloc(size + 1);

        assert_non_null(buffer);
        memset(buffer, 'x', size + 1);
        assert_count(net_get(pair.client, "peer", size > 0 ? buffer : NULL, size),
                     (long long)length);
        assert_int_equal(buffer[size], 'x');
        if (size > 0) {
            size_t kept = size <= length ? size - 1 : length;

            assert_memory_equal(buffer, whole, kept);
            assert_int_equal(buffer[kept], '\0');
        }
        free(buffer);
    }
    close_pair(&pair);
}

static void what_is_wrong_is_told_and_changes_nothing(void **state)
{
    struct pair pair;
    char text[64];

    dial_pair(template_of(state), &pair);
    for (int which = LISTENER; which <= DIALED; which *= 2) {
        net_socket *each = end_of(&pair, which);

        assert_code(net_get(each, "sndbuff", text, sizeof text), NET_ADDRESS);
        assert_says("sndbuf");
        assert_code(net_get(each, "", text, sizeof text), NET_ADDRESS);
        assert_code(net_set(each, "sndbuff", "1"), NET_ADDRESS);
        assert_code(net_set(each, "sndbuf", ""), NET_ADDRESS);
        assert_code(net_set(each, "sndbuf", "many"), NET_ADDRESS);
        assert_code(net_set(each, "sndbuf", "0"), NET_ADDRESS);
        assert_code(net_set(each, "sndbuf", "1TiB"), NET_ADDRESS);
        assert_code(net_get(each, NULL, text, sizeof text), NET_MISUSE);
        assert_code(net_get(each, "port", NULL, sizeof text), NET_MISUSE);
        assert_code(net_set(each, NULL, "1"), NET_MISUSE);
        assert_code(net_set(each, "sndbuf", NULL), NET_MISUSE);
    }
    assert_code(net_get(NULL, "port", text, sizeof text), NET_MISUSE);
    assert_code(net_set(NULL, "sndbuf", "1"), NET_MISUSE);
    close_pair(&pair);
}

/* Get, set and fd still work on a cancelled socket. */
static void a_cancelled_socket_still_tells(void **state)
{
    struct pair pair;
    char text[64];

    dial_pair(template_of(state), &pair);
    for (int which = LISTENER; which <= DIALED; which *= 2) {
        net_socket *each = end_of(&pair, which);

        net_cancel(each);
        if (is_of(IP, template_of(state))) {
            assert_true(number_of(each, "port") > 0);
        }
        assert_ok(net_get(each, "local", text, sizeof text));
        bool shares = which == ACCEPTED && is_of(HUBS, template_of(state));

        if (!shares && is_of(BUFFERED, template_of(state))) {
            assert_ok(net_set(each, "sndbuf", "16KiB"));
        }
        bool holds = which != LISTENER && is_framed(template_of(state));

        assert_int_equal(net_fd(each) >= 0, !shares && !holds && is_of(SYSTEM, template_of(state)));
    }
    close_pair(&pair);
}

int main(void)
{
    const struct test tests[] = {
        TEST(every_option_can_be_read_everywhere),
        TEST(an_option_can_be_set_where_it_can_change),
        TEST(options_of_the_address_take_effect_and_pass_on),
        TEST(addresses_can_be_dialed_and_agree),
        TEST(counters_are_exact),
        TEST(net_get_counts_like_snprintf),
        TEST(what_is_wrong_is_told_and_changes_nothing),
        TEST(a_cancelled_socket_still_tells),
    };
    const struct test ip[] = {TEST(the_path_on_one_machine_is_large)};
    const struct test tcp[] = {TEST(a_congestion_control_is_one_that_the_system_has)};

    return run_over(all_templates, tests) + run_over(ip_templates, ip) +
           run_over(tcp_templates, tcp);
}

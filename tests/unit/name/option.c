/* Every option: the values that it takes and refuses, how it prints, and which misspellings are
 * near it. */
#include "name/option.h"
#include "wires/wires.h"
#include "os/cause.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int property(const char *name)
{
    const struct nf_properties both = {
        .options = nf_tcp.properties.options | nf_udp.properties.options,
        .others = nf_tcp.properties.others | nf_udp.properties.others};
    int found = nf_property_find(&both, name, strlen(name));

    assert_true(found >= 0);
    return found;
}

static int parse(const char *name, const char *value, struct nf_value *out)
{
    nf_fail(0);
    return nf_value_parse((enum nf_property)property(name), value, strlen(value), out);
}

static void print(const char *name, const struct nf_value *value, char *buffer, size_t size)
{
    struct nf_text text;

    nf_text_begin(&text, buffer, size);
    nf_value_print(&text, (enum nf_property)property(name), value);
}

/* The sentence names the option and quotes the value. */
static void assert_value_refused(const char *name, const char *value)
{
    struct nf_value out;

    if (parse(name, value, &out) != NET_ADDRESS) {
        fail_msg("%s=%s was taken", name, value);
    }
    assert_int_equal(nf_cause_pending()->code, NET_ADDRESS);
    assert_non_null(strstr(nf_cause_pending()->detail, name));
    assert_non_null(strstr(nf_cause_pending()->detail, value));
}

static void assert_value(const char *name, const char *value, int64_t number, const char *printed)
{
    struct nf_value out;
    struct nf_value again;
    char buffer[64];

    if (parse(name, value, &out) != 0) {
        fail_msg("%s=%s: %s", name, value, nf_cause_pending()->detail);
    }
    assert_int_equal(out.number, number);
    print(name, &out, buffer, sizeof buffer);
    assert_string_equal(buffer, printed);
    assert_int_equal(parse(name, buffer, &again), 0);
    assert_memory_equal(&again, &out, sizeof out);
}

static const char *const switches[] = {"nodelay",   "reuseport", "v6only",
                                       "broadcast", "fragment",  "multicast-loop"};
static const char *const durations[] = {"keepalive", "user-timeout", "idle"};
static const char *const sizes[] = {"sndbuf", "rcvbuf", "queue", "total", "strangers"};
static const char *const counts[] = {"backlog", "peers"};
static const char *const interfaces[] = {"device", "interface"};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static void switches_are_on_or_off(void **state)
{
    static const char *const bad[] = {"1", "0", "yes", "ON", "On", "onn", "of", "true", " on"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(switches); i++) {
        assert_value(switches[i], "on", 1, "on");
        assert_value(switches[i], "off", 0, "off");
        assert_value_refused(switches[i], "");
        for (size_t j = 0; j < COUNT_OF(bad); j++) {
            assert_value_refused(switches[i], bad[j]);
        }
    }
}

static void durations_carry_a_unit_and_may_be_off(void **state)
{
    static const char *const bad[] = {"1",    "60",   "0",    "0ms", "0s",
                                      "-1s",  "+1s",  "1 s",  "s",   "ms",
                                      "1.5s", "1m",   "1us",  "1S",  "1sec",
                                      "1MS",  "Off",  "off ", "on",  "1s1ms",
                                      "0x1s", "1e3s", "1sx",  "OFF", "99999999999999999999s",
                                      "1KiB"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(durations); i++) {
        assert_value(durations[i], "off", 0, "off");
        assert_value(durations[i], "1s", 1000, "1s");
        assert_value(durations[i], "30000ms", 30000, "30s");
        assert_value(durations[i], "0030s", 30000, "30s");
        assert_value_refused(durations[i], "");
        for (size_t j = 0; j < COUNT_OF(bad); j++) {
            assert_value_refused(durations[i], bad[j]);
        }
    }
    assert_value("idle", "1500ms", 1500, "1500ms");
    assert_value("idle", "1ms", 1, "1ms");
    assert_value("user-timeout", "999ms", 999, "999ms");
}

static void sizes_may_carry_a_unit_and_print_in_the_largest_exact_one(void **state)
{
    static const char *const bad[] = {"0",
                                      "0B",
                                      "-1",
                                      "+1",
                                      "1 KiB",
                                      "KiB",
                                      "1K",
                                      "1KB",
                                      "1kib",
                                      "1kB",
                                      "1.5",
                                      "off",
                                      "1TiB",
                                      "1b",
                                      "1KiBB",
                                      "0x100",
                                      "ten",
                                      "1ms",
                                      "99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        assert_value(sizes[i], "1", 1, "1B");
        assert_value(sizes[i], "1023B", 1023, "1023B");
        assert_value(sizes[i], "4096", 4096, "4KiB");
        assert_value(sizes[i], "4KiB", 4096, "4KiB");
        assert_value(sizes[i], "4097", 4097, "4097B");
        assert_value(sizes[i], "1536KiB", 1536 * 1024, "1536KiB");
        assert_value(sizes[i], "1024KiB", 1024 * 1024, "1MiB");
        assert_value(sizes[i], "3MiB", 3 * 1024 * 1024, "3MiB");
        assert_value_refused(sizes[i], "");
        for (size_t j = 0; j < COUNT_OF(bad); j++) {
            assert_value_refused(sizes[i], bad[j]);
        }
    }
    assert_value("queue", "2GiB", (int64_t)2 << 30, "2GiB");
}

static void counts_are_plain_numbers(void **state)
{
    static const char *const bad[] = {"-1",  "+1",  " 1",  "1 ",  "1B",
                                      "1ms", "0x1", "one", "off", "99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        assert_value(counts[i], "1", 1, "1");
        assert_value(counts[i], "65536", 65536, "65536");
        assert_value_refused(counts[i], "");
        for (size_t j = 0; j < COUNT_OF(bad); j++) {
            assert_value_refused(counts[i], bad[j]);
        }
    }
    assert_value("backlog", "0", 0, "0");
    assert_value_refused("peers", "0");
}

/* The first value that is too large or too small, next to the last one that is not. */
static void values_out_of_range_are_refused_and_the_nearest_is_named(void **state)
{
    static const struct {
        const char *name;
        const char *last;
        const char *over;
        const char *advice;
    } cases[] = {{"keepalive", "32767s", "32768s", "32767s"},
                 {"keepalive", "1000ms", "999ms", "1s"},
                 {"keepalive", "1s", "1500ms", "1s"},
                 {"user-timeout", "2147483647ms", "2147483648ms", "2147483647ms"},
                 {"backlog", "2147483647", "2147483648", "2147483647"},
                 {"sndbuf", "1073741823", "1GiB", "1073741823B"},
                 {"rcvbuf", "1073741823", "1073741824", "1073741823B"},
                 {"queue", "1048576GiB", "1048577GiB", "1048576GiB"},
                 {"idle", "1ms", "0ms", "1ms"},
                 {"dscp", "63", "64", "63"},
                 {"ttl", "255", "256", "255"},
                 {"ttl", "1", "0", "1"},
                 {"peers", "1", "0", "1"}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct nf_value out;

        if (parse(cases[i].name, cases[i].last, &out) != 0) {
            fail_msg("%s=%s was refused", cases[i].name, cases[i].last);
        }
        assert_value_refused(cases[i].name, cases[i].over);
        assert_non_null(strstr(nf_cause_pending()->detail, cases[i].advice));
    }
}

/* Every machine has a loopback interface, with the number 1. */
static void an_interface_is_one_of_this_system_or_off(void **state)
{
    static const char *const bad[] = {"",   "no-such-if", "1x", "999999999",
                                      "LO", "lo ",        "on", "a-name-of-no-interface"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(interfaces); i++) {
        assert_value(interfaces[i], "lo", 1, "lo");
        assert_value(interfaces[i], "1", 1, "lo");
        assert_value(interfaces[i], "off", 0, "off");
        for (size_t j = 0; j < COUNT_OF(bad); j++) {
            assert_value_refused(interfaces[i], bad[j]);
        }
    }
}

static void a_congestion_control_is_a_short_name(void **state)
{
    struct nf_value out;
    char buffer[64];

    (void)state;
    assert_int_equal(parse("congestion", "fifteen_letters", &out), 0);
    print("congestion", &out, buffer, sizeof buffer);
    assert_string_equal(buffer, "fifteen_letters");
    assert_value_refused("congestion", "");
    assert_value_refused("congestion", "sixteen__letters");
    assert_value_refused("congestion", "cubic\x1b[m");
}

static void a_source_is_an_address_or_off(void **state)
{
    static const char *const good[] = {"127.0.0.2", "127.0.0.2:5000", "[::1]", "[::1]:7", "off"};
    static const char *const bad[] = {"", "*", ":80", "localhost", "eth0", "127.1", "::1", "on"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct nf_value out;
        char buffer[64];

        assert_int_equal(parse("source", good[i], &out), 0);
        print("source", &out, buffer, sizeof buffer);
        assert_string_equal(buffer, good[i]);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct nf_value out;

        assert_int_equal(parse("source", bad[i], &out), NET_ADDRESS);
        assert_string_not_equal(nf_cause_pending()->detail, "");
        assert_int_equal(parse("group-source", bad[i], &out), NET_ADDRESS);
    }
}

static int parse_query(uint64_t allowed, const char *query, struct nf_options *options)
{
    const struct nf_properties set = {.options = allowed};

    nf_fail(0);
    return nf_options_parse(&set, query, strlen(query), options);
}

static void assert_nearest(uint64_t allowed, const char *query, const char *nearest)
{
    struct nf_options options;
    char quoted[64];

    assert_int_equal(parse_query(allowed, query, &options), NET_ADDRESS);
    assert_true(strlen(nearest) + 3 < sizeof quoted);
    strcpy(quoted, "'");
    strcat(strcat(quoted, nearest), "'");
    if (strstr(nf_cause_pending()->detail, quoted) == NULL) {
        fail_msg("%s: %s", query, nf_cause_pending()->detail);
    }
}

static void an_unknown_option_is_refused_and_the_nearest_named(void **state)
{
    (void)state;
    assert_nearest(nf_tcp.properties.options, "nodelai=on", "nodelay");
    assert_nearest(nf_tcp.properties.options, "NODELAY=on", "nodelay");
    assert_nearest(nf_tcp.properties.options, "no-delay=on", "nodelay");
    assert_nearest(nf_tcp.properties.options, "keep-alive=1s", "keepalive");
    assert_nearest(nf_tcp.properties.options, "usertimeout=1s", "user-timeout");
    assert_nearest(nf_tcp.properties.options, "sendbuf=1", "sndbuf");
    assert_nearest(nf_tcp.properties.options, "recvbuf=1", "rcvbuf");
    assert_nearest(nf_tcp.properties.options, "back-log=1", "backlog");
    assert_nearest(nf_tcp.properties.options, "ipv6only=on", "v6only");
    assert_nearest(nf_udp.properties.options, "peer=1", "peers");
    assert_nearest(nf_udp.properties.options, "queues=1", "queue");
    assert_nearest(nf_udp.properties.options, "stranger=1", "strangers");
    assert_nearest(nf_udp.properties.options, "ide=1s", "idle");
    assert_nearest(nf_udp.properties.options, "totals=1", "total");
    assert_nearest(nf_udp.properties.options, "broadcasts=on", "broadcast");
    assert_nearest(nf_udp.properties.options, "sources=127.0.0.1", "source");
    assert_nearest(nf_udp.properties.options, "reuse-port=on", "reuseport");
    assert_nearest(nf_udp.properties.options, "devices=lo", "device");
    assert_nearest(nf_udp.properties.options, "dcsp=1", "dscp");
    assert_nearest(nf_tcp.properties.options, "congestions=reno", "congestion");
    assert_nearest(nf_udp.properties.options, "tll=1", "ttl");
    assert_nearest(nf_udp.properties.options, "fragments=on", "fragment");
    assert_nearest(nf_udp.properties.options, "multicastloop=on", "multicast-loop");
    assert_nearest(nf_udp.properties.options, "interfaces=lo", "interface");
    assert_nearest(nf_udp.properties.options, "groupsource=::1", "group-source");
}

/* An option of another scheme is unknown here, and so is a property. */
static void an_option_of_another_scheme_is_unknown(void **state)
{
    static const char *const not_tcp[] = {"peers=1",
                                          "queue=1",
                                          "total=1",
                                          "strangers=1",
                                          "idle=1s",
                                          "broadcast=on",
                                          "local=a",
                                          "peer=b",
                                          "scheme=tcp",
                                          "port=1",
                                          "rtt=1",
                                          "fd=1",
                                          "truncated=1",
                                          "=1",
                                          "nodelay ",
                                          " nodelay=on",
                                          "ttl=1",
                                          "fragment=on",
                                          "interface=lo",
                                          "multicast-loop=on",
                                          "group-source=::1",
                                          "mtu=1"};
    static const char *const not_udp[] = {"nodelay=on",      "keepalive=1s", "user-timeout=1s",
                                          "backlog=1",       "rtt=1",        "retransmits=1",
                                          "congestion=reno", "mtu=1",        "dropped-kernel=1"};
    struct nf_options options;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(not_tcp); i++) {
        assert_int_equal(parse_query(nf_tcp.properties.options, not_tcp[i], &options), NET_ADDRESS);
    }
    for (size_t i = 0; i < COUNT_OF(not_udp); i++) {
        assert_int_equal(parse_query(nf_udp.properties.options, not_udp[i], &options), NET_ADDRESS);
    }
}

/* A trailing `?` alone is allowed. Everything else malformed is refused. */
static void malformed_queries_are_refused(void **state)
{
    static const char *const bad[] = {"nodelay",
                                      "nodelay=",
                                      "=on",
                                      "=",
                                      "&",
                                      "nodelay=on&",
                                      "&nodelay=on",
                                      "nodelay=on&&sndbuf=1",
                                      "nodelay=on&nodelay=on",
                                      "nodelay=on&sndbuf=1&nodelay=off",
                                      "nodelay=on;sndbuf=1",
                                      "nodelay=on sndbuf=1",
                                      "nodelay=on&sndbuf",
                                      "nodelay==on"};
    struct nf_options options;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (parse_query(nf_tcp.properties.options, bad[i], &options) != NET_ADDRESS) {
            fail_msg("'%s' was taken", bad[i]);
        }
        assert_string_not_equal(nf_cause_pending()->detail, "");
    }
    assert_int_equal(parse_query(nf_tcp.properties.options, "", &options), 0);
    assert_int_equal(options.given, 0);
}

static void a_query_gives_what_it_names_and_defaults_for_the_rest(void **state)
{
    struct nf_options options;
    struct nf_value value;

    (void)state;
    assert_int_equal(parse_query(nf_tcp.properties.options, "nodelay=off&keepalive=30s", &options),
                     0);
    assert_int_equal(options.given, NF_OPTION(NF_NODELAY) | NF_OPTION(NF_KEEPALIVE));
    assert_int_equal(options.value[NF_NODELAY], 0);
    assert_int_equal(options.value[NF_KEEPALIVE], 30000);
    assert_int_equal(options.value[NF_USER_TIMEOUT], 0);
    assert_int_equal(options.source.family, NF_NOWHERE);
    assert_int_equal(parse_query(nf_udp.properties.options, "", &options), 0);
    assert_int_equal(options.value[NF_NODELAY], 1);
    assert_int_equal(options.value[NF_PEERS], 65536);
    assert_int_equal(options.value[NF_QUEUE], 256 * 1024);
    assert_int_equal(options.value[NF_TOTAL], 64 * 1024 * 1024);
    assert_int_equal(options.value[NF_STRANGERS], 1024 * 1024);
    assert_int_equal(options.value[NF_IDLE], 60000);
    assert_int_equal(parse_query(nf_udp.properties.options, "source=127.0.0.9:5", &options), 0);
    assert_int_equal(options.source.family, NF_IPV4);
    assert_int_equal(options.source.port, 5);
    assert_true(options.source_has_port);
    assert_int_equal(options.group_source.family, NF_NOWHERE);
    assert_int_equal(options.value[NF_FRAGMENT], 1);
    assert_int_equal(options.value[NF_MULTICAST_LOOP], 1);
    assert_int_equal(
        parse_query(nf_udp.properties.options, "group-source=10.0.0.1&device=lo", &options), 0);
    assert_int_equal(options.given, NF_OPTION(NF_GROUP_SOURCE) | NF_OPTION(NF_DEVICE));
    assert_int_equal(options.group_source.family, NF_IPV4);
    assert_int_equal(options.source.family, NF_NOWHERE);
    assert_int_equal(options.value[NF_DEVICE], 1);
    nf_options_value(&options, NF_GROUP_SOURCE, &value);
    assert_memory_equal(&value.addr, &options.group_source, sizeof value.addr);
    nf_options_value(&options, NF_SOURCE, &value);
    assert_int_equal(value.addr.family, NF_NOWHERE);
    nf_options_value(&options, NF_DEVICE, &value);
    assert_int_equal(value.number, 1);
    assert_int_equal(parse_query(nf_tcp.properties.options, "congestion=bbr", &options), 0);
    assert_string_equal(options.congestion, "bbr");
    nf_options_value(&options, NF_CONGESTION, &value);
    assert_string_equal(value.text, "bbr");
}

static void a_long_query_costs_a_sentence_and_no_more(void **state)
{
    enum { LONG = 64 * 1024 };
    struct nf_options options;
    char *query = malloc(LONG + 1);

    (void)state;
    assert_non_null(query);
    memset(query, 'a', LONG);
    query[LONG] = '\0';
    assert_int_equal(parse_query(nf_tcp.properties.options, query, &options), NET_ADDRESS);
    query[LONG - 2] = '=';
    assert_int_equal(parse_query(nf_tcp.properties.options, query, &options), NET_ADDRESS);
    memcpy(query, "sndbuf=", 7);
    assert_int_equal(parse_query(nf_tcp.properties.options, query, &options), NET_ADDRESS);
    assert_true(strlen(nf_cause_pending()->detail) < 200);
    free(query);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(switches_are_on_or_off),
        cmocka_unit_test(durations_carry_a_unit_and_may_be_off),
        cmocka_unit_test(sizes_may_carry_a_unit_and_print_in_the_largest_exact_one),
        cmocka_unit_test(counts_are_plain_numbers),
        cmocka_unit_test(values_out_of_range_are_refused_and_the_nearest_is_named),
        cmocka_unit_test(an_interface_is_one_of_this_system_or_off),
        cmocka_unit_test(a_congestion_control_is_a_short_name),
        cmocka_unit_test(a_source_is_an_address_or_off),
        cmocka_unit_test(an_unknown_option_is_refused_and_the_nearest_named),
        cmocka_unit_test(an_option_of_another_scheme_is_unknown),
        cmocka_unit_test(malformed_queries_are_refused),
        cmocka_unit_test(a_query_gives_what_it_names_and_defaults_for_the_rest),
        cmocka_unit_test(a_long_query_costs_a_sentence_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

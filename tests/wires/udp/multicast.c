/* Multicast groups: which sockets receive what, through which interface, and which address an
 * answer comes from. */
#include "hosts.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char in[64];

/* One group of each family. Every test uses another port. */
struct family {
    const char *group;
    const char *far[2];  /* FAR on eth0 and eth1 */
    const char *near[2]; /* NEAR on eth0 and eth1 */
    const char *second;  /* FAR on eth0, its other address */
};

static const struct family families[] = {
    {"239.1.2.3", {"10.77.0.2", "10.78.0.2"}, {"10.77.0.1", "10.78.0.1"}, "10.77.0.3"},
    {"[ff15::1234]", {"[fd77::2]", "[fd78::2]"}, {"[fd77::1]", "[fd78::1]"}, "[fd77::3]"},
    {"[ff02::1234]", {"[fd77::2]", "[fd78::2]"}, {"[fd77::1]", "[fd78::1]"}, "[fd77::3]"}};

static net_socket *listen_to(const struct family *family, int port, const char *options)
{
    char address[ADDRESS_MAX];

    snprintf(address, sizeof address, "udp://%s:%d?%s", family->group, port, options);
    return assert_socket(net_listen(address));
}

static net_socket *dial(const struct family *family, int port, const char *options)
{
    char address[ADDRESS_MAX];

    snprintf(address, sizeof address, "udp://%s:%d?%s", family->group, port, options);
    return assert_socket(net_connect(address, soon()));
}

static void assert_hears(net_socket *listener, const char *words)
{
    net_message message = {.data = in, .capacity = sizeof in};

    assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
    assert_int_equal(message.size, strlen(words));
    assert_memory_equal(in, words, message.size);
}

/* The kernel gives a datagram to all its receivers at once. When the others have it and this one
 * does not, it will not get it. */
static void assert_hears_nothing(net_socket *listener)
{
    net_message message = {.data = in, .capacity = sizeof in};

    assert_code(net_recv_messages(listener, &message, 1, NET_NOW), NET_TIMEOUT);
}

static void assert_sends(net_socket *socket, const char *words)
{
    assert_count(net_send(socket, words, strlen(words), soon()), (long long)strlen(words));
}

static void all_that_have_joined_hear_and_no_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        const struct family *family = &families[i];
        struct family neighbour = *family;

        neighbour.group = i == 0 ? "239.1.2.4" : i == 1 ? "[ff15::1235]" : "[ff02::1235]";
        net_socket *first = listen_to(family, 5000, "interface=eth0");
        net_socket *second = listen_to(family, 5000, "interface=eth0");
        net_socket *elsewhere = listen_to(family, 5000, "interface=eth1");
        net_socket *another = listen_to(&neighbour, 5000, "interface=eth0");

        go_to(FAR);
        net_socket *call = dial(family, 5000, "interface=eth0");
        net_socket *other = dial(family, 5000, "interface=eth1");

        go_to(NEAR);
        assert_sends(call, "all");
        assert_hears(first, "all");
        assert_hears(second, "all");
        assert_hears_nothing(elsewhere);
        assert_hears_nothing(another);
        assert_sends(other, "you");
        assert_hears(elsewhere, "you");
        assert_hears_nothing(first);
        net_close(first, NET_NOW);
        assert_sends(call, "one less");
        assert_hears(second, "one less");
        assert_hears_nothing(another);
        net_close(second, NET_NOW);
        assert_sends(call, "none");
        assert_sends(other, "you again"); /* on the same wire: what came before is delivered */
        assert_hears(elsewhere, "you again");
        net_close(another, NET_NOW);
        net_close(elsewhere, NET_NOW);
        net_close(other, NET_NOW);
        net_close(call, NET_NOW);
    }
}

/* Send a question from FAR to the group through an interface. `endpoint` is the source of the
 * answer. */
static void ask(net_socket *asker, const struct family *family, int port, const char *interface,
                net_endpoint *endpoint)
{
    char address[ADDRESS_MAX];
    net_message message = {.data = (char[]){"who?"}, .size = 4};

    go_to(FAR);
    snprintf(address, sizeof address, "udp://%s:%d?interface=%s", family->group, port, interface);
    assert_count(net_resolve(address, &message.endpoint, 1, NET_NOW), 1);
    go_to(NEAR);
    assert_count(net_send_messages(asker, &message, 1, soon()), 1);
    *endpoint = message.endpoint;
}

static void assert_answer(net_socket *asker, const char *words, const char *host, int port)
{
    char text[ADDRESS_MAX];
    char expected[ADDRESS_MAX];
    net_message message = {.data = in, .capacity = sizeof in};

    assert_count(net_recv_messages(asker, &message, 1, soon()), 1);
    assert_int_equal(message.size, strlen(words));
    assert_memory_equal(in, words, message.size);
    assert_ok(net_endpoint_text(&message.endpoint, text, sizeof text));
    snprintf(expected, sizeof expected, "%s:%d", host, port);
    assert_string_equal(text, expected);
}

static net_socket *asker_on(const char *host, const char *interface)
{
    char address[ADDRESS_MAX];

    go_to(FAR);
    snprintf(address, sizeof address, "udp://%s:0?interface=%s", host, interface);
    net_socket *asker = assert_socket(net_listen(address));

    go_to(NEAR);
    return asker;
}

/* A group is never a source address. An answer comes from an address of the interface that received
 * the question. */
static void answers_come_from_a_host(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * COUNT(families); i++) {
        const struct family *family = &families[i / 2];
        const char *interface = i % 2 == 0 ? "eth0" : "eth1";
        char options[64];
        char text[ADDRESS_MAX];
        net_endpoint group;
        net_message message = {.data = in, .capacity = sizeof in};

        snprintf(options, sizeof options, "interface=%s", interface);
        net_socket *listener = listen_to(family, 5001, options);
        net_socket *asker = asker_on(family->far[i % 2], interface);

        ask(asker, family, 5001, interface, &group);
        assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
        assert_memory_not_equal(message.endpoint.local, group.remote, sizeof(uint16_t) * 12);
        message.data = (char[]){"I"};
        message.size = 1;
        assert_count(net_send_messages(listener, &message, 1, soon()), 1);
        assert_answer(asker, "I", family->near[i % 2], 5001);

        ask(asker, family, 5001, interface, &group);
        net_socket *call = assert_socket(net_accept(listener, soon()));

        assert_count(net_recv(call, in, sizeof in, soon()), 4);
        assert_sends(call, "me");
        assert_answer(asker, "me", family->near[i % 2], 5001);
        assert_reads(call, "interface", interface);
        assert_ok(net_get(call, "local", text, sizeof text));
        assert_non_null(strstr(text, i < 2 ? family->near[i % 2] : "[ff"));
        net_close(call, NET_NOW);
        net_close(asker, NET_NOW);
        net_close(listener, NET_NOW);
    }
}

/* Two hosts that have only the link in common. */
static void link_local_peers_are_answered_on_their_link(void **state)
{
    net_socket *listener = assert_socket(net_listen("udp://[ff02::99%eth1]:5002"));
    net_socket *asker = asker_on("[fe80::12%eth1]", "off");
    const struct family family = {.group = "[ff02::99%eth1]"};
    net_endpoint group;

    (void)state;
    assert_reads(listener, "interface", "eth1");
    assert_reads(listener, "local", "udp://[ff02::99%eth1]:5002");
    ask(asker, &family, 5002, "off", &group);
    net_socket *call = assert_socket(net_accept(listener, soon()));

    assert_count(net_recv(call, in, sizeof in, soon()), 4);
    assert_sends(call, "me");
    assert_answer(asker, "me", "[fe80::11%eth1]", 5002);
    net_close(call, NET_NOW);
    net_close(asker, NET_NOW);
    net_close(listener, NET_NOW);
}

/* RFC 4607 */
static void a_group_with_a_source_hears_that_source_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        const struct family *family = &families[i];
        char options[128];

        snprintf(options, sizeof options, "interface=eth0&group-source=%s", family->far[0]);
        net_socket *one = listen_to(family, 5003, options);
        net_socket *any = listen_to(family, 5003, "interface=eth0");

        assert_reads(one, "group-source", family->far[0]);
        assert_reads(any, "group-source", "off");
        go_to(FAR);
        snprintf(options, sizeof options, "interface=eth0&source=%s", family->far[0]);
        net_socket *right = dial(family, 5003, options);

        snprintf(options, sizeof options, "interface=eth0&source=%s", family->second);
        net_socket *wrong = dial(family, 5003, options);

        go_to(NEAR);
        assert_sends(wrong, "wrong");
        assert_hears(any, "wrong");
        assert_hears_nothing(one);
        assert_sends(right, "right");
        assert_hears(one, "right");
        net_socket *call;

        assert_sends(right, "again");
        call = assert_socket(net_accept(one, soon()));
        assert_reads(call, "group-source", family->far[0]);
        net_close(call, NET_NOW);
        net_close(wrong, NET_NOW);
        net_close(right, NET_NOW);
        net_close(any, NET_NOW);
        net_close(one, NET_NOW);
    }
}

static void with_the_loop_off_this_host_does_not_hear_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        net_socket *listener = listen_to(&families[i], 5004, "interface=eth0");
        net_socket *call = dial(&families[i], 5004, "interface=eth0&multicast-loop=off");

        assert_reads(listener, "multicast-loop", "on");
        assert_reads(call, "multicast-loop", "off");
        assert_sends(call, "not heard");
        assert_ok(net_set(call, "multicast-loop", "on"));
        assert_sends(call, "heard");
        assert_hears(listener, "heard");
        net_close(call, NET_NOW);
        net_close(listener, NET_NOW);
    }
}

/* A dual-stack listener uses `loop` and the interface for both families. */
static void a_listener_sends_to_groups_of_both_families(void **state)
{
    net_socket *speaker = assert_socket(net_listen("udp://*:0?interface=eth1&ttl=7"));
    net_socket *heard[COUNT(families)];
    net_socket *silent[COUNT(families)];
    net_socket *here[COUNT(families)];

    (void)state;
    assert_reads(speaker, "interface", "eth1");
    for (size_t i = 0; i < COUNT(families); i++) {
        here[i] = listen_to(&families[i], 5005, "interface=eth1");
        go_to(FAR);
        heard[i] = listen_to(&families[i], 5005, "interface=eth1");
        silent[i] = listen_to(&families[i], 5005, "interface=eth0");
        go_to(NEAR);
    }
    for (int loop = 1; loop >= 0; loop--) {
        assert_ok(net_set(speaker, "multicast-loop", loop == 1 ? "on" : "off"));
        for (size_t i = 0; i < COUNT(families); i++) {
            char address[ADDRESS_MAX];
            net_message message = {.data = (char[]){"hear"}, .size = 4};

            snprintf(address, sizeof address, "udp://%s:5005?interface=eth1", families[i].group);
            assert_count(net_resolve(address, &message.endpoint, 1, NET_NOW), 1);
            assert_count(net_send_messages(speaker, &message, 1, soon()), 1);
            assert_hears(heard[i], "hear");
            assert_hears_nothing(silent[i]);
            if (loop == 1) {
                assert_hears(here[i], "hear");
            } else {
                assert_hears_nothing(here[i]);
            }
        }
    }
    for (size_t i = 0; i < COUNT(families); i++) {
        net_close(heard[i], NET_NOW);
        net_close(silent[i], NET_NOW);
        net_close(here[i], NET_NOW);
    }
    net_close(speaker, NET_NOW);
}

static int ttl_of(net_socket *socket, int tap, int port)
{
    struct packet packet;

    assert_sends(socket, "ttl");
    tap_next(tap, port, &packet);
    return packet.ttl;
}

static void the_ttl_of_groups_is_1_unless_told(void **state)
{
    int tap = tap_open("eth0");

    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        net_socket *call = dial(&families[i], 5006, "interface=eth0");

        assert_reads(call, "ttl", "1");
        assert_int_equal(ttl_of(call, tap, 5006), 1);
        assert_ok(net_set(call, "ttl", "33"));
        assert_reads(call, "ttl", "33");
        assert_int_equal(ttl_of(call, tap, 5006), 33);
        net_close(call, NET_NOW);
        call = dial(&families[i], 5006, "interface=eth0&ttl=4");
        assert_int_equal(ttl_of(call, tap, 5006), 4);
        net_close(call, NET_NOW);
    }
    close(tap);
}

static void endpoints_of_groups_print_like_any(void **state)
{
    static const char *const addresses[][2] = {
        {"udp://239.1.2.3:5000", "239.1.2.3:5000"},
        {"udp://[ff15::1]:5000", "[ff15::1]:5000"},
        {"udp://[ff02::1%eth1]:5000", "[ff02::1%eth1]:5000"},
        {"udp://[ff02::1]:5000?interface=eth1", "[ff02::1%eth1]:5000"},
        {"udp://[ff02::1]:5000?device=eth0", "[ff02::1%eth0]:5000"},
        {"udp://[ff02::1%eth1]:5000?interface=eth1&device=eth1", "[ff02::1%eth1]:5000"}};

    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        net_endpoint endpoint;
        char text[ADDRESS_MAX];

        assert_count(net_resolve(addresses[i][0], &endpoint, 1, NET_NOW), 1);
        assert_ok(net_endpoint_text(&endpoint, text, sizeof text));
        assert_string_equal(text, addresses[i][1]);
    }
}

/* What a group's listener sends to another group leaves through the same interface. */
static void check_sends_through(net_socket *listener, const char *interface, bool v6)
{
    const struct family family = {.group = v6 ? "[ff15::77]" : "239.7.7.7"};
    net_message message = {.data = (char[]){"y"}, .size = 1};
    char options[64];

    snprintf(options, sizeof options, "interface=%s", interface);
    go_to(FAR);
    net_socket *far = listen_to(&family, 5009, options);

    go_to(NEAR);
    snprintf(options, sizeof options, "udp://%s:5009", family.group);
    assert_count(net_resolve(options, &message.endpoint, 1, NET_NOW), 1);
    assert_count(net_send_messages(listener, &message, 1, soon()), 1);
    assert_hears(far, "y");
    net_close(far, NET_NOW);
}

static void the_interface_may_be_a_zone_or_a_device(void **state)
{
    static const char *const addresses[][2] = {{"udp://[ff02::1%eth1]:5007", "eth1"},
                                               {"udp://[ff02::1]:5007?device=eth1", "eth1"},
                                               {"udp://239.1.2.3:5007?device=eth1", "eth1"},
                                               {"udp://239.1.2.3:5007?interface=eth0", "eth0"}};

    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        net_socket *listener = assert_socket(net_listen(addresses[i][0]));
        net_socket *call = assert_socket(net_connect(addresses[i][0], soon()));

        assert_reads(listener, "interface", addresses[i][1]);
        assert_reads(call, "interface", addresses[i][1]);
        assert_sends(call, "x");
        assert_hears(listener, "x");
        check_sends_through(listener, addresses[i][1], strchr(addresses[i][0], '[') != NULL);
        net_close(call, NET_NOW);
        net_close(listener, NET_NOW);
    }
}

static void what_makes_no_sense_is_told(void **state)
{
    static const struct {
        const char *address;
        bool listening;
        const char *words;
    } cases[] = {
        {"tcp://239.1.2.3:5000", true, "datagrams alone"},
        {"tcp://239.1.2.3:5000", false, "datagrams alone"},
        {"tcp://[ff02::1%eth0]:5000", false, "datagrams alone"},
        {"udp://10.77.0.1:0?group-source=10.77.0.2", true, "group-source is for listening"},
        {"udp://*:0?group-source=10.77.0.2", true, "group-source is for listening"},
        {"udp://239.1.2.3:5000?group-source=10.77.0.2", false, "group-source is for listening"},
        {"udp://239.1.2.3:5000?group-source=[fd77::2]", true, "of the group's family"},
        {"udp://239.1.2.3:5000?group-source=239.1.2.4", true, "group-source is one host"},
        {"udp://239.1.2.3:5000?group-source=10.77.0.2:7", true, "without a port"},
        {"udp://[ff15::1]:5000?group-source=10.77.0.2", true, "of the group's family"},
        {"udp://10.77.0.2:9?interface=eth0", false, "are for multicast groups"},
        {"udp://10.77.0.2:9?multicast-loop=off", false, "are for multicast groups"},
        {"udp://localhost:9?multicast-loop=on", false, "are for multicast groups"},
        {"udp://10.77.0.2:9?source=239.1.2.3", false, "cannot be the source"},
        {"udp://[ff02::1%eth0]:5000?interface=eth1", true, "must be the same"},
        {"udp://[ff02::1%eth0]:5000?interface=eth1", false, "must be the same"},
        {"udp://239.1.2.3:5000?interface=eth1&device=eth0", true, "must be the same"},
        {"udp://[ff02::1]:5000", true, "needs its interface"},
        {"udp://[ff02::1]:5000", false, "needs its interface"},
        {"udp://[fe80::1]:5000", true, "needs its interface"},
        {"udp://239.1.2.3:5000?interface=eth9", true, "eth9"},
        {"udp://239.1.2.3:5000", true, "no interface hears the group"}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        net_socket *made = cases[i].listening ? net_listen(cases[i].address)
                                              : net_connect(cases[i].address, soon());

        if (made != NULL || net_error() != NET_ADDRESS) {
            fail_msg("%s: %s", cases[i].address, made != NULL ? "taken" : net_error_text());
        }
        assert_says(cases[i].words);
    }
    assert_no_socket(net_connect("udp://239.1.2.3:5000", soon()), NET_UNREACHABLE);
}

/* Two listeners cannot share a host and port, unless it is a group. */
static void a_host_is_not_shared_as_a_group_is(void **state)
{
    net_socket *host = assert_socket(net_listen("udp://10.77.0.1:5008"));

    (void)state;
    assert_no_socket(net_listen("udp://10.77.0.1:5008"), NET_INUSE);
    assert_no_socket(net_listen("udp://*:5008"), NET_INUSE);
    net_close(host, NET_NOW);
}

int main(void)
{
    const struct test tests[] = {
        TEST(all_that_have_joined_hear_and_no_others),
        TEST(answers_come_from_a_host),
        TEST(link_local_peers_are_answered_on_their_link),
        TEST(a_group_with_a_source_hears_that_source_alone),
        TEST(with_the_loop_off_this_host_does_not_hear_itself),
        TEST(a_listener_sends_to_groups_of_both_families),
        TEST(the_ttl_of_groups_is_1_unless_told),
        TEST(endpoints_of_groups_print_like_any),
        TEST(the_interface_may_be_a_zone_or_a_device),
        TEST(what_makes_no_sense_is_told),
        TEST(a_host_is_not_shared_as_a_group_is),
    };

    return run_on_hosts(tests, COUNT(tests));
}

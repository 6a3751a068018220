/* driven: skip, it drives both sides by itself */
/* The options and properties of a cipher: parsed, changed, printed and refused as all others are.
 */
#include "toy_wire.h"

#include <stdio.h>
#include <string.h>

static char text[1000];

static void an_option_reads_back_as_it_was_given(void **state)
{
    struct pair pair;
    int64_t number = -1;

    meet_toys(template_of(state), "motto=a%20b%26c%25%3d&mood=%c3%a4%1b&color=green",
              "strict=off&color=green", &pair);
    assert_reads(pair.listener, "motto", "a%20b%26c%25=");
    assert_reads(pair.server, "motto", "a%20b%26c%25=");
    assert_reads(pair.client, "motto", "");
    assert_reads(pair.listener, "color", "green");
    assert_reads(pair.client, "color", "green");
    assert_reads(pair.client, "faults", "");
    assert_reads(pair.client, "strict", "off");
    assert_reads(pair.client, "mood", "calm");
    assert_ok(net_get_number(pair.client, "strict", &number));
    assert_int_equal(number, 0);
    assert_ok(net_get_number(pair.listener, "strict", &number));
    assert_int_equal(number, 1);
    close_toys(&pair);
}

/* What is printed of an option can be given again. */
static void what_is_printed_can_be_given_again(void **state)
{
    char first[1000];
    char options[sizeof first + 16] = "motto=";
    net_socket *listener;
    char whole[ADDRESS_MAX];

    for (int i = 1; i < 60; i++) {
        snprintf(options + strlen(options), 4, "%%%02x", i);
    }
    with_options(whole, template_of(state), options);
    listener = assert_socket(net_listen(whole));
    assert_ok(net_get(listener, "motto", first, sizeof first));
    net_close(listener, NET_NOW);
    snprintf(options, sizeof options, "motto=%s", first);
    with_options(whole, template_of(state), options);
    listener = assert_socket(net_listen(whole));
    assert_reads(listener, "motto", first);
    net_close(listener, NET_NOW);
    assert_no_toys_left();
}

static void a_property_of_the_session_waits_for_it(void **state)
{
    struct pair pair;

    dial_toys(template_of(state), "motto=to%1bserve", NULL, &pair);
    assert_code(net_get(pair.client, "peer-motto", text, sizeof text), NET_TIMEOUT);
    assert_code(net_get(pair.server, "peer-motto", text, sizeof text), NET_TIMEOUT);
    assert_reads(pair.client, "color", "red");
    assert_ok(try_to_shake(pair.client, pair.server));
    assert_reads(pair.client, "peer-motto", "to\\x1bserve");
    assert_reads(pair.client, "card", "motto: to\033serve\nhost: \n"); /* as the cipher says it */
    assert_reads(pair.server, "peer-motto", "");
    assert_reads(pair.listener, "peer-motto", "");
    close_toys(&pair);
}

static void the_host_of_a_dial_reaches_the_cipher(void **state)
{
    bool has_hosts = strstr(template_of(state), "127.0.0.1") != NULL;
    struct pair pair;
    char port[16];

    meet_toys(template_of(state), NULL, NULL, &pair);
    assert_reads(pair.client, "toy-host", has_hosts ? "127.0.0.1" : "");
    snprintf(port, sizeof port, "%lld", has_hosts ? number_of(pair.listener, "port") : 0);
    assert_reads(pair.client, "toy-port", has_hosts ? port : "");
    assert_reads(pair.server, "asked-host", has_hosts ? "127.0.0.1" : "");
    assert_reads(pair.server, "toy-host", "");
    close_toys(&pair);
}

static void it_counts_as_snprintf_does(void **state)
{
    struct pair pair;

    meet_toys(template_of(state), "motto=0123456789", NULL, &pair);
    assert_count(net_get(pair.client, "peer-motto", NULL, 0), 10);
    assert_count(net_get(pair.client, "peer-motto", text, 4), 10);
    assert_string_equal(text, "012");
    assert_count(net_get(pair.listener, "motto", text, 11), 10);
    assert_string_equal(text, "0123456789");
    assert_count(net_get(pair.client, "motto", text, sizeof text), 0);
    close_toys(&pair);
}

static void only_a_listener_changes_and_only_for_those_that_come(void **state)
{
    struct pair pair;
    net_socket *client;
    net_socket *server;
    char target[ADDRESS_MAX];

    meet_toys(template_of(state), "motto=old", NULL, &pair);
    assert_code(net_set(pair.client, "motto", "new"), NET_MISUSE);
    assert_code(net_set(pair.server, "motto", "new"), NET_MISUSE);
    assert_says("motto");
    assert_ok(net_set(pair.listener, "motto", "new"));
    assert_reads(pair.listener, "motto", "new");
    assert_reads(pair.server, "motto", "old");
    dial_address(pair.listener, target);
    client = assert_socket(net_connect(target, NET_NOW));
    server = assert_socket(net_accept(pair.listener, soon()));
    assert_ok(try_to_shake(client, server));
    assert_reads(client, "peer-motto", "new");
    assert_reads(server, "color", "red"); /* the others stay */
    assert_reads(pair.client, "peer-motto", "old");
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    assert_int_equal(toy_settings(), 3);
    close_toys(&pair);
}

/* A change that fails leaves all as it was. */
static void a_change_that_fails_changes_nothing(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        int code;
        const char *says;
    } wrong[] = {{"color", "blue", NET_ADDRESS, "dark-blue"},
                 {"color", "", NET_ADDRESS, "color"},
                 {"strict", "1", NET_ADDRESS, "strict"},
                 {"motto", "", NET_ADDRESS, "motto"},
                 {"faults", "nonsense", NET_ADDRESS, "no such fault"},
                 {"faults", "configure:limit:full", NET_LIMIT, "full"},
                 {"mood", "sad", NET_MISUSE, "mood"},
                 {"peer-motto", "x", NET_MISUSE, "peer-motto"},
                 {"card", "x", NET_MISUSE, "card"},
                 {"colour", "red", NET_ADDRESS, "color"}};
    struct pair pair;

    meet_toys(template_of(state), "motto=old", NULL, &pair);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_code(net_set(pair.listener, wrong[i].name, wrong[i].value), wrong[i].code);
        assert_says(wrong[i].says);
        assert_reads(pair.listener, "motto", "old");
        assert_reads(pair.listener, "color", "red");
        assert_int_equal(toy_settings(), 2);
    }
    close_toys(&pair);
}

static void a_secret_is_never_read(void **state)
{
    struct pair pair;

    meet_toys(template_of(state), "password=open", "password=open", &pair);
    net_socket *const all[] = {pair.listener, pair.client, pair.server};

    for (size_t i = 0; i < COUNT(all); i++) {
        assert_true(net_get(all[i], "password", text, sizeof text) < 0);
        assert_null(strstr(net_error_text(), "open"));
    }
    assert_ok(net_set(pair.listener, "password", "other"));
    net_socket *client;
    char whole[ADDRESS_MAX];
    char target[ADDRESS_MAX];

    dial_address(pair.listener, target);
    assert_null(strstr(target, "open"));
    with_options(whole, target, "password=open");
    client = assert_socket(net_connect(whole, NET_NOW));
    net_socket *server = assert_socket(net_accept(pair.listener, soon()));

    assert_code(try_to_shake(client, server), NET_DENIED);
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    close_toys(&pair);
}

static void unknown_names_suggest_known_ones(void **state)
{
    struct pair pair;
    int64_t number = 0;

    meet_toys(template_of(state), NULL, NULL, &pair);
    assert_code(net_get(pair.client, "peer-mott", text, sizeof text), NET_ADDRESS);
    assert_says("peer-motto");
    assert_code(net_get(pair.client, "nothing-like-it", text, sizeof text), NET_ADDRESS);
    assert_code(net_get_number(pair.client, "color", &number), NET_ADDRESS);
    assert_code(net_get_number(pair.client, "peer-motto", &number), NET_ADDRESS);
    assert_code(net_get_number(pair.client, "password", &number), NET_MISUSE);
    close_toys(&pair);
}

static void a_property_that_fails_says_why(void **state)
{
    struct pair pair;

    meet_toys(template_of(state), NULL, "faults=text:limit:no%20ink", &pair);
    assert_code(net_get(pair.client, "card", text, sizeof text), NET_LIMIT);
    assert_says("no ink");
    assert_reads(pair.client, "color", "red");
    close_toys(&pair);
}

static void those_of_the_stream_below_are_there_too(void **state)
{
    struct pair pair;

    meet_toys(template_of(state), "rcvbuf=64KiB", "sndbuf=64KiB", &pair);
    assert_true(number_of(pair.listener, "rcvbuf") > 0);
    assert_true(number_of(pair.client, "sndbuf") > 0);
    assert_ok(net_get(pair.client, "peer", text, sizeof text));
    assert_ok(net_get(pair.server, "local", text, sizeof text));
    assert_ok(net_get(pair.client, "scheme", text, sizeof text));
    assert_int_equal(strncmp(text, template_of(state), strlen(text)), 0);
    close_toys(&pair);
}

/* ---- net_use_cipher ---- */

static void a_cipher_that_lacks_something_is_refused(void **state)
{
    static const char *const schemes[] = {"",      "toolonger9", "Toy", "1toy",    "to-y",
                                          "to+y",  "tcp",        "mem", "memgram", "unix",
                                          "chaos", "framed",     "fd",  "systemd", "toy "};
    net_cipher cipher = toy_cipher;

    (void)state;
    assert_code(net_use_cipher(NULL), NET_MISUSE);
    for (int version = 0; version < 4; version++) {
        cipher.version = version;
        if (version != NET_CIPHER_VERSION) {
            assert_code(net_use_cipher(&cipher), NET_UNSUPPORTED);
        }
    }
    cipher.version = NET_CIPHER_VERSION;
    for (size_t i = 0; i < COUNT(schemes); i++) {
        cipher.scheme = schemes[i];
        assert_code(net_use_cipher(&cipher), NET_MISUSE);
    }
    cipher.scheme = NULL;
    assert_code(net_use_cipher(&cipher), NET_MISUSE);
    cipher.scheme = "other";
    for (size_t at = offsetof(net_cipher, properties); at < sizeof cipher; at += sizeof(void *)) {
        net_cipher lacks = cipher;

        memset((char *)&lacks + at, 0, sizeof(void *));
        assert_code(net_use_cipher(&lacks), NET_MISUSE);
    }
    cipher.scheme = "toy";
    assert_code(net_use_cipher(&cipher), NET_INUSE);
    assert_says("toy");
    assert_ok(net_use_cipher(&toy_cipher));
    assert_no_socket(net_connect("other://127.0.0.1:1", NET_NOW), NET_ADDRESS);
}

static void too_many_properties_are_refused(void **state)
{
    enum { MOST = 24 };
    static net_cipher_property many[MOST + 2];
    net_cipher cipher = toy_cipher;

    (void)state;
    for (int i = 0; i <= MOST; i++) {
        many[i] = (net_cipher_property){.name = "x"};
    }
    cipher.scheme = "many";
    cipher.properties = many;
    assert_code(net_use_cipher(&cipher), NET_MISUSE);
}

static long long use_it(struct caller *caller)
{
    (void)caller;
    return net_use_cipher(&toy_cipher);
}

static void any_thread_may_make_it_known(void **state)
{
    struct caller callers[8];

    (void)state;
    for (size_t i = 0; i < COUNT(callers); i++) {
        callers[i] = (struct caller){0};
        caller_launch(&callers[i], use_it, NULL, NET_NOW);
    }
    for (size_t i = 0; i < COUNT(callers); i++) {
        caller_join(&callers[i]);
        assert_int_equal(callers[i].result, 0);
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(an_option_reads_back_as_it_was_given),
        TEST(what_is_printed_can_be_given_again),
        TEST(a_property_of_the_session_waits_for_it),
        TEST(the_host_of_a_dial_reaches_the_cipher),
        TEST(it_counts_as_snprintf_does),
        TEST(only_a_listener_changes_and_only_for_those_that_come),
        TEST(a_change_that_fails_changes_nothing),
        TEST(a_secret_is_never_read),
        TEST(unknown_names_suggest_known_ones),
        TEST(a_property_that_fails_says_why),
        TEST(those_of_the_stream_below_are_there_too),
    };
    static const struct test ciphers[] = {
        TEST(any_thread_may_make_it_known),
        TEST(a_cipher_that_lacks_something_is_refused),
        TEST(too_many_properties_are_refused),
    };

    return run_once(ciphers) + run_toys(toy_templates, tests);
}

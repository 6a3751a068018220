/* wrap: getaddrinfo */
/* The option `family`: what is looked up, dialed and listened on. */
#include "support.h"

#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* ---- A resolver that knows one host, in both families ---- */

static _Atomic int asked_v4;
static _Atomic int asked_v6;

int __real_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    atomic_fetch_add(hints->ai_family == AF_INET6 ? &asked_v6 : &asked_v4, 1);
    if (strcmp(node, "both.test") != 0) {
        return EAI_NONAME;
    }
    return look_up_loopback(__real_getaddrinfo, service, hints, list);
}

/* ---- Listening ---- */

static const char *const schemes[] = {"tcp", "udp", "chaos+tcp", "chaos+udp", NULL};

static net_socket *listen_to(const char *scheme, const char *target, const char *options)
{
    char address[ADDRESS_MAX];

    snprintf(address, sizeof address, "%s://%s:0?%s", scheme, target, options);
    return assert_socket(net_listen(address));
}

/* Dials this host at the listener's port, or returns NULL. Where nothing listens, the system may
 * give the caller the very port that it dials, and it would then talk to itself. */
static net_socket *dial_host(net_socket *listener, const char *scheme, const char *host)
{
    char address[ADDRESS_MAX];
    char port[16];

    snprintf(port, sizeof port, "%lld", number_of(listener, "port"));
    assert_ok(net_address(address, sizeof address, scheme, host, port));
    net_socket *call = net_connect(address, soon());

    while (call != NULL && number_of(call, "port") == number_of(call, "peer-port")) {
        net_socket *other = net_connect(address, soon());

        net_close(call, NET_NOW);
        call = other;
    }
    return call;
}

static void assert_reached(net_socket *listener, const char *scheme, const char *host)
{
    net_socket *call = assert_socket(dial_host(listener, scheme, host));

    assert_count(net_send(call, "hi", 2, soon()), 2);
    net_close(assert_socket(net_accept(listener, soon())), NET_NOW);
    net_close(call, NET_NOW);
}

/* Over datagrams a refusal comes back after a send. */
static void assert_not_reached(net_socket *listener, const char *scheme, const char *host)
{
    net_socket *call = dial_host(listener, scheme, host);
    char byte;

    if (call == NULL) {
        assert_int_equal(net_error(), NET_REFUSED);
        return;
    }
    assert_non_null(strstr(scheme, "udp"));
    ssize_t n = net_send(call, "hi", 2, soon());

    assert_code(n < 0 ? n : net_recv(call, &byte, 1, soon()), NET_REFUSED);
    net_close(call, NET_NOW);
}

/* The listeners are opened one after another, because listeners of different families may get
 * the same port. */
static void a_wildcard_listens_on_the_family_alone(void **state)
{
    const char *scheme = template_of(state);
    net_socket *four = listen_to(scheme, "*", "family=4");

    assert_reads(four, "family", "4");
    assert_reads(four, "local-host", "0.0.0.0");
    assert_reads(four, "v6only", "off");
    assert_reached(four, scheme, "127.0.0.1");
    assert_not_reached(four, scheme, "::1");
    net_close(four, NET_NOW);
    net_socket *six = listen_to(scheme, "", "family=6");

    assert_reads(six, "family", "6");
    assert_reads(six, "local-host", "::");
    assert_reads(six, "v6only", "on");
    assert_reached(six, scheme, "::1");
    assert_not_reached(six, scheme, "127.0.0.1");
    net_close(six, NET_NOW);
    net_socket *any = listen_to(scheme, "*", "family=any");

    assert_reads(any, "family", "any");
    assert_reads(any, "local-host", "*");
    assert_reached(any, scheme, "::1");
    assert_reached(any, scheme, "127.0.0.1");
    net_close(any, NET_NOW);
}

static void localhost_is_of_the_family(void **state)
{
    const char *scheme = template_of(state);
    net_socket *four = listen_to(scheme, "localhost", "family=4");
    net_socket *six = listen_to(scheme, "localhost", "family=6");
    net_socket *literal = listen_to(scheme, "[::]", "family=6");

    assert_reads(four, "local-host", "127.0.0.1");
    assert_reads(six, "local-host", "::1");
    assert_reads(literal, "v6only", "on");
    net_close(literal, NET_NOW);
    net_close(six, NET_NOW);
    net_close(four, NET_NOW);
}

/* ---- Dialing ---- */

static void dial_text(net_socket *listener, const char *scheme, const char *host,
                      const char *options, char address[ADDRESS_MAX])
{
    snprintf(address, ADDRESS_MAX, "%s://%s:%lld?%s", scheme, host, number_of(listener, "port"),
             options);
}

static void a_dial_goes_to_the_family_alone(void **state)
{
    static const char *const hosts[] = {"localhost", "both.test"};
    const char *scheme = template_of(state);
    net_socket *listener = listen_to(scheme, "*", "family=any");
    char address[ADDRESS_MAX];

    for (size_t i = 0; i < COUNT(hosts); i++) {
        dial_text(listener, scheme, hosts[i], "family=4", address);
        net_socket *four = assert_socket(net_connect(address, soon()));

        dial_text(listener, scheme, hosts[i], "family=6", address);
        net_socket *six = assert_socket(net_connect(address, soon()));

        assert_reads(four, "peer-host", "127.0.0.1");
        assert_reads(four, "family", "4");
        assert_reads(six, "peer-host", "::1");
        assert_reads(six, "family", "6");
        assert_code(net_set(six, "family", "4"), NET_MISUSE);
        net_close(six, NET_NOW);
        net_close(four, NET_NOW);
    }
    net_close(listener, NET_NOW);
}

static void what_was_accepted_has_the_family_of_its_listener(void **state)
{
    char address[ADDRESS_MAX];
    struct pair pair;

    snprintf(address, sizeof address, "%s://*:0", template_of(state));
    dial_pair_with(address, "family=4", "family=4", &pair);
    assert_reads(pair.server, "family", "4");
    assert_reads(pair.client, "family", "4");
    close_pair(&pair);
}

static void only_the_family_is_looked_up(void **state)
{
    net_endpoint endpoints[4];
    char text[64];

    (void)state;
    atomic_store(&asked_v4, 0);
    atomic_store(&asked_v6, 0);
    assert_count(net_resolve("tcp://both.test:80?family=6", endpoints, 4, soon()), 1);
    assert_ok(net_endpoint_text(&endpoints[0], text, sizeof text));
    assert_string_equal(text, "[::1]:80");
    assert_int_equal(atomic_load(&asked_v4), 0);
    assert_int_equal(atomic_load(&asked_v6), 1);
    assert_count(net_resolve("udp://both.test:80?family=4", endpoints, 4, soon()), 1);
    assert_int_equal(atomic_load(&asked_v4), 1);
    assert_int_equal(atomic_load(&asked_v6), 1);
    assert_count(net_resolve("udp://both.test:80", endpoints, 4, soon()), 2);
    assert_count(net_resolve("udp://localhost:80?family=6", endpoints, 4, soon()), 1);
    assert_code(net_resolve("tcp://none.test:80?family=4", endpoints, 4, soon()), NET_NAME);
    assert_int_equal(atomic_load(&asked_v6), 2);
}

/* ---- Options that contradict each other ---- */

static void assert_refused(const char *address, const char *words)
{
    net_endpoint endpoint;

    assert_no_socket(net_connect(address, soon()), NET_ADDRESS);
    assert_says(words);
    assert_no_socket(net_connect(address, NET_NOW), NET_ADDRESS);
    assert_says(words);
    assert_code(net_resolve(address, &endpoint, 1, soon()), NET_ADDRESS);
    assert_says(words);
}

static void assert_no_listener(const char *address, const char *words)
{
    assert_no_socket(net_listen(address), NET_ADDRESS);
    assert_says(words);
}

static void what_does_not_go_together_is_refused(void **state)
{
    (void)state;
    assert_refused("tcp://[::1]:9?family=4", "family=4 leaves out an IPv6 address");
    assert_refused("udp://127.0.0.1:9?family=6", "family=6 leaves out an IPv4 address");
    assert_refused("chaos+tcp://[::1]:9?family=4", "family=4 leaves out an IPv6 address");
    assert_refused("tcp://[::ffff:127.0.0.1]:9?family=6", "family=6 leaves out an IPv4 address");
    assert_refused("tcp://localhost:9?v6only=on", "v6only is for listeners");
    assert_refused("udp://[::1]:9?v6only=off", "v6only is for listeners");
    assert_refused("tcp://localhost:9?family=4&source=[::1]", "cannot be dialed from an IPv6");
    assert_refused("udp://localhost:9?family=6&source=127.0.0.1", "cannot be dialed from an IPv4");
    assert_no_listener("tcp://[::]:0?family=4", "family=4 leaves out an IPv6 address");
    assert_no_listener("udp://0.0.0.0:0?family=6", "family=6 leaves out an IPv4 address");
    assert_no_listener("tcp://*:0?family=4&v6only=on", "leave no family");
    assert_no_listener("tcp://*:0?family=6&v6only=off", "say one of them");
    assert_no_listener("unix://@?family=4", "family");
    assert_no_listener("mem://?family=4", "family");
}

static void a_family_is_any_or_4_or_6(void **state)
{
    static const char *const wrong[] = {"",   "5",   "46", "ANY", "any ", "inet",
                                        "v4", "off", "-4", "04",  "IPv6", "4,6"};
    char address[ADDRESS_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(address, sizeof address, "tcp://*:0?family=%s", wrong[i]);
        assert_no_listener(address, "family takes any, 4 or 6");
    }
}

int main(void)
{
    const struct test everywhere[] = {TEST(a_wildcard_listens_on_the_family_alone),
                                      TEST(localhost_is_of_the_family),
                                      TEST(a_dial_goes_to_the_family_alone),
                                      TEST(what_was_accepted_has_the_family_of_its_listener)};
    const struct test once[] = {TEST(only_the_family_is_looked_up),
                                TEST(what_does_not_go_together_is_refused),
                                TEST(a_family_is_any_or_4_or_6)};

    return run_over(schemes, everywhere) + run_once(once);
}

/* wrap: getaddrinfo freeaddrinfo pthread_create */
/* Dialing names. The resolver knows what the test has told it, and waits as long as it is told. */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found);
void __wrap_freeaddrinfo(struct addrinfo *found);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);

/* ---- The resolver: "a:127.0.0.2,127.0.0.1" and so on, each family after its delay ---- */

static struct {
    const char *v4[4];
    const char *v6[4];
    atomic_int v4_delay; /* ms; -1: silent until the end */
    atomic_int v6_delay;
    atomic_bool over; /* silent lookups may return */
    atomic_int asked;
    atomic_int answered;
    atomic_bool no_threads;
} names;

static struct addrinfo *address_of(const char *text, int family, struct addrinfo *next)
{
    struct addrinfo *one = calloc(1, sizeof *one + sizeof(struct sockaddr_in6));
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)(one + 1);
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)v6;

    one->ai_family = family;
    one->ai_addr = (struct sockaddr *)v6;
    one->ai_next = next;
    v6->sin6_family = (sa_family_t)family;
    inet_pton(family, text, family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr);
    return one;
}

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found)
{
    const char *const *texts = hints->ai_family == AF_INET ? names.v4 : names.v6;
    atomic_int *delay = hints->ai_family == AF_INET ? &names.v4_delay : &names.v6_delay;
    double since = now_ms();
    int last = 0;

    (void)host;
    (void)service;
    atomic_fetch_add(&names.asked, 1);
    while ((*delay < 0 || elapsed_ms(since) < *delay) && !names.over) {
        nap(1);
    }
    while (last < 4 && texts[last] != NULL) {
        last++;
    }
    *found = NULL;
    for (int i = last - 1; i >= 0; i--) {
        *found = address_of(texts[i], hints->ai_family, *found);
    }
    atomic_fetch_add(&names.answered, 1);
    return *found != NULL ? 0 : EAI_NONAME;
}

void __wrap_freeaddrinfo(struct addrinfo *found)
{
    while (found != NULL) {
        struct addrinfo *next = found->ai_next;

        free(found);
        found = next;
    }
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument)
{
    return names.no_threads ? EAGAIN : __real_pthread_create(thread, attributes, body, argument);
}

static int threads_without_names;

/* Waits until no lookup runs. */
static void forget_names(void)
{
    double since = now_ms();

    names.over = true;
    while ((running_threads() > threads_without_names || names.answered < names.asked) &&
           elapsed_ms(since) < 20000.0 * slowness()) {
        nap(1);
    }
    memset(names.v4, 0, sizeof names.v4);
    memset(names.v6, 0, sizeof names.v6);
    names.v4_delay = 0;
    names.v6_delay = 0;
    names.asked = 0;
    names.answered = 0;
    names.over = false;
}

/* ---- The listeners ---- */

static net_socket *listen_on(const char *address, long long *port)
{
    net_socket *listener = assert_socket(net_listen(address));

    *port = number_of(listener, "port");
    return listener;
}

static const char *call_of(long long port)
{
    static char address[64];

    snprintf(address, sizeof address, "tcp://host.example:%lld", port);
    return address;
}

static long long closed_port(void)
{
    long long port;

    net_close(listen_on("tcp://127.0.0.1:0", &port), NET_NOW);
    return port;
}

static bool is_peer(net_socket *call, const char *host)
{
    char text[ADDRESS_MAX];

    assert_ok(net_get(call, "peer", text, sizeof text));
    return strstr(text, host) != NULL;
}

/* ---- The tests ---- */

static void when_the_first_address_refuses_the_second_is_used(void **state)
{
    long long port;
    net_socket *listener = listen_on("tcp://127.0.0.1:0", &port);
    double best = 1e9;

    (void)state;
    names.v4[0] = "127.0.0.2";
    names.v4[1] = "127.0.0.1";
    for (int i = 0; i < 5; i++) {
        double since = now_ms();
        net_socket *made = assert_socket(net_connect(call_of(port), soon()));

        best = elapsed_ms(since) < best ? elapsed_ms(since) : best;
        assert_true(is_peer(made, "127.0.0.1:"));
        net_close(made, NET_NOW);
    }
    assert_took(best, 0, 200); /* no stagger delayed it */
    net_socket *call = assert_socket(net_connect(call_of(port), NET_NOW));

    assert_count(net_send(call, "x", 1, soon()), 1);
    assert_true(is_peer(call, "127.0.0.1:"));
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
    forget_names();
}

static void a_black_hole_costs_no_more_than_the_stagger(void **state)
{
    long long port;
    net_socket *listener = listen_on("tcp://127.0.0.1:0", &port);
    struct black_hole hole;

    (void)state;
    open_black_hole("::1", (int)port, &hole);
    names.v6[0] = "::1";
    names.v4[0] = "127.0.0.1";
    double since = now_ms();
    net_socket *call = assert_socket(net_connect(call_of(port), soon()));

    in_time(elapsed_ms(since) >= 245); /* AAAA may come too late to be the first */
    assert_took(elapsed_ms(since), 45, 2000);
    assert_true(is_peer(call, "127.0.0.1:"));
    net_close(call, NET_NOW);
    close_black_hole(&hole);
    net_close(listener, NET_NOW);
    forget_names();
}

/* A slow attempt still wins when the later ones fail. */
static void an_earlier_attempt_goes_on_beside_a_later_one(void **state)
{
    long long port;
    net_socket *other = listen_on("tcp://127.0.0.1:0", &port);
    struct black_hole hole;
    char byte;

    (void)state;
    net_close(other, NET_NOW);
    open_black_hole("::1", (int)port, &hole);
    names.v6[0] = "::1";
    names.v4[0] = "127.0.0.1";
    net_socket *call = assert_socket(net_connect(call_of(port), NET_NOW));

    assert_code(net_recv(call, &byte, 1, net_after(400)), NET_TIMEOUT);
    assert_says("still dialing");
    int picked = accept(hole.listener, NULL, NULL);

    assert_count(net_send(call, "x", 1, soon()), 1);
    assert_true(is_peer(call, "[::1]:"));
    net_close(call, NET_NOW);
    close(picked);
    close_black_hole(&hole);
    forget_names();
}

static void ipv6_is_dialed_first(void **state)
{
    long long port;
    net_socket *v6 = listen_on("tcp://[::1]:0", &port);
    char address[64];

    (void)state;
    snprintf(address, sizeof address, "tcp://127.0.0.1:%lld", port);
    net_socket *v4 = net_listen(address);

    names.v6[0] = "::1";
    names.v4[0] = "127.0.0.1";
    names.v6_delay = 10; /* within the 50 ms for which A waits */
    net_socket *call = assert_socket(net_connect(call_of(port), soon()));

    in_time(is_peer(call, "[::1]:"));
    net_close(call, NET_NOW);
    net_close(v4, NET_NOW);
    net_close(v6, NET_NOW);
    forget_names();
}

/* A name server that answers A at once and AAAA never. */
static void a_family_that_is_never_answered_is_not_waited_for(void **state)
{
    long long port;
    net_socket *listener = listen_on("tcp://127.0.0.1:0", &port);

    (void)state;
    names.v4[0] = "127.0.0.1";
    names.v6_delay = -1;
    double since = now_ms();
    net_socket *call = assert_socket(net_connect(call_of(port), soon()));

    assert_took(elapsed_ms(since), 45, 2000);
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
    forget_names();
}

static void when_all_fail_every_attempt_is_in_the_sentence(void **state)
{
    long long port = closed_port();
    char byte;

    (void)state;
    names.v6[0] = "::1";
    names.v4[0] = "127.0.0.2";
    names.v4[1] = "127.0.0.3";
    assert_no_socket(net_connect(call_of(port), soon()), NET_REFUSED);
    assert_says("connect tcp://host.example:");
    assert_says("[::1]: refused");
    assert_says("127.0.0.2: refused");
    assert_says("127.0.0.3: refused");
    net_socket *dialing = assert_socket(net_connect(call_of(port), NET_NOW));

    assert_code(net_recv(dialing, &byte, 1, soon()), NET_REFUSED);
    assert_says("connect tcp://host.example:");
    assert_says("127.0.0.3: refused");
    assert_code(net_send(dialing, &byte, 1, NET_NOW), NET_REFUSED);
    assert_says("[::1]: refused");
    net_close(dialing, NET_NOW);
    forget_names();
}

/* One deadline holds for all addresses. Of a refusal and a silence, the refusal decides the
 * code. */
static void the_deadline_is_one_for_all_addresses(void **state)
{
    long long port = closed_port();
    struct black_hole hole;

    (void)state;
    open_black_hole("0.0.0.0", (int)port, &hole);
    names.v4[0] = "127.0.0.2";
    names.v4[1] = "127.0.0.3";
    names.v4[2] = "127.0.0.4";
    double since = now_ms();

    assert_no_socket(net_connect(call_of(port), net_after(300)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), 300, 2000);
    if (is_driven()) {
        assert_says("still dialing");
    } else { /* the answer of the resolver may come too late to try anybody */
        in_time(strstr(net_error_text(), "127.0.0.2: no answer") != NULL);
        in_time(strstr(net_error_text(), "not tried") != NULL);
    }
    close_black_hole(&hole);
    forget_names();
}

static void an_unknown_name_is_said_in_the_resolvers_words(void **state)
{
    net_endpoint endpoint;
    char byte;

    (void)state;
    assert_no_socket(net_connect("tcp://nobody.example:80", soon()), NET_NAME);
    assert_says("connect tcp://nobody.example:80: unknown name");
    assert_says(gai_strerror(EAI_NONAME));
    assert_code(net_resolve("udp://nobody.example:80", &endpoint, 1, soon()), NET_NAME);
    assert_says(gai_strerror(EAI_NONAME));
    net_socket *dialing = assert_socket(net_connect("udp://nobody.example:80", NET_NOW));

    assert_code(net_recv(dialing, &byte, 1, soon()), NET_NAME);
    assert_says(gai_strerror(EAI_NONAME));
    net_close(dialing, NET_NOW);
    forget_names();
}

/* The call ends on time, and the lookup it leaves behind ends by itself. */
static void a_silent_resolver_is_left_behind_at_the_deadline(void **state)
{
    net_endpoint endpoint;
    double since = now_ms();

    (void)state;
    names.v4[0] = "127.0.0.1";
    names.v4_delay = -1;
    names.v6_delay = -1;
    assert_no_socket(net_connect("tcp://silent.example:80", net_after(100)), NET_TIMEOUT);
    assert_says(is_driven() ? "still dialing" : "still looking up the name");
    assert_code(net_resolve("tcp://silent.example:80", &endpoint, 1, net_after(100)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), 200, 2000);
    since = now_ms();
    net_socket *dialing = assert_socket(net_connect("tcp://silent.example:80", NET_NOW));

    assert_took(elapsed_ms(since), 0, 1000);
    net_close(dialing, NET_NOW);
    forget_names();
}

/* One family has no address. The other is still being looked up, and that is the cause. */
static void a_family_without_addresses_is_not_the_cause(void **state)
{
    (void)state;
    names.v4_delay = -1;
    assert_no_socket(net_connect("tcp://silent.example:80", net_after(100)), NET_TIMEOUT);
    assert_says(is_driven() ? "still dialing" : "still looking up the name");
    forget_names();
}

static void a_dial_in_the_resolver_can_be_cancelled(void **state)
{
    struct caller caller;

    (void)state;
    names.v4_delay = -1;
    names.v6_delay = -1;
    net_socket *dialing = assert_socket(net_connect("tcp://silent.example:80", NET_NOW));

    caller_start(&caller, call_recv, dialing, soon());
    double since = now_ms();

    net_cancel(dialing);
    caller_join(&caller);
    assert_took(elapsed_ms(since), 0, 100);
    assert_int_equal(caller.result, NET_CANCELED);
    assert_code(net_send(dialing, "x", 1, soon()), NET_CANCELED);
    net_close(dialing, NET_NOW);
    forget_names();
}

/* 16 lookups run at once. More of them wait within their own deadlines. */
static void more_lookups_than_run_at_once_wait_in_a_queue(void **state)
{
    enum { CALLERS = 24 };
    net_socket *dialing[CALLERS];
    long long port;
    net_socket *listener = listen_on("tcp://127.0.0.1:0", &port);

    (void)state;
    names.v4[0] = "127.0.0.1";
    names.v4_delay = -1;
    names.v6_delay = -1;
    for (int i = 0; i < CALLERS; i++) {
        dialing[i] = assert_socket(net_connect(call_of(port), NET_NOW));
    }
    for (int i = 0; i < CALLERS; i++) {
        char byte;

        assert_code(net_recv(dialing[i], &byte, 1, net_after(5)), NET_TIMEOUT);
    }
    assert_true(names.asked <= 16);
    names.over = true;
    for (int i = 0; i < CALLERS; i++) {
        assert_count(net_send(dialing[i], "x", 1, soon()), 1);
        net_close(dialing[i], NET_NOW);
    }
    net_close(listener, NET_NOW);
    forget_names();
}

static void without_a_thread_for_the_resolver_it_is_a_limit(void **state)
{
    net_endpoint endpoint;

    (void)state;
    names.no_threads = true;
    assert_no_socket(net_connect("tcp://host.example:80", soon()), NET_LIMIT);
    assert_says("host.example: no thread is to be had: ");
    assert_code(net_resolve("tcp://host.example:80", &endpoint, 1, soon()), NET_LIMIT);
    net_socket *dialing = net_connect("tcp://host.example:80", NET_NOW);

    if (dialing != NULL) {
        char byte;

        assert_code(net_recv(dialing, &byte, 1, soon()), NET_LIMIT);
        net_close(dialing, NET_NOW);
    } else {
        assert_int_equal(net_error(), NET_LIMIT);
    }
    names.no_threads = false;
    forget_names();
}

/* The order of a dial: the families in turn, and within each the resolver's order. */
static void resolve_tells_what_a_dial_would_try_in_its_order(void **state)
{
    static const char *const order[] = {"[::1]:7", "127.0.0.3:7", "[::2]:7", "127.0.0.1:7"};
    net_endpoint endpoints[8];
    char text[64];

    (void)state;
    names.v6[0] = "::1";
    names.v6[1] = "::2";
    names.v4[0] = "127.0.0.3";
    names.v4[1] = "127.0.0.1";
    assert_count(net_resolve("udp://host.example:7", endpoints, 8, soon()), 4);
    for (size_t i = 0; i < COUNT(order); i++) {
        assert_ok(net_endpoint_text(&endpoints[i], text, sizeof text));
        assert_string_equal(text, order[i]);
    }
    assert_count(net_resolve("udp://host.example:7", endpoints, 2, soon()), 2);
    forget_names();
}

int main(void)
{
    const struct test tests[] = {
        TEST(when_the_first_address_refuses_the_second_is_used),
        TEST(a_black_hole_costs_no_more_than_the_stagger),
        TEST(an_earlier_attempt_goes_on_beside_a_later_one),
        TEST(ipv6_is_dialed_first),
        TEST(a_family_that_is_never_answered_is_not_waited_for),
        TEST(when_all_fail_every_attempt_is_in_the_sentence),
        TEST(the_deadline_is_one_for_all_addresses),
        TEST(an_unknown_name_is_said_in_the_resolvers_words),
        TEST(a_silent_resolver_is_left_behind_at_the_deadline),
        TEST(a_family_without_addresses_is_not_the_cause),
        TEST(a_dial_in_the_resolver_can_be_cancelled),
        TEST(more_lookups_than_run_at_once_wait_in_a_queue),
        TEST(without_a_thread_for_the_resolver_it_is_a_limit),
        TEST(resolve_tells_what_a_dial_would_try_in_its_order),
    };

    threads_without_names = running_threads();
    return run_once(tests);
}

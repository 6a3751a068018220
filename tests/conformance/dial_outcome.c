/* wrap: getaddrinfo */
/* driven: skip, it has a poller of its own */
/* The outcome of a dial that no call waited for. Once the dial is writable, `peer` is there, or
 * says why the dial was lost. */
#include "watching.h"
#include "words.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int __real_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    nap(10); /* so that the dial is not decided at once */
    return strcmp(node, "here.test") == 0
               ? look_up_loopback(__real_getaddrinfo, service, hints, list)
               : EAI_NONAME;
}

/* Dials, and lets a poller say when the dial is decided. */
static net_socket *dial_and_wait(const char *address)
{
    net_poller *poller = open_poller();
    net_socket *call = assert_socket(net_connect(address, NET_NOW));
    net_event event;

    watch(poller, call, NET_WRITABLE);
    assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    assert_ptr_equal(event.socket, call);
    assert_int_equal(event.ready, NET_WRITABLE);
    net_poller_close(poller);
    return call;
}

static void assert_won(const char *address)
{
    net_socket *call = dial_and_wait(address);
    char peer[ADDRESS_MAX];

    for (int i = 0; i < 3; i++) {
        assert_true(assert_ok(net_get(call, "peer", NULL, 0)) > 0);
    }
    assert_ok(net_get(call, "peer", peer, sizeof peer));
    if (strstr(address, "here.test") == NULL) {
        assert_string_equal(peer, address);
    }
    net_close(call, NET_NOW);
}

/* An encrypted address has options here. */
static void check_sentence(const char *start, const char *words)
{
    const char *text = net_error_text();
    const char *rest = text + strlen(start);
    bool begins = strncmp(text, start, strlen(start)) == 0;

    if (begins && is_encrypted(strchr(text, ' ') + 1)) {
        rest = strchr(rest, ':');
    }
    if (!begins || rest == NULL || strncmp(rest, ": ", 2) != 0 ||
        strncmp(rest + 2, words, strlen(words)) != 0) {
        fail_msg("'%s' does not begin with '%s: %s'", text, start, words);
    }
}

/* A second and a third question get the same answer. */
static void assert_lost(const char *address, int code, const char *words)
{
    net_socket *call = dial_and_wait(address);
    char start[ADDRESS_MAX + 16];
    int64_t number = 0;

    snprintf(start, sizeof start, "connect %s", address);
    for (int i = 0; i < 3; i++) {
        assert_code(net_get(call, "peer", NULL, 0), code);
        check_sentence(start, words);
    }
    assert_code(net_get(call, "local", NULL, 0), code);
    if (is_ip(address)) {
        assert_code(net_get_number(call, "peer-port", &number), code);
        check_sentence(start, words);
    }
    assert_code(net_send(call, "", 0, NET_NOW), code); /* as from any other call */
    assert_int_equal(strncmp(net_error_text(), start, strlen(start)), 0);
    net_close(call, NET_NOW);
}

static void a_dial_that_is_won_has_a_peer(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];
    struct caller answering;

    dial_address(listener, address);
    answer_begin(&answering, address, listener);
    assert_won(address);
    if (is_encrypted(address)) {
        net_close(answer_end(&answering, address, listener), NET_NOW);
    }
    net_close(listener, NET_NOW);
}

/* The listener's address has no listener any more. A dial over datagrams sends nothing, so it is
 * won, except where the system looks up a name. */
static void a_dial_that_is_refused_says_so(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    net_close(listener, NET_NOW);
    bool asks = strncmp(address, "unixgram:", strlen("unixgram:")) == 0;

    if (!does(address, CONNECTS) && !asks) {
        assert_won(address);
    } else {
        assert_lost(address, NET_REFUSED, "refused");
    }
}

static void a_name_is_won_or_unknown(void **state)
{
    static const char *const schemes[] = {"tcp", "udp", "chaos+tcp", "chaos+udp"};
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    char address[ADDRESS_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(schemes); i++) {
        snprintf(address, sizeof address, "%s://here.test:%lld", schemes[i],
                 number_of(listener, "port"));
        assert_won(address);
        snprintf(address, sizeof address, "%s://nowhere.test:80", schemes[i]);
        assert_lost(address, NET_NAME, "unknown name");
    }
    net_close(listener, NET_NOW);
    snprintf(address, sizeof address, "tcp://here.test:9");
    assert_lost(address, NET_REFUSED, "refused (");
    snprintf(address, sizeof address, "chaos+tcp://localhost:9");
    assert_lost(address, NET_REFUSED, "refused (127.0.0.1: refused");
}

static void a_path_that_is_none_is_refused(void **state)
{
    (void)state;
    assert_lost("unix:///nowhere/at/all", NET_REFUSED, "refused");
    assert_lost("unix://@nobody-is-called-so", NET_REFUSED, "refused");
    assert_lost("unixgram:///nowhere/at/all", NET_REFUSED, "refused");
    assert_lost("mem://nobody-is-called-so", NET_REFUSED, "refused");
    assert_lost("chaos+mem://nobody-is-called-so", NET_REFUSED, "refused");
    assert_won("memgram://nobody-is-called-so");
    assert_lost("chaos+unix://@nobody-is-called-so", NET_REFUSED, "refused");
}

/* A dial that is not decided is neither won nor refused. */
static void a_dial_on_its_way_is_a_timeout(void **state)
{
    struct black_hole hole;

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    net_socket *call = assert_socket(net_connect(hole.address, NET_NOW));

    assert_code(net_get(call, "peer", NULL, 0), NET_TIMEOUT);
    net_close(call, NET_NOW);
    close_black_hole(&hole);
}

int main(void)
{
    const struct test everywhere[] = {TEST(a_dial_that_is_won_has_a_peer),
                                      TEST(a_dial_that_is_refused_says_so)};
    const struct test once[] = {TEST(a_name_is_won_or_unknown),
                                TEST(a_path_that_is_none_is_refused),
                                TEST(a_dial_on_its_way_is_a_timeout)};

    return run_over(all_templates, everywhere) + run_once(once);
}

/* Over an adopted udp descriptor with IP_RECVERR an ICMP error of one peer failed the receives
 * and sends of the others; and while such errors were queued, waiting used a whole processor. */
#include "foreign.h"
#include "watching.h"

#include <string.h>
#include <unistd.h>

enum { WAIT = 60, ERRORS = 8 };

static char in[64];

static void ask_for_errors(int fd)
{
    int on = 1;
    bool v4 = setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on) == 0;
    bool v6 = setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on) == 0;

    assert_true(v4 || v6);
}

/* A receive waits until its deadline, and rests meanwhile. */
static void expect_rest(net_socket *socket)
{
    double since = now_ms();
    double cpu = thread_cpu_ms();
    ssize_t n = net_recv(socket, in, sizeof in, net_after(WAIT));
    double took = elapsed_ms(since);

    cpu = thread_cpu_ms() - cpu;
    print_message("a receive: %s after %.1f ms, %.1f ms of cpu\n", net_strerror((int)n), took, cpu);
    assert_int_equal(n, NET_TIMEOUT);
    assert_took(took, WAIT, WAIT + 50);
    in_time(cpu < WAIT / 6.0 * slowness());
}

/* ---- Several peers on one descriptor ---- */

struct hub {
    net_socket *listener;
    net_socket *client;
    net_socket *server;
    net_socket *to_dead; /* accepted; its client is gone */
};

static void open_hub(struct hub *hub, const char *template)
{
    int fd = foreign_bound(template);
    net_socket *dead = NULL;

    ask_for_errors(fd);
    *hub = (struct hub){.listener = adopt_listener(fd)};
    dial_again(hub->listener, &hub->client, &hub->server);
    dial_again(hub->listener, &dead, &hub->to_dead);
    net_close(dead, NET_NOW);
}

static void close_hub(struct hub *hub)
{
    net_close(hub->client, NET_NOW);
    net_close(hub->server, NET_NOW);
    net_close(hub->to_dead, NET_NOW);
    net_close(hub->listener, NET_NOW);
}

/* Each of these is answered by an ICMP error, unless the system has sent too many of them. */
static void cause_errors(struct hub *hub, int count)
{
    for (int i = 0; i < count; i++) {
        assert_count(net_send(hub->to_dead, "dead", 4, soon()), 4);
    }
}

static void nobody_receives_anothers_error(void **state)
{
    struct hub hub;

    open_hub(&hub, template_of(state));
    cause_errors(&hub, ERRORS);
    expect_rest(hub.server);
    cause_errors(&hub, ERRORS);
    assert_no_socket(net_accept(hub.listener, net_after(1)), NET_TIMEOUT);
    cause_errors(&hub, ERRORS);
    say(hub.client, "good");
    assert_count(net_recv(hub.server, in, sizeof in, soon()), 4);
    close_hub(&hub);
}

static void nobody_sends_with_anothers_error(void **state)
{
    net_message messages[2] = {{.data = in, .size = 4}, {.data = in, .size = 8}};
    struct hub hub;

    open_hub(&hub, template_of(state));
    for (int i = 0; i < ERRORS; i++) {
        cause_errors(&hub, 1);
        say(hub.server, "good");
        cause_errors(&hub, 1);
        assert_count(net_send_messages(hub.server, messages, 2, soon()), 2);
        for (int size = 4; size <= 12; size += 4) {
            assert_count(net_recv(hub.client, in, sizeof in, soon()), size == 12 ? 8 : 4);
        }
    }
    close_hub(&hub);
}

static void a_poller_is_quiet(void **state)
{
    net_poller *poller = open_poller();
    struct hub hub;

    open_hub(&hub, template_of(state));
    watch(poller, hub.server, NET_READABLE);
    watch(poller, hub.listener, NET_READABLE);
    cause_errors(&hub, ERRORS);
    expect_quiet(poller, WAIT);
    net_poller_close(poller);
    close_hub(&hub);
}

/* ---- One peer ---- */

/* A connected descriptor whose peer is gone, after a datagram to it. */
static int refused_descriptor(const char *template)
{
    net_socket *listener = assert_socket(net_listen(template));
    int fd = foreign_dial(listener);

    ask_for_errors(fd);
    net_close(listener, NET_NOW);
    return fd;
}

static void a_refusal_is_told_once(void **state)
{
    net_poller *poller = open_poller();
    net_socket *socket = adopt_connection(refused_descriptor(template_of(state)));

    for (int i = 0; i < 2; i++) {
        say(socket, "dead");
        assert_code(net_recv(socket, in, sizeof in, soon()), NET_REFUSED);
        expect_rest(socket);
        say(socket, "dead");
        assert_code(net_send(socket, "dead", 4, soon()), NET_REFUSED);
        expect_rest(socket);
    }
    watch(poller, socket, NET_READABLE);
    expect_quiet(poller, WAIT);
    net_close(socket, NET_NOW);
    net_poller_close(poller);
}

/* Its owner has asked for the error, and left the queue as it was. */
static void an_error_from_before_the_adoption_is_gone(void **state)
{
    int fd = refused_descriptor(template_of(state));

    assert_int_equal(send(fd, "dead", 4, 0), 4);
    assert_int_equal(send(fd, "dead", 4, 0), -1);
    await_events(fd, POLLERR);
    net_socket *socket = adopt_connection(fd);

    expect_rest(socket);
    net_close(socket, NET_NOW);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(nobody_receives_anothers_error),
        TEST(nobody_sends_with_anothers_error),
        TEST(a_poller_is_quiet),
    };
    static const struct test alone[] = {
        TEST(a_refusal_is_told_once),
        TEST(an_error_from_before_the_adoption_is_gone),
    };
    static const char *const templates[] = {"udp://127.0.0.1:0", "udp://[::1]:0", NULL};

    return run_over(udp_templates, tests) + run_over(templates, alone);
}

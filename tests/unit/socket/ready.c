/* The slot `ready`: what a poller asks of each kind of socket, and the notices that are posted when
 * another call makes a socket ready. */
#include "socket/backend.h"
#include "socket/socket.h"
#include "os/poll.h"
#include "support.h"
#include "words.h"

#include <string.h>

/* A notice and its ready list. */
struct observer {
    struct nf_notice notice;
    struct nf_ready_list ready_list;
};

static void observe(struct observer *observer, net_socket *socket)
{
    *observer = (struct observer){0};
    assert_ok(nf_ready_list_open(&observer->ready_list));
    observer->notice.ready_list = &observer->ready_list;
    nf_socket_set_notice(socket, &observer->notice);
}

/* Whether the notice was posted since the last call. */
static bool was_notified(struct observer *observer)
{
    struct nf_notice *posted = nf_ready_list_take(&observer->ready_list);

    return posted != NULL && nf_notice_unlist(posted);
}

static void stop_observing(struct observer *observer, net_socket *socket)
{
    nf_socket_set_notice(socket, NULL);
    nf_ready_list_close(&observer->ready_list);
}

static struct nf_readiness ask(net_socket *socket, unsigned interest)
{
    struct nf_readiness readiness = {.fd = -2};

    nf_backend_of(socket)->ready(socket, interest, &readiness);
    return readiness;
}

/* As a poller does when a descriptor that sockets share is ready. */
static void pump(net_socket *socket)
{
    struct nf_common *common = ask(socket, NF_IN).common;

    assert_non_null(common);
    common->pump(common);
}

/* As a poller does: ask, watch the descriptor, ask again. */
static bool becomes_ready(net_socket *socket, unsigned interest, int64_t ms)
{
    net_deadline deadline = net_after(ms);
    struct nf_readiness readiness = ask(socket, interest);

    while (readiness.ready == 0) {
        struct nf_poll poll = {.fd = readiness.fd, .want = readiness.want};
        net_deadline until = readiness.again < deadline ? readiness.again : deadline;

        if (net_after(0) >= deadline) {
            return false;
        }
        if (nf_poll(&poll, 1, until) > 0 && !readiness.is_hint &&
            nf_backend_of(socket) == socket->kind) {
            return true;
        }
        readiness = ask(socket, interest);
    }
    return true;
}

static void a_connection_leaves_all_to_its_descriptor(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    struct nf_readiness readiness = ask(pair.client, NF_IN | NF_OUT);

    assert_int_equal(readiness.ready, 0);
    assert_int_equal(readiness.fd, net_fd(pair.client));
    assert_int_equal(readiness.want, NF_IN | NF_OUT);
    assert_true(readiness.again == NET_FOREVER);
    net_cancel(pair.client);
    assert_int_equal(ask(pair.client, NF_IN | NF_OUT).ready, NF_IN | NF_OUT);
    assert_int_equal(ask(pair.client, NF_IN).ready, NF_IN);
    net_cancel(pair.listener);
    assert_int_equal(ask(pair.listener, NF_IN).ready, NF_IN);
    close_pair(&pair);
}

/* A dialed socket is ready if it has received datagrams ahead, although its descriptor is not
 * readable. */
static void datagrams_received_ahead_make_a_socket_ready(void **state)
{
    enum { AHEAD = 2 };
    struct pair pair;
    char byte;
    net_message message = {.data = &byte, .capacity = 1};

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < AHEAD; i++) {
        assert_count(net_send(pair.server, "x", 1, soon()), 1);
    }
    assert_int_equal(ask(pair.client, NF_IN).ready,
                     0); /* the descriptor is readable, so the slot need not say it */
    assert_count(net_recv_messages(pair.client, &message, 1, soon()), 1);
    for (int i = 1; i < AHEAD; i++) {
        struct nf_poll poll = {.fd = net_fd(pair.client), .want = NF_IN};

        assert_int_equal(nf_poll(&poll, 1, NET_NOW), 0);
        assert_int_equal(ask(pair.client, NF_IN | NF_OUT).ready, NF_IN);
        assert_int_equal(ask(pair.client, NF_OUT).ready, 0);
        assert_count(net_recv(pair.client, &byte, 1, NET_NOW), 1);
    }
    assert_int_equal(ask(pair.client, NF_IN | NF_OUT).ready, 0);
    assert_code(net_recv(pair.client, &byte, 1, NET_NOW), NET_TIMEOUT);
    close_pair(&pair);
}

/* Readiness that is known only inside the process. */
static void a_datagram_that_another_call_read_makes_a_peer_ready(void **state)
{
    struct pair pair;
    struct observer observer;
    net_socket *client;
    net_socket *other;
    char byte;

    dial_pair(template_of(state), &pair);
    dial_again(pair.listener, &client, &other);
    observe(&observer, pair.server);
    struct nf_readiness readiness = ask(pair.server, NF_IN);

    assert_int_equal(readiness.ready, 0);
    assert_int_equal(readiness.fd, -1);
    assert_int_equal(readiness.common->fd, net_fd(pair.listener));
    assert_ptr_equal(ask(pair.listener, NF_IN).common, readiness.common);
    assert_null(ask(pair.server, NF_OUT).common);
    assert_count(net_send(pair.client, "x", 1, soon()), 1);
    await_events(readiness.common->fd, POLLIN);
    assert_false(was_notified(&observer));
    assert_code(net_recv(other, &byte, 1, NET_NOW), NET_TIMEOUT);
    assert_true(was_notified(&observer));
    assert_int_equal(ask(pair.server, NF_IN | NF_OUT).ready, NF_IN | NF_OUT);
    assert_count(net_recv(pair.server, &byte, 1, NET_NOW), 1);
    assert_int_equal(ask(pair.server, NF_IN).ready, 0);
    stop_observing(&observer, pair.server);
    assert_count(net_send(pair.client, "y", 1, soon()), 1);
    await_events(readiness.common->fd, POLLIN);
    assert_code(net_recv(other, &byte, 1, NET_NOW), NET_TIMEOUT);
    assert_int_equal(ask(pair.server, NF_IN).ready, NF_IN);
    net_close(client, NET_NOW);
    net_close(other, NET_NOW);
    close_pair(&pair);
}

/* To pump is to be the reader for a moment. It posts a notice for each peer that gets a
 * datagram. */
static void pumping_reads_for_all(void **state)
{
    struct pair pair;
    struct observer observer;
    struct observer stranger_observer;
    net_socket *client;
    net_socket *other;

    dial_pair(template_of(state), &pair);
    dial_again(pair.listener, &client, &other);
    observe(&observer, pair.server);
    observe(&stranger_observer, pair.listener);
    assert_count(net_send(pair.client, "x", 1, soon()), 1);
    await_events(net_fd(pair.listener), POLLIN);
    assert_int_equal(ask(pair.server, NF_IN).ready, 0); /* asking reads nothing */
    pump(other);
    assert_true(was_notified(&observer));
    assert_false(was_notified(&stranger_observer));
    net_close(other, NET_NOW);
    was_notified(&stranger_observer); /* a place is free */
    assert_count(net_send(client, "again", 5, soon()), 5);
    await_events(net_fd(pair.listener), POLLIN);
    pump(pair.server);
    assert_true(was_notified(&stranger_observer));
    assert_int_equal(ask(pair.listener, NF_IN).ready, NF_IN);
    net_close(client, NET_NOW);
    stop_observing(&observer, pair.server);
    stop_observing(&stranger_observer, pair.listener);
    close_pair(&pair);
}

static void a_peer_that_ends_is_notified_and_ready(void **state)
{
    struct pair pair;
    struct observer observer;

    dial_pair_with(template_of(state), "idle=40ms", NULL, &pair);
    observe(&observer, pair.server);
    struct nf_readiness readiness = ask(pair.server, NF_IN);

    assert_true(readiness.ready == NF_IN || readiness.pump <= net_after(40));
    nap(60);
    pump(pair.listener);
    assert_true(was_notified(&observer));
    assert_int_equal(ask(pair.server, NF_IN).ready, NF_IN);
    stop_observing(&observer, pair.server);
    close_pair(&pair);
}

static void a_cancelled_member_is_ready(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    net_cancel(pair.server);
    assert_int_equal(ask(pair.server, NF_IN | NF_OUT).ready, NF_IN | NF_OUT);
    net_cancel(pair.listener);
    assert_int_equal(ask(pair.listener, NF_IN).ready, NF_IN);
    close_pair(&pair);
}

/* The question drives the dial. */
static void a_dial_becomes_ready_once_it_is_decided(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    net_socket *call = assert_socket(net_connect(address, NET_NOW));
    struct caller answering;

    answer_begin(&answering, address, listener);
    assert_true(becomes_ready(call, NF_OUT, 20000));
    assert_count(net_send(call, "x", 1, NET_NOW), 1);
    if (is_encrypted(address)) {
        net_close(answer_end(&answering, address, listener), NET_NOW);
    }
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
    call = assert_socket(net_connect(address, NET_NOW));
    if (does(address, CONNECTS)) {
        char byte;

        assert_true(becomes_ready(call, NF_OUT, 20000));
        assert_code(net_recv(call, &byte, 1, NET_NOW), NET_REFUSED);
        assert_int_equal(ask(call, NF_IN | NF_OUT).ready, NF_IN | NF_OUT);
    }
    net_close(call, NET_NOW);
}

int main(void)
{
    static const char *const lines[] = {"tcp://127.0.0.1:0", NULL};
    const struct test line[] = {TEST(a_connection_leaves_all_to_its_descriptor)};
    static const char *const bursts[] = {"udp://127.0.0.1:0", "udp://[::1]:0", NULL};
    const struct test burst[] = {TEST(datagrams_received_ahead_make_a_socket_ready)};
    const struct test members[] = {
        TEST(a_datagram_that_another_call_read_makes_a_peer_ready),
        TEST(pumping_reads_for_all),
        TEST(a_peer_that_ends_is_notified_and_ready),
        TEST(a_cancelled_member_is_ready),
    };
    const struct test dials[] = {TEST(a_dial_becomes_ready_once_it_is_decided)};

    return run_over(lines, line) + run_over(bursts, burst) + run_over(kernel_datagrams, members) +
           run_over(all_templates, dials);
}

/* wrap: send sendto sendmsg sendmmsg recv recvmmsg */
/* net_send_messages and net_recv_messages: batches, endpoints, and failures of the system in the
 * middle of a batch. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
                      socklen_t length);
ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
                      socklen_t length);
int __real_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
ssize_t __real_recv(int fd, void *buffer, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags);
int __real_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);

/* After `good` datagrams or receives, `bad` of them fail. */
static struct {
    int good;
    int bad;
    int error;
} plan;

static bool fails_now(void)
{
    if (plan.good > 0) {
        plan.good--;
        return false;
    }
    if (plan.bad > 0) {
        plan.bad--;
        errno = plan.error;
        return true;
    }
    return false;
}

static void fail_later(int good, int bad, int error)
{
    plan.good = good;
    plan.bad = bad;
    plan.error = error;
}

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
    return fails_now() ? -1 : __real_send(fd, data, size, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return fails_now() ? -1 : __real_sendmsg(fd, message, flags);
}

ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
                      socklen_t length)
{
    return fails_now() ? -1 : __real_sendto(fd, data, size, flags, to, length);
}

/* A batch stops before the message that fails, and tells why only when that is the first. */
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    unsigned good = 0;

    while (good < count && !fails_now()) {
        good++;
    }
    return good > 0 ? __real_sendmmsg(fd, messages, good, flags) : -1;
}

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags)
{
    return fails_now() ? -1 : __real_recv(fd, buffer, size, flags);
}

int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout)
{
    return fails_now() ? -1 : __real_recvmmsg(fd, messages, count, flags, timeout);
}

enum { MOST = 8, SIZE = 64 };

static char data[MOST][SIZE];

static void prepare_out(net_message *messages, int count, const net_endpoint *to)
{
    for (int i = 0; i < count; i++) {
        memset(data[i], 'a' + i, SIZE);
        messages[i] = (net_message){.data = data[i], .size = (size_t)i};
        if (to != NULL) {
            messages[i].endpoint = *to;
        }
    }
}

static void prepare_in(net_message *messages, int count)
{
    memset(data, 0, sizeof data);
    for (int i = 0; i < count; i++) {
        messages[i] = (net_message){.data = data[i], .capacity = SIZE};
    }
}

/* ---- The tests ---- */

static void a_batch_goes_through_whole_and_in_order(void **state)
{
    struct pair pair;
    net_message messages[MOST];

    dial_pair(template_of(state), &pair);
    for (int way = 0; way < 2; way++) {
        net_socket *from = way == 0 ? pair.client : pair.server;
        net_socket *to = way == 0 ? pair.server : pair.client;
        int got = 0;

        prepare_out(messages, MOST, NULL);
        assert_count(net_send_messages(from, messages, MOST, soon()), MOST);
        prepare_in(messages, MOST);
        while (got < MOST) {
            got += (int)assert_ok(net_recv_messages(to, messages + got, MOST - got, soon()));
        }
        for (int i = 0; i < MOST; i++) {
            assert_int_equal(messages[i].size, i);
            assert_true(i == 0 || data[i][i - 1] == 'a' + i);
        }
        assert_code(net_recv_messages(to, messages, MOST, NET_NOW), NET_TIMEOUT);
    }
    close_pair(&pair);
}

/* A receive waits for the first message only. */
static void a_receive_takes_what_is_there_and_waits_for_one(void **state)
{
    struct pair pair;
    net_message messages[MOST];
    double since = now_ms();

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.client, "one", 3, soon()), 3);
    assert_count(net_send(pair.client, "two", 3, soon()), 3);
    prepare_in(messages, MOST);
    assert_count(net_recv_messages(pair.server, messages, 1, soon()), 1);
    assert_count(net_recv_messages(pair.server, messages, MOST, soon()), 1);
    assert_took(elapsed_ms(since), 0, 1000);
    assert_memory_equal(data[0], "two", 3);
    close_pair(&pair);
}

/* A datagram that does not fit counts as one, is dropped, and its sender is still told. */
static void what_does_not_fit_has_a_size_over_its_capacity(void **state)
{
    struct pair pair;
    net_message messages[3];
    char text[ADDRESS_MAX];
    char local[ADDRESS_MAX];
    int got = 0;

    dial_pair(template_of(state), &pair);
    memset(data, 'x', sizeof data);
    assert_count(net_send(pair.client, "a", 1, soon()), 1);
    assert_count(net_send(pair.client, data, 3 * SIZE, soon()), 3 * SIZE);
    assert_count(net_send(pair.client, "bc", 2, soon()), 2);
    prepare_in(messages, 3);
    while (got < 3) {
        got += (int)assert_ok(net_recv_messages(pair.server, messages + got, 3 - got, soon()));
    }
    assert_int_equal(messages[0].size, 1);
    assert_int_equal(messages[1].size, 3 * SIZE);
    assert_int_equal(messages[1].capacity, SIZE);
    assert_int_equal(messages[2].size, 2);
    assert_int_equal(data[2][0], 'b');
    assert_ok(net_endpoint_text(&messages[1].endpoint, text, sizeof text));
    assert_ok(net_get(pair.client, "local", local, sizeof local));
    assert_string_equal(text, strstr(local, "//") + 2);
    assert_int_equal(number_of(pair.server, "truncated"), 1);
    close_pair(&pair);
}

/* An answer goes to the endpoint the request came from, on every kind of socket. */
static void an_endpoint_heard_is_an_endpoint_to_send_to(void **state)
{
    struct pair pair;
    net_message message;

    dial_pair(template_of(state), &pair);
    for (int way = 0; way < 2; way++) {
        net_socket *from = way == 0 ? pair.client : pair.server;
        net_socket *to = way == 0 ? pair.server : pair.client;

        assert_count(net_send(from, "ping", 4, soon()), 4);
        prepare_in(&message, 1);
        assert_count(net_recv_messages(to, &message, 1, soon()), 1);
        assert_count(net_send_messages(to, &message, 1, soon()), 1);
        assert_count(net_recv(from, data[1], SIZE, soon()), 4);
        assert_memory_equal(data[1], "ping", 4);
    }
    close_pair(&pair);
}

static void endpoints_that_do_not_fit_are_a_misuse(void **state)
{
    struct pair pair;
    net_message messages[2];
    net_endpoint other;

    dial_pair(template_of(state), &pair);
    assert_count(net_resolve("udp://127.0.0.7:7", &other, 1, soon()), 1);
    prepare_out(messages, 2, NULL);
    assert_code(net_send_messages(pair.listener, messages, 2, soon()), NET_MISUSE);
    prepare_out(messages, 2, &other);
    assert_code(net_send_messages(pair.client, messages, 2, soon()), NET_MISUSE);
    assert_code(net_send_messages(pair.server, messages, 2, soon()), NET_MISUSE);
    messages[0].endpoint = (net_endpoint){0};
    assert_count(net_send_messages(pair.client, messages, 2, soon()), 1);
    assert_code(net_send_messages(pair.client, messages + 1, 1, soon()), NET_MISUSE);
    assert_code(net_send_messages(pair.client, messages, 0, soon()), NET_MISUSE);
    assert_code(net_send_messages(pair.client, messages, -1, soon()), NET_MISUSE);
    assert_code(net_send_messages(pair.client, NULL, 1, soon()), NET_MISUSE);
    assert_code(net_recv_messages(pair.client, messages, 0, soon()), NET_MISUSE);
    assert_code(net_recv_messages(pair.client, NULL, 1, soon()), NET_MISUSE);
    assert_code(net_recv_messages(pair.client, messages, 1, 5000), NET_MISUSE);
    assert_code(net_send_messages(NULL, messages, 1, soon()), NET_MISUSE);
    close_pair(&pair);
}

static void streams_carry_no_messages(void **state)
{
    struct pair pair;
    net_message message;

    prepare_out(&message, 1, NULL);
    message.capacity = SIZE;
    dial_pair(template_of(state), &pair);
    assert_code(net_send_messages(pair.client, &message, 1, soon()), NET_MISUSE);
    assert_code(net_recv_messages(pair.server, &message, 1, soon()), NET_MISUSE);
    assert_code(net_send_messages(pair.listener, &message, 1, soon()), NET_MISUSE);
    assert_code(net_recv_messages(pair.listener, &message, 1, soon()), NET_MISUSE);
    close_pair(&pair);
}

/* A peer has the same name on every socket that receives from it. */
static void a_peer_is_the_same_to_every_socket(void **state)
{
    static const char *const listeners[] = {"udp://127.0.0.1:0", "udp://0.0.0.0:0", "udp://*:0"};
    net_socket *home = assert_socket(net_listen("udp://127.0.0.1:0"));
    net_message heard[COUNT(listeners)];
    char text[64];
    char expected[64];

    (void)state;
    memset(heard, 0, sizeof heard);
    snprintf(expected, sizeof expected, "127.0.0.1:%lld", number_of(home, "port"));
    for (size_t i = 0; i < COUNT(listeners); i++) {
        net_socket *listener = assert_socket(net_listen(listeners[i]));
        char address[ADDRESS_MAX];
        net_message message = {.data = data[0], .size = 1};

        dial_address(listener, address);
        assert_count(net_resolve(address, &message.endpoint, 1, soon()), 1);
        assert_count(net_send_messages(home, &message, 1, soon()), 1);
        heard[i] = (net_message){.data = data[1], .capacity = SIZE};
        assert_count(net_recv_messages(listener, &heard[i], 1, soon()), 1);
        assert_ok(net_endpoint_text(&heard[i].endpoint, text, sizeof text));
        assert_string_equal(text, expected);
        assert_memory_equal(heard[i].endpoint.remote, heard[0].endpoint.remote,
                            sizeof heard[i].endpoint.remote);
        net_close(listener, NET_NOW);
    }
    net_close(home, NET_NOW);
}

/* What was sent counts. The next call says why it was no more, and the rest can be sent. */
static void a_batch_may_be_sent_in_part(void **state)
{
    static char huge[(1 << 20) + 1];
    struct pair pair;
    net_message messages[MOST];

    dial_pair(template_of(state), &pair);
    for (int way = 0; way < 2; way++) {
        net_socket *from = way == 0 ? pair.client : pair.server;
        net_socket *to = way == 0 ? pair.server : pair.client;

        prepare_out(messages, MOST, NULL);
        messages[3] = (net_message){.data = huge, .size = sizeof huge};
        assert_count(net_send_messages(from, messages, MOST, soon()), 3);
        assert_code(net_send_messages(from, messages + 3, MOST - 3, soon()), NET_TOOBIG);
        assert_count(net_send_messages(from, messages + 4, MOST - 4, soon()), MOST - 4);
        for (int i = 0; i < MOST; i += i == 2 ? 2 : 1) {
            assert_count(net_recv(to, data[0], SIZE, soon()), i);
        }
        assert_code(net_recv(to, data[0], SIZE, NET_NOW), NET_TIMEOUT);
    }
    close_pair(&pair);
}

/* A refusal with which a call fails is not lost, though the system tells it only once and some
 * messages were sent before it. */
static void what_stopped_a_batch_is_told_by_the_next_call(void **state)
{
    struct pair pair;
    net_message messages[MOST];

    dial_pair(template_of(state), &pair);
    prepare_out(messages, MOST, NULL);
    fail_later(3, 1, ECONNREFUSED);
    assert_count(net_send_messages(pair.client, messages, MOST, soon()), 3);
    assert_code(net_send_messages(pair.client, messages + 3, MOST - 3, soon()), NET_REFUSED);
    assert_count(net_send_messages(pair.client, messages + 3, MOST - 3, soon()), MOST - 3);
    for (int i = 0; i < MOST; i++) {
        assert_count(net_recv(pair.server, data[0], SIZE, soon()), i);
    }
    close_pair(&pair);
}

/* A failure that passes is waited out. Any other is told, and breaks nothing. */
static void trouble_that_passes_is_waited_out(void **state)
{
    static const struct {
        int error;
        int times;
        int code; /* 0: it passes */
    } cases[] = {{ENOBUFS, 3, 0},
                 {ENOMEM, 3, 0},
                 {EAGAIN, 3, 0},
                 {EINTR, 3, 0},
                 {EPERM, 1, 0},
                 {EPERM, 4, NET_DENIED}, /* sendmmsg and the plain call, and both once again */
                 {ENETUNREACH, 1, NET_UNREACHABLE},
                 {EHOSTUNREACH, 1, NET_UNREACHABLE},
                 {ENETDOWN, 1, NET_UNREACHABLE},
                 {EMSGSIZE, 1, 0}, /* the path refused the one before */
                 {EMSGSIZE, 2, NET_TOOBIG},
                 {ECONNREFUSED, 1, NET_REFUSED},
                 {EPROTO, 1, NET_SYSTEM},
                 {ENOBUFS, 1 << 20, NET_TIMEOUT},
                 {EAGAIN, 1 << 20, NET_TIMEOUT}};
    const net_message message = {.data = data[1], .size = 1};
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (size_t i = 0; i < 4 * COUNT(cases); i++) {
        net_socket *from = i % 2 == 0 ? pair.client : pair.server;
        net_socket *to = i % 2 == 0 ? pair.server : pair.client;
        int error = cases[i / 4].error;
        int times = cases[i / 4].times;
        int code = cases[i / 4].code;

        fail_later(0, times, error);
        net_deadline deadline = code == NET_TIMEOUT ? net_after(30) : soon();
        ssize_t n = i % 4 < 2 ? net_send(from, "x", 1, deadline)
                              : net_send_messages(from, &message, 1, deadline);

        fail_later(0, 0, 0);
        if (n != (code == 0 ? 1 : code)) {
            fail_msg("errno %d, %d times: %zd, %s", error, times, n, net_error_text());
        }
        assert_count(net_send(from, "yz", 2, soon()), 2);
        if (code == 0) {
            assert_count(net_recv(to, data[0], SIZE, soon()), 1);
        }
        assert_count(net_recv(to, data[0], SIZE, soon()), 2);
    }
    close_pair(&pair);
}

/* Readiness is no promise, and a failure of a read is told once. On a dialed socket a lack of
 * buffers is NET_LIMIT at once. */
static void trouble_in_receiving_is_told_and_nothing_is_lost(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (int way = 0; way < 4; way++) {
        net_socket *from = way % 2 == 0 ? pair.client : pair.server;
        net_socket *to = way % 2 == 0 ? pair.server : pair.client;

        assert_count(net_send(from, "ab", 2, soon()), 2);
        fail_later(0, 1, EINTR);
        assert_count(net_recv(to, data[0], SIZE, soon()), 2);
        assert_count(net_send(from, "abc", 3, soon()), 3);
        fail_later(0, 2, ENOMEM);
        for (int i = 0; i < (way % 2 == 0 ? 0 : 2); i++) {
            assert_code(net_recv(to, data[0], SIZE, soon()), NET_LIMIT);
        }
        assert_count(net_recv(to, data[0], SIZE, soon()), 3);
        assert_count(net_send(from, "abcd", 4, soon()), 4);
        fail_later(0, 1, ENETDOWN);
        assert_code(net_recv(to, data[0], SIZE, soon()), NET_UNREACHABLE);
        assert_count(net_recv(to, data[0], SIZE, soon()), 4);
    }
    close_pair(&pair);
}

int main(void)
{
    const struct test everywhere[] = {
        TEST(a_batch_goes_through_whole_and_in_order),
        TEST(a_receive_takes_what_is_there_and_waits_for_one),
        TEST(what_does_not_fit_has_a_size_over_its_capacity),
        TEST(an_endpoint_heard_is_an_endpoint_to_send_to),
        TEST(endpoints_that_do_not_fit_are_a_misuse),
        TEST(a_batch_may_be_sent_in_part),
    };
    const struct test kernel[] = {TEST(trouble_in_receiving_is_told_and_nothing_is_lost)};
    const struct test udp[] = {
        TEST(what_stopped_a_batch_is_told_by_the_next_call),
        TEST(trouble_that_passes_is_waited_out),
    };
    const struct test streams[] = {TEST(streams_carry_no_messages)};
    const struct test tests[] = {TEST(a_peer_is_the_same_to_every_socket)};

    return run_over(datagram_templates, everywhere) + run_over(kernel_datagrams, kernel) +
           run_over(udp_templates, udp) + run_over(stream_templates, streams) + run_once(tests);
}

/* From listen to close, over every address. What no call may do to a socket. Nothing leaks. */
#include "support.h"
#include "words.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One body for every wire; only the address differs. */
static void a_call_goes_from_dial_to_hang_up(void **state)
{
    char target[ADDRESS_MAX];
    char buffer[64];
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    dial_address(listener, target);
    net_socket *client = assert_socket(net_connect(target, soon()));

    bool is_late = is_encrypted(target); /* only when it is accepted it can send */

    if (!is_late) {
        assert_count(net_send(client, "hello", 5, soon()), 5);
    }
    net_socket *server = assert_socket(net_accept(listener, soon()));

    if (is_late) {
        assert_count(net_send(client, "hello", 5, soon()), 5);
    }
    assert_count(net_recv(server, buffer, sizeof buffer, soon()), 5);
    assert_memory_equal(buffer, "hello", 5);
    assert_count(net_send(server, "yes", 3, soon()), 3);
    assert_count(net_recv(client, buffer, sizeof buffer, soon()), 3);
    assert_memory_equal(buffer, "yes", 3);
    assert_count(net_close(client, NET_NOW), 0);
    assert_count(net_close(server, NET_NOW), 0);
    assert_count(net_close(listener, NET_NOW), 0);
}

static void a_null_for_a_socket_is_misuse(void **state)
{
    char buffer[8];
    net_slice slice = {"x", 1};
    net_message message = {.data = buffer, .capacity = sizeof buffer};
    net_endpoint endpoint = {0};

    (void)state;
    assert_no_socket(net_listen(NULL), NET_MISUSE);
    assert_no_socket(net_connect(NULL, NET_NOW), NET_MISUSE);
    assert_no_socket(net_accept(NULL, NET_NOW), NET_MISUSE);
    assert_code(net_send(NULL, "x", 1, NET_NOW), NET_MISUSE);
    assert_code(net_recv(NULL, buffer, 1, NET_NOW), NET_MISUSE);
    assert_code(net_recv_all(NULL, buffer, 1, NET_NOW), NET_MISUSE);
    assert_code(net_recv_until(NULL, buffer, 1, '\n', NET_NOW), NET_MISUSE);
    assert_code(net_send_vector(NULL, &slice, 1, NET_NOW), NET_MISUSE);
    assert_code(net_send_messages(NULL, &message, 1, NET_NOW), NET_MISUSE);
    assert_code(net_recv_messages(NULL, &message, 1, NET_NOW), NET_MISUSE);
    assert_code(net_shutdown(NULL), NET_MISUSE);
    assert_code(net_get(NULL, "local", buffer, sizeof buffer), NET_MISUSE);
    assert_code(net_set(NULL, "sndbuf", "4096"), NET_MISUSE);
    assert_int_equal(net_fd(NULL), NET_MISUSE);
    assert_code(net_resolve(NULL, &endpoint, 1, NET_NOW), NET_MISUSE);
    assert_code(net_endpoint_text(NULL, buffer, sizeof buffer), NET_MISUSE);
    assert_true(strlen(net_error_text()) > 0);
    net_cancel(NULL);
    assert_count(net_close(NULL, NET_NOW), 0);
    assert_count(net_close(NULL, 5000), 0);
}

static void expect_ping(struct pair *pair)
{
    char buffer[16];

    assert_count(net_send(pair->client, "ping", 4, soon()), 4);
    assert_count(net_recv(pair->server, buffer, sizeof buffer, soon()), 4);
    assert_memory_equal(buffer, "ping", 4);
    assert_count(net_send(pair->server, "pong", 4, soon()), 4);
    assert_count(net_recv(pair->client, buffer, sizeof buffer, soon()), 4);
    assert_memory_equal(buffer, "pong", 4);
}

/* NULL where it is not allowed, or a number that is out of range. */
static void a_senseless_argument_is_misuse_and_changes_nothing(void **state)
{
    struct pair pair;
    char buffer[8];
    net_slice slices[] = {{NULL, 1}};
    net_slice much[] = {{buffer, (size_t)SSIZE_MAX}, {buffer, 1}};
    net_endpoint endpoint;

    dial_pair(template_of(state), &pair);
    net_socket *client = pair.client;

    assert_code(net_send(client, NULL, 1, NET_NOW), NET_MISUSE);
    assert_code(net_recv(client, NULL, 1, NET_NOW), NET_MISUSE);
    assert_code(net_send(client, buffer, (size_t)SSIZE_MAX + 1, NET_NOW), NET_MISUSE);
    assert_code(net_recv(client, buffer, SIZE_MAX, NET_NOW), NET_MISUSE);
    assert_code(net_recv_all(client, buffer, SIZE_MAX, NET_NOW), NET_MISUSE);
    assert_code(net_recv_until(client, buffer, SIZE_MAX, 0, NET_NOW), NET_MISUSE);
    assert_code(net_recv_until(client, buffer, 1, -1, NET_NOW), NET_MISUSE);
    assert_code(net_recv_until(client, buffer, 1, 256, NET_NOW), NET_MISUSE);
    assert_code(net_send_vector(client, NULL, 1, NET_NOW), NET_MISUSE);
    assert_code(net_send_vector(client, slices, 0, NET_NOW), NET_MISUSE);
    assert_code(net_send_vector(client, slices, -1, NET_NOW), NET_MISUSE);
    assert_code(net_send_vector(client, slices, 1, NET_NOW), NET_MISUSE);
    assert_code(net_send_vector(client, much, 2, NET_NOW), NET_MISUSE);
    assert_code(net_send_messages(client, NULL, 1, NET_NOW), NET_MISUSE);
    assert_code(net_recv_messages(client, NULL, 1, NET_NOW), NET_MISUSE);
    assert_code(net_get(client, NULL, buffer, sizeof buffer), NET_MISUSE);
    assert_code(net_get(client, "local", NULL, 8), NET_MISUSE);
    assert_code(net_set(client, NULL, "on"), NET_MISUSE);
    assert_code(net_set(client, "sndbuf", NULL), NET_MISUSE);
    assert_code(net_resolve("udp://127.0.0.1:9", &endpoint, 0, NET_NOW), NET_MISUSE);
    assert_code(net_resolve("udp://127.0.0.1:9", NULL, 1, NET_NOW), NET_MISUSE);
    expect_ping(&pair);
    close_pair(&pair);
}

static void a_call_on_the_wrong_kind_of_stream_is_misuse(void **state)
{
    struct pair pair;
    char buffer[8];
    net_slice slice = {"x", 1};
    net_message message = {.data = buffer, .capacity = sizeof buffer};

    dial_pair(template_of(state), &pair);
    assert_code(net_send(pair.listener, "x", 1, soon()), NET_MISUSE);
    assert_true(strlen(net_error_text()) > strlen(net_strerror(NET_MISUSE)));
    assert_code(net_send_vector(pair.listener, &slice, 1, soon()), NET_MISUSE);
    assert_code(net_recv(pair.listener, buffer, 1, soon()), NET_MISUSE);
    assert_code(net_recv_all(pair.listener, buffer, 1, soon()), NET_MISUSE);
    assert_code(net_recv_until(pair.listener, buffer, 1, 'x', soon()), NET_MISUSE);
    assert_code(net_shutdown(pair.listener), NET_MISUSE);
    for (int i = 0; i < 3; i++) {
        net_socket *socket = i == 0 ? pair.listener : i == 1 ? pair.client : pair.server;

        assert_code(net_send_messages(socket, &message, 1, soon()), NET_MISUSE);
        assert_code(net_recv_messages(socket, &message, 1, soon()), NET_MISUSE);
    }
    assert_no_socket(net_accept(pair.client, soon()), NET_MISUSE);
    assert_no_socket(net_accept(pair.server, soon()), NET_MISUSE);
    expect_ping(&pair);
    close_pair(&pair);
}

static void a_call_on_the_wrong_kind_of_datagram_socket_is_misuse(void **state)
{
    struct pair pair;
    char buffer[8];
    net_slice slice = {"x", 1};

    dial_pair(template_of(state), &pair);
    assert_code(net_send(pair.listener, "x", 1, soon()), NET_MISUSE);
    assert_code(net_send_vector(pair.listener, &slice, 1, soon()), NET_MISUSE);
    assert_code(net_recv(pair.listener, buffer, 1, soon()), NET_MISUSE);
    if (!does(template_of(state), LISTENER_TALKS)) {
        net_message message = {.data = buffer, .capacity = 1, .size = 1};

        assert_code(net_send_messages(pair.listener, &message, 1, soon()), NET_MISUSE);
        assert_code(net_recv_messages(pair.listener, &message, 1, soon()), NET_MISUSE);
    }
    for (int i = 0; i < 3; i++) {
        net_socket *socket = i == 0 ? pair.listener : i == 1 ? pair.client : pair.server;

        assert_code(net_recv_all(socket, buffer, 1, soon()), NET_MISUSE);
        assert_code(net_recv_until(socket, buffer, 1, 'x', soon()), NET_MISUSE);
        if (i == 0 || !does(template_of(state), HALF_CLOSES)) {
            assert_code(net_shutdown(socket), NET_MISUSE);
        }
    }
    assert_no_socket(net_accept(pair.client, soon()), NET_MISUSE);
    assert_no_socket(net_accept(pair.server, soon()), NET_MISUSE);
    expect_ping(&pair);
    close_pair(&pair);
}

static void a_port_can_be_listened_on_again_at_once(void **state)
{
    char address[ADDRESS_MAX];
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    assert_ok(net_get(listener, "local", address, sizeof address));
    for (int i = 0; i < 10; i++) {
        net_close(listener, NET_NOW);
        listener = assert_socket(net_listen(address));
    }
    net_close(listener, NET_NOW);
}

static long resident_pages(void)
{
    char text[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");

    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    char *size_end = NULL;

    (void)strtol(text, &size_end, 10);
    return strtol(size_end, NULL, 10);
}

/* The memory is compared only where no sanitizer or valgrind keeps what was freed. */
static void thousands_of_calls_leave_nothing_behind(void **state)
{
    enum { CYCLES = 5000, WARM_UP = 500, PAGES_MORE = 64 };
    struct pair pair;
    int fewer = slowness() * cost_of_dialing(template_of(state));
    long pages = 0;
    int descriptors = 0;

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < CYCLES / fewer; i++) {
        struct pair more = {.listener = pair.listener};

        if (i == WARM_UP / fewer) {
            pages = resident_pages();
            descriptors = open_descriptors();
        }
        dial_again(pair.listener, &more.client, &more.server);
        net_close(more.client, NET_NOW);
        net_close(more.server, NET_NOW);
        if (i % 100 == 0) {
            net_close(assert_socket(net_listen(template_of(state))), NET_NOW);
        }
    }
    assert_int_equal(open_descriptors(), descriptors);
    if (slowness() == 1) {
        in_time(resident_pages() <= pages + PAGES_MORE); /* the system gives and takes pages too */
    }
    close_pair(&pair);
}

/* While these peers live, no other socket can take their ports. */
static void what_was_accepted_outlives_its_listener(void **state)
{
    struct pair pair;
    struct pair second = {0};

    dial_pair(template_of(state), &pair);
    dial_again(pair.listener, &second.client, &second.server);
    net_close(pair.listener, NET_NOW);
    pair.listener = NULL;
    expect_ping(&pair);
    expect_ping(&second);
    close_pair(&pair);
    expect_ping(&second);
    close_pair(&second);
}

struct relay {
    pthread_mutex_t lock;
    pthread_cond_t news;
    net_socket *socket;
    long long sent;
};

static void *dial_and_hand_over(void *argument)
{
    struct relay *relay = argument;
    net_socket *mine = relay->socket;
    long long sent = net_send(mine, "a", 1, soon());

    pthread_mutex_lock(&relay->lock);
    relay->sent = sent;
    pthread_cond_signal(&relay->news);
    pthread_mutex_unlock(&relay->lock);
    return NULL;
}

static void *talk_and_close(void *argument)
{
    struct relay *relay = argument;
    char buffer[8];

    pthread_mutex_lock(&relay->lock);
    while (relay->sent == 0) {
        pthread_cond_wait(&relay->news, &relay->lock);
    }
    pthread_mutex_unlock(&relay->lock);
    relay->sent += net_send(relay->socket, "b", 1, soon());
    relay->sent += net_recv(relay->socket, buffer, 1, soon());
    net_close(relay->socket, NET_NOW);
    return NULL;
}

/* A socket is made in one thread, used in another and closed in a third. */
static void a_socket_moves_from_thread_to_thread(void **state)
{
    struct pair pair;
    struct relay relay = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};
    pthread_t threads[2];

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.server, "c", 1, soon()), 1);
    relay.socket = pair.client;
    pair.client = NULL;
    assert_int_equal(pthread_create(&threads[0], NULL, dial_and_hand_over, &relay), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, talk_and_close, &relay), 0);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert_int_equal(relay.sent, 3);
    close_pair(&pair);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_call_goes_from_dial_to_hang_up),
        TEST(a_senseless_argument_is_misuse_and_changes_nothing),
        TEST(a_port_can_be_listened_on_again_at_once),
        TEST(thousands_of_calls_leave_nothing_behind),
        TEST(what_was_accepted_outlives_its_listener),
        TEST(a_socket_moves_from_thread_to_thread),
    };
    static const struct test none[] = {TEST(a_null_for_a_socket_is_misuse)};
    static const struct test streams[] = {TEST(a_call_on_the_wrong_kind_of_stream_is_misuse)};
    static const struct test datagrams[] = {
        TEST(a_call_on_the_wrong_kind_of_datagram_socket_is_misuse)};

    return run_over(all_templates, any) + run_once(none) + run_over(stream_templates, streams) +
           run_over(datagram_templates, datagrams);
}

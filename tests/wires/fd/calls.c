/* An adopted descriptor may be shared with other owners. Our calls work as on any other socket, and
 * they never keep, end or disturb the calls of the others. */
#include "foreign.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    AT_MOST = 100
}; /* ms: the longest that a cancelled call may take; longer where everything is slow */

/* ---- A cancel ---- */

static void expect_canceled(caller_call *call, net_socket *socket)
{
    struct caller caller;

    caller_start(&caller, call, socket, soon());
    double since = now_ms();

    net_cancel(socket);
    caller_join(&caller);
    assert_took(elapsed_ms(since), 0, AT_MOST);
    if (call == call_send && !in_time(caller.result <= 0)) {
        return; /* the peer's window has grown meanwhile */
    }
    assert_int_equal(caller.result, NET_CANCELED);
    assert_int_equal(caller.code, NET_CANCELED);
    assert_code(net_send(socket, "x", 1, soon()), NET_CANCELED);
    assert_code(net_recv(socket, &(char){0}, 1, soon()), NET_CANCELED);
}

/* The owner of a copy can still send and receive, and the peer has noticed nothing. */
static void expect_copy_works(int copy, net_socket *peer)
{
    char buffer[8];

    assert_code(net_recv(peer, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT);
    assert_int_equal(send(copy, "copy", 4, 0), 4);
    assert_count(net_recv(peer, buffer, sizeof buffer, soon()), 4);
    assert_count(net_send(peer, "answer", 6, soon()), 6);
    assert_int_equal(recv(copy, buffer, sizeof buffer, 0), 6);
}

static void a_cancel_ends_a_call_and_no_connection(void **state)
{
    static caller_call *const of_streams[] = {call_recv, call_recv_all, call_recv_until, NULL};
    static caller_call *const of_datagrams[] = {call_recv, call_recv_messages, NULL};
    caller_call *const *calls = is_stream(template_of(state)) ? of_streams : of_datagrams;

    for (int i = 0; calls[i] != NULL; i++) {
        struct pair pair;

        dial_adopted(template_of(state), &pair);
        int copy = dup(net_fd(pair.client));

        expect_canceled(calls[i], pair.client);
        expect_copy_works(copy, pair.server);
        net_close(pair.client, NET_NOW);
        pair.client = NULL;
        expect_copy_works(copy, pair.server);
        close(copy);
        close_pair(&pair);
    }
}

/* Part of a line has arrived and is stored. The call waits for the rest. */
static void a_cancel_ends_a_call_that_has_part_of_a_line(void **state)
{
    struct pair pair;
    struct caller caller;

    dial_adopted(template_of(state), &pair);
    int copy = dup(net_fd(pair.client));

    assert_count(net_send(pair.server, "part", 4, soon()), 4);
    await_events(copy, POLLIN);
    caller_start(&caller, call_recv_until, pair.client, soon());
    double since = now_ms();

    net_cancel(pair.client);
    caller_join(&caller);
    assert_took(elapsed_ms(since), 0, AT_MOST);
    assert_int_equal(caller.result, NET_CANCELED);
    net_close(pair.client, soon());
    pair.client = NULL;
    char buffer[8]; /* the part was received, unless the cancel came before the call */
    ssize_t left = recv(copy, buffer, sizeof buffer, MSG_DONTWAIT);

    assert_true(left == 4 || left == -1);
    expect_copy_works(copy, pair.server);
    close(copy);
    close_pair(&pair);
}

static void a_cancel_ends_a_send_that_finds_no_room(void **state)
{
    struct pair pair;

    dial_adopted(template_of(state), &pair);
    int copy = dup(net_fd(pair.client));
    size_t sent = fill(pair.client);

    expect_canceled(call_send, pair.client);
    net_close(pair.client, NET_NOW);
    pair.client = NULL;
    char *all = malloc(sent);

    assert_non_null(all);
    assert_count(net_recv_all(pair.server, all, sent, soon()), sent);
    free(all);
    close(copy);
    close_pair(&pair);
}

/* The other owner is a process. */
static int answer_in_child(void *argument)
{
    const int *fds = argument;
    char buffer[8];

    if (read(fds[1], buffer, 1) != 1) { /* until the parent has cancelled and closed */
        return 1;
    }
    if (recv(fds[0], buffer, sizeof buffer, 0) != 4) {
        return 2;
    }
    return send(fds[0], "pong!", 5, 0) == 5 ? 0 : 3;
}

static void a_cancel_in_one_process_leaves_the_other_its_connection(void **state)
{
    struct pair pair;
    int go[2];
    int status = 0;
    char buffer[8];

    dial_adopted(template_of(state), &pair);
    assert_int_equal(pipe(go), 0);
    int fds[2] = {net_fd(pair.client), go[0]};
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        alarm(60);
        _exit(answer_in_child(fds));
    }
    expect_canceled(call_recv, pair.client);
    net_close(pair.client, soon());
    pair.client = NULL;
    assert_int_equal(write(go[1], "x", 1), 1);
    assert_count(net_send(pair.server, "ping", 4, soon()), 4);
    assert_count(net_recv(pair.server, buffer, sizeof buffer, soon()), 5);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(go[0]);
    close(go[1]);
    close_pair(&pair);
}

/* The owner of a copy of a listener can still accept. */
static void a_cancelled_listener_leaves_the_other_its_calls(void **state)
{
    int fd = foreign_listener(template_of(state));
    int copy = dup(fd);
    net_socket *listener = adopt_listener(fd);
    struct caller caller;

    caller_start(&caller, call_accept, listener, soon());
    net_cancel(listener);
    caller_join(&caller);
    assert_int_equal(caller.result, NET_CANCELED);
    net_close(listener, NET_NOW);
    listener = adopt_listener(copy);
    char target[ADDRESS_MAX];

    dial_address(listener, target);
    net_socket *client = assert_socket(net_connect(target, soon()));

    assert_count(net_send(client, "hi", 2, soon()), 2);
    net_socket *server = assert_socket(net_accept(listener, soon()));

    assert_count(net_recv(server, target, sizeof target, soon()), 2);
    ping_pong(client, server);
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
}

/* ---- Deadlines ---- */

static void expect_timeout(caller_call *call, net_socket *socket)
{
    double since = now_ms();
    struct caller caller = {.socket = socket, .deadline = net_after(60)};
    long long got = call(&caller);

    if (call == call_send && !in_time(got < 0)) {
        return;
    }
    assert_int_equal(got, NET_TIMEOUT);
    assert_took(elapsed_ms(since), 59, 60 + AT_MOST);
}

static void every_call_keeps_its_deadline(void **state)
{
    for (int blocking = 0; blocking < 2; blocking++) {
        struct pair pair;
        int fd = foreign_listener(template_of(state));

        assert_int_equal(fcntl(fd, F_SETFL, blocking ? 0 : O_NONBLOCK), 0);
        net_socket *listener = adopt_listener(fd);

        expect_timeout(call_accept, listener);
        net_close(listener, NET_NOW);
        dial_adopted(template_of(state), &pair);
        assert_int_equal(fcntl(net_fd(pair.client), F_SETFL, blocking ? 0 : O_NONBLOCK), 0);
        expect_timeout(call_recv, pair.client);
        if (is_stream(template_of(state))) {
            expect_timeout(call_recv_all, pair.client);
            expect_timeout(call_recv_until, pair.client);
            fill(pair.client);
            expect_timeout(call_send, pair.client);
        } else {
            expect_timeout(call_recv_messages, pair.client);
        }
        close_pair(&pair);
    }
}

static void signals_end_no_call_early(void **state)
{
    struct pair pair;
    struct storm storm;

    dial_adopted(template_of(state), &pair);
    storm_start(&storm, pthread_self());
    expect_timeout(call_recv, pair.client);
    storm_stop(&storm);
    ping_pong(pair.client, pair.server);
    close_pair(&pair);
}

static void a_call_that_waits_gets_what_comes(void **state)
{
    struct pair pair;
    struct caller caller;

    for (int forever = 0; forever < 2; forever++) {
        dial_adopted(template_of(state), &pair);
        caller_start(&caller, call_recv, pair.client, forever ? NET_FOREVER : soon());
        assert_count(net_send(pair.server, "late", 4, soon()), 4);
        caller_join(&caller);
        assert_int_equal(caller.result, 4);
        close_pair(&pair);
    }
}

/* ---- Streams ---- */

static void lines_come_whole(void **state)
{
    enum { LONG = 200000 };
    struct pair pair;
    struct caller caller;
    char *line = malloc(LONG + 1);
    char *got = malloc(LONG + 1);

    assert_non_null(line);
    assert_non_null(got);
    dial_adopted(template_of(state), &pair);
    assert_count(net_send(pair.server, "one\ntw", 6, soon()), 6);
    assert_count(net_recv_until(pair.client, got, LONG, '\n', soon()), 4);
    assert_code(net_recv_until(pair.client, got, LONG, '\n', net_after(20)), NET_TIMEOUT);
    caller_start(&caller, call_recv_until, pair.client, soon());
    assert_count(net_send(pair.server, "o\n", 2, soon()), 2);
    caller_join(&caller);
    assert_int_equal(caller.result, 4);
    memset(line, 'x', LONG);
    line[LONG] = '\n';
    caller_launch(&caller, call_recv, pair.server, soon());
    assert_count(net_send(pair.client, "go", 2, soon()), 2);
    caller_join(&caller);
    assert_count(net_send(pair.server, line, LONG + 1, soon()), LONG + 1);
    assert_count(net_recv_until(pair.client, got, LONG + 1, '\n', soon()), LONG + 1);
    assert_memory_equal(got, line, LONG + 1);
    free(line);
    free(got);
    close_pair(&pair);
}

struct bulk {
    net_socket *socket;
    bool sends;
    bool good;
    pthread_t thread;
};

enum { BULK = 2 << 20 };

static void *carry(void *argument)
{
    struct bulk *bulk = argument;
    char *bytes = malloc(BULK);

    if (bytes != NULL && bulk->sends) {
        write_pattern(bytes, BULK, 0);
        bulk->good = net_send(bulk->socket, bytes, BULK, soon()) == BULK;
    } else if (bytes != NULL) {
        bulk->good =
            net_recv_all(bulk->socket, bytes, BULK, soon()) == BULK && is_pattern(bytes, BULK, 0);
    }
    free(bytes);
    return NULL;
}

static void threads_talk_both_ways_at_once(void **state)
{
    struct pair pair;
    struct bulk bulk[4];

    dial_adopted(template_of(state), &pair);
    for (int i = 0; i < 4; i++) {
        bulk[i] = (struct bulk){.socket = i < 2 ? pair.client : pair.server, .sends = i % 2 == 0};
        assert_int_equal(pthread_create(&bulk[i].thread, NULL, carry, &bulk[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(bulk[i].thread, NULL);
    }
    for (int i = 0; i < 4; i++) {
        assert_true(bulk[i].good);
    }
    close_pair(&pair);
}

static void a_close_with_a_deadline_waits_for_the_peer(void **state)
{
    struct pair pair;
    char buffer[8];

    dial_adopted(template_of(state), &pair);
    assert_count(net_send(pair.client, "last", 4, soon()), 4);
    assert_code(net_close(pair.client, net_after(30)), NET_TIMEOUT);
    pair.client = NULL;
    assert_count(net_recv(pair.server, buffer, sizeof buffer, soon()), 4);
    assert_code(net_recv(pair.server, buffer, sizeof buffer, soon()), NET_EOF);
    close_pair(&pair);
}

static void an_end_is_an_end(void **state)
{
    struct pair pair;
    char buffer[8];

    dial_adopted(template_of(state), &pair);
    assert_count(net_send(pair.server, "bye", 3, soon()), 3);
    assert_count(net_shutdown(pair.server), 0);
    assert_count(net_recv_all(pair.client, buffer, sizeof buffer, soon()), 3);
    assert_code(net_recv(pair.client, buffer, sizeof buffer, soon()), NET_EOF);
    assert_count(net_shutdown(pair.client), 0);
    assert_code(net_send(pair.client, "x", 1, soon()), NET_MISUSE);
    assert_code(net_recv(pair.server, buffer, sizeof buffer, soon()), NET_EOF);
    close_pair(&pair);
}

/* ---- After a fork ---- */

static int close_in_child(void *argument)
{
    struct pair *pair = argument;

    return net_close(pair->client, NET_NOW) == 0 && net_close(pair->listener, NET_NOW) == 0 ? 0 : 1;
}

static void a_child_that_closes_leaves_the_parent_its_connection(void **state)
{
    struct pair pair;
    struct caller caller;

    dial_adopted(template_of(state), &pair);
    caller_start(&caller, call_recv, pair.client, soon());
    assert_int_equal(in_child(close_in_child, &pair), 0);
    assert_count(net_send(pair.server, "still", 5, soon()), 5);
    caller_join(&caller);
    assert_int_equal(caller.result, 5);
    expect_canceled(call_recv, pair.client);
    close_pair(&pair);
}

/* The child also leaves alone what a call of the parent has stored. */
static void a_child_that_closes_leaves_the_parent_its_line(void **state)
{
    struct pair pair;
    char line[16];

    dial_adopted(template_of(state), &pair);
    assert_count(net_send(pair.server, "part", 4, soon()), 4);
    assert_code(net_recv_until(pair.client, line, sizeof line, '\n', net_after(50)), NET_TIMEOUT);
    assert_int_equal(in_child(close_in_child, &pair), 0);
    assert_count(net_send(pair.server, "\n", 1, soon()), 1);
    assert_count(net_recv_until(pair.client, line, sizeof line, '\n', soon()), 5);
    close_pair(&pair);
}

/* Another owner has shut down both directions. For tcp that is more than an end: the rest is lost.
 */
static void what_another_owner_shuts_is_a_reset(void **state)
{
    struct pair pair;
    char byte;

    dial_adopted(template_of(state), &pair);
    int copy = dup(net_fd(pair.client));

    assert_int_equal(shutdown(copy, SHUT_RDWR), 0);
    assert_code(net_recv(pair.client, &byte, 1, soon()), NET_RESET);
    close(copy);
    close_pair(&pair);
}

/* SO_LINGER means nothing for unix sockets, so what the descriptor came with stays. */
static void a_reset_leaves_the_lingering_of_unix_alone(void **state)
{
    const struct linger before = {.l_onoff = 1, .l_linger = 7};
    struct linger after = {0};
    socklen_t size = sizeof after;
    struct pair pair;

    dial_adopted(template_of(state), &pair);
    int fd = net_fd(pair.client);

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &before, sizeof before), 0);
    assert_ok(net_set(pair.client, "reset", "on"));
    assert_ok(net_set(pair.client, "reset", "off"));
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_LINGER, &after, &size), 0);
    assert_memory_equal(&after, &before, sizeof before);
    close_pair(&pair);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_cancel_ends_a_call_and_no_connection),
        TEST(a_cancel_in_one_process_leaves_the_other_its_connection),
        TEST(a_cancelled_listener_leaves_the_other_its_calls),
        TEST(every_call_keeps_its_deadline),
        TEST(signals_end_no_call_early),
        TEST(a_call_that_waits_gets_what_comes),
        TEST(a_child_that_closes_leaves_the_parent_its_connection),
    };
    static const struct test streams[] = {
        TEST(a_cancel_ends_a_call_that_has_part_of_a_line),
        TEST(a_cancel_ends_a_send_that_finds_no_room),
        TEST(lines_come_whole),
        TEST(threads_talk_both_ways_at_once),
        TEST(a_close_with_a_deadline_waits_for_the_peer),
        TEST(an_end_is_an_end),
        TEST(a_child_that_closes_leaves_the_parent_its_line),
    };
    static const struct test tcp[] = {TEST(what_another_owner_shuts_is_a_reset)};
    static const struct test local[] = {TEST(a_reset_leaves_the_lingering_of_unix_alone)};
    static const char *const unix_templates[] = {"unix://{path}", NULL};

    return run_over(foreign_sockets, any) + run_over(foreign_streams, streams) +
           run_over(tcp_templates, tcp) + run_over(unix_templates, local);
}

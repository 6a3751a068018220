/* driven: skip, its ends are in the same thread */
/* A session belongs to the process that shook hands. Before that, whoever begins has it. */
#include "tls_pair.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char options[] = "ca={ca}&name=localhost";

static int serve(net_socket *socket)
{
    char byte = 0;

    if (net_recv(socket, &byte, 1, soon()) != 1 || byte != 'a') {
        return 1;
    }
    if (net_send(socket, "b", 1, soon()) != 1) {
        return 2;
    }
    return net_close(socket, soon()) == 0 ? 0 : 3;
}

/* A body for in_child, which has a copy of the caller, too. */
static int serve_one(void *argument)
{
    struct pair *pair = argument;

    net_close(pair->client, NET_NOW);
    net_close(pair->listener, NET_NOW);
    return serve(pair->server);
}

/* A child that runs beside this process. Its end runs no check of valgrind: it has copies of what
 * its parent uses. */
static pid_t child_start(int (*body)(void *argument), void *argument)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        alarm((unsigned)(60 * slowness()));
        int result = body(argument);

        if (result == 0) {
            kill(getpid(), SIGKILL);
        }
        _exit(result);
    }
    return pid;
}

static void child_join(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* As servers with a process for each caller do: the child has what its parent accepted. */
static void a_child_serves_what_its_parent_accepted(void **state)
{
    struct pair pair = {.listener = tls_listen(template_of(state), CERTIFICATE_GOOD, NULL)};
    char byte;

    pair.client = tls_dial(pair.listener, options);
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    pid_t child = child_start(serve_one, &pair);

    assert_count(net_send(pair.client, "a", 1, soon()), 1);
    assert_count(net_recv(pair.client, &byte, 1, soon()), 1);
    assert_int_equal(byte, 'b');
    assert_code(net_recv(pair.client, &byte, 1, soon()), NET_EOF);
    net_close(pair.client, NET_NOW);
    pair.client = NULL;
    child_join(child);
    close_pair(&pair);
}

static int accept_one(void *argument)
{
    struct pair *pair = argument;

    net_close(pair->client, NET_NOW);
    net_socket *socket = net_accept(pair->listener, soon());

    net_close(pair->listener, NET_NOW);
    return socket != NULL ? serve(socket) : 9;
}

static void a_child_accepts_of_its_parents_listener(void **state)
{
    struct pair pair = {.listener = tls_listen(template_of(state), CERTIFICATE_GOOD, NULL)};
    char byte;

    pair.client = tls_dial(pair.listener, options);
    pid_t child = child_start(accept_one, &pair);

    assert_count(net_send(pair.client, "a", 1, soon()), 1);
    assert_count(net_recv(pair.client, &byte, 1, soon()), 1);
    assert_code(net_recv(pair.client, &byte, 1, soon()), NET_EOF);
    net_close(pair.client, NET_NOW);
    pair.client = NULL;
    child_join(child);
    close_pair(&pair);
}

/* Each call fails, and tells whose it is. */
static int misuse_all(void *argument)
{
    struct pair *pair = argument;
    net_socket *const sockets[] = {pair->client, pair->server};
    char bytes[16];

    for (size_t i = 0; i < COUNT(sockets); i++) {
        net_slice slice = {.data = "x", .size = 1};

        if (net_send(sockets[i], "x", 1, soon()) != NET_MISUSE ||
            strstr(net_error_text(), "belongs to the process") == NULL) {
            return 1;
        }
        if (net_recv(sockets[i], bytes, 1, soon()) != NET_MISUSE ||
            net_recv_until(sockets[i], bytes, sizeof bytes, '\n', soon()) != NET_MISUSE ||
            net_recv_all(sockets[i], bytes, sizeof bytes, soon()) != NET_MISUSE ||
            net_send_vector(sockets[i], &slice, 1, soon()) != NET_MISUSE) {
            return 2;
        }
        if (net_get(sockets[i], "peer-name", bytes, sizeof bytes) != NET_MISUSE ||
            net_shutdown(sockets[i]) != NET_MISUSE) {
            return 3;
        }
    }
    return close_pair_in_child(pair);
}

static void another_process_neither_talks_nor_ends_it(void **state)
{
    struct pair pair;
    char byte;

    tls_open(template_of(state), NULL, options, &pair);
    assert_count(net_send(pair.client, "before", 6, soon()), 6);
    assert_int_equal(in_child(misuse_all, &pair), 0);
    tls_expect(pair.server, "before");
    assert_code(net_recv(pair.server, &byte, 1, NET_NOW), NET_TIMEOUT);
    tls_talk(pair.client, pair.server);
    assert_ok(net_shutdown(pair.client));
    assert_code(net_recv(pair.server, &byte, 1, soon()), NET_EOF);
    close_pair(&pair);
}

/* At each step of the handshake: a child that closes its copies breaks nothing. */
static void a_fork_at_each_step_breaks_nothing(void **state)
{
    enum { STEPS = 8 };
    const char *address = template_of(state);

    for (int steps = 0; steps < STEPS; steps++) {
        struct pair pair = {.listener = tls_listen(address, CERTIFICATE_GOOD, NULL)};
        struct said client;
        struct said server;

        pair.client = tls_dial(pair.listener, options);
        if (steps == 1) {
            assert_int_equal(in_child(close_pair_in_child, &pair), 0);
        }
        pair.server = assert_socket(net_accept(pair.listener, soon()));
        for (int i = 2; i < steps; i++) {
            tls_step(i % 2 == 0 ? pair.client : pair.server, i % 2 == 0 ? &client : &server);
        }
        assert_int_equal(in_child(close_pair_in_child, &pair), 0);
        tls_settle(pair.client, pair.server, &client, &server);
        assert_int_equal(client.code, 0);
        assert_int_equal(server.code, 0);
        tls_talk(pair.client, pair.server);
        close_pair(&pair);
    }
}

/* A dial that has begun to shake hands, and a peer that has. */
static int go_on(void *argument)
{
    struct pair *pair = argument;
    char byte;

    if (net_recv(pair->client, &byte, 1, soon()) != NET_MISUSE ||
        net_recv(pair->server, &byte, 1, soon()) != NET_MISUSE) {
        return 1;
    }
    return close_pair_in_child(pair);
}

static void a_handshake_goes_on_where_it_began(void **state)
{
    struct pair pair = {.listener = tls_listen(template_of(state), CERTIFICATE_GOOD, NULL)};
    struct said client;
    struct said server;

    pair.client = tls_dial(pair.listener, options);
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    tls_step(pair.client, &client);
    tls_step(pair.server, &server);
    assert_int_equal(in_child(go_on, &pair), 0);
    tls_settle(pair.client, pair.server, &client, &server);
    assert_int_equal(client.code, 0);
    assert_int_equal(server.code, 0);
    tls_talk(pair.client, pair.server);
    close_pair(&pair);
}

int main(void)
{
    static const char *const wires[] = {"tls://127.0.0.1:0", "tls+unix://@", NULL};
    static const struct test tests[] = {
        TEST(a_child_serves_what_its_parent_accepted),
        TEST(a_child_accepts_of_its_parents_listener),
        TEST(another_process_neither_talks_nor_ends_it),
        TEST(a_fork_at_each_step_breaks_nothing),
        TEST(a_handshake_goes_on_where_it_began),
    };

    tls_begin();
    return run_over(wires, tests);
}

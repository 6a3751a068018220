/* driven: skip, it drives both sides by itself */
/* valgrind: skip, its children end with what is still their parent's */
/* Processes: a session belongs to the one that shook hands. Only that one says the end, and the
 * other says nothing and breaks nothing. A connection that was accepted may be handed to a child
 * before it has shaken hands. */
#include "toy_wire.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char in[100];

static void still_talk(struct pair *pair)
{
    say(pair->client, "ping");
    toy_hears_nothing_else(pair->server, "ping");
    say(pair->server, "pong");
    toy_hears_nothing_else(pair->client, "pong");
}

/* The toy cipher ends a child that uses or closes its session. */
static void a_child_that_closes_says_nothing(void **state)
{
    struct pair pair;

    meet_toys(template_of(state), NULL, NULL, &pair);
    still_talk(&pair);
    assert_int_equal(in_child(close_pair_in_child, &pair), 0);
    still_talk(&pair);
    assert_int_equal(in_child(close_pair_in_child, &pair), 0);
    assert_ok(net_close(pair.client, NET_NOW));
    pair.client = NULL;
    assert_code(net_recv(pair.server, in, sizeof in, soon()), NET_EOF);
    close_toys(&pair);
}

static void a_child_may_close_in_the_midst_of_a_handshake(void **state)
{
    struct pair pair;

    dial_toys(template_of(state), NULL, NULL, &pair);
    assert_int_equal(in_child(close_pair_in_child, &pair), 0);
    assert_code(net_send(pair.client, "", 0, NET_NOW), NET_TIMEOUT);
    assert_int_equal(in_child(close_pair_in_child, &pair), 0);
    assert_code(net_send(pair.server, "", 0, NET_NOW), NET_TIMEOUT);
    assert_int_equal(in_child(close_pair_in_child, &pair), 0);
    assert_ok(try_to_shake(pair.client, pair.server));
    still_talk(&pair);
    close_toys(&pair);
}

static int use_what_is_not_ours(void *argument)
{
    const struct pair *pair = argument;
    char text[100];

    if (net_send(pair->client, "x", 1, NET_NOW) != NET_MISUSE ||
        net_recv(pair->client, text, 1, NET_NOW) != NET_MISUSE ||
        net_shutdown(pair->client) != NET_MISUSE) {
        return 1;
    }
    (void)net_get(pair->client, "peer-motto", text, sizeof text);
    (void)net_get(pair->client, "motto", text, sizeof text);
    return close_pair_in_child(argument);
}

static void another_process_cannot_use_the_session(void **state)
{
    struct pair pair;

    meet_toys(template_of(state), NULL, NULL, &pair);
    assert_int_equal(in_child(use_what_is_not_ours, &pair), 0);
    still_talk(&pair);
    close_toys(&pair);
}

/* ---- A server that gives each caller a child ---- */

/* Close what is the parent's, and serve: once with the handshake in the child. */
static int serve(void *argument)
{
    const struct pair *pair = argument;
    char word[4];

    if (net_close(pair->client, NET_NOW) != 0 || net_close(pair->listener, NET_NOW) != 0 ||
        net_recv_all(pair->server, word, 4, soon()) != 4 ||
        net_send(pair->server, word, 4, soon()) != 4) {
        return 1;
    }
    return net_close(pair->server, NET_NOW) != 0 ? 2 : 0;
}

static void a_child_serves_what_its_parent_accepted(void **state)
{
    struct pair pair;
    int status = 0;

    dial_toys(template_of(state), NULL, NULL, &pair);
    pid_t child = fork();

    if (child == 0) {
        alarm(60);
        _exit(serve(&pair));
    }
    assert_ok(net_close(pair.server, NET_NOW)); /* says nothing */
    pair.server = NULL;
    assert_count(net_send(pair.client, "word", 4, soon()), 4);
    assert_count(net_recv_all(pair.client, in, 4, soon()), 4);
    assert_code(net_recv(pair.client, in, 1, soon()), NET_EOF);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close_toys(&pair);
}

static int accept_and_serve(void *argument)
{
    struct pair pair = *(const struct pair *)argument;

    pair.server = net_accept(pair.listener, soon());
    return pair.server != NULL ? serve(&pair) : 3;
}

/* Each child has the settings of the listener that it shares. */
static void children_accept_from_one_listener(void **state)
{
    enum { CHILDREN = 3 };
    struct pair pair = {.listener = assert_socket(net_listen(template_of(state)))};
    pid_t children[CHILDREN];
    char target[ADDRESS_MAX];
    int status = 0;

    dial_address(pair.listener, target);
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            alarm(60);
            _exit(accept_and_serve(&pair));
        }
    }
    for (int i = 0; i < CHILDREN; i++) {
        net_socket *client = assert_socket(net_connect(target, soon()));

        assert_count(net_send(client, "word", 4, soon()), 4);
        assert_count(net_recv_all(client, in, 4, soon()), 4);
        assert_code(net_recv(client, in, 1, soon()), NET_EOF);
        net_close(client, NET_NOW);
    }
    for (int i = 0; i < CHILDREN; i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    close_toys(&pair);
}

/* The end is said though a child still has the descriptor. */
static void the_owner_says_the_end_though_a_child_has_a_copy(void **state)
{
    struct pair pair;
    int gate[2];
    int status = 0;
    char byte = 0;

    assert_int_equal(pipe(gate), 0);
    meet_toys(template_of(state), NULL, NULL, &pair);
    pid_t child = fork();

    if (child == 0) {
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) == 0 ? 0 : 1); /* until the parent says so */
    }
    close(gate[0]);
    assert_ok(net_close(pair.client, NET_NOW));
    pair.client = NULL;
    assert_code(net_recv(pair.server, in, 1, soon()), NET_EOF);
    close(gate[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close_toys(&pair);
}

int main(void)
{
    static const struct test everywhere[] = {
        TEST(a_child_that_closes_says_nothing),
        TEST(a_child_may_close_in_the_midst_of_a_handshake),
        TEST(another_process_cannot_use_the_session),
        TEST(the_owner_says_the_end_though_a_child_has_a_copy),
    };
    static const struct test processes[] = {
        TEST(a_child_serves_what_its_parent_accepted),
        TEST(children_accept_from_one_listener),
    };

    return run_toys(toy_wires, everywhere) + run_toys(toy_kernel_wires, processes);
}

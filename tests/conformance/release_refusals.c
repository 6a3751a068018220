/* driven: skip, releases wait for nothing */
/* A socket without a descriptor refuses a release. So does one that holds something that
 * would be lost. The refused socket stays as it was. */
#include "foreign.h"
#include "watching.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void assert_stays(net_socket *socket, const char *words)
{
    assert_code(net_release(socket), NET_MISUSE);
    assert_says("release");
    assert_says(words);
}

static const char of_none[] = "no descriptor of its own";

static void where_there_is_no_descriptor(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_stays(pair.listener, of_none);
    assert_stays(pair.client, of_none);
    assert_stays(pair.server, of_none);
    ping_pong(pair.client, pair.server);
    net_close(pair.client, NET_NOW);
    net_close(pair.server, NET_NOW);
    dial_again(pair.listener, &pair.client, &pair.server);
    ping_pong(pair.client, pair.server);
    close_pair(&pair);
}

static void where_many_share_one_descriptor(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_stays(pair.listener, of_none);
    assert_stays(pair.server, of_none);
    ping_pong(pair.client, pair.server);
    close_pair(&pair);
}

static void a_dial_on_its_way(void **state)
{
    struct black_hole hole;
    char byte;

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    net_socket *socket = assert_socket(net_connect(hole.address, NET_NOW));

    assert_stays(socket, of_none);
    assert_code(net_recv(socket, &byte, 1, net_after(20)), NET_TIMEOUT);
    assert_says("still dialing");
    net_cancel(socket);
    assert_code(net_release(socket), NET_CANCELED);
    net_close(socket, NET_NOW);
    close_black_hole(&hole);
}

static void a_dial_that_failed_says_its_code(void **state)
{
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    char target[ADDRESS_MAX];
    char byte;

    (void)state;
    dial_address(listener, target);
    net_close(listener, NET_NOW);
    net_socket *socket = assert_socket(net_connect(target, NET_NOW));

    assert_code(net_recv(socket, &byte, 1, soon()), NET_REFUSED);
    assert_code(net_release(socket), NET_REFUSED);
    assert_says(target);
    net_close(socket, NET_NOW);
}

static void while_a_part_of_a_line_is_kept(void **state)
{
    struct pair pair;
    char line[8];

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.server, "abc", 3, soon()), 3);
    await_events(net_fd(pair.client), POLLIN);
    assert_code(net_recv_until(pair.client, line, sizeof line, '\n', NET_NOW), NET_TIMEOUT);
    assert_stays(pair.client, "part of a line");
    assert_count(net_recv(pair.client, line, 1, soon()), 1);
    assert_stays(pair.client, "part of a line");
    assert_count(net_send(pair.server, "d\n", 2, soon()), 2);
    assert_count(net_recv_until(pair.client, line, sizeof line, '\n', soon()), 4);
    assert_memory_equal(line, "bcd\n", 4);
    close((int)assert_ok(net_release(pair.client)));
    pair.client = NULL;
    close_pair(&pair);
}

/* Returns whether datagrams wait and the kernel has none of them: then they wait in the socket. */
static bool has_some_inside(net_poller *poller, net_socket *socket)
{
    net_event event;
    int bytes = 0;
    bool has_some = net_poller_wait(poller, &event, 1, NET_NOW) == 1;

    assert_int_equal(ioctl(net_fd(socket), FIONREAD, &bytes), 0);
    return has_some && bytes == 0;
}

static void while_datagrams_wait_inside(void **state)
{
    enum { ROUNDS = 50, EACH = 64 };
    struct pair pair;
    char byte;
    net_message message = {.data = &byte, .capacity = 1};
    net_poller *poller = open_poller();
    bool seen = false;

    dial_pair(template_of(state), &pair);
    watch(poller, pair.client, NET_READABLE);
    for (int round = 0; round < ROUNDS && !seen; round++) {
        for (int i = 0; i < EACH; i++) {
            assert_count(net_send(pair.server, "x", 1, soon()), 1);
        }
        for (int i = 1; i <= EACH; i++) {
            assert_count(net_recv_messages(pair.client, &message, 1, soon()), 1);
            if (i < EACH && has_some_inside(poller, pair.client)) {
                assert_stays(pair.client, "datagrams wait");
                seen = true;
            }
        }
    }
    assert_true(seen);
    close((int)assert_ok(net_release(pair.client)));
    pair.client = NULL;
    net_poller_close(poller);
    close_pair(&pair);
}

/* The refusal would be lost with the socket. */
static void while_a_refusal_waits_to_be_told(void **state)
{
    const net_message messages[] = {{.data = "a", .size = 1}, {.data = "bc", .size = 2}};
    net_socket *socket = refuse_part_way(template_of(state), messages);

    assert_stays(socket, "datagrams wait");
    assert_code(net_send(socket, "x", 1, soon()), NET_REFUSED);
    close((int)assert_ok(net_release(socket)));
}

static int release_all(void *argument)
{
    const struct pair *pair = argument;
    net_socket *sockets[] = {pair->listener, pair->client, pair->server};

    for (int i = 0; i < (int)COUNT(sockets); i++) {
        if (net_release(sockets[i]) != NET_MISUSE ||
            strstr(net_error_text(), "belongs to the process") == NULL) {
            return 1 + i;
        }
        net_close(sockets[i], NET_NOW);
    }
    return 0;
}

static void in_a_child(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_int_equal(in_child(release_all, &pair), 0);
    ping_pong(pair.client, pair.server);
    close_pair(&pair);
}

static void after_a_cancel(void **state)
{
    struct pair pair;
    char byte;

    dial_pair(template_of(state), &pair);
    net_cancel(pair.client);
    net_cancel(pair.listener);
    assert_code(net_release(pair.client), NET_CANCELED);
    assert_code(net_release(pair.listener), NET_CANCELED);
    assert_code(net_recv(pair.client, &byte, 1, NET_NOW), NET_CANCELED);
    close_pair(&pair);
}

static void nothing_at_all(void **state)
{
    (void)state;
    assert_code(net_release(NULL), NET_MISUSE);
}

int main(void)
{
    static const char *const none[] = {"mem://",
                                       "memgram://",
                                       "chaos+tcp://127.0.0.1:0",
                                       "chaos+unix://@",
                                       "chaos+mem://",
                                       "chaos+udp://127.0.0.1:0",
                                       "chaos+unixgram://@",
                                       "chaos+memgram://",
                                       "framed+tcp://127.0.0.1:0",
                                       "framed+unix://@",
                                       "framed+mem://",
                                       "framed+chaos+tcp://127.0.0.1:0",
                                       NULL};
    static const struct test without[] = {TEST(where_there_is_no_descriptor)};
    static const struct test datagrams[] = {TEST(where_many_share_one_descriptor)};
    static const struct test streams[] = {TEST(while_a_part_of_a_line_is_kept)};
    static const struct test of_udp[] = {TEST(while_datagrams_wait_inside)};
    static const char *const plain_udp[] = {"udp://127.0.0.1:0", NULL};
    static const struct test refused[] = {TEST(while_a_refusal_waits_to_be_told)};
    static const struct test all[] = {TEST(in_a_child), TEST(after_a_cancel)};
    static const struct test once[] = {
        TEST(a_dial_on_its_way),
        TEST(a_dial_that_failed_says_its_code),
        TEST(nothing_at_all),
    };

    return run_over(none, without) + run_over(plain_datagrams, datagrams) +
           run_over(kernel_streams, streams) + run_over(udp_templates, of_udp) +
           run_over(plain_udp, refused) + run_over(all_templates, all) + run_once(once);
}

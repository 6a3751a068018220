/* What a poller reports of two ends that exchange data: all that is ready, as long as it is, by
 * the last watch only, and nothing of a closed socket. */
#include "watching.h"
#include "words.h"

#include <string.h>
#include <unistd.h>

enum { BOTH = NET_READABLE | NET_WRITABLE };

static char in[4096];

static void a_senseless_argument_is_misuse_and_changes_nothing(void **state)
{
    struct pair pair;
    net_event event;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    assert_code(net_poller_watch(NULL, pair.client, NET_READABLE, NULL, NET_FOREVER), NET_MISUSE);
    assert_code(net_poller_watch(poller, NULL, NET_READABLE, NULL, NET_FOREVER), NET_MISUSE);
    assert_code(net_poller_watch(poller, pair.server, NET_EXPIRED, NULL, NET_FOREVER), NET_MISUSE);
    assert_code(net_poller_watch(poller, pair.server, 8 | NET_READABLE, NULL, NET_NOW), NET_MISUSE);
    assert_code(net_poller_watch(poller, pair.server, ~0u, NULL, NET_NOW), NET_MISUSE);
    assert_code(net_poller_watch(poller, pair.server, NET_WRITABLE, NULL, 5000), NET_MISUSE);
    assert_true(strlen(net_error_text()) > strlen(net_strerror(NET_MISUSE)));
    assert_code(net_poller_watch(poller, pair.server, NET_WRITABLE, NULL, -1), NET_MISUSE);
    assert_code(net_poller_wait(NULL, &event, 1, NET_NOW), NET_MISUSE);
    assert_code(net_poller_wait(poller, NULL, 1, NET_NOW), NET_MISUSE);
    assert_code(net_poller_wait(poller, &event, 0, NET_NOW), NET_MISUSE);
    assert_code(net_poller_wait(poller, &event, -1, NET_NOW), NET_MISUSE);
    assert_code(net_poller_wait(poller, &event, 1, 5000), NET_MISUSE);
    assert_code(net_poller_fd(NULL), NET_MISUSE);
    net_poller_wake(NULL);
    net_poller_close(NULL);
    assert_code(net_poller_wait(poller, &event, 1, NET_NOW), NET_TIMEOUT);
    say(pair.client, "x");
    expect_event(poller, pair.server, NET_READABLE);
    net_poller_close(poller);
    close_pair(&pair);
}

static void what_is_still_there_is_told_again(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    watch(poller, pair.client, NET_READABLE);
    expect_quiet(poller, 20);
    for (int round = 0; round < 3; round++) {
        say(pair.client, "a");
        say(pair.client, "b");
        expect_event(poller, pair.server, NET_READABLE);
        expect_event(poller, pair.server, NET_READABLE);
        assert_count(net_recv(pair.server, in, 1, NET_NOW), 1);
        expect_event(poller, pair.server, NET_READABLE);
        assert_count(net_recv(pair.server, in, 1, soon()), 1);
        expect_quiet(poller, 10);
        say(pair.server, "yes");
        expect_event(poller, pair.client, NET_READABLE);
        assert_count(net_recv(pair.client, in, sizeof in, NET_NOW), 3);
        expect_quiet(poller, 10);
    }
    net_poller_close(poller);
    close_pair(&pair);
}

static void what_has_room_is_told_writable_again_and_again(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < 2; i++) {
        net_socket *end = i == 0 ? pair.client : pair.server;
        bool by_listener =
            i == 1 && !does(template_of(state), CONNECTS) && net_fd(pair.listener) >= 0;

        watch(poller, end, NET_WRITABLE);
        expect_event(poller, end, NET_WRITABLE);
        expect_event(poller, end, NET_WRITABLE);
        watch(poller, end, BOTH);
        expect_event(poller, end, NET_WRITABLE);
        say(i == 0 ? pair.server : pair.client, "x");
        await_ready(by_listener ? pair.listener : end, POLLIN);
        expect_event(poller, end, BOTH);
        watch(poller, end, NET_READABLE);
        expect_event(poller, end, NET_READABLE);
        watch(poller, end, 0);
        expect_quiet(poller, 10);
    }
    net_poller_close(poller);
    close_pair(&pair);
}

/* The last bytes of an encrypted one go while the poller waits. */
static void a_full_stream_is_not_writable_until_the_peer_reads(void **state)
{
    bool rests = is_encrypted(template_of(state));
    struct pair pair;
    size_t left;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    left = fill(pair.client);
    watch(poller, pair.client, NET_WRITABLE);
    expect_quiet(poller, 20);
    while (left > 0) {
        ssize_t n = net_recv(pair.server, in, sizeof in, rests ? net_after(50) : soon());

        if (n == NET_TIMEOUT && rests) {
            break;
        }
        left -= (size_t)assert_ok(n);
    }
    expect_event(poller, pair.client, NET_WRITABLE);
    say(pair.client, "x");
    net_poller_close(poller);
    close_pair(&pair);
}

/* A new watch replaces the user pointer, the interest and the deadline, even if an event of the
 * old watch waits to be returned. */
static void watching_again_replaces_all_of_it(void **state)
{
    struct pair pair;
    net_event event;
    int first;
    int second;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    say(pair.client, "x");
    assert_count(net_poller_watch(poller, pair.server, BOTH, &first, net_after(0)), 0);
    assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    assert_ptr_equal(event.user, &first);
    assert_count(net_poller_watch(poller, pair.server, NET_WRITABLE, &second, NET_FOREVER), 0);
    assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    assert_ptr_equal(event.socket, pair.server);
    assert_ptr_equal(event.user, &second);
    assert_int_equal(event.ready, NET_WRITABLE);
    assert_count(net_poller_watch(poller, pair.server, 0, &first, net_after(30)), 0);
    assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    assert_ptr_equal(event.user, &first);
    assert_int_equal(event.ready, NET_EXPIRED);
    net_poller_close(poller);
    close_pair(&pair);
}

static void an_event_inside_obeys_the_newest_watch(void **state)
{
    struct pair pair;
    net_event event;
    int user;
    net_poller *poller = open_poller();

    for (int i = 0; i < 3; i++) {
        dial_pair(template_of(state), &pair);
        say(pair.client, "x");
        say(pair.server, "x");
        watch(poller, pair.client, NET_READABLE);
        watch(poller, pair.server, NET_READABLE);
        await_ready(pair.client, POLLIN);
        assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
        net_socket *told = event.socket;
        net_socket *other = told == pair.client ? pair.server : pair.client;

        watch(poller, told, 0);
        if (i == 0) {
            watch(poller, other, 0);
            expect_quiet(poller, 10);
        } else if (i == 1) {
            assert_count(net_poller_watch(poller, other, BOTH, &user, NET_FOREVER), 0);
            assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
            assert_ptr_equal(event.socket, other);
            assert_ptr_equal(event.user, &user);
        } else {
            assert_count(net_close(other, NET_NOW), 0);
            pair.client = other == pair.client ? NULL : pair.client;
            pair.server = other == pair.server ? NULL : pair.server;
            expect_quiet(poller, 10);
        }
        close_pair(&pair);
    }
    net_poller_close(poller);
}

/* Their events are collected. Then all but one are closed, and new sockets get their
 * descriptors. */
static void a_descriptor_that_is_used_again_tells_of_its_new_owner(void **state)
{
    enum { PAIRS = 10 };
    struct pair pair;
    net_socket *clients[PAIRS];
    net_socket *servers[PAIRS];
    net_event event;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < PAIRS; i++) {
            dial_again(pair.listener, &clients[i], &servers[i]);
            watch(poller, clients[i], NET_WRITABLE);
            watch(poller, servers[i], BOTH);
        }
        assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
        for (int i = 0; i < PAIRS; i++) {
            net_close(clients[i], NET_NOW);
            net_close(servers[i], NET_NOW);
        }
        for (int i = 0; i < PAIRS; i++) {
            dial_again(pair.listener, &clients[i], &servers[i]);
            watch(poller, clients[i], NET_READABLE);
            watch(poller, servers[i], NET_READABLE);
        }
        expect_quiet(poller, 5);
        say(clients[round], "x");
        expect_event(poller, servers[round], NET_READABLE);
        for (int i = 0; i < PAIRS; i++) {
            net_close(clients[i], NET_NOW);
            net_close(servers[i], NET_NOW);
        }
    }
    net_poller_close(poller);
    close_pair(&pair);
}

static void what_is_taken_out_is_told_of_no_more(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();
    net_poller *other = open_poller();

    dial_pair(template_of(state), &pair);
    assert_count(net_poller_watch(poller, pair.client, 0, NULL, NET_FOREVER), 0);
    watch(poller, pair.server, BOTH);
    assert_count(net_poller_watch(poller, pair.server, 0, NULL, NET_FOREVER), 0);
    assert_count(net_poller_watch(poller, pair.server, 0, NULL, NET_FOREVER), 0);
    say(pair.client, "x");
    expect_quiet(poller, 20);
    watch(other, pair.server, NET_READABLE);
    expect_event(other, pair.server, NET_READABLE);
    expect_quiet(poller, 10);
    net_poller_close(poller);
    net_poller_close(other);
    close_pair(&pair);
}

static void a_socket_is_in_one_poller_at_a_time(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();
    net_poller *other = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    watch(poller, pair.listener, NET_READABLE);
    assert_code(net_poller_watch(other, pair.server, NET_WRITABLE, NULL, NET_FOREVER), NET_MISUSE);
    assert_code(net_poller_watch(other, pair.server, 0, NULL, net_after(0)), NET_MISUSE);
    assert_code(net_poller_watch(other, pair.listener, NET_READABLE, NULL, NET_FOREVER),
                NET_MISUSE);
    say(pair.client, "x");
    expect_event(poller, pair.server, NET_READABLE);
    expect_quiet(other, 10);
    net_poller_close(poller);
    watch(other, pair.server, NET_READABLE);
    expect_event(other, pair.server, NET_READABLE);
    assert_count(net_recv(pair.server, in, sizeof in, soon()), 1);
    net_poller_close(other);
    close_pair(&pair);
}

/* Either end is closed first, with and without collected events. */
static void pollers_and_sockets_may_go_in_any_order(void **state)
{
    struct pair pair;
    net_event event;

    for (int i = 0; i < 4; i++) {
        net_poller *poller = open_poller();

        dial_pair(template_of(state), &pair);
        watch(poller, pair.listener, NET_READABLE);
        watch(poller, pair.client, BOTH);
        watch(poller, pair.server, BOTH);
        if (i >= 2) {
            assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
        }
        if (i % 2 == 0) {
            net_poller_close(poller);
            say(pair.client, "x");
            assert_count(net_recv(pair.server, in, sizeof in, soon()), 1);
            close_pair(&pair);
        } else {
            close_pair(&pair);
            expect_quiet(poller, 10);
            net_poller_close(poller);
        }
    }
}

/* A listener is readable while a caller waits to be accepted, and each wait tells it once. */
static void a_listener_tells_of_callers(void **state)
{
    char address[ADDRESS_MAX];
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    dial_address(listener, address);
    watch(poller, listener, NET_READABLE);
    expect_quiet(poller, 10);
    net_socket *client = assert_socket(net_connect(address, soon()));

    if (!does(template_of(state), CONNECTS)) {
        expect_quiet(poller, 10);
        say(client, "hi");
    }
    expect_event(poller, listener, NET_READABLE);
    expect_event(poller, listener, NET_READABLE);
    net_socket *server = assert_socket(net_accept(listener, NET_NOW));

    expect_quiet(poller, 10);
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

/* ---- How a stream ends ---- */

static void data_is_told_before_the_end(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    say(pair.client, "last");
    say(pair.client, " words");
    await_bytes(pair.server, 10);
    assert_count(net_close(pair.client, NET_NOW), 0);
    pair.client = NULL;
    expect_event(poller, pair.server, NET_READABLE);
    assert_count(net_recv(pair.server, in, 4, NET_NOW), 4);
    expect_event(poller, pair.server, NET_READABLE);
    assert_count(net_recv(pair.server, in, sizeof in, NET_NOW), 6);
    expect_event(poller, pair.server, NET_READABLE);
    assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_EOF);
    expect_event(poller, pair.server, NET_READABLE);
    assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_EOF);
    net_poller_close(poller);
    close_pair(&pair);
}

static void a_reset_is_told_both_ways(void **state)
{
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct raw_peer peer;
    net_socket *server = meet_raw_peer(listener, &peer);

    watch(poller, server, NET_READABLE);
    raw_peer_breaks_off(&peer);
    expect_event(poller, server, NET_READABLE);
    watch(poller, server, BOTH);
    expect_event(poller, server, BOTH);
    assert_code(net_recv(server, in, sizeof in, NET_NOW), NET_RESET);
    assert_code(net_send(server, in, 1, NET_NOW), NET_RESET);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

/* epoll(7) tells a hang-up even if it was not asked for. */
static void a_hang_up_does_not_disturb_a_wait_for_a_deadline(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    for (int i = 0; i < 2; i++) {
        dial_pair(template_of(state), &pair);
        if (i == 1) {
            watch(poller, pair.server, NET_READABLE);
        }
        net_close(pair.client, NET_NOW);
        pair.client = NULL;
        assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_EOF);
        assert_count(net_shutdown(pair.server), 0);
        double since = now_ms();
        double cpu = cpu_ms();

        assert_count(net_poller_watch(poller, pair.server, 0, pair.server, net_after(100)), 0);
        expect_event(poller, pair.server, NET_EXPIRED);
        assert_took(elapsed_ms(since), 100, 2000);
        in_time(cpu_ms() - cpu < 33 + 5 * slowness());
        expect_quiet(poller, 20);
        close_pair(&pair);
    }
    net_poller_close(poller);
}

/* A partial line is told once. What comes after it is told again. */
static void a_line_that_is_not_whole_is_told_once(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    for (int i = 0; i < 3; i++) {
        say(pair.client, "half a line");
        expect_event(poller, pair.server, NET_READABLE);
        assert_code(net_recv_until(pair.server, in, sizeof in, '\n', NET_NOW), NET_TIMEOUT);
        expect_quiet(poller, 30);
        say(pair.client, ", and the rest\nmore");
        expect_event(poller, pair.server, NET_READABLE);
        assert_count(net_recv_until(pair.server, in, sizeof in, '\n', NET_NOW), 26);
        expect_event(poller, pair.server, NET_READABLE);
        assert_code(net_recv_until(pair.server, in, sizeof in, '\n', NET_NOW), NET_TIMEOUT);
        expect_quiet(poller, 30);
        assert_count(net_recv(pair.server, in, sizeof in, NET_NOW), 4);
    }
    net_poller_close(poller);
    close_pair(&pair);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_senseless_argument_is_misuse_and_changes_nothing),
        TEST(what_is_still_there_is_told_again),
        TEST(what_has_room_is_told_writable_again_and_again),
        TEST(watching_again_replaces_all_of_it),
        TEST(an_event_inside_obeys_the_newest_watch),
        TEST(a_descriptor_that_is_used_again_tells_of_its_new_owner),
        TEST(what_is_taken_out_is_told_of_no_more),
        TEST(a_socket_is_in_one_poller_at_a_time),
        TEST(pollers_and_sockets_may_go_in_any_order),
        TEST(a_listener_tells_of_callers),
    };
    static const struct test connected[] = {
        TEST(data_is_told_before_the_end),
        TEST(a_hang_up_does_not_disturb_a_wait_for_a_deadline),
    };
    static const struct test streams[] = {
        TEST(a_full_stream_is_not_writable_until_the_peer_reads),
        TEST(a_reset_is_told_both_ways),
        TEST(a_line_that_is_not_whole_is_told_once),
    };

    return run_over(all_templates, any) + run_over(connected_templates, connected) +
           run_over(stream_templates, streams);
}

/* When a wait ends, and when a socket's deadline is reported: once, after its time has come, and
 * never before. */
#include "watching.h"
#include "words.h"

#include <string.h>

static char in[64];

/* Whether `moment` is now or has been. */
static bool has_come(net_deadline moment)
{
    return moment <= net_after(0);
}

static void a_wait_ends_at_its_deadline(void **state)
{
    static const int durations[] = {-1000, -1, 0, 1, 5, 16, 33, 70};
    struct pair pair;
    net_event event;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    for (int watched = 0; watched < 2; watched++) {
        for (size_t i = 0; i < COUNT(durations); i++) {
            double since = now_ms();

            assert_code(net_poller_wait(poller, &event, 1, net_after(durations[i])), NET_TIMEOUT);
            assert_took(elapsed_ms(since), durations[i], 1000);
        }
        assert_code(net_poller_wait(poller, &event, 1, NET_NOW), NET_TIMEOUT);
        assert_says("poller wait");
        watch(poller, pair.server, NET_READABLE);
        watch(poller, pair.listener, NET_READABLE);
    }
    assert_count(net_send(pair.client, "x", 1, soon()), 1);
    bool by_listener = !does(template_of(state), CONNECTS) && net_fd(pair.listener) >= 0;

    await_ready(by_listener ? pair.listener : pair.server, POLLIN);
    assert_count(net_poller_wait(poller, &event, 1, net_after(-1000)), 1);
    assert_count(net_poller_wait(poller, &event, 1, NET_NOW), 1);
    net_poller_close(poller);
    close_pair(&pair);
}

static void a_deadline_is_told_once_and_asks_for_a_new_one(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < 3; i++) {
        net_deadline deadline = net_after(i * 20);

        assert_count(net_poller_watch(poller, pair.server, NET_READABLE, pair.server, deadline), 0);
        expect_event(poller, pair.server, NET_EXPIRED);
        assert_true(has_come(deadline));
        expect_quiet(poller, 20);
    }
    assert_count(net_send(pair.client, "x", 1, soon()), 1);
    /* The socket is still watched after its deadline. */
    expect_event(poller, pair.server, NET_READABLE);
    net_poller_close(poller);
    close_pair(&pair);
}

static void what_is_ready_and_late_is_told_as_both(void **state)
{
    struct pair pair;
    unsigned told = 0;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.client, "x", 1, soon()), 1);
    watch(poller, pair.server, NET_READABLE);
    expect_event(poller, pair.server, NET_READABLE);
    assert_count(net_poller_watch(poller, pair.server, NET_READABLE, pair.server, net_after(-5)),
                 0);
    for (int i = 0; i < 2; i++) {
        net_event event;

        assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
        told |= event.ready;
    }
    assert_int_equal(told, NET_READABLE | NET_EXPIRED);
    expect_event(poller, pair.server, NET_READABLE);
    net_poller_close(poller);
    close_pair(&pair);
}

/* Sockets that are always ready do not keep a deadline from being told. */
static void a_deadline_is_told_among_many_that_are_ready(void **state)
{
    enum { BUSY = 100, WAITS = 4 * BUSY };
    static net_socket *busy[BUSY];
    net_poller *poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];
    net_event event = {0};

    dial_address(listener, address);
    for (int i = 0; i < BUSY; i++) {
        busy[i] = assert_socket(net_connect(address, soon()));
        watch(poller, busy[i], NET_WRITABLE);
    }
    net_socket *late = assert_socket(net_connect(address, soon()));

    assert_count(net_poller_watch(poller, late, NET_READABLE, late, net_after(0)), 0);
    for (int i = 0; i < WAITS && event.socket != late; i++) {
        assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    }
    assert_ptr_equal(event.socket, late);
    assert_int_equal(event.ready, NET_EXPIRED);
    for (int i = 0; i < BUSY; i++) {
        net_close(busy[i], NET_NOW);
    }
    net_close(late, NET_NOW);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

/* A deadline is moved away, moved nearer and taken off. */
static void a_deadline_may_be_moved(void **state)
{
    struct pair pair;
    net_event event;
    net_poller *poller = open_poller();
    net_deadline deadline = NET_NOW;

    dial_pair(template_of(state), &pair);
    for (int i = 1; i <= 10; i++) {
        deadline = net_after(i * 10);
        assert_count(net_poller_watch(poller, pair.server, NET_READABLE, pair.server, deadline), 0);
    }
    expect_event(poller, pair.server, NET_EXPIRED);
    assert_true(has_come(deadline));
    double since = now_ms();

    assert_count(net_poller_watch(poller, pair.server, 0, pair.server, soon()), 0);
    assert_count(net_poller_watch(poller, pair.server, 0, pair.server, net_after(20)), 0);
    expect_event(poller, pair.server, NET_EXPIRED);
    assert_took(elapsed_ms(since), 20, 2000);
    assert_count(net_poller_watch(poller, pair.server, 0, pair.server, net_after(20)), 0);
    watch(poller, pair.server, NET_READABLE);
    expect_quiet(poller, 40);
    assert_count(net_poller_watch(poller, pair.server, 0, pair.server, net_after(20)), 0);
    watch(poller, pair.server, 0);
    expect_quiet(poller, 40);
    assert_count(net_poller_watch(poller, pair.server, 0, pair.server, net_after(0)), 0);
    assert_count(net_close(pair.server, NET_NOW), 0);
    pair.server = NULL;
    assert_code(net_poller_wait(poller, &event, 1, net_after(20)), NET_TIMEOUT);
    net_poller_close(poller);
    close_pair(&pair);
}

/* The deadlines are told in their order, none early. The watches are changed at random (from a
 * seed), and each socket's last one counts. */
static void many_deadlines_are_told_in_their_order(void **state)
{
    enum { MANY = 300, MOVES = 3000, SPAN = 200, TOGETHER = 50 /* ms */ };
    static net_socket *sockets[MANY];
    static net_deadline deadlines[MANY];
    net_poller *poller = open_poller();
    net_deadline last = NET_NOW;
    bool ordered = true; /* deadlines found late together come in any order */
    unsigned seed = 12;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        sockets[i] = assert_socket(net_connect("udp://127.0.0.1:9", soon()));
    }
    for (int i = 0; i < MOVES + MANY; i++) {
        int at = i < MOVES ? (int)random_below(&seed, MANY) : i - MOVES;

        deadlines[at] = net_after(SPAN + (int)random_below(&seed, SPAN));
        assert_count(
            net_poller_watch(poller, sockets[at], NET_READABLE, &deadlines[at], deadlines[at]), 0);
    }
    for (int i = 0; i < MANY; i++) {
        net_event event;

        assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
        const net_deadline *deadline = event.user;

        assert_ptr_equal(event.socket, sockets[deadline - deadlines]);
        assert_int_equal(event.ready, NET_EXPIRED);
        assert_true(has_come(*deadline));
        ordered = ordered && *deadline + (net_deadline)TOGETHER * 1000000 >= last;
        last = *deadline > last ? *deadline : last;
    }
    expect_quiet(poller, 20);
    for (int i = 0; i < MANY; i++) {
        net_close(sockets[i], NET_NOW);
    }
    net_poller_close(poller);
    in_time(ordered);
}

/* A call that ends at its deadline leaves the socket as it is. The next event still finds it. */
static void a_server_ends_silent_callers(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < 3; i++) {
        assert_count(net_poller_watch(poller, pair.server, NET_READABLE, pair.server, soon()), 0);
        assert_count(net_send(pair.client, "x", 1, soon()), 1);
        expect_event(poller, pair.server, NET_READABLE);
        assert_count(net_recv(pair.server, in, sizeof in, NET_NOW), 1);
    }
    assert_count(net_poller_watch(poller, pair.server, NET_READABLE, pair.server, net_after(30)),
                 0);
    expect_event(poller, pair.server, NET_EXPIRED);
    assert_count(net_close(pair.server, NET_NOW), 0);
    pair.server = NULL;
    expect_quiet(poller, 10);
    net_poller_close(poller);
    close_pair(&pair);
}

int main(void)
{
    static const struct test any[] = {
        TEST(a_wait_ends_at_its_deadline),
        TEST(a_deadline_is_told_once_and_asks_for_a_new_one),
        TEST(what_is_ready_and_late_is_told_as_both),
        TEST(a_deadline_is_told_among_many_that_are_ready),
        TEST(a_deadline_may_be_moved),
        TEST(a_server_ends_silent_callers),
    };
    static const struct test once[] = {TEST(many_deadlines_are_told_in_their_order)};

    return run_over(all_templates, any) + run_once(once);
}

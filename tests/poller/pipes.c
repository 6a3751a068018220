/* Standard input and sockets in one poller. */
#include "foreign.h"
#include "watching.h"

#include <fcntl.h>
#include <pty.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

struct scenery {
    net_poller *poller;
    net_socket *input;
    int out; /* the other end: what is written here comes as input */
    struct pair pair;
};

static void open_scenery(void **state, struct scenery *scenery)
{
    int fd[2];
    struct termios mode;

    if (strcmp(template_of(state), "pipe") == 0) {
        assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    } else {
        assert_int_equal(openpty(&fd[1], &fd[0], NULL, NULL, NULL), 0);
        assert_int_equal(tcgetattr(fd[0], &mode), 0);
        cfmakeraw(&mode);
        assert_int_equal(tcsetattr(fd[0], TCSANOW, &mode), 0);
    }
    scenery->poller = open_poller();
    scenery->input = adopt_connection(fd[0]);
    scenery->out = fd[1];
    dial_pair("tcp://127.0.0.1:0", &scenery->pair);
    watch(scenery->poller, scenery->input, NET_READABLE);
    watch(scenery->poller, scenery->pair.server, NET_READABLE);
    expect_quiet(scenery->poller, 20);
}

static void close_scenery(struct scenery *scenery)
{
    net_close(scenery->input, NET_NOW);
    if (scenery->out >= 0) {
        close(scenery->out);
    }
    close_pair(&scenery->pair);
    net_poller_close(scenery->poller);
}

static void put(const struct scenery *scenery, const char *words)
{
    assert_int_equal(write(scenery->out, words, strlen(words)), (ssize_t)strlen(words));
}

static void each_is_told_of_while_it_has_something(void **state)
{
    struct scenery scenery;
    char buffer[16];

    open_scenery(state, &scenery);
    put(&scenery, "ab");
    expect_event(scenery.poller, scenery.input, NET_READABLE);
    expect_event(scenery.poller, scenery.input, NET_READABLE);
    assert_count(net_recv(scenery.input, buffer, 1, NET_NOW), 1);
    expect_event(scenery.poller, scenery.input, NET_READABLE);
    assert_count(net_recv(scenery.input, buffer, 1, NET_NOW), 1);
    expect_quiet(scenery.poller, 20);
    assert_count(net_send(scenery.pair.client, "x", 1, soon()), 1);
    expect_event(scenery.poller, scenery.pair.server, NET_READABLE);
    put(&scenery, "c");
    await_events(net_fd(scenery.input), POLLIN);
    net_socket *both[] = {scenery.input, scenery.pair.server};

    expect_all(scenery.poller, both, 2, NET_READABLE);
    assert_count(net_recv(scenery.input, buffer, sizeof buffer, NET_NOW), 1);
    assert_count(net_recv(scenery.pair.server, buffer, sizeof buffer, NET_NOW), 1);
    expect_quiet(scenery.poller, 20);
    close_scenery(&scenery);
}

static void a_part_of_a_line_is_no_news(void **state)
{
    struct scenery scenery;
    char buffer[16];

    open_scenery(state, &scenery);
    put(&scenery, "ab");
    expect_event(scenery.poller, scenery.input, NET_READABLE);
    assert_code(net_recv_until(scenery.input, buffer, sizeof buffer, '\n', NET_NOW), NET_TIMEOUT);
    expect_quiet(scenery.poller, 20);
    put(&scenery, "c\nd");
    expect_event(scenery.poller, scenery.input, NET_READABLE);
    assert_count(net_recv_until(scenery.input, buffer, sizeof buffer, '\n', NET_NOW), 4);
    expect_event(scenery.poller, scenery.input, NET_READABLE);
    assert_code(net_recv_until(scenery.input, buffer, sizeof buffer, '\n', NET_NOW), NET_TIMEOUT);
    expect_quiet(scenery.poller, 20);
    assert_count(net_recv(scenery.input, buffer, sizeof buffer, NET_NOW), 1);
    expect_quiet(scenery.poller, 20);
    close_scenery(&scenery);
}

/* What did not fit the caller's buffer is in the socket, and its descriptor does not show it. */
static void what_was_too_big_is_told_of(void **state)
{
    struct scenery scenery;
    char buffer[16];

    open_scenery(state, &scenery);
    for (size_t size = 1; size <= 3; size++) {
        put(&scenery, size == 1 ? "a" : size == 2 ? "ab" : "abc");
        await_events(net_fd(scenery.input), POLLIN);
        expect_event(scenery.poller, scenery.input, NET_READABLE);
        assert_code(net_recv_until(scenery.input, buffer, size, '\n', soon()), NET_TOOBIG);
        expect_event(scenery.poller, scenery.input, NET_READABLE);
        expect_event(scenery.poller, scenery.input, NET_READABLE);
        assert_count(net_recv_all(scenery.input, buffer, size, NET_NOW), (long long)size);
        expect_quiet(scenery.poller, 20);
    }
    close_scenery(&scenery);
}

/* A poller that waits already is told too. */
static void what_was_too_big_wakes_a_waiting_poller(void **state)
{
    struct scenery scenery;
    struct watcher watcher;
    char byte;

    open_scenery(state, &scenery);
    put(&scenery, "a");
    await_events(net_fd(scenery.input), POLLIN);
    watch(scenery.poller, scenery.input, 0);
    watcher_start(&watcher, scenery.poller);
    assert_code(net_recv_until(scenery.input, &byte, 1, '\n', soon()), NET_TOOBIG);
    watch(scenery.poller, scenery.input, NET_READABLE);
    watcher_await(&watcher, 1);
    watcher_stop(&watcher);
    assert_ptr_equal(watcher.event.socket, scenery.input);
    close_scenery(&scenery);
}

static void the_end_is_told(void **state)
{
    struct scenery scenery;
    char byte;

    open_scenery(state, &scenery);
    close(scenery.out);
    scenery.out = -1;
    expect_event(scenery.poller, scenery.input, NET_READABLE);
    assert_code(net_recv(scenery.input, &byte, 1, NET_NOW), NET_EOF);
    expect_event(scenery.poller, scenery.input, NET_READABLE);
    close_scenery(&scenery);
}

static void a_cancel_and_a_deadline_are_told(void **state)
{
    struct scenery scenery;

    open_scenery(state, &scenery);
    assert_ok(net_poller_watch(scenery.poller, scenery.input, NET_READABLE, scenery.input,
                               net_after(20)));
    expect_event(scenery.poller, scenery.input, NET_EXPIRED);
    expect_quiet(scenery.poller, 20);
    net_cancel(scenery.input);
    expect_event(scenery.poller, scenery.input, NET_READABLE);
    close_scenery(&scenery);
}

static void a_released_one_is_forgotten(void **state)
{
    struct scenery scenery;

    open_scenery(state, &scenery);
    int fd = (int)assert_ok(net_release(scenery.input));

    scenery.input = NULL;
    put(&scenery, "x");
    await_events(fd, POLLIN);
    expect_quiet(scenery.poller, 20);
    close(fd);
    close_scenery(&scenery);
}

int main(void)
{
    static const char *const inputs[] = {"pipe", "terminal", NULL};
    static const struct test tests[] = {
        TEST(each_is_told_of_while_it_has_something),
        TEST(a_part_of_a_line_is_no_news),
        TEST(what_was_too_big_is_told_of),
        TEST(what_was_too_big_wakes_a_waiting_poller),
        TEST(the_end_is_told),
        TEST(a_cancel_and_a_deadline_are_told),
        TEST(a_released_one_is_forgotten),
    };

    return run_over(inputs, tests);
}

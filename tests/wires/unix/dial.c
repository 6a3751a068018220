/* driven: skip, half of it has a poller of its own */
/* Dials that meet a full backlog, dials to a name without a listener, and dials to a socket of
 * another type. Nothing tells when a backlog has room again. */
#include "watching.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const paths[] = {"unix://{path}", NULL};

enum { SOON = 250, MUCH_LATER = 1000 /* ms */ };

/* ---- A full backlog ---- */

/* A listener whose backlog is full, and its address. */
struct backlog {
    net_socket *listener;
    net_socket *callers[8];
    int count;
    char address[ADDRESS_MAX];
};

static void open_backlog(const char *template, struct backlog *backlog)
{
    char whole[ADDRESS_MAX];

    *backlog = (struct backlog){0};
    snprintf(whole, sizeof whole, "%s?backlog=1", template);
    backlog->listener = assert_socket(net_listen(whole));
    dial_address(backlog->listener, backlog->address);
    while (backlog->count < (int)COUNT(backlog->callers)) {
        net_socket *caller = net_connect(backlog->address, NET_NOW);

        assert_non_null(caller);
        if (net_get(caller, "peer", NULL, 0) == NET_TIMEOUT) {
            net_close(caller, NET_NOW);
            break;
        }
        backlog->callers[backlog->count++] = caller;
    }
    assert_int_equal(backlog->count, 2); /* the backlog, and the one more that Linux allows */
}

static void make_room(struct backlog *backlog)
{
    net_close(assert_socket(net_accept(backlog->listener, soon())), NET_NOW);
}

static void close_backlog(struct backlog *backlog)
{
    for (int i = 0; i < backlog->count; i++) {
        net_close(backlog->callers[i], NET_NOW);
    }
    net_close(backlog->listener, NET_NOW);
}

static void a_full_backlog_ends_a_dial_at_its_deadline(void **state)
{
    static const int after[] = {1, 20, 150};
    struct backlog backlog;

    open_backlog(template_of(state), &backlog);
    for (size_t i = 0; i < COUNT(after); i++) {
        double since = now_ms();
        double cpu = cpu_ms();

        assert_no_socket(net_connect(backlog.address, net_after(after[i])), NET_TIMEOUT);
        assert_took(elapsed_ms(since), after[i], MUCH_LATER);
        assert_blames("connect", backlog.address);
        assert_says("its backlog is full");
        in_time(cpu_ms() - cpu < after[i] / 2.0 + 5 * slowness());
    }
    close_backlog(&backlog);
}

static void a_dial_that_waits_gets_the_place_that_becomes_free(void **state)
{
    static const net_deadline endless = NET_FOREVER;
    struct backlog backlog;
    struct caller dials[2];

    open_backlog(template_of(state), &backlog);
    for (size_t i = 0; i < COUNT(dials); i++) {
        dials[i].address = backlog.address;
        caller_start(&dials[i], call_connect, NULL, i == 0 ? soon() : endless);
    }
    nap(50);
    assert_false(dials[0].done || dials[1].done);
    double since = now_ms();

    make_room(&backlog);
    make_room(&backlog);
    for (size_t i = 0; i < COUNT(dials); i++) {
        caller_join(&dials[i]);
        assert_int_equal(dials[i].result, 0);
    }
    assert_took(elapsed_ms(since), 0, SOON);
    net_socket *server = assert_socket(net_accept(backlog.listener, soon()));
    char byte;

    assert_count(net_send(dials[0].made, "a", 1, soon()), 1);
    assert_count(net_send(dials[1].made, "a", 1, soon()), 1);
    assert_count(net_recv(server, &byte, 1, soon()), 1);
    net_close(server, NET_NOW);
    net_close(dials[0].made, NET_NOW);
    net_close(dials[1].made, NET_NOW);
    close_backlog(&backlog);
}

static void a_dial_that_waits_is_refused_when_the_listener_goes(void **state)
{
    struct backlog backlog;
    struct caller dial = {0};

    open_backlog(template_of(state), &backlog);
    dial.address = backlog.address;
    caller_start(&dial, call_connect, NULL, soon());
    assert_false(dial.done);
    net_close(backlog.listener, NET_NOW);
    backlog.listener = NULL;
    caller_join(&dial);
    assert_int_equal(dial.result, NET_REFUSED);
    close_backlog(&backlog);
}

/* The poller completes the dial. It gets no event from the system, and it does not spin. */
static void a_poller_tells_of_a_dial_that_waited_for_room(void **state)
{
    struct backlog backlog;
    char buffer[8];
    net_poller *poller = open_poller();

    open_backlog(template_of(state), &backlog);
    net_socket *dial = assert_socket(net_connect(backlog.address, NET_NOW));

    watch(poller, dial, NET_WRITABLE);
    expect_quiet(poller, 100);
    assert_code(net_send(dial, "early", 5, NET_NOW), NET_TIMEOUT);
    make_room(&backlog);
    expect_event(poller, dial, NET_WRITABLE);
    assert_count(net_send(dial, "hello", 5, NET_NOW), 5);
    make_room(&backlog);
    net_socket *server = assert_socket(net_accept(backlog.listener, soon()));

    assert_count(net_recv(server, buffer, sizeof buffer, soon()), 5);
    net_close(server, NET_NOW);
    net_close(dial, NET_NOW);
    net_poller_close(poller);
    close_backlog(&backlog);
}

static void a_poller_tells_that_nobody_listens_any_more(void **state)
{
    struct backlog backlog;
    net_poller *poller = open_poller();

    open_backlog(template_of(state), &backlog);
    net_socket *dial = assert_socket(net_connect(backlog.address, NET_NOW));

    watch(poller, dial, NET_WRITABLE);
    net_close(backlog.listener, NET_NOW);
    backlog.listener = NULL;
    expect_event(poller, dial, NET_WRITABLE);
    assert_code(net_send(dial, "x", 1, NET_NOW), NET_REFUSED);
    assert_blames("connect", backlog.address);
    net_close(dial, NET_NOW);
    net_poller_close(poller);
    close_backlog(&backlog);
}

static void a_dial_that_waits_can_be_cancelled_and_closed(void **state)
{
    struct backlog backlog;
    struct caller reader;
    char byte;

    open_backlog(template_of(state), &backlog);
    net_socket *dial = assert_socket(net_connect(backlog.address, NET_NOW));

    assert_code(net_recv(dial, &byte, 1, net_after(20)), NET_TIMEOUT);
    caller_start(&reader, call_recv, dial, soon());
    double since = now_ms();

    net_cancel(dial);
    caller_join(&reader);
    assert_took(elapsed_ms(since), 0, 100);
    assert_int_equal(reader.result, NET_CANCELED);
    assert_count(net_close(dial, soon()), 0);
    assert_count(net_close(assert_socket(net_connect(backlog.address, NET_NOW)), NET_NOW), 0);
    assert_count(net_close(assert_socket(net_connect(backlog.address, NET_NOW)), net_after(30)), 0);
    make_room(&backlog);
    make_room(&backlog);
    assert_no_socket(net_accept(backlog.listener, NET_NOW),
                     NET_TIMEOUT); /* they have left nothing behind */
    close_backlog(&backlog);
}

/* ---- No listener, or one of another type ---- */

static void expect_refusal(const char *address, int code, const char *words)
{
    assert_no_socket(net_connect(address, soon()), code);
    assert_blames("connect", address);
    assert_says(words);
    net_socket *dial = net_connect(address, NET_NOW);

    if (dial != NULL) {
        assert_code(net_send(dial, "x", 1, soon()), code);
        assert_says(words);
    } else {
        assert_int_equal(net_error(), code);
    }
    net_close(dial, NET_NOW);
}

static void nobody_is_a_refusal(void **state)
{
    const char *address = template_of(state);
    const char *path = strstr(address, "//") + 2;

    expect_refusal("unix://@nobody-has-this-name", NET_REFUSED, "refused");
    expect_refusal("unixgram://@nobody-has-this-name", NET_REFUSED, "refused");
    expect_refusal(address, NET_REFUSED, "No such file or directory");
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    expect_refusal(address, NET_REFUSED, "refused");
    unlink(path);
    net_socket *listener = assert_socket(net_listen(address));

    net_close(assert_socket(net_connect(address, soon())), NET_NOW);
    net_close(listener, NET_NOW);
    expect_refusal(address, NET_REFUSED, "refused");
}

/* A datagram socket does not answer the dial of a stream, and a listener does not answer that of a
 * datagram socket. */
static void a_socket_of_another_type_does_not_answer(void **state)
{
    static const char *const schemes[] = {"unix", "unixgram"};

    for (int i = 0; i < 2; i++) {
        const char *path = strchr(template_of(state), ':');
        char address[ADDRESS_MAX];
        char other[ADDRESS_MAX];

        snprintf(address, sizeof address, "%s%s", schemes[i], path);
        snprintf(other, sizeof other, "%s%s", schemes[1 - i], path);
        net_socket *listener = assert_socket(net_listen(address));

        expect_refusal(other, NET_ADDRESS, "of another type");
        net_close(listener, NET_NOW);
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_full_backlog_ends_a_dial_at_its_deadline),
        TEST(a_dial_that_waits_gets_the_place_that_becomes_free),
        TEST(a_dial_that_waits_is_refused_when_the_listener_goes),
        TEST(a_poller_tells_of_a_dial_that_waited_for_room),
        TEST(a_poller_tells_that_nobody_listens_any_more),
        TEST(a_dial_that_waits_can_be_cancelled_and_closed),
        TEST(nobody_is_a_refusal),
        TEST(a_socket_of_another_type_does_not_answer),
    };

    return run_over(paths, tests);
}

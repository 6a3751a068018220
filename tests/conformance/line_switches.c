/* driven: skip, it has a poller and a foreign loop of its own */
/* Any receive call after any other on one stream, with or without a kept part of a line. From
 * what was sent the test knows what each call returns, and whether a poller and a foreign loop
 * are told. */
#include "watching.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

enum { AT_HAND_MOST = 60000, TEXT = 1 << 18 };

enum verb { RECV, RECV_ALL, UNTIL, UNTIL_OTHER, UNTIL_TOO_SMALL, VERBS };

struct talk {
    struct pair pair;
    net_poller *poller;
    unsigned seed;
    char text[TEXT]; /* what was sent and not received yet */
    size_t at_hand;
    bool is_searched; /* the last call searched all that is there in vain */
    bool is_kept;     /* and may therefore have kept some of it */
    enum verb last;
    int switches[VERBS][VERBS]; /* while something was kept */
    char room[TEXT];
};

static struct talk talk;

static unsigned below(unsigned limit)
{
    return random_below(&talk.seed, limit);
}

/* ---- Sending ---- */

static int waiting_in_system(void)
{
    int count = 0;

    return ioctl(net_fd(talk.pair.server), FIONREAD, &count) == 0 ? count : -1;
}

/* Waits until the bytes have arrived: over loopback that takes a moment. */
static void say_and_await(const char *text, size_t size)
{
    int expected = waiting_in_system() + (int)size;
    double since = now_ms();

    memcpy(talk.text + talk.at_hand, text, size);
    talk.at_hand += size;
    talk.is_searched = false;
    assert_count(net_send(talk.pair.client, text, size, soon()), size);
    while (net_fd(talk.pair.server) >= 0 && waiting_in_system() < expected &&
           elapsed_ms(since) < 20000.0 * slowness()) {
        nap(0);
    }
}

/* Mostly some bytes; at times more than the largest window. */
static void say_something(void)
{
    static char words[1 << 15];
    size_t size = 1 + below(1U << below(16));

    size = size < AT_HAND_MOST - talk.at_hand ? size : AT_HAND_MOST - talk.at_hand;
    unsigned rare = 1 + below(3) * 1000;

    for (size_t i = 0; i < size; i++) {
        unsigned dice = below(20 * rare);

        words[i] = dice == 0 ? '\n' : dice == 1 ? ';' : 'w';
    }
    if (size > 0) {
        say_and_await(words, size);
    }
}

/* ---- Receiving ---- */

static void take(ssize_t n)
{
    assert_memory_equal(talk.room, talk.text, (size_t)n);
    talk.at_hand -= (size_t)n;
    memmove(talk.text, talk.text + n, talk.at_hand);
}

static ssize_t search(size_t size, int delimiter)
{
    ssize_t n = net_recv_until(talk.pair.server, talk.room, size, delimiter, NET_NOW);
    size_t seen = size < talk.at_hand ? size : talk.at_hand;
    const char *end = memchr(talk.text, delimiter, seen);

    talk.is_searched = false;
    if (end != NULL) {
        assert_count(n, end - talk.text + 1);
        take(n);
    } else if (talk.at_hand >= size) {
        assert_code(n, NET_TOOBIG);
    } else {
        assert_code(n, NET_TIMEOUT);
        talk.is_searched = true;
    }
    talk.is_kept = n < 0 && talk.at_hand > 0;
    return n;
}

/* A kept part may come first, without the bytes after it. */
static ssize_t receive(size_t size)
{
    ssize_t n = net_recv(talk.pair.server, talk.room, size, NET_NOW);

    talk.is_searched = false;
    if (talk.at_hand == 0) {
        assert_code(n, NET_TIMEOUT);
    } else {
        assert_in_range(assert_ok(n), 1, size < talk.at_hand ? size : talk.at_hand);
        take(n);
    }
    return n;
}

static ssize_t receive_all(size_t size)
{
    ssize_t n = net_recv_all(talk.pair.server, talk.room, size, NET_NOW);

    talk.is_searched = false;
    if (talk.at_hand == 0) {
        assert_code(n, NET_TIMEOUT);
    } else {
        assert_count(n, size < talk.at_hand ? size : talk.at_hand);
        take(n);
    }
    return n;
}

/* Makes one call, and returns whether it was NET_TIMEOUT. */
static bool hear(enum verb verb)
{
    size_t size = 1 + below(1U << below(15));
    ssize_t n = 0;

    talk.switches[talk.last][verb] += talk.is_kept ? 1 : 0;
    talk.last = verb;
    switch (verb) {
    case RECV:
        n = receive(size);
        break;
    case RECV_ALL:
        n = receive_all(size);
        break;
    case UNTIL:
        n = search(TEXT, '\n');
        break;
    case UNTIL_OTHER:
        n = search(TEXT, ';');
        break;
    default:
        n = search(size, '\n');
    }
    return n == NET_TIMEOUT;
}

static void open_talk(const char *address)
{
    static unsigned seed = 9000;

    seed++;
    talk = (struct talk){.seed = seed};
    print_message("seed %u\n", seed);
    dial_pair_with(address, "rcvbuf=1MiB", NULL, &talk.pair); /* the window is never shut */
    talk.poller = open_poller();
    watch(talk.poller, talk.pair.server, NET_READABLE);
}

static void close_talk(void)
{
    net_poller_close(talk.poller);
    close_pair(&talk.pair);
}

/* Only a search keeps anything, so the switches start from searches. */
static bool has_every_switch(void)
{
    bool all = true;

    for (int from = UNTIL; from < VERBS; from++) {
        for (int to = RECV; to < VERBS; to++) {
            all = all && talk.switches[from][to] > 0;
        }
    }
    return all;
}

/* Whether round `i` is played: a number of them, and more until each switch has occurred. */
static bool goes_on(int i)
{
    enum { FEW = 1000, MANY = 4000, MOST = 40 * MANY };

    return i < (slowness() > 1 ? FEW : MANY) || (!has_every_switch() && i < MOST);
}

/* ---- Under a poller ---- */

/* The poller tells of bytes until they are received or searched in vain, and then no more. */
static void expect_told(void)
{
    net_event events[4];
    int count = below(2) == 0 ? 1 : (int)COUNT(events);
    bool told = talk.at_hand > 0 && !talk.is_searched;
    int n = net_poller_wait(talk.poller, events, count, told ? soon() : NET_NOW);

    if (n != (told ? 1 : NET_TIMEOUT)) {
        print_error("%zu bytes at hand, %s: the poller says %d\n", talk.at_hand,
                    talk.is_searched ? "searched in vain" : "to be told", n);
    }
    assert_int_equal(n, told ? 1 : NET_TIMEOUT);
    if (told) {
        assert_ptr_equal(events[0].socket, talk.pair.server);
        assert_int_equal(events[0].ready, NET_READABLE);
    }
}

static void a_poller_is_told_of_bytes_until_they_are_heard(void **state)
{
    open_talk(template_of(state));
    for (int i = 0; goes_on(i); i++) {
        if (below(3) == 0) {
            say_something();
        } else {
            hear(below(VERBS));
        }
        expect_told();
    }
    assert_true(has_every_switch());
    close_talk();
}

/* A poller begins to watch in the middle of a line, or watches again. */
static void a_new_watch_tells_the_same(void **state)
{
    open_talk(template_of(state));
    for (int i = 0; i < 1000; i++) {
        if (below(3) == 0) {
            say_something();
        } else {
            hear(below(VERBS));
        }
        assert_ok(net_poller_watch(talk.poller, talk.pair.server, 0, NULL, NET_FOREVER));
        watch(talk.poller, talk.pair.server, NET_READABLE);
        expect_told();
    }
    close_talk();
}

/* Neither a kept part nor a line that was too big wakes a poller again and again. */
static void nobody_spins_over_what_is_kept(void **state)
{
    open_talk(template_of(state));
    say_and_await("half a line", 11);
    assert_true(hear(UNTIL));
    expect_quiet(talk.poller, 30);
    say_and_await(", more", 6);
    expect_told();
    assert_int_equal(search(5, '\n'), NET_TOOBIG);
    expect_told();
    expect_told();
    assert_true(hear(UNTIL_OTHER));
    expect_quiet(talk.poller, 30);
    assert_int_equal(receive(3), 3);
    expect_told();
    expect_told();
    while (talk.at_hand > 0) {
        receive(4);
        expect_told();
    }
    expect_quiet(talk.poller, 30);
    close_talk();
}

/* ---- In a foreign loop ---- */

static int poll_now(void)
{
    struct pollfd set = {.fd = net_fd(talk.pair.server), .events = POLLIN};

    return poll(&set, 1, 0);
}

/* The rule of net_fd: once told, call until NET_TIMEOUT. */
static void a_foreign_loop_is_told_of_whatever_is_new(void **state)
{
    open_talk(template_of(state));
    if (net_fd(talk.pair.server) < 0) { /* nothing for a foreign loop to watch */
        close_talk();
        return;
    }
    for (int i = 0; goes_on(i); i++) {
        size_t before = talk.at_hand;
        int calls = 0;

        say_something();
        if (talk.at_hand > before) {
            await_events(net_fd(talk.pair.server), POLLIN);
        }
        while (!hear(below(VERBS))) {
            assert_true(++calls < 100000);
        }
        assert_int_equal(poll_now(), 0);
    }
    assert_true(has_every_switch());
    close_talk();
}

int main(void)
{
    static const struct test streams[] = {
        TEST(a_poller_is_told_of_bytes_until_they_are_heard),
        TEST(a_new_watch_tells_the_same),
        TEST(nobody_spins_over_what_is_kept),
        TEST(a_foreign_loop_is_told_of_whatever_is_new),
    };

    return run_over(line_templates, streams);
}

/* A peer sent a line without an end slowly, in tiny segments. net_recv_until then ran for seconds
 * past its deadline and used a whole core, because each look at the line read all of it.
 *
 * The kernel joins segments whose bytes are adjacent in the sender's memory. So the sender sends on
 * another connection in between. */
#include "watching.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TRICKLE = 128000, /* the number of bytes in tiny segments */
    DRAIN = 1000,     /* after so many of them the other connection is read */
    TAIL = 30,        /* then so many more bytes */
    PAUSE = 50,       /* ms between them */
    DEADLINE = 100,
    OVERSHOOT = 50, /* ms */
    ROOM = 1 << 20
};

struct trickle {
    net_socket *listener;
    net_socket *reader;
    int fd;
    int other; /* the second connection */
    net_socket *other_reader;
    _Atomic bool is_slow; /* the flood of segments has ended */
    _Atomic bool is_over;
    pthread_t thread;
    char *room;
};

static bool send_byte(struct trickle *trickle, int i)
{
    char read[DRAIN];
    bool sent = send(trickle->fd, &"ab"[i % 2], 1, MSG_NOSIGNAL) == 1;

    send(trickle->other, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (i % DRAIN == 0) {
        sent = net_recv(trickle->other_reader, read, sizeof read, NET_NOW) != NET_EOF && sent;
    }
    return sent;
}

static void *send_trickle(void *argument)
{
    struct trickle *trickle = argument;
    bool sent = true;
    int i = 0;

    for (; sent && i < TRICKLE; i++) {
        sent = send_byte(trickle, i);
    }
    trickle->is_slow = true;
    for (; sent && i < TRICKLE + TAIL; i++) {
        nap(PAUSE);
        sent = send_byte(trickle, i);
    }
    trickle->is_over = true;
    return NULL;
}

static int dial_at_once(const char *address, net_socket *listener, net_socket **reader)
{
    int on = 1;
    int fd = raw_dial(listener);

    *reader = assert_socket(net_accept(listener, soon()));
    if (is_ip(address)) {
        assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    }
    return fd;
}

static void open_trickle(struct trickle *trickle, const char *address)
{
    *trickle = (struct trickle){.room = malloc(ROOM)};
    assert_non_null(trickle->room);
    trickle->listener = assert_socket(net_listen(address));
    trickle->fd = dial_at_once(address, trickle->listener, &trickle->reader);
    trickle->other = dial_at_once(address, trickle->listener, &trickle->other_reader);
    assert_int_equal(pthread_create(&trickle->thread, NULL, send_trickle, trickle), 0);
}

static void close_trickle(struct trickle *trickle)
{
    pthread_join(trickle->thread, NULL);
    net_close(trickle->reader, NET_NOW);
    net_close(trickle->other_reader, NET_NOW);
    net_close(trickle->listener, NET_NOW);
    close(trickle->fd);
    close(trickle->other);
    free(trickle->room);
}

/* The CPU time of the reader's thread after the flood, and how long its calls took. */
struct figures {
    double longest; /* ms of a call past its deadline */
    double cpu;
    double elapsed;
    int calls;
    ssize_t said; /* of the last call */
};

static void begin(struct figures *figures)
{
    figures->cpu = thread_cpu_ms();
    figures->elapsed = now_ms();
}

static void end(struct figures *figures)
{
    figures->cpu = thread_cpu_ms() - figures->cpu;
    figures->elapsed = elapsed_ms(figures->elapsed);
}

static ssize_t timed_call(struct trickle *trickle, struct figures *figures, size_t room, int ms)
{
    double since = now_ms();
    ssize_t n = net_recv_until(trickle->reader, trickle->room, room, '\n',
                               ms > 0 ? net_after(ms) : NET_NOW);
    double beyond = elapsed_ms(since) - ms;

    figures->longest = beyond > figures->longest ? beyond : figures->longest;
    figures->calls++;
    return n;
}

/* All of it is there in the end, unchanged. */
static void expect_all_kept(struct trickle *trickle)
{
    const size_t size = TRICKLE + TAIL;
    ssize_t n = net_recv_all(trickle->reader, trickle->room, size, soon());

    assert_count(n, size);
    for (size_t i = 0; i < size; i++) {
        assert_true(trickle->room[i] == "ab"[i % 2]);
    }
}

static void judge(const struct figures *figures, const char *how)
{
    print_message("%s: %d calls, the longest %.2f ms beyond its deadline, %.2f%% of a processor\n",
                  how, figures->calls, figures->longest, 100 * figures->cpu / figures->elapsed);
    assert_int_equal(figures->said, NET_TIMEOUT);
    in_time(figures->longest < OVERSHOOT * slowness());
    in_time(figures->cpu < figures->elapsed * 5 / 100 * slowness());
}

static void a_call_ends_at_its_deadline(void **state)
{
    struct figures figures = {.said = NET_TIMEOUT};
    struct trickle trickle;
    bool slow = false;

    open_trickle(&trickle, template_of(state));
    begin(&figures);
    while (!trickle.is_over && figures.said == NET_TIMEOUT) {
        figures.said = timed_call(&trickle, &figures, ROOM, DEADLINE);
        if (trickle.is_slow && !slow) {
            slow = true;
            begin(&figures);
        }
    }
    end(&figures);
    judge(&figures, "deadlines of 100 ms");
    expect_all_kept(&trickle);
    close_trickle(&trickle);
}

static void a_call_that_does_not_wait_does_not(void **state)
{
    struct figures figures = {.said = NET_TIMEOUT};
    struct trickle trickle;
    net_poller *poller = open_poller();
    bool slow = false;

    open_trickle(&trickle, template_of(state));
    watch(poller, trickle.reader, NET_READABLE);
    begin(&figures);
    while (!trickle.is_over && figures.said == NET_TIMEOUT) {
        net_event event;

        if (net_poller_wait(poller, &event, 1, net_after(DEADLINE)) == 1) {
            figures.said = timed_call(&trickle, &figures, ROOM, 0);
        }
        if (trickle.is_slow && !slow) {
            slow = true;
            begin(&figures);
        }
    }
    end(&figures);
    judge(&figures, "by poller");
    expect_all_kept(&trickle);
    net_poller_close(poller);
    close_trickle(&trickle);
}

static long long call_for_line(struct caller *caller)
{
    static char room[ROOM];

    return net_recv_until(caller->socket, room, sizeof room, '\n', caller->deadline);
}

/* Both during the flood of segments and after it. */
static void a_cancel_ends_a_call_at_once(void **state)
{
    for (int slow = 0; slow < 2; slow++) {
        struct trickle trickle;
        struct caller caller;
        double since = now_ms();

        open_trickle(&trickle, template_of(state));
        caller_launch(&caller, call_for_line, trickle.reader, NET_FOREVER);
        while (slow && !trickle.is_slow && elapsed_ms(since) < 20000.0 * slowness()) {
            nap(1);
        }
        nap(20);
        since = now_ms();
        net_cancel(trickle.reader);
        caller_join(&caller);
        double ms = elapsed_ms(since);

        close_trickle(&trickle);
        assert_int_equal(caller.result, NET_CANCELED);
        print_message("a cancel took %.2f ms\n", ms);
        assert_took(ms, 0, 100);
    }
}

/* ---- A flood that has more bytes at each look ---- */

enum { FLOOD = 1 << 28, SOME = 20 /* ms */ };

static void *send_flood(void *argument)
{
    static char piece[1 << 16];
    struct trickle *flood = argument;
    bool sent = true;

    memset(piece, 'f', sizeof piece);
    while (sent && !flood->is_over) {
        sent = send(flood->fd, piece, sizeof piece, MSG_NOSIGNAL) > 0;
    }
    return NULL;
}

static void a_flood_without_an_end_stretches_no_deadline(void **state)
{
    struct trickle flood = {.room = malloc(FLOOD)};
    struct figures figures = {0};

    assert_non_null(flood.room);
    flood.listener = assert_socket(net_listen(template_of(state)));
    flood.fd = raw_dial(flood.listener);
    flood.reader = assert_socket(net_accept(flood.listener, soon()));
    assert_int_equal(pthread_create(&flood.thread, NULL, send_flood, &flood), 0);
    for (int i = 0; i < 4; i++) {
        ssize_t n = timed_call(&flood, &figures, FLOOD, i % 2 == 0 ? SOME : 0);

        figures.said = n != NET_TIMEOUT ? n : figures.said;
    }
    flood.is_over = true;
    shutdown(flood.fd, SHUT_RDWR);
    pthread_join(flood.thread, NULL);
    net_close(flood.reader, NET_NOW);
    net_close(flood.listener, NET_NOW);
    close(flood.fd);
    free(flood.room);
    print_message("a flood: the longest call %.2f ms beyond its deadline\n", figures.longest);
    assert_int_equal(figures.said, 0);
    in_time(figures.longest < OVERSHOOT * slowness());
}

int main(void)
{
    static const char *const wires[] = {"tcp://127.0.0.1:0", "unix://@", "chaos+tcp://127.0.0.1:0",
                                        NULL};
    static const struct test tests[] = {
        TEST(a_call_ends_at_its_deadline),
        TEST(a_call_that_does_not_wait_does_not),
        TEST(a_cancel_ends_a_call_at_once),
        TEST(a_flood_without_an_end_stretches_no_deadline),
    };

    return run_over(wires, tests);
}

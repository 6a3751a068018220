/* A server of one thread and a thousand callers. Some send a byte now and then, some reset, some
 * never read, and some leave half-way. The others are served on time, and each of these ends at
 * its deadline. */
#include "watching.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- A server of lines, as a program would have it ---- */

enum {
    LINE = 64,
    ANSWER = 256 * 1024, /* to a line that begins with `m`: more than the buffers hold */
    MOST_SLOW = 1000,
    PATIENCE = 700 /* ms for a whole line, and for an answer to be taken; stretched */
};

/* One for each call. The answer to a line is the line, or much (ANSWER bytes) if it begins with
 * `m`. */
struct call {
    net_socket *socket;
    net_deadline deadline;
    size_t owed; /* bytes of the answer not sent yet */
    struct call *next;
};

static struct {
    net_poller *poller;
    net_socket *listener;
    struct call *calls;
    _Atomic int open;
    int ended_late;  /* at their deadline */
    int ended_early; /* they expired before their deadline */
    double latest;   /* latest end after a deadline, in ms */
    _Atomic bool stop;
    _Atomic bool failed;
    pthread_t thread;
} server;

static char much[ANSWER];

static void wait_for(struct call *call, unsigned interest, net_deadline deadline)
{
    call->deadline = deadline;
    if (net_poller_watch(server.poller, call->socket, interest, call, deadline) != 0) {
        server.failed = true;
    }
}

static net_deadline patience(void)
{
    return net_after(PATIENCE * slowness());
}

static void end(struct call *call)
{
    struct call **link = &server.calls;

    while (*link != call) {
        link = &(*link)->next;
    }
    *link = call->next;
    net_close(call->socket, NET_NOW);
    free(call);
    server.open--;
}

static void end_at_the_deadline(struct call *call)
{
    double late = (double)(net_after(0) - call->deadline) / 1e6;

    server.ended_late++;
    server.ended_early += late < 0 ? 1 : 0;
    server.latest = late > server.latest ? late : server.latest;
    end(call);
}

static void pick_up(void)
{
    net_socket *socket = net_accept(server.listener, NET_NOW);

    while (socket != NULL) {
        struct call *call = calloc(1, sizeof *call);

        if (call == NULL) {
            abort();
        }
        call->socket = socket;
        call->next = server.calls;
        server.calls = call;
        server.open++;
        wait_for(call, NET_READABLE, patience());
        socket = net_accept(server.listener, NET_NOW);
    }
    server.failed = server.failed || net_error() != NET_TIMEOUT;
}

/* Returns false if the call has ended. */
static bool pay(struct call *call)
{
    ssize_t n = net_send(call->socket, much, call->owed, NET_NOW);

    if (n < 0 && n != NET_TIMEOUT) {
        end(call);
        return false;
    }
    call->owed -= n > 0 ? (size_t)n : 0;
    wait_for(call, call->owed > 0 ? NET_WRITABLE : NET_READABLE,
             n > 0 ? patience() : call->deadline);
    return true;
}

/* A line has one deadline, however many bytes come meanwhile. */
static void listen_to(struct call *call)
{
    char line[LINE];
    ssize_t n = net_recv_until(call->socket, line, sizeof line, '\n', NET_NOW);

    if (n == NET_TIMEOUT) {
        return;
    }
    if (n > 0 && line[0] == 'm') {
        call->owed = sizeof much;
        pay(call);
    } else if (n > 0 && net_send(call->socket, line, (size_t)n, NET_NOW) == n) {
        wait_for(call, NET_READABLE, patience());
    } else {
        end(call);
    }
}

static void *serve(void *unused)
{
    (void)unused;
    while (!server.stop && !server.failed) {
        net_event event;
        int n = net_poller_wait(server.poller, &event, 1, soon());

        if (n < 0) {
            server.failed = true;
        } else if (n == 1 && event.socket == server.listener) {
            pick_up();
        } else if (n == 1 && (event.ready & NET_EXPIRED) != 0) {
            end_at_the_deadline(event.user);
        } else if (n == 1 && (event.ready & NET_WRITABLE) != 0) {
            pay(event.user);
        } else if (n == 1) {
            listen_to(event.user);
        }
    }
    return NULL;
}

static void open_server(const char *template, char address[ADDRESS_MAX])
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    memset(&server, 0, sizeof server);
    server.poller = open_poller();
    server.listener = assert_socket(net_listen(template));
    dial_address(server.listener, address);
    watch(server.poller, server.listener, NET_READABLE);
    assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

/* All calls have ended by themselves. */
static void close_server(void)
{
    server.stop = true;
    net_poller_wake(server.poller);
    pthread_join(server.thread, NULL);
    assert_false(server.failed);
    assert_int_equal(server.ended_early, 0);
    assert_int_equal(server.open, 0);
    net_close(server.listener, NET_NOW);
    net_poller_close(server.poller);
}

/* ---- Callers ---- */

/* A caller that follows the rules. On a machine that stalls it may still be silent for too long:
 * then the server ends its call as any other, and it calls again. */
struct guest {
    const char *address;
    net_socket *call;
    double spoke; /* when it began to send, at the latest */
    int overdue;  /* its calls that were ended */
};

static void dial_in(struct guest *guest)
{
    guest->spoke = now_ms();
    guest->call = assert_socket(net_connect(guest->address, soon()));
}

static bool speaks_in_time(const struct guest *guest)
{
    return in_time(elapsed_ms(guest->spoke) < PATIENCE * slowness());
}

static bool is_served(struct guest *guest)
{
    char line[LINE];

    return net_send(guest->call, "hello\n", 6, soon()) == 6 &&
           net_recv_until(guest->call, line, sizeof line, '\n', soon()) == 6;
}

/* The guest is served, and at once. */
static void expect_service(struct guest *guest)
{
    enum { AT_MOST = 200 /* ms */ };
    double since = now_ms();

    while (!is_served(guest)) {
        assert_false(speaks_in_time(guest)); /* else the server had no reason to end it */
        net_close(guest->call, NET_NOW);
        guest->overdue++;
        dial_in(guest);
        since = now_ms();
    }
    in_time(elapsed_ms(since) < AT_MOST * slowness());
    guest->spoke = since;
}

/* The server has ended the call. */
static void expect_end(net_socket *client)
{
    char piece[4096];
    ssize_t n = 1;

    while (n > 0) {
        n = net_recv(client, piece, sizeof piece, soon());
    }
    assert_true(n == NET_EOF || n == NET_RESET);
}

static void slow_callers_end_at_their_deadline_and_delay_nobody(void **state)
{
    enum { TOO_LATE = 300 /* ms */ };
    const int count = MOST_SLOW / slowness();
    static net_socket *slow[MOST_SLOW];
    char address[ADDRESS_MAX];
    int rounds = 0;

    open_server(template_of(state), address);
    struct guest good = {.address = address};

    dial_in(&good);
    for (int i = 0; i < count; i++) {
        slow[i] = assert_socket(net_connect(address, soon()));
        if (i % 50 == 0) {
            expect_service(&good);
        }
    }
    double since = now_ms();

    while (elapsed_ms(since) < 2.0 * PATIENCE * slowness()) {
        for (int i = rounds % 10; i < count; i += 10) {
            ssize_t n = net_send(slow[i], "x", 1, NET_NOW);

            assert_true(n == 1 || n == NET_RESET || n == NET_TIMEOUT);
        }
        expect_service(&good);
        rounds++;
        nap(5 * slowness()); /* so that no caller sends a whole line */
    }
    for (int i = 0; i < count; i++) {
        expect_end(slow[i]);
        net_close(slow[i], NET_NOW);
    }
    expect_service(&good);
    expect_end(good.call); /* when it falls silent, it ends at its deadline too */
    net_close(good.call, NET_NOW);
    close_server();
    assert_int_equal(server.ended_late, count + 1 + good.overdue);
    in_time(server.latest < TOO_LATE * slowness());
}

/* ---- Callers that do worse ---- */

static void do_harm(const char *address, unsigned how, net_socket **kept)
{
    char piece[LINE];

    *kept = NULL;
    int fd = raw_dial(server.listener);

    switch (how) {
    case 0: /* gone at once */
        raw_reset(fd);
        break;
    case 1: /* half a line, and a reset */
        assert_int_equal(write(fd, "half", 4), 4);
        raw_reset(fd);
        break;
    case 2: /* a request for much, and a reset in the middle of the answer */
        assert_int_equal(write(fd, "much\n", 5), 5);
        assert_true(read(fd, piece, 1) == 1);
        raw_reset(fd);
        break;
    case 3: /* a line that has no end */
        memset(piece, 'y', sizeof piece);
        assert_int_equal(write(fd, piece, sizeof piece), sizeof piece);
        assert_true(read(fd, piece, 1) <= 0);
        close(fd);
        break;
    case 4: /* the last line without its end, and the half-close of a client that waits */
        assert_int_equal(write(fd, "last", 4), 4);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        assert_int_equal(read(fd, piece, sizeof piece), 4);
        close(fd);
        break;
    default: /* asks for much and never reads */
        close(fd);
        *kept = assert_socket(net_connect(address, soon()));
        assert_count(net_send(*kept, "much\n", 5, soon()), 5);
    }
}

static void hostile_callers_harm_nobody_else(void **state)
{
    enum { ROUNDS = 60, WAYS = 6 };
    static net_socket *kept[ROUNDS];
    struct storm storm;
    char address[ADDRESS_MAX];

    open_server(template_of(state), address);
    struct guest good = {.address = address};

    dial_in(&good);
    storm_start(&storm, server.thread); /* and signals, one each millisecond */
    for (unsigned i = 0; i < ROUNDS; i++) {
        do_harm(address, i % WAYS, &kept[i]);
        expect_service(&good);
    }
    for (int i = 0; i < ROUNDS; i++) {
        if (kept[i] != NULL) {
            double since = now_ms();

            expect_service(&good);
            while (server.open > 1 && elapsed_ms(since) < 20.0 * PATIENCE * slowness()) {
                expect_service(&good);
                nap(5);
            }
            expect_end(kept[i]);
            net_close(kept[i], NET_NOW);
        }
    }
    storm_stop(&storm);
    expect_service(&good);
    net_close(good.call, NET_NOW);
    good.overdue += speaks_in_time(&good) ? 0 : 1; /* perhaps */
    double since = now_ms();

    while (server.open > 0 && elapsed_ms(since) < 20000.0 * slowness()) {
        nap(1);
    }
    close_server();
    assert_in_range(server.ended_late, ROUNDS / WAYS, ROUNDS / WAYS + good.overdue);
}

/* A server with nothing to do takes no processor time, whatever is connected. */
static void a_server_with_silent_callers_does_nothing(void **state)
{
    enum { SILENT = 100, IDLE = 300 /* ms */ };
    net_socket *silent[SILENT];
    char address[ADDRESS_MAX];
    net_poller *quiet = open_poller();

    open_server(template_of(state), address);
    for (int i = 0; i < SILENT; i++) {
        silent[i] = assert_socket(net_connect(address, soon()));
        assert_count(net_send(silent[i], "x", (size_t)i % 2, soon()), i % 2);
        if (i % 4 == 0) {
            assert_count(net_shutdown(silent[i]), 0);
        }
    }
    double since = now_ms();

    while (server.open < SILENT / 4 && elapsed_ms(since) < 20000.0 * slowness()) {
        nap(1);
    }
    expect_quiet(quiet, IDLE);
    for (int i = 0; i < SILENT; i++) {
        net_close(silent[i], NET_NOW);
    }
    while (server.open > 0 && elapsed_ms(since) < 20000.0 * slowness()) {
        nap(1);
    }
    close_server();
    net_poller_close(quiet);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(slow_callers_end_at_their_deadline_and_delay_nobody),

        TEST(a_server_with_silent_callers_does_nothing),
    };

    static const struct test kernel[] = {TEST(hostile_callers_harm_nobody_else)};

    return run_over(stream_wires, tests) + run_over(kernel_streams, kernel);
}

/* driven: skip, it has pollers of its own */
/* A deadline cuts a message. Once a byte of it is out it counts as sent, and its rest goes first:
 * in the next send, in a receive, and while a poller waits. Otherwise nothing of it goes.
 */
#include "plain_peer.h"
#include "watching.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT = 100, IN_MOST = 1 << 20 };

/* Some of it goes every few milliseconds while a receive waits. */
enum { SMALL_MESSAGE = 16000 };

static char out[LONG_MESSAGE];
static char in[IN_MOST];

static void dial(void **state, struct pair *pair)
{
    dial_pair_with(template_of(state), SMALL_BUFFERS, SMALL_BUFFERS, pair);
}

static void send_numbered(net_socket *socket, size_t size, unsigned number)
{
    write_numbered(out, size, number);
    assert_count(net_send(socket, out, size, soon()), size);
}

static void expect_numbered(net_socket *socket, unsigned number)
{
    long long n = assert_ok(net_recv(socket, in, sizeof in, soon()));

    assert_true(is_numbered(in, (size_t)n, number));
}

/* ---- In the next send ---- */

static void the_next_send_sends_it_first(void **state)
{
    struct pair pair;
    struct reader reader;

    dial(state, &pair);
    unsigned sent = send_until_cut(pair.client, LONG_MESSAGE, 0);

    assert_int_equal(number_of(pair.client, "messages-sent"), sent + 1); /* and "hi" */
    reader_start(&reader, pair.server, 0, sent + 2);
    send_numbered(pair.client, SHORT, sent);
    assert_false(has_rest(pair.client));
    write_numbered(out, SHORT, sent + 1);
    const net_message message = {.data = out, .size = SHORT};

    assert_count(net_send_messages(pair.client, &message, 1, soon()), 1);
    reader_join(&reader);
    assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_TIMEOUT);
    close_pair(&pair);
}

/* A send whose deadline passes while the rest is still there has no byte out: nothing of its
 * message ever comes. */
static void of_what_timed_out_nothing_goes(void **state)
{
    const net_slice slices[] = {{"never", 5}, {"at all", 6}};
    net_message messages[3];
    struct pair pair;
    struct reader reader;

    dial(state, &pair);
    unsigned sent = send_until_cut(pair.client, LONG_MESSAGE, 0);

    for (int i = 0; i < 3; i++) {
        messages[i] = (net_message){.data = out, .size = i == 0 ? 5 : LONG_MESSAGE};
    }
    for (int ms = 0; ms < 30; ms += 10) {
        double since = now_ms();

        assert_code(net_send(pair.client, "never", 5, net_after(ms)), NET_TIMEOUT);
        assert_code(net_send_vector(pair.client, slices, 2, net_after(ms)), NET_TIMEOUT);
        assert_code(net_send(pair.client, out, LONG_MESSAGE, net_after(ms)), NET_TIMEOUT);
        assert_code(net_send_messages(pair.client, messages, 3, net_after(ms)), NET_TIMEOUT);
        assert_took(elapsed_ms(since), 4 * ms, 4 * ms + 1000);
    }
    assert_int_equal(number_of(pair.client, "messages-sent"), sent + 1);
    reader_start(&reader, pair.server, 0, sent + 1);
    send_numbered(pair.client, LONG_MESSAGE, sent);
    reader_join(&reader);
    assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_TIMEOUT);
    close_pair(&pair);
}

/* ---- While a call or a poller waits ---- */

static void it_goes_while_a_receive_waits(void **state)
{
    for (int batch = 0; batch < 2; batch++) {
        struct pair pair;
        struct caller caller;

        dial(state, &pair);
        unsigned sent = send_until_cut(pair.client, SMALL_MESSAGE, 0);

        caller_start(&caller, batch == 1 ? call_recv_messages : call_recv, pair.client, soon());
        for (unsigned i = 0; i < sent; i++) {
            expect_numbered(pair.server, i);
        }
        say(pair.server, "all came");
        caller_join(&caller);
        assert_int_equal(caller.result, batch == 1 ? 1 : 8);
        assert_false(has_rest(pair.client));
        close_pair(&pair);
    }
}

/* A program with a loop of its own may only ever receive, and without waiting. */
static void it_goes_when_a_receive_begins(void **state)
{
    struct pair pair;

    dial(state, &pair);
    unsigned sent = send_until_cut(pair.client, SMALL_MESSAGE, 0);

    for (unsigned i = 0; i < sent; i++) {
        ssize_t n = NET_TIMEOUT;

        for (net_deadline limit = soon(); n == NET_TIMEOUT && net_after(0) < limit;) {
            assert_code(net_recv(pair.client, out, 1, NET_NOW), NET_TIMEOUT);
            n = net_recv(pair.server, in, sizeof in, NET_NOW);
        }
        assert_true(n > 0 && is_numbered(in, (size_t)n, i));
    }
    assert_false(has_rest(pair.client));
    close_pair(&pair);
}

/* The peer answers when all came. */
static void *receive_and_answer(void *argument)
{
    struct reader *reader = argument;
    char *message = malloc(IN_MOST);

    while (message != NULL && reader->next < reader->until && !reader->is_wrong) {
        ssize_t n = net_recv(reader->socket, message, IN_MOST, soon());

        reader->is_wrong = n < 0 || !is_numbered(message, (size_t)n, reader->next);
        reader->next++;
    }
    free(message);
    reader->code = net_send(reader->socket, "all came", 8, soon()) == 8 ? 0 : net_error();
    return NULL;
}

static void it_goes_while_a_poller_waits_for_what_comes(void **state)
{
    struct pair pair;
    struct reader reader = {0};
    net_poller *poller = open_poller();

    dial(state, &pair);
    reader.socket = pair.server;
    reader.until = send_until_cut(pair.client, LONG_MESSAGE, 0);
    watch(poller, pair.client, NET_READABLE);
    expect_quiet(poller, 30);
    assert_int_equal(pthread_create(&reader.thread, NULL, receive_and_answer, &reader), 0);
    expect_event(poller, pair.client, NET_READABLE);
    reader_join(&reader);
    expect_message(pair.client, "all came", 8);
    close_pair(&pair);
    net_poller_close(poller);
}

/* It is writable when a send would not wait: not while a rest is left, though the system may take
 * some of that. */
static void it_is_writable_when_nothing_is_left(void **state)
{
    struct pair pair;
    struct reader reader;
    net_poller *poller = open_poller();

    dial(state, &pair);
    watch(poller, pair.client, NET_WRITABLE);
    expect_event(poller, pair.client, NET_WRITABLE);
    unsigned sent = send_until_cut(pair.client, LONG_MESSAGE, 0);

    for (int i = 0; i < 3; i++) {
        watch(poller, pair.client, i == 0 ? NET_READABLE | NET_WRITABLE : NET_WRITABLE);
        expect_quiet(poller, 30);
    }
    reader_start(&reader, pair.server, 0, sent + 1);
    expect_event(poller, pair.client, NET_WRITABLE);
    assert_false(has_rest(pair.client));
    write_numbered(out, SHORT, sent);
    assert_count(net_send(pair.client, out, SHORT, NET_NOW), SHORT);
    reader_join(&reader);
    close_pair(&pair);
    net_poller_close(poller);
}

/* Which of them it was watched for is no matter: with an interest of 0 only a deadline is waited
 * for. */
static void it_goes_while_a_poller_waits_for_a_deadline(void **state)
{
    enum { MS = 200 };
    struct pair pair;
    struct reader reader;
    net_event event = {0};
    net_poller *poller = open_poller();

    dial(state, &pair);
    unsigned sent = send_until_cut(pair.client, LONG_MESSAGE, 0);

    assert_ok(net_poller_watch(poller, pair.client, 0, NULL, net_after(MS * slowness())));
    reader_start(&reader, pair.server, 0, sent);
    assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    assert_int_equal(event.ready, NET_EXPIRED);
    bool is_gone = in_time(!has_rest(pair.client));

    if (!is_gone) {
        net_cancel(pair.client);
        net_shutdown(pair.server);
        net_cancel(pair.server);
        pthread_join(reader.thread, NULL);
    } else {
        reader_join(&reader);
    }
    close_pair(&pair);
    net_poller_close(poller);
}

/* A rest that is made while the socket is watched and the poller waits. */
static void a_waiting_poller_hears_of_it(void **state)
{
    struct pair pair;
    struct reader reader;
    struct caller caller;
    net_poller *poller = open_poller();
    struct watcher watcher;

    dial(state, &pair);
    watch(poller, pair.client, NET_READABLE);
    watcher_start(&watcher, poller);
    unsigned sent = send_until_cut(pair.client, LONG_MESSAGE, 0);

    reader_start(&reader, pair.server, 0, sent);
    reader_join(&reader);
    caller_start(&caller, call_recv, pair.server, net_after(20));
    caller_join(&caller);
    assert_int_equal(caller.result, NET_TIMEOUT);
    assert_int_equal(watcher.events, 0);
    watcher_stop(&watcher);
    close_pair(&pair);
    net_poller_close(poller);
}

/* ---- Many ---- */

enum { MANY = 400, BATCH = 16, BIG = 40000 };

static size_t size_of(unsigned number)
{
    unsigned seed = number;
    unsigned kind = random_below(&seed, 8);

    return NUMBER_SIZE + random_below(&seed, kind == 0 ? BIG : kind == 1 ? 2000 : 60);
}

static int send_batch(net_socket *socket, unsigned next, unsigned *seed)
{
    static char data[BATCH][NUMBER_SIZE + BIG];
    net_message messages[BATCH];
    int count = 0;

    while (count < BATCH && next + (unsigned)count < MANY) {
        size_t size = size_of(next + (unsigned)count);

        write_numbered(data[count], size, next + (unsigned)count);
        messages[count] = (net_message){.data = data[count], .size = size};
        count++;
    }
    if (count == 0) {
        return 0;
    }
    if (random_below(seed, 4) == 0) {
        ssize_t n = net_send(socket, data[0], messages[0].size, NET_NOW);

        assert_true(n == NET_TIMEOUT || n == (ssize_t)messages[0].size);
        return n < 0 ? 0 : 1;
    }
    int n = net_send_messages(socket, messages, count, NET_NOW);

    assert_true(n == NET_TIMEOUT || n > 0);
    return n < 0 ? 0 : n;
}

static unsigned receive_some(net_socket *socket, unsigned next)
{
    ssize_t n = net_recv(socket, in, sizeof in, NET_NOW);

    while (n >= 0) {
        assert_true(is_numbered(in, (size_t)n, next));
        assert_int_equal(n, size_of(next));
        next++;
        n = net_recv(socket, in, sizeof in, NET_NOW);
    }
    assert_code(n, NET_TIMEOUT);
    return next;
}

/* Sends and receives that never wait, until all came. How many count as sent is what comes: nothing
 * is lost, doubled or out of order. */
static void whatever_is_cut_all_comes_once_and_in_order(void **state)
{
    struct pair pair;
    unsigned seed = 12;
    unsigned sent = 0;
    unsigned got = 0;
    int cuts = 0;
    double since = now_ms();

    dial(state, &pair);
    while (sent < MANY && elapsed_ms(since) < 20000.0 * slowness()) {
        sent += (unsigned)send_batch(pair.client, sent, &seed);
        cuts += has_rest(pair.client) ? 1 : 0;
        if (random_below(&seed, 3) == 0) {
            got = receive_some(pair.server, got);
        }
    }
    assert_int_equal(sent, MANY);
    assert_true(cuts > 0);
    struct reader reader;

    reader_start(&reader, pair.server, got, MANY + 1);
    send_numbered(pair.client, SHORT, MANY);
    reader_join(&reader);
    assert_int_equal(number_of(pair.client, "messages-sent"), MANY + 2);
    assert_int_equal(number_of(pair.server, "messages-received"), MANY + 2);
    assert_int_equal(number_of(pair.client, "bytes-sent"),
                     number_of(pair.server, "bytes-received"));
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(the_next_send_sends_it_first),
        TEST(of_what_timed_out_nothing_goes),
        TEST(it_goes_while_a_receive_waits),
        TEST(it_goes_when_a_receive_begins),
        TEST(it_goes_while_a_poller_waits_for_what_comes),
        TEST(it_is_writable_when_nothing_is_left),
        TEST(it_goes_while_a_poller_waits_for_a_deadline),
        TEST(a_waiting_poller_hears_of_it),
        TEST(whatever_is_cut_all_comes_once_and_in_order),
    };

    return run_over(framed_templates, tests);
}

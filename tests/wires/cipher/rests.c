/* driven: skip, it has pollers of its own */
/* A deadline cuts a send. What was encrypted counts as sent, and the socket keeps its rest, which
 * is bounded. It goes first: in the next send, in the close, in a receive, and while a poller
 * waits. Each byte that counts comes once and in its place. */
#include "toy_wire.h"
#include "watching.h"

#include <string.h>

#include "socket/backend.h"
#include "socket/kept.h"

#define SMALL_BUFFERS "sndbuf=4KiB&rcvbuf=4KiB"

enum { REST_MOST = 128 * 1024, SHORT = 100 };

static char in[1 << 16];

static size_t rest_of(net_socket *socket)
{
    return nf_kept_count(((struct nf_layer *)socket)->rest);
}

static bool has_rest(net_socket *socket)
{
    return atomic_load(&((struct nf_layer *)socket)->has_rest);
}

static const char *const kinds[] = {SMALL_BUFFERS, SMALL_BUFFERS "&faults=record:300",
                                    SMALL_BUFFERS "&faults=record:4000000",
                                    SMALL_BUFFERS "&faults=take:3000,yield:100"};

/* The client has sent all that it could: so many bytes count as sent. */
static size_t fill_client(const char *address, const char *options, struct pair *pair)
{
    meet_toys(address, options, options, pair);
    size_t sent = fill_with_pattern(pair->client, 0);

    assert_true(has_rest(pair->client));
    assert_in_range(rest_of(pair->client), 1, REST_MOST);
    assert_int_equal(number_of(pair->client, "bytes-sent"), sent);
    return sent;
}

/* ---- Where it goes ---- */

static void the_next_send_sends_it_first(void **state)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct pattern_reader reader;
        struct pair pair;
        size_t sent = fill_client(template_of(state), kinds[i], &pair);

        pattern_reader_start(&reader, pair.server, 0, sent + SHORT);
        toy_says_pattern(pair.client, SHORT, sent);
        pattern_reader_join(&reader, sent + SHORT, 0);
        assert_code(net_recv(pair.server, in, 1, NET_NOW), NET_TIMEOUT);
        close_toys(&pair);
    }
}

/* Nothing of a send that returns NET_TIMEOUT has gone, or ever goes. */
static void of_what_timed_out_nothing_goes(void **state)
{
    for (size_t i = 0; i < COUNT(kinds); i += 2) { /* those that leave much */
        const net_slice slices[] = {{"never", 5}, {"at all", 6}};
        struct pattern_reader reader;
        struct pair pair;
        size_t sent = fill_client(template_of(state), kinds[i], &pair);

        for (int ms = 0; ms < 30; ms += 10) {
            double since = now_ms();

            assert_code(net_send(pair.client, "never", 5, net_after(ms)), NET_TIMEOUT);
            assert_code(net_send_vector(pair.client, slices, 2, net_after(ms)), NET_TIMEOUT);
            assert_took(elapsed_ms(since), 2 * ms, 2 * ms + 1000);
            assert_in_range(rest_of(pair.client), 1, REST_MOST);
        }
        assert_int_equal(number_of(pair.client, "bytes-sent"), sent);
        pattern_reader_start(&reader, pair.server, 0, sent + SHORT);
        toy_says_pattern(pair.client, SHORT, sent);
        pattern_reader_join(&reader, sent + SHORT, 0);
        assert_code(net_recv(pair.server, in, 1, NET_NOW), NET_TIMEOUT);
        close_toys(&pair);
    }
}

static void it_goes_while_a_poller_waits_for_what_comes(void **state)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        net_poller *poller = open_poller();
        struct pattern_reader reader;
        struct watcher watcher;
        struct pair pair;
        size_t sent = fill_client(template_of(state), kinds[i], &pair);

        watch(poller, pair.client, NET_READABLE);
        expect_quiet(poller, 20);
        watcher_start(&watcher, poller);
        pattern_reader_start(&reader, pair.server, 0, sent);
        pattern_reader_join(&reader, sent, 0);
        assert_int_equal(atomic_load(&watcher.events), 0);
        say(pair.server, "all came");
        watcher_await(&watcher, 1);
        watcher_stop(&watcher);
        assert_false(has_rest(pair.client));
        toy_hears_nothing_else(pair.client, "all came");
        net_poller_close(poller);
        close_toys(&pair);
    }
}

/* It is writable when a send would not wait for a rest. */
static void it_is_writable_when_nothing_is_left(void **state)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        net_poller *poller = open_poller();
        struct pattern_reader reader;
        struct pair pair;
        size_t sent = fill_client(template_of(state), kinds[i], &pair);

        watch(poller, pair.client, NET_READABLE | NET_WRITABLE);
        expect_quiet(poller, 20);
        pattern_reader_start(&reader, pair.server, 0, sent + SHORT);
        expect_event(poller, pair.client, NET_WRITABLE);
        assert_false(has_rest(pair.client));
        write_pattern(in, SHORT, sent);
        assert_count(net_send(pair.client, in, SHORT, NET_NOW), SHORT);
        watch(poller, pair.client, NET_READABLE);
        struct watcher watcher;

        watcher_start(&watcher, poller);
        pattern_reader_join(&reader, sent + SHORT, 0);
        watcher_stop(&watcher);
        net_poller_close(poller);
        close_toys(&pair);
    }
}

static void it_goes_while_a_receive_waits(void **state)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct caller caller;
        struct pair pair;
        size_t sent = fill_client(template_of(state), kinds[i], &pair);

        caller_start(&caller, call_recv, pair.client, soon());
        toy_hears_pattern(pair.server, sent, 0);
        say(pair.server, "all came");
        caller_join(&caller);
        assert_int_equal(caller.result, 8);
        assert_false(has_rest(pair.client));
        close_toys(&pair);
    }
}

/* A program with a loop of its own may only ever receive, and without waiting. */
static void it_goes_when_a_receive_begins(void **state)
{
    struct pair pair;
    size_t sent = fill_client(template_of(state), kinds[0], &pair);
    size_t got = 0;

    for (net_deadline limit = soon(); got < sent && net_after(0) < limit;) {
        assert_code(net_recv(pair.client, in, 1, NET_NOW), NET_TIMEOUT);
        ssize_t n = net_recv(pair.server, in, sizeof in, NET_NOW);

        assert_true(n == NET_TIMEOUT || (n > 0 && is_pattern(in, (size_t)n, got)));
        got += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(got, sent);
    assert_false(has_rest(pair.client));
    close_toys(&pair);
}

/* ---- When the connection ends ---- */

static long long call_shutdown(struct caller *caller)
{
    return net_shutdown(caller->socket);
}

static void a_close_with_a_deadline_sends_it(void **state)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct pattern_reader reader;
        struct pair pair;
        size_t sent = fill_client(template_of(state), kinds[i], &pair);

        pattern_reader_start(&reader, pair.server, 0, SIZE_MAX);
        assert_ok(net_shutdown(pair.server));
        assert_ok(net_close(pair.client, soon()));
        pair.client = NULL;
        pattern_reader_join(&reader, sent, NET_EOF);
        close_toys(&pair);
    }
}

static void a_close_that_passes_its_deadline_is_told(void **state)
{
    struct pattern_reader reader;
    struct pair pair;
    size_t sent = fill_client(template_of(state), kinds[0], &pair);
    double since = now_ms();

    assert_code(net_close(pair.client, net_after(50)), NET_TIMEOUT);
    pair.client = NULL;
    assert_took(elapsed_ms(since), 50, 1500);
    pattern_reader_start(&reader, pair.server, 0, SIZE_MAX);
    pthread_join(reader.thread, NULL);
    assert_false(reader.is_wrong);
    assert_int_equal(reader.code, NET_RESET);
    assert_true(reader.offset < sent);
    close_toys(&pair);
}

/* It never looks like an end. */
static void a_close_at_once_cuts_it(void **state)
{
    for (int how = 0; how < 3; how++) {
        struct pattern_reader reader;
        struct pair pair;
        size_t sent = fill_client(template_of(state), kinds[1], &pair);

        if (how == 1) {
            net_cancel(pair.client);
            assert_code(net_send(pair.client, "late", 4, soon()), NET_CANCELED);
            assert_code(net_recv(pair.client, in, 1, soon()), NET_CANCELED);
        } else if (how == 2) {
            assert_ok(net_set(pair.client, "reset", "on"));
        }
        net_close(pair.client, how == 0 ? NET_NOW : soon());
        pair.client = NULL;
        pattern_reader_start(&reader, pair.server, 0, SIZE_MAX);
        pthread_join(reader.thread, NULL);
        assert_false(reader.is_wrong);
        assert_int_equal(reader.code, NET_RESET);
        assert_true(reader.offset < sent);
        close_toys(&pair);
    }
}

static void the_half_close_comes_after_it(void **state)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        net_poller *poller = open_poller();
        struct pattern_reader reader;
        struct watcher watcher;
        struct pair pair;
        size_t sent = fill_client(template_of(state), kinds[i], &pair);

        assert_ok(net_shutdown(pair.client));
        assert_ok(net_shutdown(pair.client));
        assert_code(net_send(pair.client, "late", 4, soon()), NET_MISUSE);
        assert_true(has_rest(pair.client));
        watch(poller, pair.client, NET_READABLE);
        expect_quiet(poller, 10);
        watcher_start(&watcher, poller);
        pattern_reader_start(&reader, pair.server, 0, SIZE_MAX);
        pattern_reader_join(&reader, sent, NET_EOF);
        watcher_stop(&watcher);
        assert_code(net_send(pair.client, "late", 4, soon()), NET_MISUSE);
        say(pair.server, "answer");
        toy_hears_nothing_else(pair.client, "answer");
        net_poller_close(poller);
        close_toys(&pair);
    }
}

/* ---- The end without room for it ---- */

/* How many bytes a plain socket of this wire takes that nobody reads. */
static size_t room_of(const char *plain)
{
    struct pair pair;

    dial_pair(plain, &pair);
    size_t room = fill(pair.client);

    close_pair(&pair);
    return room;
}

/* The buffers below are full to the last byte with records that were sent whole, so there is no
 * rest, and a receive blocks that began before the half-close. The peer answers when it has heard
 * the end. */
static void a_half_close_beside_a_receive_comes_when_there_is_room(void **state)
{
    enum { AROUND = 8 /* the bytes of a record that are not data */, PIECE = 16000 };
    struct pattern_reader reader;
    struct caller receiver;
    struct caller ends;
    struct pair pair;
    size_t room = room_of("mem://");
    size_t size = 0;

    (void)state;
    meet_toys("toy+mem://", "faults=record:1000000", "faults=record:1000000", &pair);
    while (room > 0) {
        size_t piece = room < PIECE ? room - AROUND : PIECE - AROUND;

        assert_true(room > AROUND);
        toy_says_pattern(pair.client, piece, size);
        room -= piece + AROUND;
        size += piece;
    }
    assert_false(has_rest(pair.client));
    caller_start(&receiver, call_recv, pair.client, soon());
    caller_start(&ends, call_shutdown, pair.client, soon());
    pattern_reader_start(&reader, pair.server, 0, SIZE_MAX);
    pattern_reader_join(&reader, size, NET_EOF);
    say(pair.server, "heard it");
    caller_join(&ends);
    caller_join(&receiver);
    assert_int_equal(ends.result, 0);
    assert_int_equal(receiver.result, 8);
    close_toys(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(the_next_send_sends_it_first),
        TEST(of_what_timed_out_nothing_goes),
        TEST(it_goes_while_a_poller_waits_for_what_comes),
        TEST(it_is_writable_when_nothing_is_left),
        TEST(it_goes_while_a_receive_waits),
        TEST(it_goes_when_a_receive_begins),
        TEST(a_close_with_a_deadline_sends_it),
        TEST(a_close_that_passes_its_deadline_is_told),
        TEST(a_close_at_once_cuts_it),
        TEST(the_half_close_comes_after_it),
    };
    static const struct test full[] = {
        TEST(a_half_close_beside_a_receive_comes_when_there_is_room)};
    static const char *const templates[] = {"toy://127.0.0.1:0",
                                            "toy+unix://@",
                                            "toy+mem://",
                                            "toy+chaos+tcp://127.0.0.1:0?chunk=999",
                                            "toy+chaos+mem://?chunk=310",
                                            NULL};

    return run_toys(templates, tests) + run_toys(NULL, full);
}

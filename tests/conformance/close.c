/* What is sent before a close arrives. A close with a deadline waits for the peer, and
 * frees the socket in every case. */
#include "support.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ANSWER = 200000,
    SHORT_ANSWER = 8000 /* the wire takes it at once */
};

/* An encrypted connection that is closed at once drops what the wire has not taken: it has counted
 * as sent when it was encrypted. */
static void what_was_sent_before_a_close_arrives(void **state)
{
    struct pair pair;
    static char text[ANSWER];
    static char got[ANSWER];
    struct caller reader;
    size_t size = is_encrypted(template_of(state)) ? SHORT_ANSWER : sizeof text;

    for (int i = 0; i < 2; i++) {
        dial_pair(template_of(state), &pair);
        write_pattern(text, sizeof text, 0);
        size_t sent = (size_t)assert_ok(net_send(pair.client, text, size, net_after(30)));

        if (i == 0) {
            assert_count(net_close(pair.client, NET_NOW), 0);
        }
        memset(got, 0, sizeof got);
        assert_count(net_recv_all(pair.server, got, sent, soon()), sent);
        assert_memory_equal(got, text, sent);
        if (i == 0) {
            assert_code(net_recv(pair.server, got, 1, soon()), NET_EOF);
        } else {
            caller_start(&reader, call_recv, pair.server, soon());
            assert_count(net_close(pair.client, NET_NOW), 0);
            caller_join(&reader);
            assert_int_equal(reader.result, NET_EOF);
        }
        pair.client = NULL;
        close_pair(&pair);
    }
}

/* ---- An answer is sent while the request is unread ---- */

struct answer {
    net_socket *server;
    net_deadline deadline;
    long long sent;
    int closed;
    pthread_t thread;
};

static void *answer_and_close(void *argument)
{
    struct answer *answer = argument;
    char *text = malloc(ANSWER);

    if (text != NULL) {
        write_pattern(text, ANSWER, 0);
        answer->sent = net_send(answer->server, text, ANSWER, soon());
    }
    answer->closed = net_close(answer->server, answer->deadline);
    free(text);
    return NULL;
}

/* The client reads slowly, so that the answer is still in flight at the close. */
static size_t read_answer(net_socket *client, bool *intact, int *code)
{
    char piece[5000];
    size_t got = 0;
    ssize_t n = net_recv(client, piece, sizeof piece, soon());

    *intact = true;
    for (; n > 0; n = net_recv(client, piece, sizeof piece, soon())) {
        *intact = *intact && is_pattern(piece, (size_t)n, got);
        got += (size_t)n;
        nap(got < ANSWER / 4 ? 2 : 0);
    }
    *code = (int)n;
    return got;
}

static void a_lingering_close_lets_the_answer_arrive(void **state)
{
    struct pair pair;
    struct answer answer = {0};
    static const char request[100] = "a request of which nobody reads a byte";
    bool intact = false;
    int code = 0;

    dial_pair_with(template_of(state), NULL, "rcvbuf=8KiB", &pair);
    assert_count(net_send(pair.client, request, sizeof request, soon()), sizeof request);
    answer.server = pair.server;
    answer.deadline = soon();
    pair.server = NULL;
    assert_int_equal(pthread_create(&answer.thread, NULL, answer_and_close, &answer), 0);
    size_t got = read_answer(pair.client, &intact, &code);

    net_close(pair.client, NET_NOW);
    pair.client = NULL;
    pthread_join(answer.thread, NULL);
    assert_int_equal(answer.sent, ANSWER);
    assert_int_equal(got, ANSWER);
    assert_true(intact);
    assert_int_equal(code, NET_EOF);
    assert_int_equal(answer.closed, 0);
    close_pair(&pair);
}

/* What the header says of NET_NOW: a close with unread bytes resets the connection. An encrypted
 * one first says that it has finished, as each close does. */
static void a_close_at_once_with_unread_bytes_resets(void **state)
{
    struct pair pair;
    char byte;

    dial_pair(template_of(state), &pair);
    assert_count(net_send(pair.client, "unread", 6, soon()), 6);
    await_ready(pair.server, POLLIN);
    assert_count(net_close(pair.server, NET_NOW), 0);
    pair.server = NULL;
    assert_code(net_recv(pair.client, &byte, 1, soon()),
                is_encrypted(template_of(state)) ? NET_EOF : NET_RESET);
    close_pair(&pair);
}

static void a_lingering_close_ends_at_its_deadline(void **state)
{
    struct pair pair;
    char byte;

    for (int i = 0; i < 3; i++) {
        dial_pair(template_of(state), &pair);
        if (i == 1) {
            fill(pair.server);
        } else if (i == 2) {
            assert_count(net_send(pair.client, "more and more", 13, soon()), 13);
        }
        double since = now_ms();

        assert_code(net_close(pair.server, net_after(50)), NET_TIMEOUT);
        assert_blames("close", template_of(state));
        assert_took(elapsed_ms(since), 50, 1000);
        pair.server = NULL;
        if (i == 0) {
            assert_code(net_recv(pair.client, &byte, 1, soon()), NET_EOF);
        }
        close_pair(&pair);
    }
}

/* ---- A peer that never stops sending does not keep a close from ending ---- */

struct chatter {
    net_socket *socket;
    pthread_t thread;
};

static void *chatter_on(void *argument)
{
    struct chatter *chatter = argument;
    static const char text[10000];
    ssize_t n = 1;

    while (n > 0) {
        n = net_send(chatter->socket, text, sizeof text, soon());
    }
    return NULL;
}

static void a_talkative_peer_does_not_stretch_a_lingering_close(void **state)
{
    struct pair pair;
    struct chatter chatter;

    dial_pair(template_of(state), &pair);
    chatter.socket = pair.client;
    assert_int_equal(pthread_create(&chatter.thread, NULL, chatter_on, &chatter), 0);
    double since = now_ms();
    int code = net_close(pair.server, net_after(60));
    double took = elapsed_ms(since);

    pair.server = NULL;
    pthread_join(chatter.thread, NULL); /* the reset ends it */
    assert_int_equal(code, NET_TIMEOUT);
    assert_took(took, 60, 1000);
    close_pair(&pair);
}

static long long close_it(struct caller *caller)
{
    return net_close(caller->socket, caller->deadline);
}

static void a_lingering_close_ends_when_the_peer_closes(void **state)
{
    struct pair pair;
    struct caller closing;

    for (int i = 0; i < 2; i++) {
        dial_pair(template_of(state), &pair);
        caller_start(&closing, close_it, pair.server, soon());
        assert_false(closing.done);
        if (i == 0) {
            net_close(pair.client, NET_NOW);
        } else {
            net_close(pair.client, soon());
        }
        caller_join(&closing);
        assert_int_equal(closing.result, 0);
        pair.client = NULL;
        pair.server = NULL;
        close_pair(&pair);
    }
}

/* A close frees the socket in every state. */
static void every_socket_can_be_closed(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];

    dial_pair(template_of(state), &pair);
    dial_address(pair.listener, address);
    net_cancel(pair.client);
    assert_count(net_close(pair.client, soon()), 0);
    assert_code(net_close(pair.server, 1234), NET_MISUSE);
    assert_count(net_close(assert_socket(net_connect(address, NET_NOW)), NET_NOW), 0);
    /* Under a poller, a dial that is decided at once is a connection whose peer stays. */
    int code = net_close(assert_socket(net_connect(address, NET_NOW)), net_after(20));

    assert_true(code == 0 || (code == NET_TIMEOUT && is_driven()));
    net_cancel(pair.listener);
    assert_count(net_close(pair.listener, soon()), 0);
}

/* Datagram sockets and listeners have nothing to finish, so a close with a deadline is a plain
 * close. */
static void a_close_with_nothing_to_finish_does_not_wait(void **state)
{
    struct pair pair;
    double since = now_ms();

    dial_pair(template_of(state), &pair);
    if (!does(template_of(state), LINGERS)) {
        assert_count(net_send(pair.client, "unread", 6, soon()), 6);
        assert_count(net_close(pair.client, soon()), 0);
        assert_count(net_close(pair.server, soon()), 0);
        pair.client = NULL;
        pair.server = NULL;
    }
    assert_count(net_close(pair.listener, soon()), 0);
    pair.listener = NULL;
    assert_took(elapsed_ms(since), 0, 1000);
    close_pair(&pair);
}

int main(void)
{
    static const struct test streams[] = {
        TEST(what_was_sent_before_a_close_arrives),
        TEST(a_lingering_close_lets_the_answer_arrive),
        TEST(a_close_at_once_with_unread_bytes_resets),
    };
    static const struct test connected[] = {
        TEST(a_lingering_close_ends_at_its_deadline),
        TEST(a_talkative_peer_does_not_stretch_a_lingering_close),
        TEST(a_lingering_close_ends_when_the_peer_closes),
    };
    static const struct test any[] = {
        TEST(every_socket_can_be_closed),
        TEST(a_close_with_nothing_to_finish_does_not_wait),
    };

    return run_over(stream_templates, streams) + run_over(connected_templates, connected) +
           run_over(all_templates, any);
}

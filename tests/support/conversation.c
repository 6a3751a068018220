/* The fixed conversation of the torture tests. */
#include "conversation.h"
#include "support.h"

#include <stdio.h>

enum {
    WAIT = 15,   /* ms: how long to wait for what should be there at once */
    LIMIT = 3000 /* ms: the longest that a call may take */
};

/* The state of a conversation. */
struct talk {
    struct pair pair;
    bool works;
    double begun; /* of the call in progress */
};

static net_deadline next(struct talk *talk)
{
    talk->begun = now_ms();
    return net_after(WAIT * slowness());
}

static void check_time(struct talk *talk)
{
    assert_took(elapsed_ms(talk->begun), 0, LIMIT);
}

/* A call returned `got`, and `wanted` would be success. A failure must have a documented code. */
static void note(struct talk *talk, long long got, long long wanted)
{
    check_time(talk);
    if (got < 0) {
        assert_true(got <= NET_EOF && got >= NET_SYSTEM);
        assert_int_equal(net_error(), got);
        assert_string_not_equal(net_error_text(), "");
        assert_string_not_equal(net_strerror((int)got), net_strerror(1));
    }
    talk->works = talk->works && got == wanted;
}

static net_socket *note_socket(struct talk *talk, net_socket *made)
{
    note(talk, made != NULL ? 0 : net_error(), 0);
    return made;
}

static void talk_stream(struct talk *talk)
{
    static const net_slice slices[] = {{"line\n", 5}, {"re", 2}, {"st", 2}};
    struct pair *pair = &talk->pair;
    char buffer[64];

    note(talk, net_send_vector(pair->client, slices, 3, next(talk)), 9);
    if (talk->works) {
        note(talk, net_recv_until(pair->server, buffer, sizeof buffer, '\n', next(talk)), 5);
    }
    if (talk->works) {
        note(talk, net_recv_all(pair->server, buffer, 4, next(talk)), 4);
    }
    if (talk->works) {
        note(talk, net_send(pair->server, buffer, 4, next(talk)), 4);
    }
    if (talk->works) {
        note(talk, net_recv(pair->client, buffer, sizeof buffer, next(talk)), 4);
    }
    if (talk->works) {
        note(talk, net_shutdown(pair->client), 0);
    }
    if (talk->works) {
        note(talk, net_recv(pair->server, buffer, sizeof buffer, next(talk)), NET_EOF);
    }
}

static void talk_datagrams(struct talk *talk)
{
    static const net_slice slices[] = {{"he", 2}, {"re", 2}};
    struct pair *pair = &talk->pair;
    char buffer[64];
    net_message messages[3] = {{.data = buffer, .capacity = sizeof buffer}};

    note(talk, net_recv(pair->server, buffer, sizeof buffer, next(talk)), 2);
    if (talk->works) {
        note(talk, net_send_vector(pair->server, slices, 2, next(talk)), 4);
    }
    if (talk->works) {
        note(talk, net_recv(pair->client, buffer, sizeof buffer, next(talk)), 4);
    }
    if (talk->works) {
        note(talk, net_send(pair->client, buffer, 4, next(talk)), 4);
    }
    if (talk->works) {
        note(talk, net_recv_messages(pair->server, messages, 1, next(talk)), 1);
    }
    messages[1] = messages[2] = messages[0];
    if (talk->works) {
        note(talk, net_send_messages(pair->server, messages, 3, next(talk)), 3);
    }
    if (talk->works) {
        note(talk, net_recv(pair->client, buffer, 1, next(talk)), NET_TOOBIG);
    }
    if (talk->works) {
        note(talk, net_recv(pair->client, buffer, sizeof buffer, next(talk)), 4);
    }
    if (talk->works) {
        note(talk, net_recv_messages(pair->client, messages, 1, next(talk)), 1);
    }
    if (talk->works) {
        note(talk, net_send(pair->server, buffer, 4, next(talk)), 4);
    }
}

static void look_around(struct talk *talk)
{
    char text[ADDRESS_MAX];

    talk->begun = now_ms();
    note(talk, net_get(talk->pair.client, "local", text, sizeof text) < 0 ? net_error() : 0, 0);
    note(talk, net_get(talk->pair.server, "sndbuf", text, sizeof text) < 0 ? net_error() : 0, 0);
    note(talk, net_set(talk->pair.client, "sndbuf", "64KiB"), 0);
}

static void dial_and_accept(struct talk *talk, const char *address, bool dialing)
{
    struct pair *pair = &talk->pair;
    net_deadline deadline = next(talk);

    pair->client = note_socket(talk, net_connect(address, dialing ? NET_NOW : deadline));
    if (pair->client != NULL && !is_stream(address)) {
        note(talk, net_send(pair->client, "hi", 2, next(talk)), 2);
    }
    if (talk->works) {
        pair->server = note_socket(talk, net_accept(pair->listener, next(talk)));
    }
}

/* Every socket can be cancelled and closed, and does nothing more afterwards. */
static void hang_up(struct talk *talk)
{
    struct pair *pair = &talk->pair;
    char byte;

    if (pair->server != NULL) {
        talk->begun = now_ms();
        net_cancel(pair->server);
        assert_int_equal(net_recv(pair->server, &byte, 1, next(talk)), NET_CANCELED);
        check_time(talk);
        net_close(pair->server, NET_NOW);
    }
    if (pair->client != NULL) {
        int code = net_close(pair->client, next(talk));

        check_time(talk);
        assert_true(code == 0 || code == NET_TIMEOUT);
    }
    net_cancel(pair->listener);
    net_close(pair->listener, NET_NOW);
}

bool converse(const char *address, bool dialing)
{
    struct talk talk = {.works = true};
    char target[ADDRESS_MAX] = "";

    talk.begun = now_ms();
    talk.pair.listener = note_socket(&talk, net_listen(address));
    if (talk.works) {
        char port[16];
        int n = net_get(talk.pair.listener, "port", port, sizeof port);

        note(&talk, n < 0 ? n : 0, 0);
        snprintf(target, sizeof target, "%.3s://127.0.0.1:%s", address, n < 0 ? "" : port);
    }
    if (talk.works) {
        dial_and_accept(&talk, target, dialing);
    }
    if (talk.works && is_stream(address)) {
        talk_stream(&talk);
    } else if (talk.works) {
        talk_datagrams(&talk);
    }
    if (talk.works) {
        look_around(&talk);
    }
    hang_up(&talk);
    return talk.works;
}

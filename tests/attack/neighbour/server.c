/* The server under attack, as a user would write it: it says back what each peer says. */
#define _GNU_SOURCE
#include "contest.h"
#include "watching.h"

#include <stdlib.h>
#include <string.h>

enum { PEERS_MOST = 200, ROOM = 2048, PATIENCE = 1000 /* ms for an answer */ };

static _Atomic int peers;

/* A peer whose socket has come to an end. One datagram's failure is no end. */
static bool has_ended(long long result)
{
    return result < 0 && result != NET_TIMEOUT && result != NET_TOOBIG && result != NET_REFUSED &&
           result != NET_UNREACHABLE;
}

/* Only a mistake of ours is NET_MISUSE, and one peer's refusal is nobody else's. Returns `result`.
 */
static long long note_result(struct contest *contest, const char *verb, long long result)
{
    bool receives = strcmp(verb, "recv") == 0;

    if (result == NET_MISUSE || (result == NET_REFUSED && receives)) {
        row_note(contest->row, true, "%s: %.80s", verb, net_error_text());
    }
    return result;
}

static void note_accept(struct contest *contest)
{
    if (net_error() != NET_TIMEOUT) {
        row_note(contest->row, net_error() != NET_LIMIT, "accept: %.80s", net_error_text());
        nap(1);
    }
}

/* ---- A thread for each peer ---- */

struct service {
    struct contest *contest;
    net_socket *peer;
};

static void *serve_one(void *argument)
{
    struct service *service = argument;
    net_socket *peer = service->peer;
    char words[ROOM];
    long long n = 0;

    while (!has_ended(n)) {
        n = net_recv(peer, words, sizeof words, NET_FOREVER);
        note_result(service->contest, "recv", n);
        if (n > 0) {
            note_result(service->contest, "send",
                        net_send(peer, words, (size_t)n, net_after(PATIENCE)));
        }
    }
    net_close(peer, NET_NOW);
    free(service);
    peers--;
    return NULL;
}

static void *serve_by_threads(void *argument)
{
    struct contest *contest = argument;
    pthread_attr_t detached;

    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    while (!contest->row->done) {
        net_socket *peer =
            peers < PEERS_MOST ? (net_accept)(contest->listener, net_after(50)) : NULL;
        pthread_t thread;

        if (peer != NULL) {
            struct service *service = malloc(sizeof *service);

            peers++;
            *service = (struct service){.contest = contest, .peer = peer};
            pthread_create(&thread, &detached, serve_one, service);
        } else if (peers >= PEERS_MOST) {
            nap(5);
        } else {
            note_accept(contest);
        }
    }
    return NULL;
}

/* ---- One thread with a poller ---- */

static void greet(struct contest *contest, net_poller *poller)
{
    net_socket *peer = peers < PEERS_MOST ? (net_accept)(contest->listener, NET_NOW) : NULL;

    if (peer != NULL) {
        peers++;
        watch(poller, peer, NET_READABLE);
    } else if (peers >= PEERS_MOST) {
        watch(poller, contest->listener, 0);
    } else {
        note_accept(contest);
    }
}

/* What does not fit at once is dropped: the peer asks again, or does not read. */
static void answer(struct contest *contest, net_poller *poller, net_socket *peer)
{
    char words[ROOM];
    long long n = note_result(contest, "recv", net_recv(peer, words, sizeof words, NET_NOW));

    if (n > 0) {
        note_result(contest, "send", net_send(peer, words, (size_t)n, NET_NOW));
    } else if (has_ended(n)) {
        net_close(peer, NET_NOW);
        peers--;
        watch(poller, contest->listener, NET_READABLE);
    }
}

static void *serve_by_poller(void *argument)
{
    struct contest *contest = argument;
    net_poller *poller = open_poller();
    net_event event;

    watch(poller, contest->listener, NET_READABLE);
    while (!contest->row->done) {
        if (net_poller_wait(poller, &event, 1, net_after(50)) != 1) {
            continue;
        }
        if (event.socket == contest->listener) {
            greet(contest, poller);
        } else {
            answer(contest, poller, event.socket);
        }
    }
    return NULL;
}

/* ---- One thread that accepts nobody ---- */

/* What did not fit is only counted. Each answer is a call of its own, so that a failure belongs to
 * one peer. */
static void *serve_by_messages(void *argument)
{
    enum { BATCH = 64 };
    struct contest *contest = argument;
    static char words[BATCH][ROOM];
    net_message messages[BATCH];

    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        messages[i].data = words[i];
        messages[i].capacity = ROOM;
    }
    while (!contest->row->done) {
        int n = net_recv_messages(contest->listener, messages, BATCH, net_after(50));

        note_result(contest, "recv", n);
        for (int i = 0; i < n; i++) {
            if (messages[i].size <= ROOM) {
                note_result(contest, "send",
                            net_send_messages(contest->listener, &messages[i], 1, NET_NOW));
            }
        }
    }
    return NULL;
}

void server_start(struct contest *contest)
{
    static void *(*const servers[])(void *) = {
        [BY_THREADS] = serve_by_threads,
        [BY_POLLER] = serve_by_poller,
        [BY_MESSAGES] = serve_by_messages,
    };

    peers = 0;
    assert_int_equal(pthread_create(&contest->server, NULL, servers[contest->way], contest), 0);
}

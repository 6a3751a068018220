/* time_server [ADDRESS] - answers each message with the time; default udp://127.0.0.1:7037
 *
 *     time_server udp://:7037                       echo | nc -u -w 1 127.0.0.1 7037
 *     time_server 'framed+tcp://:7037?frame=line'   echo | nc -N 127.0.0.1 7037
 *
 * Any wire that carries messages will do: a datagram of udp or unixgram is one, and framed+ makes
 * them of the bytes of tcp or unix. One poller waits for all peers. A peer's questions come many in
 * one call, and so do its answers. No peer holds up the others: from one that does not take its
 * answers nothing more is received, and this program keeps only how many they are. Add `max=64` to
 * the address of a stream, and a long question ends its peer instead of waiting to be whole.
 *
 * discover.c and guarded_server.c answer datagrams on the listener, without a socket for each peer.
 * SIGINT, SIGTERM or SIGHUP ends the server. */
#define _POSIX_C_SOURCE 200809L

#include <netfacade.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    BATCH = 32,         /* messages in one call */
    QUESTION_SIZE = 16, /* of a longer one nothing is received, and it is answered all the same */
    TEXT_SIZE = 32,     /* 2026-11-22T15:04:05Z is 20 bytes */
    PATIENCE_MS = 60000 /* how long a peer may ask nothing, or take nothing */
};

struct peer {
    net_socket *call;
    int owed;   /* answers that it has not got yet */
    bool ended; /* it asks no more */
};

static net_poller *poller;
static net_socket *server; /* set before the signal handler is installed, never changed after */

static void stop(int signal_number)
{
    (void)signal_number;
    net_cancel(server);
}

static int receive(net_socket *call)
{
    static char words[BATCH][QUESTION_SIZE];
    net_message questions[BATCH] = {0};

    for (int i = 0; i < BATCH; i++) {
        questions[i].data = words[i];
        questions[i].capacity = QUESTION_SIZE;
    }
    return net_recv_messages(call, questions, BATCH, NET_NOW);
}

static int answer(net_socket *call, int count)
{
    time_t now = time(NULL);
    char text[TEXT_SIZE];
    size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    net_message answers[BATCH] = {0}; /* an endpoint of zeros is the peer */

    for (int i = 0; i < count; i++) {
        answers[i].data = text;
        answers[i].size = size;
    }
    return net_send_messages(call, answers, count, NET_NOW);
}

/* Go as far as possible without waiting, and watch for more. Returns whether the call goes on.
 * After its last question a peer has all answers when it is writable: a stream may hold back a
 * part. */
static bool serve(struct peer *who)
{
    int done = NET_TIMEOUT;

    if (who->owed == 0 && who->ended) {
        return false;
    }
    if (who->owed == 0) {
        done = receive(who->call);
        who->owed = done > 0 ? done : 0;
        who->ended = done == NET_EOF;
    }
    if (who->owed > 0) {
        done = answer(who->call, who->owed);
        who->owed -= done > 0 ? done : 0;
    }
    if (done < 0 && done != NET_TIMEOUT && done != NET_EOF) {
        return false;
    }
    return net_poller_watch(poller, who->call,
                            who->owed > 0 || who->ended ? NET_WRITABLE : NET_READABLE, who,
                            net_after(PATIENCE_MS)) == 0;
}

static struct peer *welcome(net_socket *call)
{
    struct peer *who = call != NULL ? calloc(1, sizeof *who) : NULL;

    if (who == NULL) {
        net_close(call, NET_NOW);
        return NULL;
    }
    who->call = call;
    return who;
}

/* One event at a time, so none can be of a peer that is gone. Returns why the server ends. */
static int run(void)
{
    net_event event;
    int count = net_poller_watch(poller, server, NET_READABLE, NULL, NET_FOREVER);

    while (count >= 0) {
        count = net_poller_wait(poller, &event, 1, NET_FOREVER);
        struct peer *who = count == 1 ? event.user : NULL;

        if (count == 1 && who == NULL) {
            net_socket *call = net_accept(server, NET_NOW);
            if (call == NULL && net_error() != NET_TIMEOUT && net_error() != NET_LIMIT) {
                return net_error();
            }
            who = welcome(call); /* NULL after NET_LIMIT: the peer waits until there is room */
        }
        if (who != NULL && (event.ready == NET_EXPIRED || !serve(who))) {
            net_close(who->call, NET_NOW); /* takes it out of the poller too */
            free(who);
        }
    }
    return count;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = stop};
    char local[128];
    net_event left;

    poller = net_poller_open();
    server = net_listen(argc > 1 ? argv[1] : "udp://127.0.0.1:7037");
    if (poller == NULL || server == NULL) {
        fprintf(stderr, "time_server: %s\n", net_error_text());
        return EXIT_FAILURE;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN) { /* nohup has set it so */
        sigaction(SIGHUP, &action, NULL);
    }

    net_get(server, "local", local, sizeof local);
    printf("listening on %s\n", local);
    fflush(stdout);

    int code = run();
    if (code != NET_CANCELED) {
        fprintf(stderr, "time_server: %s\n", net_error_text());
    }
    signal(SIGINT, SIG_DFL); /* the handler must not meet a closed socket */
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_IGN);
    net_close(server, NET_NOW); /* this removes the file of a unix address */
    while (net_poller_list(poller, &left, 1) > 0) {
        net_close(left.socket, NET_NOW);
        free(left.user);
    }
    net_poller_close(poller);
    return code == NET_CANCELED ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* httpd [-n CONNECTIONS] [-t SECONDS] [ADDRESS [DIRECTORY]] - an HTTP/1.1 server of static files:
 * one thread, many connections, and none of them waits for another.
 *
 *     httpd                                    tcp://127.0.0.1:8080, the files in .
 *     httpd tcp://:8080 /srv/www               every interface, IPv4 and IPv6
 *     httpd -n 200 -t 5 'tcp://[::1]:0' docs   200 connections at most, 5 seconds' patience
 *
 * The page /live shows what it is doing, to at most about a quarter of the connections. SIGINT,
 * SIGTERM or SIGHUP ends it when the answers under way are sent, within 5 seconds.
 *
 * This file has the loop, the accepting of connections, and the end. In httpd/: connection.c, what
 * a connection waits for; request.c, reading requests; answer.c, making answers; conditions.c,
 * whether to send a file; files.c, finding it, and why no path leads out of the directory; live.c,
 * the page. Only reading a file from a slow disk holds up all connections. */
#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64

#include <netfacade.h>

#include "httpd/answer.h"
#include "httpd/connection.h"
#include "httpd/files.h"
#include "httpd/live.h"
#include "text.h"
#include "wires.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    CONNECTIONS = 1000, /* without -n; fewer when there are fewer descriptors */
    SPARE = 16,         /* descriptors for all but connections and their files */
    PATIENCE_S = 10,
    GOODBYE_MS = 5000,    /* for the answers under way when the server ends */
    TICK_NS = 1000000000, /* a second: the unit of a net_deadline is a nanosecond */
    EVENTS = 64           /* of one wait; also how many callers are accepted between two waits */
};

static net_socket *listener; /* NULL: ending */
static int most;             /* connections */
static bool is_watching = true;
static volatile sig_atomic_t is_told_to_end;

/* ---- Accepting ---- */

/* When there are `most` connections, callers wait in the system's queue. When no descriptor is
 * left, accepting fails with NET_LIMIT; the poller reports the listener again when there may be
 * one. */
static void take_callers(void)
{
    for (int i = 0; i < EVENTS && live.connections < most; i++) {
        net_socket *socket = net_accept(listener, NET_NOW);

        if (socket == NULL) {
            server.is_crowded = net_error() == NET_LIMIT;
            return;
        }
        connection_begin(socket);
    }
}

/* Do not watch the listener while it cannot accept: it would be reported again and again. */
static int mind_places(void)
{
    bool has_place = live.connections < most;

    server.is_crowded = server.is_crowded || !has_place;
    if (listener == NULL || has_place == is_watching) {
        return 0;
    }
    is_watching = has_place;
    return net_poller_watch(server.poller, listener, has_place ? NET_READABLE : 0, NULL,
                            NET_FOREVER);
}

/* ---- The loop ---- */

/* An event names a connection, or none for the listener. Only a connection's own event can end it
 * here, so no later event of the array is stale. Work on all connections comes after the events. */
static void take_events(const net_event *events, int count)
{
    bool has_callers = false;

    for (int i = 0; i < count; i++) {
        if (events[i].user != NULL) {
            connection_event(events[i].user, events[i].ready);
        } else {
            has_callers = true;
        }
    }
    if (has_callers) {
        take_callers();
    }
}

static int run(void)
{
    net_event events[EVENTS];
    net_deadline ticked = net_after(0);
    net_deadline end = NET_FOREVER;
    int n = 0;

    while (n >= 0 && (listener != NULL || server.connections != NULL) && server.now < end) {
        n = net_poller_wait(server.poller, events, EVENTS, ticked + TICK_NS);
        n = n == NET_TIMEOUT ? 0 : n;
        server.now = net_after(0);
        take_events(events, n);
        if (is_told_to_end && listener != NULL) {
            net_close(listener, NET_NOW);
            listener = NULL;
            end = net_after(GOODBYE_MS);
            connections_end();
        }
        if (server.now - ticked >= TICK_NS) {
            answer_prepare();
            live_tick((double)(server.now - ticked) / TICK_NS);
            ticked = server.now;
            connections_tick();
            server.is_crowded = false;
        }
        n = n >= 0 ? mind_places() : n;
    }
    return n;
}

static void tell_to_end(int signal_number)
{
    (void)signal_number;
    is_told_to_end = 1;
    net_poller_wake(server.poller);
}

/* ---- Starting ---- */

/* Listen. NULL: it has printed why. */
static net_socket *open_listener(const char *address)
{
    struct sigaction action = {.sa_handler = tell_to_end};
    net_socket *socket = net_listen(address);
    char local[128];

    if (socket != NULL && wire_has_messages(socket)) {
        fprintf(stderr, "httpd: %s: HTTP needs a stream\n", address);
    } else if (socket == NULL || server.poller == NULL ||
               net_poller_watch(server.poller, socket, NET_READABLE, NULL, NET_FOREVER) < 0) {
        fprintf(stderr, "httpd: %s\n", net_error_text());
    } else {
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        if (signal(SIGHUP, SIG_IGN) != SIG_IGN) { /* nohup has set it so */
            sigaction(SIGHUP, &action, NULL);
        }
        net_get(socket, "local", local, sizeof local);
        printf("listening on %s\n", local);
        fflush(stdout);
        return socket;
    }
    net_close(socket, NET_NOW);
    return NULL;
}

/* Each connection may have a file open, so it needs two descriptors. */
static int connections_that_fit(void)
{
    const rlim_t enough = 2 * CONNECTIONS + SPARE;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= enough) {
        return CONNECTIONS;
    }
    return limit.rlim_cur > SPARE + 2 ? (int)(limit.rlim_cur - SPARE) / 2 : 1;
}

static int usage(void)
{
    fprintf(stderr, "usage: httpd [-n CONNECTIONS] [-t SECONDS] [ADDRESS [DIRECTORY]]\n");
    return 2;
}

int main(int argc, char **argv)
{
    int seconds = PATIENCE_S;
    int code = -1;

    most = connections_that_fit();
    for (int option = getopt(argc, argv, "n:t:"); option != -1;
         option = getopt(argc, argv, "n:t:")) {
        most = option == 'n' ? (int)text_number(optarg, 1, 1000000) : most;
        seconds = option == 't' ? (int)text_number(optarg, 1, 3600) : seconds;
        if (option == '?' || most < 0 || seconds < 0) {
            return usage();
        }
    }
    const char *address = optind < argc ? argv[optind] : "tcp://127.0.0.1:8080";
    const char *directory = optind + 1 < argc ? argv[optind + 1] : ".";

    if (!files_begin(directory)) {
        fprintf(stderr, "httpd: %s: %s\n", directory, strerror(errno));
        return EXIT_FAILURE;
    }
    live.places = (most + 2) / 4; /* so that other visitors always have most of the places */
    server.patience = seconds * INT64_C(1000);
    server.poller = net_poller_open();
    listener = open_listener(address);
    if (listener != NULL) {
        answer_prepare();
        code = run();
        if (code < 0) {
            fprintf(stderr, "httpd: %s\n", net_error_text());
        }
    }
    signal(SIGINT, SIG_DFL); /* the handler must not meet a closed poller */
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_IGN);
    connections_close();
    net_close(listener, NET_NOW);
    net_poller_close(server.poller);
    files_end();
    return code < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

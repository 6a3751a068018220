/* echo_server [ADDRESS] - says back whatever it hears, to any number of callers at once.
 *
 *     echo_server                               tcp://127.0.0.1:7000
 *     echo_server udp://127.0.0.1:7000          the same program over datagrams
 *     echo_server 'tcp://:7000?keepalive=30s'   every interface, IPv4 and IPv6
 *
 * One thread waits for calls; each call gets a thread of its own, and ends when the caller hangs up
 * or is silent for ten minutes. SIGINT, SIGTERM or SIGHUP ends the server: it accepts no more
 * calls, and serves each call it has until the caller hangs up or is silent for a second. So a new
 * server on the same listening socket, as systemd://NAME or fd://N, takes over without losing a
 * call. A second SIGINT or SIGTERM ends it at once. */
#define _POSIX_C_SOURCE 200809L

#include <netfacade.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    BUFFER_SIZE = 65536,  /* every datagram fits: the largest has 65,507 bytes */
    LISTEN_MS = 10000,    /* a caller that does not take its echo for so long is dropped */
    SILENCE_MS = 1000,    /* how often it checks whether to end */
    PATIENCE_MS = 600000, /* a caller that says nothing for so long is dropped */
    GOODBYE_MS = 1000,    /* how long a hang-up waits for the last echo to arrive */
    REST_NS = 10000000    /* between tries to accept when something is used up */
};

static net_socket *listener; /* set before the signal handler is installed, never changed after */

static atomic_bool stopping;
static atomic_int conversations;

/* net_cancel may be called from a signal handler: net_accept below returns NET_CANCELED. */
static void stop(int signal_number)
{
    (void)signal_number;
    stopping = true;
    net_cancel(listener);
}

static void *serve(void *argument)
{
    net_socket *caller = argument;
    net_deadline patience = net_after(PATIENCE_MS);
    char buffer[BUFFER_SIZE];

    for (;;) {
        ssize_t got = net_recv(caller, buffer, sizeof buffer, net_after(SILENCE_MS));
        if (got == NET_TOOBIG || (got == NET_TIMEOUT && !stopping && net_after(0) < patience)) {
            continue; /* a datagram that did not fit was dropped, the next may fit; or silence */
        }
        if (got < 0) {
            break; /* NET_EOF: the caller has finished; anything else: the call is broken */
        }
        patience = net_after(PATIENCE_MS);
        /* On a stream 0 never comes here; on datagrams 0 is an empty one and is echoed too. */
        if (net_send(caller, buffer, (size_t)got, net_after(LISTEN_MS)) != got) {
            break;
        }
    }
    /* With a deadline, net_close lets the last echo arrive; with NET_NOW it could destroy it. */
    net_close(caller, net_after(GOODBYE_MS));
    conversations--;
    return NULL;
}

/* Give the caller a thread. When there is none, only this caller is turned away. The thread takes
 * no signals: its handler could run late and meet a closed listener. */
static void answer(net_socket *caller)
{
    pthread_t thread;
    sigset_t all;
    sigset_t before;

    conversations++;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, serve, caller);
    pthread_sigmask(SIG_SETMASK, &before, NULL);

    if (error != 0) {
        net_close(caller, NET_NOW);
        conversations--;
        return;
    }
    pthread_detach(thread);
}

int main(int argc, char **argv)
{
    const struct timespec rest = {.tv_nsec = REST_NS};
    struct sigaction action = {.sa_handler = stop};
    char local[128];
    int status = EXIT_SUCCESS;

    listener = net_listen(argc > 1 ? argv[1] : "tcp://127.0.0.1:7000");
    if (listener == NULL) {
        fprintf(stderr, "echo_server: %s\n", net_error_text());
        return EXIT_FAILURE;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN) { /* nohup has set it so */
        sigaction(SIGHUP, &action, NULL);
    }

    /* With port 0 only the socket knows the number it was given. */
    net_get(listener, "local", local, sizeof local);
    printf("listening on %s\n", local);
    fflush(stdout);

    for (;;) {
        net_socket *caller = net_accept(listener, NET_FOREVER);
        if (caller != NULL) {
            answer(caller);
        } else if (net_error() == NET_LIMIT) {
            nanosleep(&rest, NULL); /* no descriptor, or no room for a peer: try later */
        } else {
            break;
        }
    }
    if (net_error() != NET_CANCELED) {
        fprintf(stderr, "echo_server: %s\n", net_error_text());
        status = EXIT_FAILURE;
    }
    signal(SIGINT, SIG_DFL); /* the handler must not meet a closed socket */
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_IGN);
    net_close(listener, NET_NOW); /* this removes the file of a unix address */
    while (status == EXIT_SUCCESS && conversations > 0) {
        nanosleep(&rest, NULL);
    }
    return status;
}

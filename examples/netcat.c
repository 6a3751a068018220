/* netcat [-l] ADDRESS - joins a socket to standard input and output.
 *
 *     netcat -l tcp://:7000 > file         wait for one call and keep what it says
 *     netcat tcp://there:7000 < file       make that call
 *     netcat unix:///run/there < file      the same call within this machine
 *     echo | netcat udp://[::1]:7037       ask, and listen until it is quiet for a second */
#include <netfacade.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BUFFER_SIZE = 65536,  /* every datagram fits */
    DATAGRAM_SIZE = 1200, /* how much input one datagram carries: small enough for every path */
    TICK_MS = 200,        /* how often the receiver looks up from listening */
    QUIET_TICKS = 5       /* datagrams have no end: after our input, stop when quiet so long */
};

static net_socket *call;
static bool datagrams;
static atomic_bool spoken;   /* standard input has ended */
static atomic_bool failed;   /* and has been told */
static atomic_llong carried; /* bytes, both directions */

static void fail(const char *sentence)
{
    fprintf(stderr, "netcat: %s\n", sentence);
    failed = true;
}

/* A thread of its own, for one socket may be sent to and received from at the same time: standard
 * input to the socket, and then the half-close, at which the peer reads an end. */
static void *speak(void *unused)
{
    static char buffer[BUFFER_SIZE];
    size_t size = datagrams ? DATAGRAM_SIZE : sizeof buffer;
    ssize_t got = read(STDIN_FILENO, buffer, size);

    while (got > 0 && net_send(call, buffer, (size_t)got, NET_FOREVER) == got) {
        carried += got;
        got = read(STDIN_FILENO, buffer, size);
    }
    if (got < 0) {
        fail("standard input cannot be read");
        net_cancel(call); /* or both sides would wait for the other to end */
    } else if (got > 0 || (!datagrams && net_shutdown(call) != 0)) {
        fail(net_error_text()); /* what the peer has said is heard all the same */
    }
    spoken = true;
    return unused;
}

/* A line that is written over itself, for a terminal and a transfer of more than a second. */
static void show_progress(net_deadline begun, bool last)
{
    static net_deadline shown;
    double seconds = (double)(net_after(0) - begun) / 1e9;
    double mebibytes = (double)carried / (1024 * 1024);

    if (isatty(STDERR_FILENO) && seconds >= 1 && (last || shown < net_after(-TICK_MS))) {
        fprintf(stderr, "\r%.1f MiB, %.1f MiB/s%c", mebibytes, mebibytes / seconds,
                last ? '\n' : ' ');
        shown = net_after(0);
    }
}

/* The socket to standard output, to the peer's end or to silence. */
static void hear(void)
{
    static char buffer[BUFFER_SIZE];
    net_deadline begun = net_after(0);
    ssize_t got = 0;
    int quiet = 0;

    while ((got >= 0 || got == NET_TIMEOUT) && !(datagrams && spoken && quiet >= QUIET_TICKS)) {
        got = net_recv(call, buffer, sizeof buffer, net_after(TICK_MS));
        quiet = got < 0 ? quiet + 1 : 0;
        if (got > 0 && fwrite(buffer, 1, (size_t)got, stdout) != (size_t)got) {
            fail("standard output cannot be written");
            return;
        }
        carried += got > 0 ? got : 0;
        show_progress(begun, false);
    }
    show_progress(begun, true);
    if (got < 0 && got != NET_TIMEOUT && got != NET_EOF) {
        fail(net_error_text());
    }
}

int main(int argc, char **argv)
{
    const char *address = argv[argc - 1];
    char text[128];
    pthread_t speaker;

    if (argc == 3 && strcmp(argv[1], "-l") == 0) {
        net_socket *listener = net_listen(address);
        if (listener != NULL && net_get(listener, "local", text, sizeof text) > 0) {
            fprintf(stderr, "listening on %s\n", text);
            call = net_accept(listener, NET_FOREVER);
            net_close(listener, NET_NOW); /* the call lives on without it */
        }
    } else if (argc == 2 && address[0] != '-') {
        call = net_connect(address, NET_FOREVER);
    } else {
        fprintf(stderr, "usage: netcat [-l] ADDRESS\n");
        return 2;
    }
    if (call == NULL) {
        fail(net_error_text());
        return EXIT_FAILURE;
    }
    /* Only sockets that talk in datagrams have queues of them. */
    datagrams = net_get(call, "queue", NULL, 0) >= 0;
    setvbuf(stdout, NULL, _IONBF, 0); /* what is heard is written at once */
    if (pthread_create(&speaker, NULL, speak, NULL) != 0) {
        return EXIT_FAILURE;
    }
    hear();
    if (spoken || (!failed && !isatty(STDIN_FILENO))) { /* nobody should have to press ^D now */
        pthread_join(speaker, NULL); /* our side may have more to say than the other */
        net_close(call, NET_NOW);
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

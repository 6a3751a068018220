/* time_server [ADDRESS] - answers each datagram with the time; default udp://127.0.0.1:7037
 *
 *     time_server udp://:7037
 *     echo | nc -u -w 1 127.0.0.1 7037
 *
 * It accepts no peers: net_recv_messages receives the datagrams of all strangers, many in one call,
 * each with the endpoint it came from, and net_send_messages answers them. An endpoint also holds
 * the local address that was asked, and the answer leaves from that one.
 * SIGINT, SIGTERM or SIGHUP ends it. */
#define _POSIX_C_SOURCE 200809L

#include <netfacade.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    BATCH = 32,         /* datagrams in one call */
    QUESTION_SIZE = 16, /* a longer question is cut off: what it says does not matter here */
    TEXT_SIZE = 32,     /* 2026-11-22T15:04:05Z and a newline are 21 bytes */
    SEND_MS = 100       /* how long to wait when the system has no room for an answer */
};

static net_socket *server; /* set before the signal handler is installed, never changed after */

static void stop(int signal_number)
{
    (void)signal_number;
    net_cancel(server);
}

/* Turn `count` questions into answers, in place, and send them. */
static void answer(net_message *messages, int count)
{
    time_t now = time(NULL);
    char text[TEXT_SIZE];
    size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ\n", gmtime(&now));
    int done = 0;

    for (int i = 0; i < count; i++) {
        messages[i].data = text; /* the endpoint stays: the answer goes to the sender */
        messages[i].size = length;
    }
    while (done < count) {
        int sent = net_send_messages(server, messages + done, count - done, net_after(SEND_MS));
        if (sent == NET_CANCELED) {
            return;
        }
        done += sent > 0 ? sent : 1; /* skip one that cannot be sent */
    }
}

/* Answer until the server itself fails. Returns the code of the failure. */
static int serve(void)
{
    static char questions[BATCH][QUESTION_SIZE];
    net_message messages[BATCH] = {0};

    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            messages[i].data = questions[i];
            messages[i].capacity = QUESTION_SIZE;
        }
        /* Waits for the first datagram only, then takes what else is there. */
        int count = net_recv_messages(server, messages, BATCH, NET_FOREVER);
        if (count < 0) {
            return count;
        }
        answer(messages, count);
    }
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = stop};
    char local[128];
    int status = EXIT_SUCCESS;

    server = net_listen(argc > 1 ? argv[1] : "udp://127.0.0.1:7037");
    if (server == NULL) {
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

    if (serve() != NET_CANCELED) {
        fprintf(stderr, "time_server: %s\n", net_error_text());
        status = EXIT_FAILURE;
    }
    signal(SIGINT, SIG_DFL); /* the handler must not meet a closed socket */
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_IGN);
    net_close(server, NET_NOW); /* this removes the file of a unixgram address */
    return status;
}

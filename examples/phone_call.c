/* phone_call [ADDRESS] - both ends of one call in one program, each step printed with its verb.
 *
 *     phone_call                        a call over TCP, on any free port of 127.0.0.1
 *     phone_call udp://[::1]:0          the same call over UDP and IPv6
 *
 * Only the address says which wire carries the call: the code is the same for all. */
#include <netfacade.h>

#include "text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATIENCE_MS = 5000, /* the deadline of each call on a socket */
    LINE_SIZE = 128
};

/* Say one line; the newline tells the other side that the sentence is over. */
static int say(const char *who, net_socket *call, const char *line)
{
    size_t size = strlen(line);

    /* Printed before it is sent, so that the answer cannot be printed first. */
    printf("%s: net_send     says \"%.*s\"\n", who, (int)strcspn(line, "\n"), line);
    return (size_t)net_send(call, line, size, net_after(PATIENCE_MS)) == size ? 0 : -1;
}

/* Hear one line. A stream may bring it in pieces; over datagrams it is one piece. Anybody may call,
 * so the line is made fit to be printed. */
static int hear(net_socket *call, char line[LINE_SIZE])
{
    net_deadline deadline = net_after(PATIENCE_MS);
    size_t heard = 0;

    while (heard < LINE_SIZE - 1 && (heard == 0 || line[heard - 1] != '\n')) {
        ssize_t got = net_recv(call, line + heard, LINE_SIZE - 1 - heard, deadline);
        if (got < 0) {
            return -1;
        }
        heard += (size_t)got;
    }
    line[text_clean(line, heard - 1)] = '\0';
    return 0;
}

static void *callee(void *argument)
{
    net_socket *phone = argument;
    net_socket *call = net_accept(phone, net_after(PATIENCE_MS));
    char peer[LINE_SIZE];
    char line[LINE_SIZE];

    /* Over UDP the first datagram is what net_accept waits for, so both steps are printed here. */
    if (call == NULL || hear(call, line) != 0) {
        fprintf(stderr, "callee: %s\n", net_error_text());
        net_close(call, NET_NOW); /* NULL is allowed */
        return NULL;
    }
    net_get(call, "peer", peer, sizeof peer);
    printf("callee: net_accept   picks up: %s is calling\n", peer);
    printf("callee: net_recv     hears \"%s\"\n", line);

    if (say("callee", call, "Yes, who is calling?\n") != 0 || hear(call, line) != 0) {
        fprintf(stderr, "callee: %s\n", net_error_text());
    } else {
        printf("callee: net_recv     hears \"%s\"\n", line);
        printf("callee: net_close    hangs up\n");
    }
    net_close(call, net_after(PATIENCE_MS));
    return NULL;
}

/* The caller's side, from the dial to the hang-up. */
static int place_call(const char *number)
{
    net_socket *call;
    char line[LINE_SIZE];
    int result = -1;

    printf("caller: net_connect  dials %s\n", number);
    call = net_connect(number, net_after(PATIENCE_MS));
    if (call != NULL && say("caller", call, "Hello?\n") == 0 && hear(call, line) == 0) {
        printf("caller: net_recv     hears \"%s\"\n", line);
        result = say("caller", call, "A friend. Goodbye!\n");
    }
    if (result != 0) {
        fprintf(stderr, "caller: %s\n", net_error_text());
    }
    /* With a deadline, the last line arrives before the call ends. */
    net_close(call, net_after(PATIENCE_MS));
    return result;
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "tcp://127.0.0.1:0";
    net_socket *phone = net_listen(address);
    pthread_t thread;
    char number[LINE_SIZE];
    int result;

    if (phone == NULL) {
        fprintf(stderr, "callee: %s\n", net_error_text());
        return EXIT_FAILURE;
    }
    net_get(phone, "local", number, sizeof number); /* what the caller has to dial */
    printf("callee: net_listen   (\"%s\") waits by the phone at %s\n", address, number);

    if (pthread_create(&thread, NULL, callee, phone) != 0) {
        net_close(phone, NET_NOW);
        return EXIT_FAILURE;
    }
    result = place_call(number);
    if (result != 0) {
        net_cancel(phone); /* no call will come: end the callee's wait */
    }
    pthread_join(thread, NULL);
    printf("caller: net_close    has hung up too\n");
    net_close(phone, NET_NOW);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

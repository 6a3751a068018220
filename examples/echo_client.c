/* echo_client ADDRESS [WORD...] - sends each word to an echo server and prints what comes back.
 *
 *     echo_client tcp://127.0.0.1:7000 hello world
 *     echo_client udp://localhost:7000 hello world */
#include <netfacade.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIAL_MS = 5000,     /* for the whole dial: the name, every address it has, the handshake */
    ECHO_MS = 5000,     /* for one word, there and back */
    BUFFER_SIZE = 65536 /* every datagram fits */
};

/* Send one word and print its echo. Returns 0, or a negative code as the library does. What is no
 * echo is not printed: it could be anything, and lead a terminal or a reader astray. */
static int echo(net_socket *call, const char *word)
{
    net_deadline deadline = net_after(ECHO_MS); /* one moment for the send and all the receives */
    size_t length = strlen(word);
    size_t told = 0;
    size_t heard = 0;
    char buffer[BUFFER_SIZE];

    /* net_send sends everything. It returns less only when the deadline or a failure stopped it
     * part way; a call for the rest then says why. */
    while (told < length) {
        ssize_t sent = net_send(call, word + told, length - told, deadline);
        if (sent < 0) {
            return (int)sent;
        }
        told += (size_t)sent;
    }

    /* A stream keeps no boundaries: the echo of one send may come in several pieces, so count
     * bytes. Datagrams come whole, and go through the same loop once. */
    while (heard < length) {
        ssize_t got = net_recv(call, buffer, sizeof buffer, deadline);
        if (got < 0) {
            return (int)got;
        }
        if ((size_t)got > length - heard || memcmp(word + heard, buffer, (size_t)got) != 0) {
            fprintf(stderr, "echo_client: the answer is no echo\n");
            exit(EXIT_FAILURE);
        }
        heard += (size_t)got;
    }
    puts(word);
    return 0;
}

int main(int argc, char **argv)
{
    static char *hello[] = {"hello", NULL};
    char **word = argc > 2 ? argv + 2 : hello;
    net_socket *call;

    if (argc < 2) {
        fprintf(stderr, "usage: echo_client ADDRESS [WORD...]\n");
        return 2;
    }
    call = net_connect(argv[1], net_after(DIAL_MS));
    if (call == NULL) {
        fprintf(stderr, "echo_client: %s\n", net_error_text());
        return EXIT_FAILURE;
    }
    for (; *word != NULL; word++) {
        if (echo(call, *word) < 0) {
            fprintf(stderr, "echo_client: %s\n", net_error_text());
            net_close(call, NET_NOW);
            return EXIT_FAILURE;
        }
    }
    net_close(call, NET_NOW); /* every echo is here: there is nothing left to wait for */
    return EXIT_SUCCESS;
}

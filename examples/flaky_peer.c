/* flaky_peer [OPTIONS] - test a protocol parser against a network with faults.
 *
 *     flaky_peer                          the faults of seed 7, bytes in pieces of 1 to 3
 *     flaky_peer 'seed=8&chunk=40'        other faults
 *     flaky_peer 'chunk=1&delay=20ms'     a slow network
 *
 * The protocol: each message is its length, two bytes, the higher one first, and then so many bytes
 * of text. The peer, a thread of this program, speaks it correctly. There are two readers: a naive
 * one, which assumes that a receive brings all it asked for, and a correct one. Without faults both
 * work, and so the naive one gets into real programs. The address asks for the faults, chaos+tcp://
 * instead of tcp://, so neither the peer nor a reader has code for them.
 *
 * Exits with 0 if the naive reader failed and the correct one did not. */
#include <netfacade.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATIENCE_MS = 5000, /* the deadline of each call on a socket */
    HEADER = 2,
    LARGEST = 200, /* bytes of a message */
    ADDRESS_SIZE = 256,
    READERS = 2
};

static const char *const messages[] = {
    "the first message", "a second one, which is a little longer", "", "and the last"};

enum { MESSAGES = sizeof messages / sizeof messages[0] };

/* ---- The peer ---- */

static int say(net_socket *call, const char *text)
{
    size_t length = strlen(text);
    unsigned char header[HEADER] = {(unsigned char)(length >> 8), (unsigned char)length};
    net_slice parts[] = {{header, HEADER}, {text, length}};

    size_t size = HEADER + length;

    return (size_t)net_send_vector(call, parts, 2, net_after(PATIENCE_MS)) == size ? 0 : -1;
}

/* Tells each caller everything, one after another. */
static void *peer(void *argument)
{
    net_socket *listener = argument;

    for (int i = 0; i < READERS; i++) {
        net_socket *call = net_accept(listener, net_after(PATIENCE_MS));

        for (int j = 0; call != NULL && j < MESSAGES; j++) {
            if (say(call, messages[j]) < 0) {
                break; /* the naive reader has hung up */
            }
        }
        net_close(call, net_after(PATIENCE_MS)); /* NULL is allowed */
    }
    return NULL;
}

/* ---- The readers: each receives one message, and returns its length, or -1 ---- */

/* One receive for the header, one for the body. This is the mistake: on a stream a receive brings
 * what is there, which may be a single byte. */
static int hear_naively(net_socket *call, char body[LARGEST])
{
    unsigned char header[HEADER] = {0};

    if (net_recv(call, header, HEADER, net_after(PATIENCE_MS)) < 0) {
        return -1;
    }
    int length = header[0] << 8 | header[1];

    if (length > LARGEST) {
        return -1;
    }
    return net_recv(call, body, (size_t)length, net_after(PATIENCE_MS)) < 0 ? -1 : length;
}

/* net_recv_all waits for all of it. It returns less only after an end, a deadline or a failure, so
 * a short count is a failure, too. */
static int hear_rightly(net_socket *call, char body[LARGEST])
{
    unsigned char header[HEADER];

    if (net_recv_all(call, header, HEADER, net_after(PATIENCE_MS)) != HEADER) {
        return -1;
    }
    int length = header[0] << 8 | header[1];

    if (length > LARGEST) { /* never let a peer choose how much memory is written */
        return -1;
    }
    return net_recv_all(call, body, (size_t)length, net_after(PATIENCE_MS)) != length ? -1 : length;
}

/* ---- The test ---- */

/* Whether a reader gets every message as it was sent. */
static int works(const char *address, int (*hear)(net_socket *, char[LARGEST]))
{
    net_socket *call = net_connect(address, net_after(PATIENCE_MS));
    int good = 0;

    if (call == NULL) {
        fprintf(stderr, "%s\n", net_error_text());
        exit(2);
    }
    while (good < MESSAGES) {
        char body[LARGEST] = {0};
        int length = hear(call, body);

        if (length < 0 || strlen(messages[good]) != (size_t)length ||
            memcmp(body, messages[good], (size_t)length) != 0) {
            printf("    message %d is wrong: \"%.*s\"\n", good + 1, length > 0 ? length : 0, body);
            break;
        }
        good++;
    }
    net_close(call, NET_NOW);
    return good == MESSAGES;
}

int main(int argc, char **argv)
{
    const char *options = argc > 1 ? argv[1] : "seed=7&chunk=3";
    net_socket *listener = net_listen("tcp://127.0.0.1:0");
    char port[16];
    char address[ADDRESS_SIZE];
    pthread_t thread;

    if (listener == NULL || net_get(listener, "port", port, sizeof port) < 0) {
        fprintf(stderr, "%s\n", net_error_text());
        return 2;
    }
    if (pthread_create(&thread, NULL, peer, listener) != 0) {
        fprintf(stderr, "no thread\n");
        return 2;
    }
    snprintf(address, sizeof address, "chaos+tcp://127.0.0.1:%s?%s", port, options);
    printf("%s\n", address);
    printf("naive reader:\n");
    int naive = works(address, hear_naively);
    printf("    %s\n", naive ? "got away with it" : "fails");
    printf("right reader:\n");
    int right = works(address, hear_rightly);
    printf("    %s\n", right ? "works" : "fails");

    pthread_join(thread, NULL);
    net_close(listener, NET_NOW);
    return !naive && right ? 0 : 1;
}

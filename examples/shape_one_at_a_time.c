/* shape_one_at_a_time [ADDRESS] - says back what it hears, to one caller after the other.
 *
 * The first of three shapes of one server; docs/server-shapes.md says which one when. Nothing is
 * shared and nothing runs at the same time, so nothing can be in the way of anything else. Who
 * calls meanwhile waits: in the system over tcp, and over udp with what he has said. */
#include <netfacade.h>

#include <stdio.h>

enum {
    BUFFER_SIZE = 65536, /* every datagram fits */
    PATIENCE_MS = 5000,  /* who says nothing, or hears nothing, for so long is hung up on */
    GOODBYE_MS = 1000    /* how long that waits for the last words to arrive */
};

static char words[BUFFER_SIZE];

static void serve(net_socket *door)
{
    net_socket *call = net_accept(door, NET_FOREVER);
    ssize_t size = net_recv(call, words, sizeof words, net_after(PATIENCE_MS));

    while (size >= 0 && net_send(call, words, (size_t)size, net_after(PATIENCE_MS)) == size) {
        size = net_recv(call, words, sizeof words, net_after(PATIENCE_MS));
    }
    net_close(call, net_after(GOODBYE_MS));
}

int main(int argc, char **argv)
{
    char local[128];
    net_socket *door = net_listen(argc > 1 ? argv[1] : "tcp://127.0.0.1:7000");

    if (door == NULL) {
        fprintf(stderr, "shape_one_at_a_time: %s\n", net_error_text());
        return 1;
    }
    net_get(door, "local", local, sizeof local);
    printf("listening on %s\n", local);
    fflush(stdout);
    for (;;) {
        serve(door); /* a call that could not be accepted is NULL, which fails and does no harm */
    }
}

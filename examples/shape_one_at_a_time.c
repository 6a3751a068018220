/* shape_one_at_a_time [ADDRESS] - says back what it hears, to one caller after the other.
 *
 * This is the first of three shapes of one server; docs/server-shapes.md says when to use which.
 * Nothing is shared and nothing runs at the same time, so there is nothing to lock. Other callers
 * wait meanwhile: over tcp in the system's queue, over udp in the listener, with what they said.
 *
 * A signal ends it at once; the file of a unix address then stays, and the next listener replaces
 * it. */
#include <netfacade.h>

#include <stdio.h>

enum {
    BUFFER_SIZE = 65536, /* every datagram fits */
    PATIENCE_MS = 5000,  /* how long a caller may say nothing, or take nothing */
    GOODBYE_MS = 1000    /* how long a hang-up waits for the last bytes to arrive */
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
        serve(door); /* after a failed accept `call` is NULL, which does no harm */
    }
}

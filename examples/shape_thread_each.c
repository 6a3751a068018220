/* shape_thread_each [ADDRESS] - says back what it hears, with one thread for each caller.
 *
 * This is the second of three shapes of one server; docs/server-shapes.md says when to use which.
 * The code of a call reads as if it were the only one, and a slow caller holds up only itself. The
 * price is a stack for each caller, and a lock around whatever they share: here that is nothing.
 *
 * A signal ends it at once; the file of a unix address then stays, and the next listener replaces
 * it. */
#define _POSIX_C_SOURCE 200809L

#include <netfacade.h>

#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum {
    BUFFER_SIZE = 65536, /* every datagram fits */
    PATIENCE_MS = 60000, /* how long a caller may say nothing, or take nothing */
    GOODBYE_MS = 1000,   /* how long a hang-up waits for the last bytes to arrive */
    REST_NS = 10000000   /* between tries when something is used up */
};

static void *serve(void *call)
{
    char words[BUFFER_SIZE];
    ssize_t size = net_recv(call, words, sizeof words, net_after(PATIENCE_MS));

    while (size >= 0 && net_send(call, words, (size_t)size, net_after(PATIENCE_MS)) == size) {
        size = net_recv(call, words, sizeof words, net_after(PATIENCE_MS));
    }
    net_close(call, net_after(GOODBYE_MS));
    return NULL;
}

static void answer(net_socket *door)
{
    const struct timespec rest = {.tv_nsec = REST_NS};
    net_socket *call = net_accept(door, NET_FOREVER);
    pthread_t thread;

    if (call != NULL && pthread_create(&thread, NULL, serve, call) == 0) {
        pthread_detach(thread);
    } else {
        net_close(call, NET_NOW); /* no thread: only this caller is turned away */
        nanosleep(&rest, NULL);
    }
}

int main(int argc, char **argv)
{
    char local[128];
    net_socket *door = net_listen(argc > 1 ? argv[1] : "tcp://127.0.0.1:7000");

    if (door == NULL) {
        fprintf(stderr, "shape_thread_each: %s\n", net_error_text());
        return 1;
    }
    net_get(door, "local", local, sizeof local);
    printf("listening on %s\n", local);
    fflush(stdout);
    for (;;) {
        answer(door);
    }
}

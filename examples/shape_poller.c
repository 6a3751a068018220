/* shape_poller [ADDRESS] - says back what it hears, to all callers on one thread.
 *
 * This is the third of three shapes of one server; docs/server-shapes.md says when to use which. No
 * call ever waits here, so a structure holds how far each call has come. The server receives
 * nothing from a caller that does not take its echo: such a caller costs one structure, no more.
 *
 * A signal ends it at once; the file of a unix address then stays, and the next listener replaces
 * it. */
#include <netfacade.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BUFFER_SIZE = 65536, /* every datagram fits; pages that are never used take no real memory */
    PATIENCE_MS = 60000  /* how long a caller may say nothing, or take nothing */
};

struct caller {
    net_socket *call;
    bool owed;   /* `words` holds something that is not yet all said back */
    bool ended;  /* it says no more; an encrypted socket is writable once its last record is out */
    size_t size; /* bytes in `words` */
    size_t said; /* how many of them are said back */
    char words[BUFFER_SIZE];
};

/* Receive something and say it back, as far as possible without waiting. */
static ssize_t step(struct caller *who)
{
    ssize_t done;

    if (who->ended) {
        return NET_EOF;
    }
    if (!who->owed) {
        done = net_recv(who->call, who->words, sizeof who->words, NET_NOW);
        if (done < 0) {
            return done;
        }
        who->owed = true;
        who->size = (size_t)done;
        who->said = 0;
    }
    done = net_send(who->call, who->words + who->said, who->size - who->said, NET_NOW);
    if (done >= 0) {
        who->said += (size_t)done;
        who->owed = who->said < who->size;
    }
    return done;
}

static struct caller *answer(net_socket *door)
{
    net_socket *call = net_accept(door, NET_NOW);
    struct caller *who = call != NULL ? malloc(sizeof *who) : NULL;

    if (who != NULL) {
        who->call = call;
        who->owed = false;
        who->ended = false;
    } else {
        net_close(call, NET_NOW);
    }
    return who;
}

static void serve(net_poller *poller, net_socket *door)
{
    net_event event;
    int count = net_poller_wait(poller, &event, 1, NET_FOREVER);
    struct caller *who = count < 1 ? NULL : event.user != NULL ? event.user : answer(door);

    if (who == NULL) {
        return;
    }
    bool was_ended = who->ended;
    ssize_t done = event.ready == NET_EXPIRED ? NET_RESET : step(who);
    bool waits = done >= 0 || done == NET_TIMEOUT || (done == NET_EOF && !was_ended);
    who->ended = done == NET_EOF;
    if (!waits ||
        net_poller_watch(poller, who->call, who->owed || who->ended ? NET_WRITABLE : NET_READABLE,
                         who, net_after(PATIENCE_MS)) < 0) {
        net_close(who->call, NET_NOW);
        free(who);
    }
}

int main(int argc, char **argv)
{
    char local[128];
    net_poller *poller = net_poller_open();
    net_socket *door = net_listen(argc > 1 ? argv[1] : "tcp://127.0.0.1:7000");

    if (poller == NULL || door == NULL ||
        net_poller_watch(poller, door, NET_READABLE, NULL, NET_FOREVER) < 0) {
        fprintf(stderr, "shape_poller: %s\n", net_error_text());
        return 1;
    }
    net_get(door, "local", local, sizeof local);
    printf("listening on %s\n", local);
    fflush(stdout);
    for (;;) {
        serve(poller, door);
    }
}

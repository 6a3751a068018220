/* Counts the messages of one caller, and how many of them are the right numbers, by a poller, one
 * at a time. */
#include "numbers.h"

int main(int argc, char **argv)
{
    char text[NUMBER_SIZE];
    net_message message = {.data = text};
    char local[128];
    long right = 0;
    long all = 0;
    net_event event;
    net_poller *poller = net_poller_open();
    net_socket *listener = net_listen(argc > 1 ? argv[1] : "framed+tcp://127.0.0.1:0?frame=line");

    net_get(listener, "local", local, sizeof local);
    fprintf(stderr, "listening on %s\n", local);
    net_socket *caller = net_accept(listener, net_after(PATIENCE_MS));
    ssize_t n = NET_TIMEOUT;

    net_poller_watch(poller, caller, NET_READABLE, NULL, NET_FOREVER);
    while ((n >= 0 || n == NET_TIMEOUT) &&
           net_poller_wait(poller, &event, 1, net_after(PATIENCE_MS)) == 1) {
        n = 0;
        for (int i = 0; i < BATCH && n >= 0; i++) { /* the rest is reported again */
            n = net_recv(caller, text, sizeof text, NET_NOW);
            message.size = n >= 0 ? (size_t)n : 0;
            right += n >= 0 ? count_right(&message, 1, all) : 0;
            all += n >= 0 ? 1 : 0;
        }
    }
    printf("%ld right, %ld wrong, %s\n", right, all - right, net_strerror((int)n));
    net_poller_close(poller);
    net_close(caller, NET_NOW);
    net_close(listener, NET_NOW);
    return n == NET_EOF ? 0 : 1;
}

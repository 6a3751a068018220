/* Counts the lines that one caller sends, and how many of them are right, by a poller. */
#include <netfacade.h>

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    char line[4096];
    long right = 0;
    long lines = 0;
    net_event event;
    net_poller *poller = net_poller_open();
    net_socket *listener = net_listen(argc > 1 ? argv[1] : "tcp://127.0.0.1:0");

    net_get(listener, "local", line, sizeof line);
    fprintf(stderr, "listening on %s\n", line);
    net_socket *caller = net_accept(listener, net_after(60000));
    ssize_t n = NET_TIMEOUT;

    net_poller_watch(poller, caller, NET_READABLE, NULL, NET_FOREVER);
    while ((n > 0 || n == NET_TIMEOUT) &&
           net_poller_wait(poller, &event, 1, net_after(60000)) == 1) {
        n = 1;
        for (int i = 0; i < 100 && n > 0;
             i++) { /* while lines are left, readiness is reported again */
            n = net_recv_until(caller, line, sizeof line, '\n', NET_NOW);
            right += n == 11 && memcmp(line, "0123456789\n", 11) == 0 ? 1 : 0;
            lines += n > 0 ? 1 : 0;
        }
    }
    printf("%ld right, %ld wrong, %s\n", right, lines - right, net_strerror((int)n));
    net_poller_close(poller);
    net_close(caller, NET_NOW);
    net_close(listener, NET_NOW);
    return n == NET_EOF ? 0 : 1;
}

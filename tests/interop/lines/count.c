/* Counts the lines that one caller sends, and how many of them are right, by calls that wait. */
#include <netfacade.h>

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    char line[4096];
    long right = 0;
    long lines = 0;
    net_socket *listener = net_listen(argc > 1 ? argv[1] : "tcp://127.0.0.1:0");

    net_get(listener, "local", line, sizeof line);
    fprintf(stderr, "listening on %s\n", line);
    net_socket *caller = net_accept(listener, net_after(60000));
    ssize_t n = net_recv_until(caller, line, sizeof line, '\n', net_after(60000));

    while (n > 0) {
        right += n == 11 && memcmp(line, "0123456789\n", 11) == 0 ? 1 : 0;
        lines++;
        n = net_recv_until(caller, line, sizeof line, '\n', net_after(60000));
    }
    printf("%ld right, %ld wrong, %s\n", right, lines - right, net_strerror((int)n));
    net_close(caller, NET_NOW);
    net_close(listener, NET_NOW);
    return n == NET_EOF ? 0 : 1;
}

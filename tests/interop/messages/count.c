/* Counts the messages of one caller, and how many of them are the right numbers, by calls that
 * wait. */
#include "numbers.h"

int main(int argc, char **argv)
{
    char text[BATCH][NUMBER_SIZE];
    net_message messages[BATCH];
    char local[128];
    long right = 0;
    long all = 0;
    net_socket *listener = net_listen(argc > 1 ? argv[1] : "framed+tcp://127.0.0.1:0?frame=line");

    net_get(listener, "local", local, sizeof local);
    fprintf(stderr, "listening on %s\n", local);
    make_batch(messages, text);
    net_socket *caller = net_accept(listener, net_after(PATIENCE_MS));
    int n = net_recv_messages(caller, messages, BATCH, net_after(PATIENCE_MS));

    while (n > 0) {
        right += count_right(messages, n, all);
        all += n;
        n = net_recv_messages(caller, messages, BATCH, net_after(PATIENCE_MS));
    }
    printf("%ld right, %ld wrong, %s\n", right, all - right, net_strerror(n));
    net_close(caller, NET_NOW);
    net_close(listener, NET_NOW);
    return n == NET_EOF ? 0 : 1;
}

/* echo ADDRESS - dials, and sends back each message, many at a time, to the end;
 * echo -l ADDRESS - accepts one call, and does the same. */
#include <netfacade.h>

#include <stdio.h>
#include <string.h>

enum { BATCH = 16, SIZE = 70000, PATIENCE_MS = 60000 };

int main(int argc, char **argv)
{
    static char words[BATCH][SIZE];
    net_message messages[BATCH] = {0};
    char local[128];
    const char *address = argc > 1 ? argv[argc - 1] : "";
    net_socket *listener = argc > 2 ? net_listen(address) : NULL;
    long all = 0;

    if (listener != NULL) {
        net_get(listener, "local", local, sizeof local);
        fprintf(stderr, "listening on %s\n", local);
    }
    net_socket *call = listener != NULL ? net_accept(listener, net_after(PATIENCE_MS))
                                        : net_connect(address, net_after(PATIENCE_MS));
    for (int i = 0; i < BATCH; i++) {
        messages[i].data = words[i];
        messages[i].capacity = SIZE;
    }
    int count = net_recv_messages(call, messages, BATCH, net_after(PATIENCE_MS));

    while (count > 0) {
        all += count;
        for (int done = 0; done < count;) {
            int n = net_send_messages(call, messages + done, count - done, net_after(PATIENCE_MS));
            if (n < 0) {
                fprintf(stderr, "%s\n", net_error_text());
                return 1;
            }
            done += n;
        }
        count = net_recv_messages(call, messages, BATCH, net_after(PATIENCE_MS));
    }
    printf("%ld, %s\n", all, net_strerror(count));
    int code = net_close(call, net_after(PATIENCE_MS));
    net_close(listener, NET_NOW);
    return count == NET_EOF && code == 0 ? 0 : 1;
}

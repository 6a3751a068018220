/* Dials, sends as many numbers as told, and ends. */
#include "numbers.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    char text[BATCH][NUMBER_SIZE];
    net_message messages[BATCH];
    long all = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    net_socket *call = net_connect(argc > 1 ? argv[1] : "", net_after(PATIENCE_MS));

    if (call == NULL) {
        fprintf(stderr, "%s\n", net_error_text());
        return 1;
    }
    make_batch(messages, text);
    for (long said = 0; said < all;) {
        int count = all - said < BATCH ? (int)(all - said) : BATCH;
        for (int i = 0; i < count; i++) {
            messages[i].size = (size_t)snprintf(text[i], sizeof text[i], "%ld", said + 1 + i);
        }
        int sent = net_send_messages(call, messages, count, net_after(PATIENCE_MS));
        if (sent < 0) {
            fprintf(stderr, "%s\n", net_error_text());
            return 1;
        }
        said += sent;
    }
    return net_close(call, net_after(PATIENCE_MS)) == 0 ? 0 : 1;
}

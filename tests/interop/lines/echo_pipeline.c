/* echo_pipeline ADDRESS COUNT: a client of Redis. It sends COUNT commands without waiting for
 * answers, and reads the answers, of two lines each. */
#include <netfacade.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pipeline {
    net_socket *server;
    long count;
};

static void *send_commands(void *argument)
{
    const struct pipeline *pipeline = argument;
    char commands[100 * 64];
    int size = 0;

    for (long i = 1; i <= pipeline->count; i++) {
        size += snprintf(commands + size, sizeof commands - (size_t)size,
                         "*2\r\n$4\r\nECHO\r\n$10\r\n%010ld\r\n", i);
        if (i % 100 == 0 || i == pipeline->count) {
            if (net_send(pipeline->server, commands, (size_t)size, net_after(60000)) != size) {
                fprintf(stderr, "%s\n", net_error_text());
                net_cancel(pipeline->server);
                break;
            }
            size = 0;
        }
    }
    return NULL;
}

static int expect_line(net_socket *server, const char *expected)
{
    char line[64];
    ssize_t n = net_recv_until(server, line, sizeof line, '\n', net_after(60000));

    if (n < 0) {
        fprintf(stderr, "%s\n", net_error_text());
        return 0;
    }
    return (size_t)n == strlen(expected) && memcmp(line, expected, (size_t)n) == 0;
}

int main(int argc, char **argv)
{
    struct pipeline pipeline = {.count = argc > 2 ? strtol(argv[2], NULL, 10) : 0};
    char answer[32];
    pthread_t sender;
    long right = 0;

    pipeline.server = net_connect(argc > 1 ? argv[1] : "", net_after(60000));
    if (pipeline.server == NULL || pthread_create(&sender, NULL, send_commands, &pipeline) != 0) {
        fprintf(stderr, "%s\n", net_error_text());
        return 1;
    }
    do {
        snprintf(answer, sizeof answer, "%010ld\r\n", right + 1);
    } while (right < pipeline.count && expect_line(pipeline.server, "$10\r\n") &&
             expect_line(pipeline.server, answer) && ++right > 0);
    if (right != pipeline.count) {
        net_cancel(pipeline.server);
    }
    pthread_join(sender, NULL);
    printf("%ld right\n", right);
    net_close(pipeline.server, NET_NOW);
    return right == pipeline.count ? 0 : 1;
}

/* Lines of a protocol of text, for the programs here, which end when something fails. */
#ifndef WAIT_FOR_LINE_H
#define WAIT_FOR_LINE_H

#include <netfacade.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 20000 /* ms */ };

static inline void give_up(const char *what)
{
    printf("%s: %s\n", what, net_error_text());
    exit(1);
}

static inline net_socket *must_have(net_socket *socket, const char *what)
{
    if (socket == NULL) {
        give_up(what);
    }
    return socket;
}

static inline void tell(net_socket *socket, const char *line)
{
    size_t size = strlen(line);

    if ((size_t)net_send(socket, line, size, net_after(LIMIT)) != size) {
        give_up("send");
    }
}

/* The last line of an answer, as SMTP has it: with a space behind its number. */
static inline void expect_answer(net_socket *socket, const char *number)
{
    char line[1024] = "";

    do {
        ssize_t n = net_recv_until(socket, line, sizeof line - 1, '\n', net_after(LIMIT));

        if (n <= 0) {
            give_up(number);
        }
        line[n] = '\0';
    } while (strlen(line) > 3 && line[3] == '-');
    if (strncmp(line, number, strlen(number)) != 0) {
        printf("not %s: %s", number, line);
        exit(1);
    }
}

#endif
